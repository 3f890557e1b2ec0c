// Store files: `*.fga.yaml`, a model, tuples and what should follow from them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/base/result.h"
#include "pemba/cli/file_scope.h"
#include "pemba/tuple/tuple.h"

namespace pemba::cli {

// Every user x object x relation is one check.
struct CheckCase {
  std::vector<std::string> users, objects;
  boost::json::object context;
  std::vector<std::pair<std::string, bool>> assertions;  // Relation, expected answer; as written.
};

struct ListObjectsCase {
  std::string user, type;
  boost::json::object context;
  std::vector<std::pair<std::string, std::vector<std::string>>> assertions;  // Relation, objects.
};

struct UserFilter {
  std::string type, relation;  // Relation: empty for plain objects.
};

struct ListUsersCase {
  std::string object;
  std::vector<UserFilter> filters;
  boost::json::object context;
  std::vector<std::pair<std::string, std::vector<std::string>>> assertions;  // Relation, users.
};

struct StoreTest {
  std::string name, description;
  std::vector<tuple::Tuple> tuples;      // Added to the store's for this test.
  std::vector<std::string> tuple_files;  // Not read yet.
  std::vector<CheckCase> checks;
  std::vector<ListObjectsCase> list_objects;
  std::vector<ListUsersCase> list_users;
};

struct StoreFile {
  std::string name;
  std::string model;       // DSL text; wins over model_file.
  std::string model_file;  // .fga, .json or fga.mod.
  std::vector<tuple::Tuple> tuples;
  std::vector<std::string> tuple_files;  // Not read yet.
  std::vector<StoreTest> tests;
};

// Strict: unknown keys are errors. References to other files are kept, not followed.
// Errors (kInvalidArgument): "line L, column C: CAUSE", or
// "validation error - StoreFormat: test NAME check I: cannot contain both 'user' and 'users'".
Result<StoreFile> ParseStoreFile(std::string_view text);

// Reads `path` and every tuple file it names, whose tuples follow the inline ones. The model file
// is left to model_source.h. Errors also name the file.
struct LoadedStoreFile {
  StoreFile file;
  FileScope scope;  // For the model file.
};
Result<LoadedStoreFile> LoadStoreFile(const std::filesystem::path& path, FileScope::Reach reach);

// The text of a store file that ParseStoreFile reads back: name, model, tuples and tests.
std::string FormatStoreFile(const StoreFile& file);

}  // namespace pemba::cli
