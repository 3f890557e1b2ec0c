#include "pemba/bench/served_world.h"

#include <chrono>
#include <map>
#include <utility>
#include <vector>

namespace pemba::bench {
namespace {

constexpr std::size_t kTuplesPerWrite = 100;  // What every server of this API takes.
constexpr std::chrono::seconds kPatience{60};
constexpr LoadShape kShape{.connections = 16, .streams = 4};

// Writes that are under way; a server that answers none of them for a minute is given up.
class Writer {
 public:
  Writer(LoadLoop& loop, const WireCodec& codec) : loop_(loop), codec_(codec) {}

  Status Write(std::span<const OwnedTuple> tuples) {
    while (!loop_.HasRoom()) {
      PEMBA_TRY(std::ignore, Turn());
    }
    PEMBA_TRY(auto call, codec_.Write(tuples));
    const auto tag = next_tag_++;
    loop_.Submit(under_way_.emplace(tag, std::move(call)).first->second, tag);
    return Done{};
  }

  Status Finish() {
    while (loop_.in_flight() > 0) {
      PEMBA_TRY(std::ignore, Turn());
    }
    return Done{};
  }

 private:
  Status Turn() {
    const auto before = under_way_.size();
    PEMBA_TRY(std::ignore, loop_.Turn(std::chrono::steady_clock::now() + kPatience,
                                      [&](std::uint64_t tag, const Reply& reply) {
                                        auto done = codec_.CheckDone(reply);
                                        if (!done.ok() && status_.ok()) status_ = std::move(done);
                                        under_way_.erase(tag);
                                      }));
    const auto now = std::chrono::steady_clock::now();
    if (under_way_.size() < before) {
      answered_ = now;
    } else if (now - answered_ > kPatience) {
      return Error{ErrorCode::kUnavailable, "the server does not answer"};
    }
    if (!status_.ok()) {
      return Error{status_.error().code, "writing tuples: " + status_.error().message};
    }
    return Done{};
  }

  LoadLoop& loop_;
  const WireCodec& codec_;
  std::uint64_t next_tag_ = 0;
  std::map<std::uint64_t, WireCall> under_way_;
  Status status_ = Done{};
  SteadyTime answered_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<std::unique_ptr<ServedWorld>> ServedWorld::Make(const Endpoint& endpoint,
                                                       const Scenario& scenario) {
  PEMBA_TRY(const auto loop, LoadLoop::Connect(endpoint, kShape));
  std::unique_ptr<ServedWorld> world(new ServedWorld(endpoint));
  auto& codec = world->codec_;
  PEMBA_TRY(const auto created, loop->Ask(codec.CreateStore("pemba-bench"), kPatience));
  PEMBA_TRY(std::ignore, codec.TakeStoreId(created));
  PEMBA_TRY(const auto model, codec.WriteModel(scenario.model()));
  PEMBA_TRY(const auto written, loop->Ask(model, kPatience));
  PEMBA_TRY(std::ignore, codec.TakeModelId(written));
  PEMBA_TRY(std::ignore, world->WriteTuples(*loop, scenario));
  return world;
}

Status ServedWorld::WriteTuples(LoadLoop& loop, const Scenario& scenario) {
  Writer writer(loop, codec_);
  Status status = Done{};
  std::vector<OwnedTuple> batch;
  const auto flush = [&] {
    if (status.ok() && !batch.empty()) status = writer.Write(batch);
    tuples_ += batch.size();
    batch.clear();
  };
  scenario.EachTuple([&](const TupleOut& tuple) {
    if (!status.ok()) return;
    batch.emplace_back(tuple);
    if (batch.size() == kTuplesPerWrite) flush();
  });
  flush();
  PEMBA_TRY(std::ignore, status);
  return writer.Finish();
}

// Over a connection of its own: what a failure has left on the others is nobody's answer.
ServedWorld::~ServedWorld() {
  if (codec_.store_id().empty()) return;
  const auto loop = LoadLoop::Connect(endpoint_, {.connections = 1});
  if (loop.ok()) (void)(*loop)->Ask(codec_.DeleteStore(), std::chrono::seconds(5));
}

}  // namespace pemba::bench
