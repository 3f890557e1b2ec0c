#include "pemba/reason/backup.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "pemba/reason/database.h"
#include "pemba/reason/databases.h"
#include "pemba/reason/transaction_log.h"

namespace pemba::reason {

namespace fs = std::filesystem;

Status CopyDatabases(const fs::path& from, const fs::path& to) {
  PEMBA_TRY(const auto names, DatabaseNamesIn(from));
  std::error_code error;
  if (!fs::create_directory(to, error)) {
    return Error{ErrorCode::kUnavailable, "`" + to.string() + "` cannot be made"};
  }
  for (const std::string& name : names) {
    const Status copied = CopyFileLog(DatabasePath(from, name), DatabasePath(to, name));
    if (!copied.ok() && copied.error().code != ErrorCode::kStoreNotFound) return copied;
  }
  return SyncDirectory(to);
}

Result<DatabasesReport> VerifyDatabases(const fs::path& directory) {
  PEMBA_TRY(const auto names, DatabaseNamesIn(directory));
  DatabasesReport report;
  for (const std::string& name : names) {
    DatabaseOptions options;
    PEMBA_TRY(options.log, OpenCopiedFileLog(DatabasePath(directory, name)));
    PEMBA_TRY(const auto database, Database::Open(std::move(options)));
    const DatabaseSize size = database->Size();
    ++report.databases;
    report.things += size.entities + size.relations + size.attributes;
    report.connections += size.role_edges + size.ownerships;
  }
  return report;
}

}  // namespace pemba::reason
