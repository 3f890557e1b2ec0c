// ScratchDirectory: a directory that is gone with the object.
#pragma once

#include <filesystem>
#include <memory>
#include <utility>

#include "pemba/base/result.h"

namespace pemba {

class ScratchDirectory {
 public:
  // Where the system keeps temporary files. Errors: kUnavailable.
  static Result<std::unique_ptr<ScratchDirectory>> Make();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  const std::filesystem::path path_;
};

}  // namespace pemba
