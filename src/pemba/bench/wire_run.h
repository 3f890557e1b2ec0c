// WireRun: the figures of a server, over the wire, beside an echo server's on the same transport.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/bench/child_server.h"
#include "pemba/bench/endpoint.h"
#include "pemba/bench/load_driver.h"
#include "pemba/bench/report.h"
#include "pemba/bench/scenario.h"

namespace pemba::bench {

struct WireRun {
  Endpoint endpoint = {};
  // The server's process, if it runs on this machine: whose CPU and memory are told.
  std::optional<pid_t> process = {};
  // A server that was started for the run: it answers questions of any depth and lists of any
  // length. Others are asked no more than the reference's defaults allow.
  bool unlimited = false;
  WorldSize size = {};
  LoadShape shape = {};
  std::uint32_t threads = 1;
  std::chrono::milliseconds duration{2'000};
  // Where the server keeps its data: the floor of its writes is measured there. Empty: none is.
  std::filesystem::path data_directory = {};
  std::optional<double> rate =
      {};  // Of the open loop; absent: 30 % of what the closed one reached.
};

// What the echo server reached: closed loop, then open loop.
struct EchoFigures {
  std::vector<Row> rows;
  double throughput = 0, cpu_us = 0, p50_us = 0;
};
// Checks only, of about the usual size.
Result<EchoFigures> MeasureEcho(const WireRun& run);

// The scenario's rows, two for each case: closed loop and open loop. What is left out is told in
// `notes`. Errors: those of ServedWorld and RunLoad.
Result<std::vector<Row>> MeasureWire(const ScenarioInfo& info, const WireRun& run,
                                     const EchoFigures* echo, std::vector<std::string>& notes);

void SetLatency(Row& row, const Histogram& latency);

}  // namespace pemba::bench
