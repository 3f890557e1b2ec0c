#include "pemba/cli/file_scope.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pemba::cli {
namespace {

namespace fs = std::filesystem;

Error FileError(const fs::path& path, std::string_view cause) {
  return {ErrorCode::kInvalidArgument, "`" + path.string() + "`: " + std::string(cause)};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

bool IsInside(const fs::path& root, const fs::path& path) {
  return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

}  // namespace

Result<std::string> ReadFile(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return FileError(path, std::generic_category().message(errno));
  struct stat facts = {};
  if (::fstat(file.get(), &facts) != 0) {
    return FileError(path, std::generic_category().message(errno));
  }
  if (!S_ISREG(facts.st_mode)) return FileError(path, "is not a regular file");
  std::string bytes;
  char block[64 * 1024];
  for (;;) {
    const ssize_t got = ::read(file.get(), block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(path, std::generic_category().message(errno));
    if (got == 0) return bytes;
    if (bytes.size() + static_cast<std::size_t>(got) > kFileBytesMax) {
      return FileError(path, "is too large");
    }
    bytes.append(block, static_cast<std::size_t>(got));
  }
}

Result<std::vector<fs::path>> FilesOf(const std::string& path_or_glob) {
  if (path_or_glob.find_first_of("*?[") == std::string::npos) {
    return std::vector<fs::path>{path_or_glob};
  }
  glob_t found = {};
  std::vector<fs::path> files;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): only tilde expansion is, which is off.
  if (::glob(path_or_glob.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      std::error_code ignored;
      if (fs::is_regular_file(found.gl_pathv[i], ignored)) files.emplace_back(found.gl_pathv[i]);
    }
  }
  ::globfree(&found);
  if (files.empty()) {
    return Error{ErrorCode::kInvalidArgument, "no file matches `" + path_or_glob + "`"};
  }
  return files;
}

Result<FileScope> FileScope::Of(const fs::path& directory, Reach reach) {
  std::error_code error;
  auto root = fs::canonical(directory.empty() ? fs::path(".") : directory, error);
  if (error) return FileError(directory, error.message());
  return FileScope(root, root, reach);
}

Result<FileScope> FileScope::Beside(std::string_view reference) const {
  PEMBA_TRY(auto path, Resolve(reference));
  return FileScope(path.parent_path(), root_, reach_);
}

Result<fs::path> FileScope::Resolve(std::string_view reference) const {
  const fs::path given(reference);
  const auto refused =
      Error{ErrorCode::kInvalidArgument,
            "`" + given.string() + "` is not accessible within `" + root_.string() + "`"};
  if (reach_ == Reach::kInside && given.is_absolute()) return refused;
  // Before the file system is asked: whether a file outside exists is nobody's business.
  if (reach_ == Reach::kInside && !IsInside(root_, (base_ / given).lexically_normal())) {
    return refused;
  }
  std::error_code error;
  auto path = fs::canonical(base_ / given, error);
  if (error) return FileError(given, error.message());
  if (reach_ == Reach::kInside && !IsInside(root_, path)) return refused;
  return path;
}

Result<std::string> FileScope::Read(std::string_view reference) const {
  PEMBA_TRY(auto path, Resolve(reference));
  return ReadFile(path);
}

}  // namespace pemba::cli
