// Worlds of the API: steps as YAML, run against a fresh server over either front.
//
//   steps:
//     - name: a store is made
//       rpc: CreateStore
//       request: {name: abc}
//       status: 201                     # HTTP status of the success; default 200
//       response: {name: abc, id: "*"}  # a subset: keys that are named must match
//       headers: {x-http-code: "201"}   # likewise
//       absent_headers: [pemba-count]   # that the answer must not have
//       save: {store: id}               # ${store} from here on
//       save_headers: {page: pemba-continuation-token}
//     - name: a store name is too short
//       rpc: CreateStore
//       request: {name: ab}
//       error: {grpc: 3, http: 400, code: validation_error, text: "...", http_text: "..."}
//
// Texts: "*" matches anything but the empty text; a text that ends in "..." is a beginning;
// `http_text` defaults to `text`; {$set: [X, Y]} is a list in any order. In requests: {$dsl: text}
// becomes the fields of a model,
// {$repeat: {count: N, item: X}} a list of N Xs with "{i}" replaced by the index,
// {$text: {count: N, of: a}} a long text. `only: grpc` or `only: http` restricts a step.
#pragma once

#include <filesystem>
#include <string>

#include <boost/json/object.hpp>
#include <yaml-cpp/node/node.h>

#include "wire/wire_client.h"

namespace pemba::wire_test {

// The fields of WriteAuthorizationModelRequest that a model in DSL stands for. Throws on errors.
boost::json::object ModelFields(const std::string& dsl);
// Plain YAML as JSON: quoted scalars are texts, others what they look like.
boost::json::value FromYaml(const YAML::Node& node);

// Reports to GoogleTest, step by step. Returns the number of steps that ran.
int RunWorld(const std::filesystem::path& file, WireClient& client);

}  // namespace pemba::wire_test
