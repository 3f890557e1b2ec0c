#include "pemba/bench/nodes_run.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "pemba/base/scratch_directory.h"
#include "pemba/bench/child_server.h"
#include "pemba/bench/histogram.h"
#include "pemba/bench/load_driver.h"
#include "pemba/bench/process_use.h"
#include "pemba/bench/run.h"
#include "pemba/bench/scenario.h"
#include "pemba/bench/served_world.h"
#include "pemba/bench/wire_run.h"

namespace pemba::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using Steady = std::chrono::steady_clock;

// The world that can be written to without changing other answers.
constexpr std::string_view kScenario = "S14";
// Within which the database's statistics have what its connections did: those that go on, and those
// that have nothing to do any more (after an import there are many).
constexpr milliseconds kStatisticsLate{2'200}, kIdleStatisticsLate{10'500};
// Who looks for a write without a pause takes the CPU that it needs to arrive.
constexpr std::chrono::microseconds kLookAgain{100};
// A write that another node does not show for so long is lost, and so is the run.
constexpr std::chrono::seconds kLagMax{10};
constexpr std::chrono::seconds kPatience{120};
constexpr double kShareOfCapacity = 0.3;  // What "busy" nodes are offered.
constexpr std::uint32_t kWriters = 16;    // On each node.

struct Node {
  Endpoint endpoint;
  std::unique_ptr<ScratchDirectory> directory = {};  // Of a node that was started.
  std::unique_ptr<ChildServer> server = {};
};

// One connection, one call at a time.
class Caller {
 public:
  static Result<Caller> To(const Endpoint& endpoint, const WireCodec& codec) {
    PEMBA_TRY(auto loop, LoadLoop::Connect(endpoint, {.connections = 1}));
    return Caller(std::move(loop), codec.ForTheSameStore());
  }
  const WireCodec& codec() const { return codec_; }

  Status Do(const WireCall& call) {
    PEMBA_TRY(const auto answer, loop_->Ask(call, kPatience));
    return codec_.CheckDone(ReplyOf(answer));
  }
  // Errors: kUnavailable (no answer; a wrong one is none).
  Result<Judgement> Ask(const Question& question, const WireCall& call) {
    PEMBA_TRY(const auto answer, loop_->Ask(call, kPatience));
    const auto judgement = codec_.Judge(question, ReplyOf(answer));
    if (judgement == Judgement::kRight || judgement == Judgement::kWrong) return judgement;
    return Error{ErrorCode::kUnavailable, ToText(question) + ": " + codec_.complaint()};
  }

 private:
  Caller(std::unique_ptr<LoadLoop> loop, WireCodec codec)
      : loop_(std::move(loop)), codec_(std::move(codec)) {}

  static Reply ReplyOf(const LoadLoop::Answer& answer) {
    return {.http_status = answer.http_status,
            .grpc_status = answer.grpc_status,
            .grpc_message = answer.message,
            .body = answer.body};
  }

  std::unique_ptr<LoadLoop> loop_;
  WireCodec codec_;
};

double Microseconds(nanoseconds time) { return static_cast<double>(time.count()) / 1000; }
double Seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }
std::uint64_t Count(nanoseconds time) { return static_cast<std::uint64_t>(time.count()); }

class NodesRunner {
 public:
  explicit NodesRunner(const NodesOptions& options)
      : options_(options),
        scenario_((*FindScenarios(kScenario))[0]->make({options.tuples, options.seed})) {}

  Result<Report> Run() {
    PEMBA_TRY(std::ignore, CheckOptions());
    report_ = {.date = DateOfNow(),
               .commit = options_.commit,
               .machine = MachineClass(),
               .seed = options_.seed};
    for (const auto& target : options_.targets) nodes_.push_back({.endpoint = target});
    if (nodes_.empty()) {
      PEMBA_TRY(std::ignore, StartNode());
    }
    PEMBA_TRY(std::ignore, Import());
    PEMBA_TRY(std::ignore, FirstAnswers());
    PEMBA_TRY(std::ignore, Checks(1));
    PEMBA_TRY(const auto capacity, Checks(nodes_.size()));
    PEMBA_TRY(std::ignore, Lag("idle nodes"));
    PEMBA_TRY(std::ignore, BusyLag(capacity * kShareOfCapacity));
    PEMBA_TRY(std::ignore, Newest());
    PEMBA_TRY(std::ignore, Writes(1));
    PEMBA_TRY(std::ignore, Writes(nodes_.size()));
    report_.notes.push_back(
        "nodes, clients and the database share this machine if they were started here: checks of "
        "all nodes together are then limited by its cores; CPU us is what a node spends on one");
    return std::move(report_);
  }

 private:
  Status CheckOptions() const {
    const bool few = options_.targets.empty() ? options_.nodes < 2 : options_.targets.size() < 2;
    if (few) return Error{ErrorCode::kInvalidArgument, "there must be two nodes at least"};
    if (options_.targets.empty() && !options_.datastore) {
      return Error{ErrorCode::kInvalidArgument,
                   "name the database to start nodes on, or the nodes that are there"};
    }
    return Done{};
  }

  void Tell(const std::string& line) const {
    if (options_.progress) options_.progress(line);
  }

  Row RowOf(const char* what, std::string name) const {
    return {.scenario = what,
            .name = std::move(name),
            .driver = std::string(NameOf(nodes_.front().endpoint.protocol)),
            .tuples = tuples_};
  }

  Status StartNode() {
    const auto& primary = options_.datastore->primary;
    Node node;
    PEMBA_TRY(node.directory, ScratchDirectory::Make());
    PEMBA_TRY(node.server, ChildServer::Start(
                               options_.program.empty() ? ThisProgram() : options_.program,
                               {"serve", "--datastore-engine", "postgres", "--data-dir",
                                node.directory->path(), "--http-addr", "127.0.0.1:0", "--grpc-addr",
                                "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0", "--log-level",
                                "none", "--io-threads", std::to_string(options_.server_threads)},
                               {"PEMBA_DATASTORE_URI=" + primary.uri,
                                "PEMBA_DATASTORE_USERNAME=" + primary.username,
                                "PEMBA_DATASTORE_PASSWORD=" + primary.password}));
    node.endpoint = node.server->endpoint(options_.protocol);
    nodes_.push_back(std::move(node));
    return Done{};
  }

  // What the database has counted so far; nothing if nobody told which database it is.
  Result<std::optional<storage::PostgresInspection>> LookAtDatabase(
      milliseconds late = kStatisticsLate) const {
    std::optional<storage::PostgresInspection> found;
    if (!options_.datastore) return found;
    std::this_thread::sleep_for(late);
    PEMBA_TRY(found, storage::InspectPostgres(*options_.datastore));
    return found;
  }

  // Runs `work`, which sets throughput and such; adds what it cost the nodes and the database.
  template <class Work>
  Status Measure(Row row, std::uint64_t& calls, Work&& work, milliseconds late = kStatisticsLate) {
    Tell(fmt::format("{}: {}", row.scenario, row.name));
    // Between two measurements nothing happens: one look serves both.
    if (!looked_) {
      PEMBA_TRY(looked_, LookAtDatabase());
    }
    const auto before = looked_;
    const auto cpu_before = CpuOfNodes();
    const Status done = work(row);
    const auto cpu_after = CpuOfNodes();
    PEMBA_TRY(std::ignore, done);
    PEMBA_TRY(looked_, LookAtDatabase(late));
    const auto per_call = static_cast<double>(std::max<std::uint64_t>(calls, 1));
    if (before && looked_) {
      row.transactions =
          static_cast<double>(looked_->transactions - before->transactions) / per_call;
    }
    if (cpu_before && cpu_after) row.cpu_us = Microseconds(*cpu_after - *cpu_before) / per_call;
    row.rss_peak_mib = PeakOfNodes();
    report_.rows.push_back(std::move(row));
    return Done{};
  }

  std::optional<nanoseconds> CpuOfNodes() const {
    nanoseconds sum{0};
    for (const auto& node : nodes_) {
      const auto cpu = node.server ? CpuOf(node.server->process()) : std::nullopt;
      if (!cpu) return std::nullopt;
      sum += *cpu;
    }
    return sum;
  }

  // Of the node that has used most.
  std::optional<double> PeakOfNodes() const {
    std::optional<double> most;
    for (const auto& node : nodes_) {
      const auto peak = node.server ? PeakResidentBytes(node.server->process()) : std::nullopt;
      if (peak) most = std::max(most.value_or(0), static_cast<double>(*peak) / (1 << 20));
    }
    return most;
  }

  // All tuples through the first node: its users' way, 100 a call and 64 calls at a time.
  Status Import() {
    std::uint64_t calls = 0;
    const auto size_before = LogBytes();
    const auto write_all = [&](Row& row) -> Status {
      const auto begun = Steady::now();
      PEMBA_TRY(world_, ServedWorld::Make(nodes_.front().endpoint, *scenario_));
      tuples_ = row.tuples = world_->tuples();
      calls = std::max<std::uint64_t>(tuples_ / 100, 1);
      row.throughput = static_cast<double>(tuples_) / Seconds(Steady::now() - begun);
      return Done{};
    };
    PEMBA_TRY(std::ignore,
              Measure(RowOf("import", "through one node"), calls, write_all, kIdleStatisticsLate));
    report_.notes.push_back("import: calls/s are tuples a second, of 100 a call");
    const auto size = LogBytes();
    if (size && size_before) {
      report_.notes.push_back(fmt::format("the log of these tuples takes {} MiB in the database",
                                          (*size - std::min(*size, *size_before)) >> 20));
    }
    return Done{};
  }

  std::optional<std::uint64_t> LogBytes() const {
    if (!options_.datastore) return std::nullopt;
    const auto found = storage::InspectPostgres(*options_.datastore);
    if (!found.ok()) return std::nullopt;
    return found->log_bytes;
  }

  // The other nodes know nothing of the world yet; those to be started have to start, too.
  Status FirstAnswers() {
    Histogram took;
    std::uint64_t calls = 0;
    const bool starts = options_.targets.empty();
    const auto ask_others = [&](Row& row) -> Status {
      for (std::size_t i = 1; i < (starts ? options_.nodes : nodes_.size()); ++i) {
        const auto begun = Steady::now();
        if (starts) {
          PEMBA_TRY(std::ignore, StartNode());
        }
        PEMBA_TRY(auto caller, Caller::To(nodes_[i].endpoint, world_->codec()));
        const auto question = scenario_->Make(0, random_);
        PEMBA_TRY(const auto call, caller.codec().Encode(question));
        PEMBA_TRY(std::ignore, ExpectRight(caller, question, call));
        took.Add(Count(Steady::now() - begun));
        ++calls;
      }
      SetLatency(row, took);
      return Done{};
    };
    return Measure(RowOf("first answer", starts ? "node that starts" : "node that runs"), calls,
                   ask_others);
  }

  Status ExpectRight(Caller& caller, const Question& question, const WireCall& call) const {
    PEMBA_TRY(const auto judgement, caller.Ask(question, call));
    if (judgement == Judgement::kRight) return Done{};
    return Error{ErrorCode::kInternal, "wrong answer: " + ToText(question)};
  }

  // The same load on each of the first `count` nodes at the same time.
  Result<LoadTally> LoadOn(std::size_t count, const LoadRun& load) {
    std::vector<Result<LoadTally>> tallies(count, LoadTally{});
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i) {
      LoadRun mine = load;
      mine.seed += i;
      if (load.writes > 0) {
        mine.first_writable = next_writable_;
        next_writable_ += kWritablePerThread;
      }
      threads.emplace_back([&, mine, i] {
        tallies[i] = RunLoad(nodes_[i].endpoint, world_->codec(), *scenario_, 0, mine);
      });
    }
    for (auto& thread : threads) thread.join();
    LoadTally all;
    for (const auto& tally : tallies) {
      PEMBA_TRY(const auto& part, tally);
      all.Merge(part);
    }
    return all;
  }

  LoadRun Load() const {
    const bool one = nodes_.front().endpoint.protocol == Protocol::kHttp1;
    return {.shape = {options_.connections, one ? 1 : options_.streams},
            .duration = options_.duration,
            .seed = options_.seed};
  }

  static std::string NodesText(std::size_t count) {
    return count == 1 ? "1 node" : fmt::format("{} nodes", count);
  }

  // Closed loop; calls a second of all of them.
  Result<double> Checks(std::size_t count) {
    std::uint64_t calls = 0;
    const auto ask = [&](Row& row) -> Status {
      PEMBA_TRY(const auto tally, LoadOn(count, Load()));
      calls = tally.answered;
      Describe(tally, tally.checks, Load(), count, row);
      return Done{};
    };
    PEMBA_TRY(std::ignore, Measure(RowOf("checks", NodesText(count)), calls, ask));
    return *report_.rows.back().throughput;
  }

  static void Describe(const LoadTally& tally, const Histogram& latency, const LoadRun& load,
                       std::size_t count, Row& row) {
    row.threads = static_cast<std::uint32_t>(count);
    row.connections = load.shape.connections * row.threads;
    row.streams = load.shape.streams;
    row.throughput = static_cast<double>(tally.calls) / Seconds(tally.elapsed);
    SetLatency(row, latency);
  }

  Status Writes(std::size_t count) {
    std::uint64_t calls = 0;
    LoadRun load = Load();
    load.shape = {.connections = kWriters, .streams = 1};
    load.writes = 1;
    return Measure(RowOf("writes", NodesText(count)), calls, [&](Row& row) -> Status {
      PEMBA_TRY(const auto tally, LoadOn(count, load));
      calls = tally.writes.count();
      Describe(tally, tally.writes, load, count, row);
      return Done{};
    });
  }

  // One tuple that nobody has written yet.
  struct Fresh {
    Question question;  // Allowed once it is written.
    WireCall write;
  };
  Result<Fresh> MakeFresh(const WireCodec& codec) {
    auto question = *scenario_->Writable(next_writable_++);
    const OwnedTuple tuple({.tuple = {question.object, question.relation, question.subject}});
    PEMBA_TRY(auto write, codec.Write({&tuple, 1}));
    question.answer = Decision::kAllowed;
    return Fresh{std::move(question), std::move(write)};
  }

  // For the duration: a write at one node, after another in turn, then `look` at the next one.
  template <class Look>
  Status WriteAndLook(std::uint64_t& calls, Look&& look) {
    std::vector<Caller> callers;
    for (const auto& node : nodes_) {
      PEMBA_TRY(auto caller, Caller::To(node.endpoint, world_->codec()));
      callers.push_back(std::move(caller));
    }
    const auto end = Steady::now() + options_.duration;
    for (; Steady::now() < end; ++calls) {
      Caller& writer = callers[calls % callers.size()];
      Caller& reader = callers[(calls + 1) % callers.size()];
      PEMBA_TRY(const auto fresh, MakeFresh(writer.codec()));
      PEMBA_TRY(std::ignore, writer.Do(fresh.write));
      PEMBA_TRY(std::ignore, look(reader, fresh.question));
    }
    return Done{};
  }

  // From the acknowledgement at one node until another one allows, which it goes on to do.
  Status Lag(std::string name, std::optional<double> rate = {}) {
    std::uint64_t calls = 0;
    Histogram lag;
    const auto look = [&](Caller& reader, const Question& question) -> Status {
      const auto written_at = Steady::now();
      PEMBA_TRY(const auto call, reader.codec().Encode(question));
      for (auto seen = Judgement::kWrong; seen == Judgement::kWrong;) {
        PEMBA_TRY(seen, reader.Ask(question, call));
        if (seen == Judgement::kRight) break;
        std::this_thread::sleep_for(kLookAgain);
        if (Steady::now() - written_at < kLagMax) continue;
        return Error{ErrorCode::kInternal,
                     "an acknowledged write is not seen: " + ToText(question)};
      }
      lag.Add(Count(Steady::now() - written_at));
      return ExpectRight(reader, question, call);
    };
    return Measure(RowOf("lag", std::move(name)), calls, [&](Row& row) -> Status {
      PEMBA_TRY(std::ignore, WriteAndLook(calls, look));
      SetLatency(row, lag);
      row.rate = rate;
      row.connections = static_cast<std::uint32_t>(nodes_.size());
      return Done{};
    });
  }

  // While all nodes answer checks at some of the rate that they can.
  Status BusyLag(double rate) {
    LoadRun load = Load();
    load.rate = rate / static_cast<double>(nodes_.size());
    load.duration += milliseconds(500);  // Until the last write is seen.
    if (load.shape.streams > 1) load.shape.streams = 100;
    Result<LoadTally> others = LoadTally{};
    std::thread background([&] { others = LoadOn(nodes_.size(), load); });
    const auto measured = Lag("busy nodes", rate);
    background.join();
    PEMBA_TRY(std::ignore, measured);
    PEMBA_TRY(const auto tally, others);
    // What the busy clients asked is of no interest here, only that they were busy.
    report_.rows.back().cpu_us.reset();
    report_.notes.push_back(fmt::format("busy nodes: {} checks beside, p99 {:.2f} ms", tally.calls,
                                        static_cast<double>(tally.checks.Percentile(0.99)) / 1e6));
    return Done{};
  }

  // Who asks for the newest is answered from it, once, at any node.
  Status Newest() {
    std::uint64_t calls = 0;
    Histogram took;
    const auto look = [&](Caller& reader, const Question& question) -> Status {
      PEMBA_TRY(const auto call, reader.codec().Encode(question, WireCodec::Freshness::kNewest));
      const auto asked_at = Steady::now();
      PEMBA_TRY(std::ignore, ExpectRight(reader, question, call));
      took.Add(Count(Steady::now() - asked_at));
      return Done{};
    };
    return Measure(RowOf("newest", "write, then HIGHER_CONSISTENCY"), calls,
                   [&](Row& row) -> Status {
                     PEMBA_TRY(std::ignore, WriteAndLook(calls, look));
                     SetLatency(row, took);
                     row.connections = static_cast<std::uint32_t>(nodes_.size());
                     return Done{};
                   });
  }

  const NodesOptions& options_;
  const std::unique_ptr<Scenario> scenario_;
  Random random_{options_.seed};
  std::vector<Node> nodes_;
  std::unique_ptr<ServedWorld> world_;  // After nodes_: it asks the first of them to remove it.
  std::uint64_t tuples_ = 0;
  std::uint64_t next_writable_ = 0;
  std::optional<storage::PostgresInspection> looked_;  // After the last measurement.
  Report report_;
};

}  // namespace

Result<Report> RunNodes(const NodesOptions& options) { return NodesRunner(options).Run(); }

}  // namespace pemba::bench
