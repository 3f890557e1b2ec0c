// Measures the engine in process: one scenario's cases, one after another.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/bench/report.h"
#include "pemba/bench/scenario.h"

namespace pemba::bench {

struct EngineRun {
  WorldSize size = {};
  std::chrono::milliseconds duration{2'000};  // Of measuring, for each case.
  std::uint32_t threads = 1;                  // Beyond 1: each case is measured again with as many.
};

// The scenario's rows: the world (memory, time to build), then each case. Memory for the world and
// for a table of its keys; freed on return.
// Errors: kInternal: an answer was wrong, and the message names the question; nothing that was
// measured counts then.
Result<std::vector<Row>> MeasureEngine(const ScenarioInfo& info, const EngineRun& run);

}  // namespace pemba::bench
