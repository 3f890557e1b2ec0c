#include "pemba/bench/life_run.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "pemba/bench/load_driver.h"
#include "pemba/bench/load_loop.h"
#include "pemba/bench/process_use.h"
#include "pemba/bench/served_world.h"
#include "pemba/bench/wire_codec.h"

namespace pemba::bench {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::milliseconds kWindow{100};
constexpr double kFullSpeed = 0.9;
constexpr std::size_t kSettled = 5;  // Windows whose median is a speed.
constexpr std::uint64_t kTuplesPerStore = 20;
constexpr const char* kSmallModel =
    "model\n  schema 1.1\n\ntype user\n\ntype document\n  relations\n    define viewer: [user]\n";

Row TimeRow(const Row& about, std::string name, SteadyTime begun) {
  Row row = about;
  row.name = std::move(name);
  row.p50_us = std::chrono::duration<double, std::micro>(steady_clock::now() - begun).count();
  return row;
}

double MedianOf(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// One life of a server on data that are there.
class Life {
 public:
  Life(const Scenario& scenario, const WireRun& run, const WireCodec& codec, const Row& about)
      : scenario_(scenario), run_(run), codec_(codec), about_(about) {}

  Result<double> ChecksPerSecond(const Endpoint& endpoint) const {
    PEMBA_TRY(const auto tally, RunLoad(endpoint, codec_, scenario_, 0,
                                        {.shape = run_.shape,
                                         .threads = run_.threads,
                                         .duration = kWindow,
                                         .seed = run_.size.seed}));
    return static_cast<double>(tally.calls) / std::chrono::duration<double>(tally.elapsed).count();
  }

  // Until it is as fast as it is going to be. What it did before is no measure of that: a machine
  // that others use is faster or slower by a fifth from one minute to the next, and a server that
  // starts while it is slower would seem to take forever.
  Status Measure(std::string_view after, const ChildServer& server, const Endpoint& endpoint,
                 SteadyTime begun, double speed_before, std::vector<Row>& rows) const {
    PEMBA_TRY(std::ignore, AskOne(endpoint));
    rows.push_back(TimeRow(about_, fmt::format("{}: first check", after), begun));
    std::vector<double> reached;
    std::vector<Row> ends;
    const auto until = steady_clock::now() + run_.duration;
    while (reached.size() < kSettled || steady_clock::now() < until) {
      PEMBA_TRY(reached.emplace_back(), ChecksPerSecond(endpoint));
      ends.push_back(TimeRow(about_, fmt::format("{}: full speed", after), begun));
    }
    const auto settled = MedianOf({reached.end() - kSettled, reached.end()});
    const auto full =
        std::ranges::find_if(reached, [&](double speed) { return speed >= kFullSpeed * settled; });
    auto row = ends[static_cast<std::size_t>(full - reached.begin())];
    row.throughput = settled;
    row.ratio = settled / speed_before;
    if (const auto peak = PeakResidentBytes(server.process())) {
      row.rss_peak_mib = static_cast<double>(*peak) / (1 << 20);
    }
    rows.push_back(std::move(row));
    return Done{};
  }

  // Looked at through the same windows as later: a short one has new connections, a cold start and
  // the machine's moods in it.
  Result<double> FullSpeed(const Endpoint& endpoint) const {
    std::vector<double> reached(kSettled);
    for (auto& one : reached) {
      PEMBA_TRY(one, ChecksPerSecond(endpoint));
    }
    return MedianOf(std::move(reached));
  }

 private:
  Status AskOne(const Endpoint& endpoint) const {
    Random random(run_.size.seed);
    const auto question = scenario_.Make(0, random);
    auto codec = codec_.ForTheSameStore();
    PEMBA_TRY(const auto call, codec.Encode(question));
    PEMBA_TRY(const auto loop, LoadLoop::Connect(endpoint, {.connections = 1}));
    PEMBA_TRY(const auto answer, loop->Ask(call, kPatience));
    const Reply reply{answer.http_status, answer.grpc_status, answer.message, answer.body};
    if (codec.Judge(question, reply) == Judgement::kRight) return Done{};
    return Error{ErrorCode::kInternal, "the first answer: " + codec.complaint()};
  }

  const Scenario& scenario_;
  const WireRun& run_;
  const WireCodec& codec_;
  const Row& about_;
};

}  // namespace

Result<std::vector<Row>> MeasureRestart(const ScenarioInfo& info, WireRun run, Protocol protocol,
                                        const StartServer& start, const std::string& directory) {
  const auto scenario = info.make(run.size);
  PEMBA_TRY(auto server, start(directory));
  auto begun = steady_clock::now();
  PEMBA_TRY(const auto world, ServedWorld::Make(server->endpoint(protocol), *scenario));
  Row about{.scenario = "life",
            .driver = std::string(NameOf(protocol)),
            .tuples = world->tuples(),
            .threads = run.threads};
  std::vector<Row> rows;
  Row import = TimeRow(about, "import", begun);
  import.throughput = static_cast<double>(world->tuples()) * 1e6 / *import.p50_us;
  import.p50_us.reset();
  if (const auto cpu = CpuOf(server->process())) {
    import.cpu_us = static_cast<double>(cpu->count()) / 1000 / static_cast<double>(world->tuples());
  }
  rows.push_back(std::move(import));

  const Life life(*scenario, run, world->codec(), about);
  PEMBA_TRY(const auto full_speed, life.FullSpeed(server->endpoint(protocol)));
  for (const char* after : {"killed", "stopped"}) {
    if (std::string_view(after) == "stopped") {
      PEMBA_TRY(std::ignore, server->Stop());
    }
    server.reset();
    begun = steady_clock::now();
    PEMBA_TRY(server, start(directory));
    PEMBA_TRY(std::ignore,
              life.Measure(after, *server, server->endpoint(protocol), begun, full_speed, rows));
  }
  return rows;
}

Result<Row> MeasureIdleStores(std::uint64_t stores, Protocol protocol, const StartServer& start,
                              const std::string& directory) {
  PEMBA_TRY(const auto server, start(directory));
  const auto endpoint = server->endpoint(protocol);
  PEMBA_TRY(const auto loop, LoadLoop::Connect(endpoint, {.connections = 1}));
  std::vector<OwnedTuple> tuples;
  for (std::uint64_t i = 0; i < kTuplesPerStore; ++i) {
    const auto object = fmt::format("document:{}", i), subject = fmt::format("user:{}", i);
    tuples.emplace_back(TupleOut{.tuple = {object, "viewer", subject}});
  }
  const auto ask = [&](const WireCall& call, const WireCodec& codec) -> Result<LoadLoop::Answer> {
    PEMBA_TRY(auto answer, loop->Ask(call, kPatience));
    PEMBA_TRY(std::ignore, codec.CheckDone({answer.http_status, answer.grpc_status, answer.message,
                                            answer.body}));
    return answer;
  };
  std::optional<std::uint64_t> before;
  for (std::uint64_t i = 0; i <= stores; ++i) {
    WireCodec codec(protocol);
    PEMBA_TRY(const auto created, ask(codec.CreateStore(fmt::format("idle {}", i)), codec));
    PEMBA_TRY(std::ignore, codec.TakeStoreId(created));
    PEMBA_TRY(const auto model, codec.WriteModel(kSmallModel));
    PEMBA_TRY(const auto written, ask(model, codec));
    PEMBA_TRY(std::ignore, codec.TakeModelId(written));
    PEMBA_TRY(const auto write, codec.Write(tuples));
    PEMBA_TRY(std::ignore, ask(write, codec));
    // The first one is not counted: what it needs, the others share.
    if (i == 0) before = ResidentBytes(server->process());
  }
  const auto after = ResidentBytes(server->process());
  Row row{.scenario = "life",
          .name = "idle stores",
          .driver = std::string(NameOf(protocol)),
          .tuples = stores};
  if (before && after && *after > *before) {
    row.rss_per_tuple = static_cast<double>(*after - *before) / static_cast<double>(stores);
  }
  if (const auto peak = PeakResidentBytes(server->process())) {
    row.rss_peak_mib = static_cast<double>(*peak) / (1 << 20);
  }
  return row;
}

}  // namespace pemba::bench
