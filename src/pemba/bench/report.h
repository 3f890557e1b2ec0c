// Report: what a run measured, as a table for people and as JSON for machines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/base/result.h"

namespace pemba::bench {

// One measurement. Figures that were not taken are absent, never 0.
struct Row {
  std::string scenario = {};  // "S1"; of a floor: "floor".
  std::string name = {};      // The case.
  std::string driver = {};    // "engine", "grpc", "http2", "http1"; "system" for what needs none.
  std::uint64_t tuples = 0;
  std::uint32_t threads = 1;        // That ask.
  std::uint32_t connections = 0;    // 0: in process.
  std::uint32_t streams = 0;        // At once on each connection; 0: in process, or open loop.
  std::optional<double> rate = {};  // Calls a second that were offered; absent: closed loop.

  std::optional<double> throughput = {};  // Calls a second; of "load": tuples a second.
  std::optional<double> ids = {};         // Of lists: ids a second.
  std::optional<double> p50_us = {}, p95_us = {}, p99_us = {}, p999_us = {}, max_us = {};
  std::optional<double> shed = {};         // Share of the calls that the server refused to take on.
  std::optional<double> cpu_us = {};       // Of the one who answers, per call.
  std::optional<double> allocations = {};  // From the heap, per call.
  std::optional<double> bytes_per_tuple = {};  // By the graph's own accounting.
  std::optional<double> rss_per_tuple = {};    // Growth of resident memory over the world's size.
  std::optional<double> rss_peak_mib = {};     // Of the one who answers.
  std::optional<double> transactions = {};     // Of the database, of everybody's, per call.
  std::optional<double> floor_us = {};         // What nobody can be faster than, per call.
  // In process: cpu_us / floor_us. Closed loop: of the echo's throughput, or of what it would be
  // per CPU, whichever is less. Open loop: p50 / floor_us. Writers: of as many writes a sync as
  // there are writers.
  std::optional<double> ratio = {};

  friend bool operator==(const Row&, const Row&) = default;
};

enum class Verdict : std::uint8_t { kPass, kMiss, kNotMeasured };

struct Mark {
  std::string name = {};  // "S2: a check <= 1.5 us"
  Verdict verdict = Verdict::kNotMeasured;
  std::string measured = {};  // "0.84 us"; empty if it was not.
  friend bool operator==(const Mark&, const Mark&) = default;
};

struct Report {
  std::string date = {};     // "2026-05-01T12:00:00Z"
  std::string commit = {};   // May be empty.
  std::string machine = {};  // In neutral words: "2 cores x86-64, 24 GiB".
  std::uint64_t seed = 1;
  std::vector<Row> rows = {};
  std::vector<Mark> marks = {};
  std::vector<std::string> notes = {};  // What was left out, and why.
  friend bool operator==(const Report&, const Report&) = default;
};

std::string ToTable(const Report& report);
boost::json::object ToJson(const Report& report);
// What ToJson wrote, in one line or many. Unknown fields are ignored. Errors: kInvalidArgument.
Result<Report> ReportFromJson(std::string_view text);
// Every line of a history. Errors name the line.
Result<std::vector<Report>> ReportsFromLines(std::string_view text);

}  // namespace pemba::bench
