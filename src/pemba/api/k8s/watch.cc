#include "pemba/api/k8s/watch.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include <boost/json/serialize.hpp>

#include "pemba/api/k8s/answer.h"
#include "pemba/api/k8s/table.h"

namespace pemba::api::k8s {
namespace {

namespace json = boost::json;

using resource::Event;
using resource::ResourceStore;
using resource::Revision;

constexpr std::size_t kEventsPerTurn = 1000;

const char* TypeOf(Event::Type type) {
  switch (type) {
    case Event::Type::kAdded:
      return "ADDED";
    case Event::Type::kModified:
      return "MODIFIED";
    case Event::Type::kDeleted:
      return "DELETED";
  }
  return "";
}

// One watch, from one run of the call's handler to the next; the call owns it.
class WatchRun final : public std::enable_shared_from_this<WatchRun> {
 public:
  WatchRun(ResourceStore& resources, const Clock& clock, WatchOptions options, rpc::Call& call)
      : resources_(resources),
        clock_(clock),
        options_(std::move(options)),
        waker_(call.waker()),
        end_(clock.Steady() + options_.timeout),
        next_bookmark_(clock.Steady() + options_.bookmark_interval),
        subscription_(resources.Subscribe([waker = waker_] { waker->Wake(); })) {}

  // Errors: what the state could not be read for.
  resource::Outcome<Done> Begin() {
    position_ = options_.after;
    if (options_.start == WatchOptions::Start::kAfter) return Done{};
    const auto& what = options_.what;
    PEMBA_TRY(auto list, resources_.List({.kind = what.kind,
                                          .name_space = what.name_space,
                                          .labels = &what.labels,
                                          .fields = &what.fields}));
    for (auto& object : list.objects) {
      pending_.push_back({Event::Type::kAdded, std::move(object)});
    }
    position_ = list.revision;
    state_end_wanted_ = options_.initial_events_end;
    return Done{};
  }

  void Run(rpc::Call& call) {
    if (call.draining() || clock_.Steady() >= end_) return call.FinishStream({});
    while (true) {
      if (!SendPending(call)) return;
      if (state_end_wanted_) {
        state_end_wanted_ = false;
        if (!Send(call, Bookmark(true))) return;
      }
      const auto events = resources_.EventsAfter(options_.what, position_, kEventsPerTurn);
      if (!events.ok()) {
        (void)Send(call, json::object{{"type", "ERROR"}, {"object", ToHttp(events.error()).body}});
        return call.FinishStream({});
      }
      position_ = events->revision;
      if (events->events.empty()) break;
      pending_.insert(pending_.end(), events->events.begin(), events->events.end());
    }
    if (options_.bookmarks && clock_.Steady() >= next_bookmark_) {
      next_bookmark_ = clock_.Steady() + options_.bookmark_interval;
      if (!Send(call, Bookmark(false))) return;
    }
    Pause(call, rpc::SuspendUntil::kWoken);
  }

 private:
  // False: the call is over, or waits for its reader.
  bool SendPending(rpc::Call& call) {
    while (!pending_.empty()) {
      if (!call.has_room()) {
        Pause(call, rpc::SuspendUntil::kRoom);
        return false;
      }
      const Event event = std::move(pending_.front());
      pending_.pop_front();
      if (!Send(call,
                json::object{{"type", TypeOf(event.type)}, {"object", Shown(event.object)}})) {
        return false;
      }
    }
    return true;
  }

  json::value Shown(const resource::ObjectPtr& object) {
    if (options_.form == Form::kObject) return object->document;
    if (options_.form == Form::kMetadata) return PartialMetadata(*object);
    const auto columns = std::exchange(columns_sent_, true) ? Columns::kUnnamed : Columns::kNamed;
    return ToTable(*object->key.kind, {&object, 1}, RowObject::kWhole, columns, clock_.Now());
  }

  json::object Bookmark(bool state_ends) const {
    const auto& kind = *options_.what.kind;
    json::object metadata{{"resourceVersion", std::to_string(position_)}};
    if (state_ends) {
      metadata["annotations"] = json::object{{"k8s.io/initial-events-end", "true"}};
    }
    const bool alone = options_.form == Form::kMetadata;
    return {
        {"type", "BOOKMARK"},
        {"object",
         json::object{{"kind", alone ? std::string("PartialObjectMetadata") : kind.name},
                      {"apiVersion", alone ? std::string("meta.k8s.io/v1") : kind.api_version()},
                      {"metadata", std::move(metadata)}}}};
  }

  // False if nobody reads any more; the call is over then.
  bool Send(rpc::Call& call, const json::object& event) {
    if (call.Send(kJsonType, json::serialize(event) + "\n")) return true;
    call.FinishStream({});
    return false;
  }

  void Pause(rpc::Call& call, rpc::SuspendUntil until) {
    const auto at = options_.bookmarks ? std::min(end_, next_bookmark_) : end_;
    call.Suspend(until, at, [self = shared_from_this()](rpc::Call& again) { self->Run(again); });
    // What came since the last look has woken a call that was not asleep yet.
    if (until == rpc::SuspendUntil::kWoken && resources_.revision() > position_) waker_->Wake();
  }

  ResourceStore& resources_;
  const Clock& clock_;
  const WatchOptions options_;
  const std::shared_ptr<rpc::Waker> waker_;
  const SteadyTime end_;
  SteadyTime next_bookmark_;
  const std::unique_ptr<ResourceStore::Subscription> subscription_;
  std::deque<Event> pending_;
  Revision position_ = 0;  // Everything up to it was sent or is pending.
  bool state_end_wanted_ = false;
  bool columns_sent_ = false;
};

}  // namespace

void StartWatch(ResourceStore& resources, const Clock& clock, WatchOptions options,
                rpc::Call& call) {
  const auto* kind = options.what.kind;
  const auto run = std::make_shared<WatchRun>(resources, clock, std::move(options), call);
  const auto begun = run->Begin();
  if (!begun.ok()) return Fail(call, begun.error(), kind);
  // The headers go at once: the client knows that it is heard.
  if (!call.Send(kJsonType, "")) return call.FinishStream({});
  run->Run(call);
}

}  // namespace pemba::api::k8s
