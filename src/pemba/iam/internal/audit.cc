#include "pemba/iam/internal/audit.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pemba/provider/model_merge.h"

namespace pemba::iam::internal {
namespace {

using graph::StoredTuple;
using tuple::Tuple;

constexpr std::size_t kExamplesMax = 10;
constexpr std::size_t kTuplesPerWrite = 5'000;
constexpr std::size_t kTuplesPerScan = 10'000;

// What we write has no condition and does not end.
bool IsPlain(const StoredTuple& stored) {
  return stored.condition.empty() && !stored.expires_at.has_value();
}

void Note(Drift& drift, std::string_view what, const tuple::TupleView& tuple) {
  if (drift.examples.size() < kExamplesMax) {
    drift.examples.push_back(fmt::format("{} {}", what, tuple::ToText(tuple)));
  }
}

// Writes in pieces.
class Batch {
 public:
  Batch(store::Store& store, const Audit::Ground& ground) : store_(store), ground_(ground) {}

  Status Write(Tuple tuple) {
    writes_.push_back(std::move(tuple));
    return writes_.size() < kTuplesPerWrite ? Status(Done{}) : Flush();
  }
  Status Delete(Tuple tuple) {
    deletes_.push_back(std::move(tuple));
    return deletes_.size() < kTuplesPerWrite ? Status(Done{}) : Flush();
  }
  Status Flush() {
    if (writes_.empty() && deletes_.empty()) return Done{};
    return Send();
  }
  // The model comes with the first tuples that need it, or by itself.
  Status Finish() {
    if (writes_.empty() && ground_.model == nullptr) return Done{};
    return Send();
  }

 private:
  Status Send() {
    std::vector<tuple::TupleView> deletes;
    for (const auto& each : deletes_) deletes.push_back(each.view());
    store::WriteRequest request{.writes = writes_,
                                .deletes = deletes,
                                .on_duplicate = "replace",
                                .on_missing = "ignore",
                                .form = store::WriteRequest::Form::kExtended,
                                .size = store::WriteRequest::Size::kAny};
    request.preconditions.revision = ground_.revision;
    if (deletes.empty() && ground_.model != nullptr) {
      request.model = std::exchange(ground_.model, nullptr);
      request.preconditions.latest_model = ground_.base;
    }
    PEMBA_TRY(const auto written, store_.WriteTuples(request));
    if (ground_.revision) ground_.revision = written.revision;
    writes_.clear();
    deletes_.clear();
    return Done{};
  }

  store::Store& store_;
  Audit::Ground ground_;
  std::vector<Tuple> writes_, deletes_;
};

}  // namespace

Audit::Audit(const ReadingScope& scope, const ProjectedState& state,
             const resource::Transaction& transaction, store::Store& store, store::View view)
    : scope_(scope),
      transaction_(transaction),
      store_(store),
      reading_(
          scope, *state.catalog,
          [this](const resource::ObjectKey& key) { return transaction_.Find(key); },
          [roles = state.platform_roles](const RoleKey& key) -> RoleGrantPtr {
            const auto found = roles->find(key);
            return found == roles->end() ? nullptr : found->second;
          }),
      view_(std::move(view)) {}

Audit::Hash Audit::HashOf(const tuple::TupleView& tuple) {
  const auto text = tuple::ToText(tuple);
  const auto hash = XXH3_128bits(text.data(), text.size());
  return {hash.low64, hash.high64};
}

Status Audit::ForEachWanted(const Visit& visit) {
  for (const auto& kind : scope_.registry.kinds()) {
    for (const auto& object : transaction_.List(*kind)) {
      for (auto& tuple : reading_.TuplesOf(object)) {
        PEMBA_TRY(std::ignore, visit(std::move(tuple)));
      }
    }
  }
  return Done{};
}

Status Audit::ForEachExtra(const Visit& visit) const {
  std::vector<Tuple> page;
  std::optional<Tuple> last;
  std::optional<WallTime> last_end;
  std::string last_condition;
  while (true) {
    page.clear();
    StoredTuple after;
    if (last) {
      after.tuple = last->view();
      after.condition = last_condition;
      after.expires_at = last_end;
    }
    const auto end = view_.snapshot().Scan(
        {}, last ? &after : nullptr, kTuplesPerScan, [&](const StoredTuple& stored) {
          const auto& [object, relation, subject] = stored.tuple;
          last.emplace(Tuple{std::string(object), std::string(relation), std::string(subject), {}});
          last_condition = stored.condition;
          last_end = stored.expires_at;
          if (!provider::IsManagedTuple(stored.tuple)) return;
          if (!IsPlain(stored) || !wanted_.contains(HashOf(stored.tuple))) page.push_back(*last);
        });
    for (auto& tuple : page) {
      PEMBA_TRY(std::ignore, visit(std::move(tuple)));
    }
    if (end == graph::ScanEnd::kComplete) return Done{};
  }
}

bool Audit::IsStored(const Tuple& tuple) const {
  const auto parts = tuple::SplitObject(tuple.object);
  const graph::ScanFilter filter{.object_type = parts.type,
                                 .object_id = parts.id,
                                 .relation = tuple.relation,
                                 .subject = tuple.subject};
  bool stored = false;
  view_.snapshot().Scan(filter, nullptr, 2,
                        [&](const StoredTuple& found) { stored |= IsPlain(found); });
  return stored;
}

Drift Audit::Compare() {
  Drift drift;
  std::ignore = ForEachWanted([&](const Tuple& tuple) -> Status {
    if (wanted_.insert(HashOf(tuple.view())).second && !IsStored(tuple)) {
      ++drift.missing;
      Note(drift, "missing", tuple.view());
    }
    return Done{};
  });
  std::ignore = ForEachExtra([&](const Tuple& tuple) -> Status {
    ++drift.extra;
    Note(drift, "extra", tuple.view());
    return Done{};
  });
  return drift;
}

Status Audit::Repair(const Ground& ground) {
  Batch batch(store_, ground);
  PEMBA_TRY(std::ignore, ForEachExtra([&](Tuple tuple) { return batch.Delete(std::move(tuple)); }));
  PEMBA_TRY(std::ignore, batch.Flush());
  PEMBA_TRY(std::ignore, ForEachWanted([&](Tuple tuple) -> Status {
              if (IsStored(tuple)) return Done{};
              return batch.Write(std::move(tuple));
            }));
  return batch.Finish();
}

}  // namespace pemba::iam::internal
