// Run: what `pemba bench run` does.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/bench/report.h"

namespace pemba::bench {

struct RunOptions {
  std::string scenarios = "all";  // As FindScenarios takes them.
  std::uint64_t tuples = 10'000;
  std::uint64_t seed = 1;
  std::chrono::milliseconds duration{2'000};  // For each measurement.
  std::uint32_t threads = 1;                  // More: cases are measured again with as many.
  std::filesystem::path directory = {};       // Where writes are measured; empty: none are.
  std::string commit = {};                    // Goes into the report.
  // Told what is going on, a line at a time; may be empty.
  std::function<void(std::string_view)> progress = {};
};

// Errors: kInvalidArgument (no such scenario), kInternal (an answer was wrong: the whole run is
// void), kUnavailable (a target cannot be reached), kResourceExhausted (memory).
Result<Report> Run(const RunOptions& options);

// "2 cores x86-64, 24 GiB": nothing that tells whose machine it is.
std::string MachineClass();

}  // namespace pemba::bench
