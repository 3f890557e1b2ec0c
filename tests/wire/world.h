// Worlds of the API: steps as YAML, run against a fresh server over either front.
//
//   steps:
//     - name: a store is made
//       rpc: CreateStore
//       request: {name: abc}
//       status: 201                     # HTTP status of the success; default 200
//       response: {name: abc, id: "*"}  # a subset: keys that are named must match
//       headers: {x-http-code: "201"}   # likewise
//       save: {store: id}               # ${store} from here on
//     - name: a store name is too short
//       rpc: CreateStore
//       request: {name: ab}
//       error: {grpc: 3, http: 400, code: validation_error, text: "...", http_text: "..."}
//
// Texts: "*" matches anything but the empty text; a text that ends in "..." is a beginning;
// `http_text` defaults to `text`. In requests: {$dsl: text} becomes the fields of a model,
// {$repeat: {count: N, item: X}} a list of N Xs with "{i}" replaced by the index,
// {$text: {count: N, of: a}} a long text. `only: grpc` or `only: http` restricts a step.
#pragma once

#include <filesystem>

#include "wire/wire_client.h"

namespace pemba::wire_test {

// Reports to GoogleTest, step by step. Returns the number of steps that ran.
int RunWorld(const std::filesystem::path& file, WireClient& client);

}  // namespace pemba::wire_test
