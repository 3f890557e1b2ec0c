#include "pemba/base/scratch_directory.h"

#include <cstdlib>
#include <string>
#include <system_error>

namespace pemba {

Result<std::unique_ptr<ScratchDirectory>> ScratchDirectory::Make() {
  std::error_code error;
  auto path = (std::filesystem::temp_directory_path(error) / "pemba-XXXXXX").string();
  if (error || mkdtemp(path.data()) == nullptr) {
    return Error{ErrorCode::kUnavailable, "cannot make a directory at " + path};
  }
  return std::unique_ptr<ScratchDirectory>(new ScratchDirectory(std::move(path)));
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace pemba
