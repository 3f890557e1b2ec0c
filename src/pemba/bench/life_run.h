// LifeRun: what a server's life costs beside its calls: filling it, starting it again, and stores
// that nobody uses.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/bench/child_server.h"
#include "pemba/bench/report.h"
#include "pemba/bench/scenario.h"
#include "pemba/bench/wire_run.h"

namespace pemba::bench {

// Starts a server on a data directory.
using StartServer = std::function<Result<std::unique_ptr<ChildServer>>(const std::string&)>;

// Writes the scenario into a fresh server; then starts it again on its data, once after it was
// killed and once after it was asked to end. Rows, by name:
//   "import"               tuples a second, 100 a call, 64 calls at once
//   "killed: first check", "stopped: first check"   from the start of the process to its first
//                          answer, which is right
//   "killed: full speed", "stopped: full speed"     to the end of the first tenth of a second in
//                          which it answers nine tenths of what it does at the end of
//                          `run.duration`, which is `throughput`; `ratio`: that over what it did
//                          before
// `run` says all but endpoint and process. Errors: those of ServedWorld and RunLoad.
Result<std::vector<Row>> MeasureRestart(const ScenarioInfo& info, WireRun run, Protocol protocol,
                                        const StartServer& start, const std::string& directory);

// "idle stores": how much a server grows by stores with a model and twenty tuples each that have
// been used once: `rss_per_tuple` is per store, `tuples` is their number.
Result<Row> MeasureIdleStores(std::uint64_t stores, Protocol protocol, const StartServer& start,
                              const std::string& directory);

}  // namespace pemba::bench
