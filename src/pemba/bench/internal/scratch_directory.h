// ScratchDirectory: a directory that is gone with the object.
#pragma once

#include <memory>
#include <string>

#include "pemba/base/result.h"

namespace pemba::bench::internal {

class ScratchDirectory {
 public:
  // Where the system keeps temporary files. Errors: kUnavailable.
  static Result<std::unique_ptr<ScratchDirectory>> Make();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace pemba::bench::internal
