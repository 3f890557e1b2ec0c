#include "pemba/storage/internal/directory_lock.h"

#include <cerrno>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace pemba::storage::internal {
namespace {

Error CannotOpen(const std::filesystem::path& directory, int error) {
  return {ErrorCode::kUnavailable, "data directory `" + directory.string() + "` cannot be used: " +
                                       std::generic_category().message(error)};
}

// The id that the holder wrote into the file; for the message only.
std::string HolderOf(int file) {
  char bytes[24];
  const auto count = pread(file, bytes, sizeof bytes, 0);
  std::string text(bytes, count > 0 ? static_cast<std::size_t>(count) : 0);
  const auto end = text.find_first_not_of("0123456789");
  return end == 0 || text.empty() ? "another process" : "process " + text.substr(0, end);
}

}  // namespace

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::Acquire(
    const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return CannotOpen(directory, error.value());

  const int file = open((directory / "LOCK").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return CannotOpen(directory, errno);
  std::unique_ptr<DirectoryLock> lock(new DirectoryLock(file));
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return CannotOpen(directory, errno);
    return Error{ErrorCode::kFailedPrecondition,
                 "data directory `" + directory.string() + "` is in use by " + HolderOf(file)};
  }
  const std::string holder = std::to_string(getpid()) + "\n";
  if (ftruncate(file, 0) != 0 ||
      pwrite(file, holder.data(), holder.size(), 0) != static_cast<ssize_t>(holder.size())) {
    return CannotOpen(directory, errno);
  }
  return lock;
}

DirectoryLock::~DirectoryLock() { close(file_); }

}  // namespace pemba::storage::internal
