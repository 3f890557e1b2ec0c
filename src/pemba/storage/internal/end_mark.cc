#include "pemba/storage/internal/end_mark.h"

#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "pemba/storage/internal/directory_files.h"
#include "pemba/storage/internal/records.h"

namespace pemba::storage::internal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kName = "END";

fs::path PathIn(const fs::path& directory) { return directory / kName; }

Error NotKept(int error) {
  return {ErrorCode::kUnavailable,
          "how far the data goes cannot be kept: " + std::generic_category().message(error)};
}

}  // namespace

Status LeaveEndMark(const fs::path& directory, std::uint64_t sequence) {
  const auto fresh = directory / "END.new";
  const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return NotKept(errno);
  const std::string value = Seal(kName, std::to_string(sequence));
  const bool written =
      write(file, value.data(), value.size()) == static_cast<ssize_t>(value.size()) &&
      fsync(file) == 0;
  const int error = errno;
  close(file);
  if (!written) return NotKept(error);
  if (rename(fresh.c_str(), PathIn(directory).c_str()) != 0) return NotKept(errno);
  return SyncDirectory(directory);
}

Status CopyEndMark(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (!fs::exists(PathIn(from), error)) return Done{};
  fs::copy_file(PathIn(from), PathIn(to), error);
  if (error) return NotKept(error.value());
  return Done{};
}

Status CheckEndMark(const fs::path& directory, std::uint64_t sequence) {
  const auto path = PathIn(directory);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return Done{};
  std::ifstream file(path, std::ios::binary);
  const std::string value((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto body = Unseal(kName, value);
  std::uint64_t marked = 0;
  if (!body.ok() ||
      std::from_chars(body->data(), body->data() + body->size(), marked).ec != std::errc()) {
    return Error{ErrorCode::kDataLoss, "`" + path.string() + "` is damaged"};
  }
  if (sequence >= marked) return Done{};
  return Error{ErrorCode::kDataLoss,
               "writes are missing from the end of the data: it goes to " +
                   std::to_string(sequence) + ", and went to " + std::to_string(marked) +
                   "; if an older copy was put in its place on purpose, remove `" + path.string() +
                   "`"};
}

}  // namespace pemba::storage::internal
