// Runs the tests of one store file in process.
#pragma once

#include <filesystem>

#include "pemba/base/result.h"
#include "pemba/cli/model_source.h"
#include "pemba/cli/store_file.h"
#include "pemba/cli/test_report.h"

namespace pemba::worlds {

inline Result<cli::FileResults> RunStoreFile(const std::filesystem::path& path) {
  PEMBA_TRY(auto loaded, cli::LoadStoreFile(path, cli::FileScope::Reach::kInside));
  PEMBA_TRY(auto model, cli::LoadStoreModel(loaded));
  if (!model) return Error{ErrorCode::kInvalidArgument, path.string() + ": names no model"};
  const auto targets = cli::LocalTargets(*std::move(model));
  PEMBA_TRY(auto results, cli::RunStoreTests(loaded.file, *targets));
  return cli::FileResults{path.string(), std::move(results)};
}

}  // namespace pemba::worlds
