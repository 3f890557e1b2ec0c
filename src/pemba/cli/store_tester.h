// Store tests: the assertions of a store file, asked and compared.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/base/result.h"
#include "pemba/cli/api_client.h"
#include "pemba/cli/store_file.h"
#include "pemba/engine/checker.h"
#include "pemba/model/model.h"

namespace pemba::cli {

struct ObjectsQuestion {
  std::string user, relation, type;
};
struct UsersQuestion {
  std::string object, relation;
  UserFilter filter;
};

// Where the questions of one test go: a fresh store in this process, or a server. One thread.
class TestTarget {
 public:
  virtual ~TestTarget() = default;
  virtual Result<engine::Decision> Check(const tuple::TupleView& question,
                                         const boost::json::object& context) = 0;
  // All of them, as `type:id`.
  virtual Result<std::vector<std::string>> ListObjects(const ObjectsQuestion& question,
                                                       const boost::json::object& context) = 0;
  // All of them: `type:id`, `type:*` or `type:id#relation`.
  virtual Result<std::vector<std::string>> ListUsers(const UsersQuestion& question,
                                                     const boost::json::object& context) = 0;
};

// Makes the target of one test, whose tuples are those of the store and of the test together.
class TestTargets {
 public:
  virtual ~TestTargets() = default;
  // Errors: the model or a tuple is refused; this ends the run.
  virtual Result<std::unique_ptr<TestTarget>> Make(const std::vector<tuple::Tuple>& tuples) = 0;
};

// Every test gets its own store in memory, with the server's own write path and engine. Writes
// tuples in chunks of 40.
std::unique_ptr<TestTargets> LocalTargets(model::Model model, std::size_t types_max = 100);

// The questions go to a server's store and model; tuples travel as contextual tuples.
struct RemoteStore {
  ApiOptions api;
  std::string store_id, model_id;  // Model: empty for the latest.
};
std::unique_ptr<TestTargets> RemoteTargets(RemoteStore store);

enum class Outcome {
  kPassed,
  kFailed,  // Another answer, or none.
};

struct CheckResult {
  std::string user, relation, object;
  boost::json::object context;
  bool expected = false;
  std::optional<bool> got;  // Nothing if the call failed.
  std::string error;
  Outcome outcome() const { return got == expected ? Outcome::kPassed : Outcome::kFailed; }
};

// Lists are sorted: their order does not count, duplicates do.
template <class Question>
struct ListResult {
  Question question;
  boost::json::object context;
  std::vector<std::string> expected;
  std::optional<std::vector<std::string>> got = {};  // Nothing if the call failed.
  std::string error = {};
  Outcome outcome() const { return got == expected ? Outcome::kPassed : Outcome::kFailed; }
};
using ListObjectsResult = ListResult<ObjectsQuestion>;
using ListUsersResult = ListResult<UsersQuestion>;

struct TestResult {
  std::string name, description;
  std::vector<CheckResult> checks;
  std::vector<ListObjectsResult> list_objects;
  std::vector<ListUsersResult> list_users;

  Outcome outcome() const;  // Failed if anything did.
};

// Runs every test, failing calls included. Errors: those of TestTargets::Make, with the test's
// name.
Result<std::vector<TestResult>> RunStoreTests(const StoreFile& file, TestTargets& targets);

}  // namespace pemba::cli
