// The databases of one server, by name.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/reason/database.h"

namespace pemba::reason {

// A lower-case letter, then lower-case letters, digits, `-` and `_`; at most 63 characters.
enum class NameVerdict : std::uint8_t { kRefused, kFits };
NameVerdict JudgeDatabaseName(std::string_view name);

// A database is a file. Names in no particular order; a missing directory has none. Errors:
// kUnavailable.
Result<std::vector<std::string>> DatabaseNamesIn(const std::filesystem::path& directory);
std::string DatabasePath(const std::filesystem::path& directory, const std::string& name);

struct DatabasesOptions {
  std::filesystem::path directory =
      {};  // Made if missing. Empty: everything lives in memory alone.
  std::size_t databases_max = 1000;
  const Clock* clock = nullptr;  // Null: the system's.
};

// Thread-safe. A database is opened when it is first asked for, and stays open.
class Databases {
 public:
  // Finds out which databases there are. Errors: kUnavailable.
  static Result<std::unique_ptr<Databases>> Open(DatabasesOptions options);

  // Errors: kInvalidArgument (not a name), kConflict (there is one), kLimitExceeded, kUnavailable.
  Result<std::shared_ptr<Database>> Create(const std::string& name);
  // Errors: kStoreNotFound, and those of Database::Open.
  Result<std::shared_ptr<Database>> Find(const std::string& name);
  // What still uses the database goes on with what it has; nothing of it is durable any more.
  // Errors: kStoreNotFound, kUnavailable.
  Status Delete(const std::string& name);
  std::vector<std::string> Names() const;  // Sorted.

 private:
  struct Entry {
    std::mutex mutex;
    std::shared_ptr<Database> database;  // Null until it is first asked for. Under `mutex`.
  };

  explicit Databases(DatabasesOptions options) : options_(std::move(options)) {}
  std::string PathOf(const std::string& name) const {
    return DatabasePath(options_.directory, name);
  }
  Result<std::shared_ptr<Database>> OpenEntry(const std::string& name, Entry& entry);

  const DatabasesOptions options_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>, std::less<>> entries_;  // Under mutex_.
};

}  // namespace pemba::reason
