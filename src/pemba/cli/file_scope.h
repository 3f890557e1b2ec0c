// FileScope: which files a store file may pull in, and how files are read.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"

namespace pemba::cli {

// Longer files are refused: a path to a device or a wrong file must not eat the memory.
inline constexpr std::size_t kFileBytesMax = std::size_t{1} << 30;

// The bytes of a regular file. Never blocks on a pipe or a device.
// Errors (kInvalidArgument): cannot be opened, not a regular file, longer than kFileBytesMax.
Result<std::string> ReadFile(const std::filesystem::path& path);

// The regular files that a path or glob names, sorted. A path without wildcard is returned as it
// is. Errors (kInvalidArgument): a glob without a match.
Result<std::vector<std::filesystem::path>> FilesOf(const std::string& path_or_glob);

// References are relative to one directory. Inside: they may not leave it, be it by `..`, by an
// absolute path or through a symbolic link, because store files travel between people.
class FileScope {
 public:
  enum class Reach { kInside, kAnywhere };

  // Errors (kInvalidArgument): `directory` does not exist.
  static Result<FileScope> Of(const std::filesystem::path& directory, Reach reach);

  // The scope of the same reach around the directory in which `reference` lies.
  Result<FileScope> Beside(std::string_view reference) const;

  // Where `reference` leads, with every symbolic link resolved.
  // Errors (kInvalidArgument): "`R` is not accessible within `D`", or it does not exist.
  Result<std::filesystem::path> Resolve(std::string_view reference) const;

  // As Resolve, then ReadFile.
  Result<std::string> Read(std::string_view reference) const;

 private:
  FileScope(std::filesystem::path base, std::filesystem::path root, Reach reach)
      : base_(std::move(base)), root_(std::move(root)), reach_(reach) {}

  std::filesystem::path base_;  // References start here. INVARIANT: canonical.
  std::filesystem::path root_;  // And may not leave this. INVARIANT: canonical.
  Reach reach_;
};

}  // namespace pemba::cli
