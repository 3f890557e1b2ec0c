// NodesRun: several servers on one PostgreSQL, as `pemba bench nodes` measures them.
//
// What it is about: how many checks one server answers and how many all of them, what the database
// has to do with that, how long a write takes to be seen by the others, how fast tuples come in,
// and how soon a server that has just started answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/bench/endpoint.h"
#include "pemba/bench/report.h"
#include "pemba/storage/postgres.h"

namespace pemba::bench {

struct NodesOptions {
  // The database that the servers have in common; its tables must be there. Servers are started on
  // it unless there are targets, and its transactions are counted.
  std::optional<storage::PostgresOptions> datastore = {};
  std::vector<Endpoint> targets = {};  // Servers that are there already. At least two, if any.
  std::uint32_t nodes = 3;             // To start. At least two.
  Protocol protocol = Protocol::kHttp1;
  std::uint64_t tuples = 10'000;
  std::uint64_t seed = 1;
  std::chrono::milliseconds duration{2'000};  // For each measurement.
  std::uint32_t connections = 8;              // To each node.
  std::uint32_t streams = 8;                  // At once on each; HTTP/1.1: 1.
  std::uint32_t server_threads = 1;           // Of each node that is started.
  std::string program = {};                   // What is started; empty: this program.
  std::string commit = {};                    // Goes into the report.
  // Told what is going on, a line at a time; may be empty.
  std::function<void(std::string_view)> progress = {};
};

// Every answer is verified. The world is made in a store of its own, which is deleted at the end;
// its log stays in the database. Errors: kInvalidArgument (neither database nor targets),
// kInternal (an answer was wrong, or older than the caller might expect: the run is void),
// kUnavailable (a server or the database cannot be reached or fails).
Result<Report> RunNodes(const NodesOptions& options);

}  // namespace pemba::bench
