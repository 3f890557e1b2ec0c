#include "pemba/storage/internal/directory_files.h"

#include <cerrno>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace pemba::storage::internal {
namespace {

namespace fs = std::filesystem;

Error Failed(const fs::path& path, const std::string& reason) {
  return {ErrorCode::kUnavailable, "`" + path.string() + "`: " + reason};
}

Status Sync(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return Failed(path, std::generic_category().message(errno));
  const int result = fsync(file);
  const int error = errno;
  close(file);
  if (result != 0) return Failed(path, std::generic_category().message(error));
  return Done{};
}

}  // namespace

Status SyncDirectory(const fs::path& directory) {
  return Sync(directory.empty() ? fs::path(".") : directory);
}

Status CopyTree(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directory(to, error);
  if (error) return Failed(to, error.message());
  fs::directory_iterator entries(from, error);
  if (error) return Failed(from, error.message());
  for (const auto& entry : entries) {
    const auto target = to / entry.path().filename();
    if (entry.is_directory(error)) {
      PEMBA_TRY(std::ignore, CopyTree(entry.path(), target));
      continue;
    }
    fs::copy_file(entry.path(), target, error);
    if (error) return Failed(target, error.message());
    PEMBA_TRY(std::ignore, Sync(target));
  }
  return SyncDirectory(to);
}

}  // namespace pemba::storage::internal
