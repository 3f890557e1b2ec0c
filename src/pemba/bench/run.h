// Run: what `pemba bench run` does.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/bench/endpoint.h"
#include "pemba/bench/report.h"

namespace pemba::bench {

enum class Driver : std::uint8_t { kEngine, kGrpc, kHttp2, kHttp1 };

// "engine,grpc" or "all". Errors (kInvalidArgument) list what there is.
Result<std::vector<Driver>> ParseDrivers(std::string_view names);

struct RunOptions {
  std::string scenarios = "all";  // As FindScenarios takes them.
  // Those on the wire measure a server of this program that is started for the run.
  std::vector<Driver> drivers = {Driver::kEngine};
  std::optional<Endpoint> target = {};  // Set: this server is measured, and nothing else.
  std::uint64_t tuples = 10'000;
  std::uint64_t seed = 1;
  std::chrono::milliseconds duration{2'000};  // For each measurement.
  std::uint32_t threads = 1;                  // That ask. In process, more are measured beside one.
  std::uint32_t server_threads = 1;  // Of the server that is started; the echo server has as many.
  std::uint32_t connections = 8;     // For each thread that asks.
  std::uint32_t streams = 8;         // Calls at once on each, in the closed loop; HTTP/1.1: 1.
  std::optional<double> rate = {};   // Of the open loop; absent: a share of what was reached.
  // Measure filling a server, starting it again, and so many stores that nobody uses, in the place
  // of calls; with drivers on the wire only.
  std::optional<std::uint64_t> life_stores = {};
  std::filesystem::path directory = {};  // Where writes are measured; empty: none are.
  std::string program = {};              // What is started as a server; empty: this program.
  std::string commit = {};               // Goes into the report.
  // Told what is going on, a line at a time; may be empty.
  std::function<void(std::string_view)> progress = {};
};

// Errors: kInvalidArgument (no such scenario), kInternal (an answer was wrong: the whole run is
// void), kUnavailable (a server cannot be reached or fails), kResourceExhausted (memory).
Result<Report> Run(const RunOptions& options);

// "2026-05-01T12:00:00Z"
std::string DateOfNow();
// "2 cores x86_64, 24 GiB": nothing that tells whose machine it is.
std::string MachineClass();

}  // namespace pemba::bench
