// DirectoryLock: one process per data directory.
#pragma once

#include <filesystem>
#include <memory>

#include "pemba/base/result.h"

namespace pemba::storage::internal {

// Held until destruction; the kernel releases it when the process dies. A second lock on the same
// directory fails, in this process too.
class DirectoryLock {
 public:
  // Errors: kFailedPrecondition, naming the process that holds it; kUnavailable.
  static Result<std::unique_ptr<DirectoryLock>> Acquire(const std::filesystem::path& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int file) : file_(file) {}
  int file_;
};

}  // namespace pemba::storage::internal
