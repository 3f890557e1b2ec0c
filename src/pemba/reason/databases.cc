#include "pemba/reason/databases.h"

#include <system_error>
#include <utility>

#include "pemba/reason/transaction_log.h"

namespace pemba::reason {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".typeql";

Error NotFound(const std::string& name) {
  return {ErrorCode::kStoreNotFound, "there is no database `" + name + "`"};
}

Error Unavailable(const std::string& what, const std::error_code& error) {
  return {ErrorCode::kUnavailable, what + ": " + error.message()};
}

}  // namespace

NameVerdict JudgeDatabaseName(std::string_view name) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  if (name.empty() || name.size() > 63 || !is_letter(name.front())) return NameVerdict::kRefused;
  for (const char c : name) {
    const bool fits = is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!fits) return NameVerdict::kRefused;
  }
  return NameVerdict::kFits;
}

Result<std::vector<std::string>> DatabaseNamesIn(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  if (!fs::exists(directory, error) && !error) return names;
  for (auto file = fs::directory_iterator(directory, error);
       !error && file != fs::directory_iterator(); file.increment(error)) {
    std::string name = file->path().stem().string();
    if (file->path().extension() == kEnding && JudgeDatabaseName(name) == NameVerdict::kFits) {
      names.push_back(std::move(name));
    }
  }
  if (error) return Unavailable("the directory of the databases cannot be read", error);
  return names;
}

std::string DatabasePath(const fs::path& directory, const std::string& name) {
  return (directory / (name + std::string(kEnding))).string();
}

Result<std::unique_ptr<Databases>> Databases::Open(DatabasesOptions options) {
  std::unique_ptr<Databases> databases(new Databases(std::move(options)));
  const auto& directory = databases->options_.directory;
  if (directory.empty()) return databases;
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return Unavailable("the directory of the databases cannot be made", error);
  PEMBA_TRY(const auto names, DatabaseNamesIn(directory));
  for (const std::string& name : names) {
    databases->entries_.emplace(name, std::make_shared<Entry>());
  }
  return databases;
}

Result<std::shared_ptr<Database>> Databases::OpenEntry(const std::string& name, Entry& entry) {
  const std::lock_guard lock(entry.mutex);
  if (entry.database) return entry.database;
  DatabaseOptions options;
  options.clock = options_.clock;
  if (!options_.directory.empty()) {
    PEMBA_TRY(options.log, OpenFileLog(PathOf(name)));
  }
  PEMBA_TRY(auto database, Database::Open(std::move(options)));
  entry.database = std::move(database);
  return entry.database;
}

Result<std::shared_ptr<Database>> Databases::Create(const std::string& name) {
  if (JudgeDatabaseName(name) == NameVerdict::kRefused) {
    return Error{ErrorCode::kInvalidArgument,
                 "`" + name +
                     "` is not the name of a database: a lower-case letter, then lower-case "
                     "letters, digits, `-` and `_`, 63 at most"};
  }
  const std::lock_guard lock(mutex_);
  if (entries_.contains(name)) {
    return Error{ErrorCode::kConflict, "there is a database `" + name + "` already"};
  }
  if (entries_.size() >= options_.databases_max) {
    return Error{ErrorCode::kLimitExceeded, "there are " + std::to_string(entries_.size()) +
                                                " databases, which is as many as there may be"};
  }
  auto entry = std::make_shared<Entry>();
  PEMBA_TRY(auto database, OpenEntry(name, *entry));
  entries_.emplace(name, std::move(entry));
  return database;
}

Result<std::shared_ptr<Database>> Databases::Find(const std::string& name) {
  std::shared_ptr<Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) return NotFound(name);
    entry = found->second;
  }
  return OpenEntry(name, *entry);  // Others are not kept waiting while this one is read.
}

Status Databases::Delete(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return NotFound(name);
  if (!options_.directory.empty()) {
    std::error_code error;
    fs::remove(PathOf(name), error);
    if (error) return Unavailable("the database cannot be deleted", error);
  }
  entries_.erase(found);
  return Done{};
}

std::vector<std::string> Databases::Names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

}  // namespace pemba::reason
