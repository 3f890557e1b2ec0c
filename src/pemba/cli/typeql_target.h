// Where TypeQL goes: a database of a server, or one in this process.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <pemba/reason/v1/reason_service.pb.h>

#include "pemba/base/result.h"
#include "pemba/cli/api_client.h"

namespace pemba::cli {

// Several queries of one kind, which run in one transaction.
struct TypeqlRequest {
  std::string text;
  bool infer = false;
  bool explain = false;
  std::uint32_t answers_max = 0;  // 0: as many as the target allows.
  std::stop_token cancelled = {};
};

// One thread at a time.
class TypeqlTarget {
 public:
  virtual ~TypeqlTarget() = default;
  virtual Result<::pemba::reason::v1::QueryResponse> Run(const TypeqlRequest& request) = 0;
  virtual Result<std::string> Schema() = 0;
  virtual std::string name() const = 0;  // For the prompt.
};

// An empty database in memory, gone with the program; with a sample, that is loaded.
Result<std::unique_ptr<TypeqlTarget>> NewLocalTarget(const std::string& sample);

// A database of the server that `client` speaks to. With a sample, it is made, and must not exist.
Result<std::unique_ptr<TypeqlTarget>> NewServerTarget(ApiClient client, std::string database,
                                                      const std::string& sample);

// A text of any queries as requests, in order: each match alone, because its answers are shown,
// other queries together as far as one transaction can run them. Lines and columns in the texts are
// those of the whole. Errors: those of ParseQueries.
Result<std::vector<std::string>> SplitTypeql(const std::string& text);

}  // namespace pemba::cli
