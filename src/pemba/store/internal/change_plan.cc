#include "pemba/store/internal/change_plan.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "pemba/base/assert.h"
#include "pemba/store/internal/stored.h"

namespace pemba::store::internal {
namespace {

Error StateMismatch(const char* what, const tuple::TupleView& t) {
  return {ErrorCode::kTupleStateMismatch,
          std::string(what) + ": " + PartsText(t) +
              ": tuple to be written already existed or the tuple to be deleted did not exist"};
}

Error Conflict(const std::string& why) {
  return {ErrorCode::kConflict, "transactional write failed due to conflict: " + why};
}

constexpr std::size_t kTuplesAhead = 128;  // Whose cache misses overlap.

// What has expired by `time` is not there.
bool Exists(const graph::Snapshot& snapshot, const tuple::TupleView& t, WallTime time) {
  const auto [type, id] = tuple::SplitObject(t.object);
  // A filter without one of them asks for all; a tuple without one of them is nowhere.
  if (type.empty() || id.empty() || t.relation.empty() || t.subject.empty()) return false;
  graph::ScanFilter filter{type, id, t.relation, t.subject};
  filter.alive_at = time;
  bool found = false;
  snapshot.Scan(filter, nullptr, 1, [&](const graph::StoredTuple&) { found = true; });
  return found;
}

std::optional<graph::StoredTuple> LookupAlive(const Head& head, const tuple::TupleView& t,
                                              WallTime time, const graph::Place* place = nullptr) {
  auto stored = head.Lookup(t, place);
  if (stored && !graph::IsAlive(*stored, time)) stored.reset();
  return stored;
}

// If it is at the head, only the request itself has deleted it.
Error Missing(const tuple::TupleView& t, const Head& head, const graph::Snapshot& start,
              WallTime time) {
  if (!LookupAlive(head, t, time) && Exists(start, t, time)) {
    return Conflict("one or more tuples to delete were deleted by another transaction");
  }
  return StateMismatch("cannot delete a tuple which does not exist", t);
}

Error Present(const tuple::TupleView& t, Revision written_at, const graph::Snapshot& start) {
  if (written_at > start.revision()) {
    return Conflict("one or more tuples to write were inserted by another transaction");
  }
  return StateMismatch("cannot write a tuple which already exists", t);
}

Error PreconditionFailed(const std::string& what) {
  return {ErrorCode::kConflict, "precondition failed: " + what};
}

Status JudgePreconditions(const Preconditions& preconditions, const Head& head, WallTime time) {
  if (preconditions.revision && *preconditions.revision != head.applied()) {
    return PreconditionFailed("the store is at revision " + std::to_string(head.applied()) +
                              ", not at " + std::to_string(*preconditions.revision));
  }
  for (const auto& t : preconditions.present) {
    if (!LookupAlive(head, t, time)) return PreconditionFailed("no such tuple: " + PartsText(t));
  }
  for (const auto& t : preconditions.absent) {
    if (LookupAlive(head, t, time)) return PreconditionFailed("the tuple exists: " + PartsText(t));
  }
  return Done{};
}

std::string Text(const TupleFilter& filter) {
  std::string text = "'" + std::string(filter.object_type) + ":" + std::string(filter.object_id);
  return text + "#" + std::string(filter.relation) + "'";
}

// The state that a write makes, beside the graph's: what it has touched so far.
class Overlay {
 public:
  Overlay(const Head& head, WallTime time, ChangePlan& plan)
      : head_(head), time_(time), plan_(plan) {}

  struct Value {
    std::string_view condition = {}, context = {};
    std::optional<WallTime> expires_at = {};
    friend bool operator==(const Value&, const Value&) = default;
  };

  // As the write has left it so far; what has expired is not there.
  std::optional<Value> Find(const tuple::TupleView& t) const {
    if (const auto at = places_.find(t); at != places_.end()) return touched_[at->second].now;
    return Before(t);
  }

  // The views and texts must live as long as the plan.
  void Set(const tuple::TupleView& t, std::optional<Value> value) {
    const auto [at, is_new] = places_.try_emplace(t, touched_.size());
    if (is_new) {
      touched_.push_back({t, std::move(value)});
    } else {
      touched_[at->second].now = std::move(value);
    }
  }

  // As Set, for a tuple that was met in the graph: its texts are copied.
  void Delete(const graph::StoredTuple& stored) {
    if (places_.contains(stored.tuple)) return Set(stored.tuple, std::nullopt);
    plan_.found.push_back(std::make_unique<tuple::Tuple>(
        tuple::Tuple{std::string(stored.tuple.object), std::string(stored.tuple.relation),
                     std::string(stored.tuple.subject), std::nullopt}));
    Set(plan_.found.back()->view(), std::nullopt);
  }

  // What the write comes to. A tuple that it leaves as it was is no change.
  void Finish() {
    using Operation = graph::Change::Operation;
    for (const auto& [t, now] : touched_) {
      if (now || !Before(t)) continue;
      plan_.changes.push_back({Operation::kDelete, t, {}, {}});
      ++plan_.deleted;
    }
    for (const auto& [t, now] : touched_) {
      if (!now || Before(t) == now) continue;
      plan_.changes.push_back(
          {Operation::kWrite, t, now->condition, now->context, now->expires_at});
      ++plan_.written;
    }
  }

 private:
  struct Touched {
    tuple::TupleView tuple;
    std::optional<Value> now;
  };

  std::optional<Value> Before(const tuple::TupleView& t) const {
    const auto stored = LookupAlive(head_, t, time_);
    if (!stored) return std::nullopt;
    return Value{stored->condition, stored->context, stored->expires_at};
  }

  const Head& head_;
  const WallTime time_;
  ChangePlan& plan_;
  std::vector<Touched> touched_;
  boost::unordered_flat_map<tuple::TupleView, std::size_t, TupleHash> places_;
};

Overlay::Value ValueOf(const tuple::Tuple& t, std::string_view context) {
  Overlay::Value value{t.condition ? std::string_view(t.condition->name) : "", context, {}};
  // In the log's resolution, so that a restart changes nothing.
  if (t.expires_at) value.expires_at = std::chrono::floor<std::chrono::milliseconds>(*t.expires_at);
  return value;
}

// Makes the changes of one request, with the overlay only if what it does first calls for one.
class Planner {
 public:
  Planner(const CheckedWrite& checked, const Head& head, const graph::Snapshot& start,
          WallTime time, const StoreOptions& options)
      : checked_(checked),
        request_(*checked.request),
        head_(head),
        start_(start),
        time_(time),
        options_(options),
        placed_(!checked.places.places.empty() &&
                head.graph().Has(checked.places) == graph::Graph::Mine::kYes) {}

  Result<ChangePlan> Run() && {
    const bool simple = request_.filtered_deletes.empty() && request_.replacements.empty();
    if (!simple) overlay_.emplace(head_, time_, plan_);
    for (const auto& filtered : request_.filtered_deletes) {
      PEMBA_TRY(std::ignore, DeleteMatching(filtered));
    }
    std::size_t context = request_.writes.size();
    for (const auto& replacement : request_.replacements) Replace(replacement, context);
    plan_.changes.reserve(request_.deletes.size() + request_.writes.size() +
                          request_.plain_writes.size());
    std::size_t place = 0;
    for (const auto& t : request_.deletes) {
      PEMBA_TRY(std::ignore, Delete(t, PlaceOf(place++)));
    }
    for (std::size_t i = 0; i < request_.writes.size(); ++i) {
      const auto& t = request_.writes[i];
      PEMBA_TRY(std::ignore, Write(t.view(), ValueOf(t, checked_.contexts[i]), PlaceOf(place++)));
    }
    for (const auto& t : request_.plain_writes) {
      PEMBA_TRY(std::ignore, Write(t, {}, PlaceOf(place++)));
    }
    if (overlay_) overlay_->Finish();
    const auto limit = options_.changes_per_write_max;
    if (!simple && plan_.changes.size() > limit) return TooManyOperations(limit);
    return std::move(plan_);
  }

 private:
  Status DeleteMatching(const FilteredDelete& filtered) {
    auto scan = ScanFilterOf(filtered.filter);
    scan.alive_at = time_;
    const auto most = options_.changes_per_write_max;
    const auto limit = filtered.count_max == 0 ? most : std::min(filtered.count_max, most);
    const auto end = head_.ScanHead(
        scan, nullptr, limit, [&](const graph::StoredTuple& stored) { overlay_->Delete(stored); });
    if (end == graph::ScanEnd::kComplete) return Done{};
    return Error{ErrorCode::kLimitExceeded, "more than " + std::to_string(limit) +
                                                " tuples match the filtered delete of " +
                                                Text(filtered.filter)};
  }

  void Replace(const Replacement& replacement, std::size_t& context) {
    const auto [type, id] = tuple::SplitObject(replacement.object);
    graph::ScanFilter scan{type, id, replacement.relation};
    scan.alive_at = time_;
    // One more than may change: then Run refuses.
    head_.ScanHead(scan, nullptr, options_.changes_per_write_max + replacement.tuples.size() + 1,
                   [&](const graph::StoredTuple& stored) { overlay_->Delete(stored); });
    for (const auto& t : replacement.tuples) {
      overlay_->Set(t.view(), ValueOf(t, checked_.contexts[context++]));
    }
  }

  // Of the request's deletes, then its writes; null: it is not known, or not in this graph.
  const graph::Place* PlaceOf(std::size_t i) const {
    if (!placed_) return nullptr;
    const std::span<const graph::Place> places = checked_.places.places;
    if (i % kTuplesAhead == 0) {
      head_.graph().Prefetch(places.subspan(i, std::min(kTuplesAhead, places.size() - i)));
    }
    return &places[i];
  }

  Status Delete(const tuple::TupleView& t, const graph::Place* place) {
    if (Find(t, place)) {
      Set(t, std::nullopt, place);
    } else if (checked_.on_missing == OnMismatch::kFail) {
      return Missing(t, head_, start_, time_);
    }
    return Done{};
  }

  Status Write(const tuple::TupleView& t, const Overlay::Value& value, const graph::Place* place) {
    const auto known = Find(t, place);
    const bool replaces = checked_.on_duplicate == OnMismatch::kReplace;
    if (!known || (replaces && *known != value)) {
      Set(t, value, place);
      return Done{};
    }
    if (checked_.on_duplicate == OnMismatch::kFail) {
      const auto stored = head_.Lookup(t);
      return Present(t, stored ? stored->revision : start_.revision(), start_);
    }
    if (*known == value) return Done{};
    const bool same = known->condition == value.condition && known->context == value.context;
    return Conflict(
        std::string("attempted to write a tuple which already exists with a different ") +
        (same ? "expiry: " : "condition: ") + PartsText(t));
  }

  std::optional<Overlay::Value> Find(const tuple::TupleView& t, const graph::Place* place) const {
    if (overlay_) return overlay_->Find(t);
    const auto stored = LookupAlive(head_, t, time_, place);
    if (!stored) return std::nullopt;
    return Overlay::Value{stored->condition, stored->context, stored->expires_at};
  }

  // Without an overlay, it is known to be a change: a tuple stands in a request once.
  void Set(const tuple::TupleView& t, const std::optional<Overlay::Value>& value,
           const graph::Place* place) {
    using Operation = graph::Change::Operation;
    if (overlay_) return overlay_->Set(t, value);
    if (value) {
      plan_.changes.push_back(
          {Operation::kWrite, t, value->condition, value->context, value->expires_at, place});
      ++plan_.written;
    } else {
      plan_.changes.push_back({Operation::kDelete, t, {}, {}, {}, place});
      ++plan_.deleted;
    }
  }

  const CheckedWrite& checked_;
  const WriteRequest& request_;
  const Head& head_;
  const graph::Snapshot& start_;
  const WallTime time_;
  const StoreOptions& options_;
  const bool placed_;
  ChangePlan plan_;
  std::optional<Overlay> overlay_;
};

ChangePlan DeletesOfExpired(const CheckedWrite& checked, const Head& head, WallTime time) {
  ChangePlan plan;
  for (const auto& t : checked.expired) {
    // It may have been written anew since it was found.
    const auto stored = head.Lookup(t.view());
    if (!stored || graph::IsAlive(*stored, time)) continue;
    plan.changes.push_back({graph::Change::Operation::kDelete, t.view(), {}, {}});
    ++plan.deleted;
  }
  return plan;
}

}  // namespace

std::optional<graph::StoredTuple> Head::Lookup(const tuple::TupleView& tuple,
                                               const graph::Place* place) const {
  if (!changed_.empty()) {
    if (const auto found = changed_.find(tuple); found != changed_.end()) return found->second;
  }
  return graph_.Lookup(tuple, place);
}

graph::ScanEnd Head::ScanHead(const graph::ScanFilter& filter, const graph::StoredTuple* after,
                              std::size_t limit,
                              const std::function<void(const graph::StoredTuple&)>& visit) const {
  PEMBA_CHECK(!added_);
  return graph_.ScanHead(filter, after, limit, visit);
}

void Head::Add(Revision revision, std::span<const graph::Change> changes) {
  added_ = revision;
  for (const auto& change : changes) {
    auto& now = changed_[change.tuple];
    now.reset();
    if (change.operation == graph::Change::Operation::kWrite) {
      now = graph::StoredTuple{change.tuple, change.condition, change.context, revision,
                               change.expires_at};
    }
  }
}

bool Scans(const CheckedWrite& checked) {
  return !checked.request->filtered_deletes.empty() || !checked.request->replacements.empty();
}

Result<ChangePlan> PlanChanges(const CheckedWrite& checked, const Head& head,
                               const graph::Snapshot& start, WallTime time,
                               const StoreOptions& options) {
  if (!checked.expired.empty()) return DeletesOfExpired(checked, head, time);
  PEMBA_TRY(std::ignore, JudgePreconditions(checked.request->preconditions, head, time));
  return Planner(checked, head, start, time, options).Run();
}

}  // namespace pemba::store::internal
