// LoadDriver: asks a server the questions of one case, in a closed or in an open loop.
//
// Closed: every connection has as many calls under way as it may; tells the most that the server
// can do. Open: calls arrive at times that were fixed beforehand (a Poisson process), whatever the
// server does, and a call's latency counts from when it was to arrive, so a stall is counted
// against everyone who waited (no coordinated omission).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "pemba/base/result.h"
#include "pemba/bench/endpoint.h"
#include "pemba/bench/histogram.h"
#include "pemba/bench/load_loop.h"
#include "pemba/bench/scenario.h"
#include "pemba/bench/wire_codec.h"

namespace pemba::bench {

// Every `period` the rate is `factor` times as high, for `length`.
struct Bursts {
  double factor = 1;
  std::chrono::milliseconds period{10'000}, length{500};
};

enum class Verification : std::uint8_t {
  kAnswers,
  kStatusOnly,  // Of an echo server: it knows no answers.
};

inline constexpr std::uint64_t kWritablePerThread = 64;

struct LoadRun {
  LoadShape shape = {};  // Of each thread.
  std::uint32_t threads = 1;
  std::chrono::milliseconds duration{2'000};  // The first tenth is not counted.
  std::optional<double> rate = {};  // Calls a second, of all threads; absent: closed loop.
  Bursts bursts = {};               // Open loop only.
  double writes = 0;                // Share of calls; the scenario must be Writable.
  // The first tuple that is written; with kWritablePerThread more for each thread. What a run has
  // written may be there when it ends: another run on the same world begins behind it.
  std::uint64_t first_writable = 0;
  std::uint64_t seed = 1;
  Verification verification = Verification::kAnswers;
};

struct LoadTally {
  std::uint64_t calls = 0;     // That were answered and counted.
  std::uint64_t answered = 0;  // All replies, also those that are not counted.
  std::uint64_t ids = 0;       // In the lists of those that were counted.
  std::uint64_t shed = 0;      // That the server refused because it had too much to do.
  std::chrono::nanoseconds elapsed{0};
  Histogram checks, lists, writes;  // Batches count as checks. What was shed is in none.
  // Calls under way or waiting for a connection, at most.
  std::uint64_t backlog_max = 0;

  void Merge(const LoadTally& other);
};

// Errors: kInternal (a wrong answer; the message names the question), kUnavailable (the connection
// broke, or an error other than a refusal).
Result<LoadTally> RunLoad(const Endpoint& endpoint, const WireCodec& codec,
                          const Scenario& scenario, std::size_t case_index, const LoadRun& run);

}  // namespace pemba::bench
