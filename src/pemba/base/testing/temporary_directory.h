// TemporaryDirectory: a directory of a test's own, removed with everything in it.
#pragma once

#include <filesystem>
#include <memory>

#include "pemba/base/scratch_directory.h"

namespace pemba {

class TemporaryDirectory {
 public:
  const std::filesystem::path& path() const { return directory_->path(); }

 private:
  const std::unique_ptr<ScratchDirectory> directory_ = *ScratchDirectory::Make();
};

}  // namespace pemba
