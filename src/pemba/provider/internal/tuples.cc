#include "pemba/provider/internal/tuples.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "pemba/tuple/context.h"

namespace pemba::provider::internal {
namespace {

using Key = std::tuple<std::string_view, std::string_view, std::string_view>;
Key KeyOf(const tuple::Tuple& t) { return {t.object, t.relation, t.subject}; }

std::vector<tuple::Tuple> NotIn(std::set<Key>& seen, std::span<const tuple::Tuple> tuples) {
  std::vector<tuple::Tuple> kept;
  kept.reserve(tuples.size());
  for (const auto& t : tuples) {
    if (seen.insert(KeyOf(t)).second) kept.push_back(t);
  }
  return kept;
}

}  // namespace

std::vector<Step> StepsOf(std::span<const tuple::Tuple> removes, std::span<const tuple::Tuple> adds,
                          std::size_t size) {
  std::vector<Step> steps;
  if (removes.empty() && adds.empty()) return steps;
  if (size == 0 || removes.size() + adds.size() <= size) return {{removes, adds}};
  for (std::size_t i = 0; i < removes.size(); i += size) {
    steps.push_back({removes.subspan(i, std::min(size, removes.size() - i)), {}});
  }
  for (std::size_t i = 0; i < adds.size(); i += size) {
    steps.push_back({{}, adds.subspan(i, std::min(size, adds.size() - i))});
  }
  return steps;
}

NetChange NetOf(std::span<const tuple::Tuple> removes, std::span<const tuple::Tuple> adds) {
  std::set<Key> seen;  // Of the arguments, which outlive it.
  NetChange net;
  net.adds = NotIn(seen, adds);
  net.removes = NotIn(seen, removes);
  return net;
}

Result<tuple::Tuple> FromGraph(const graph::StoredTuple& stored) {
  tuple::Tuple t{std::string(stored.tuple.object), std::string(stored.tuple.relation),
                 std::string(stored.tuple.subject), std::nullopt, stored.expires_at};
  if (stored.condition.empty()) return t;
  PEMBA_TRY(auto context, tuple::ParseContext(stored.context));
  t.condition = tuple::Condition{std::string(stored.condition), std::move(context)};
  return t;
}

Result<std::optional<tuple::Tuple>> FindTuple(const graph::Snapshot& snapshot,
                                              const tuple::TupleView& tuple, WallTime now) {
  const auto object = tuple::SplitObject(tuple.object);
  std::optional<Result<tuple::Tuple>> found;
  snapshot.Scan({.object_type = object.type,
                 .object_id = object.id,
                 .relation = tuple.relation,
                 .subject = tuple.subject,
                 .alive_at = now},
                nullptr, 1, [&](const graph::StoredTuple& stored) { found = FromGraph(stored); });
  if (!found) return std::optional<tuple::Tuple>();
  PEMBA_TRY(auto t, *std::move(found));
  return std::optional(std::move(t));
}

Status VisitTuples(const graph::Snapshot& snapshot, WallTime now,
                   const std::function<Status(const tuple::Tuple&)>& visit) {
  // A part at a time: the scan itself cannot be stopped by who looks.
  constexpr std::size_t kPart = 1000;
  tuple::Tuple last;
  graph::StoredTuple after;
  for (bool first = true;; first = false) {
    Status visited = Done{};
    tuple::Tuple newest;
    const auto end = snapshot.Scan({.alive_at = now}, first ? nullptr : &after, kPart,
                                   [&](const graph::StoredTuple& stored) {
                                     if (!visited.ok()) return;
                                     auto t = FromGraph(stored);
                                     if (t.ok()) {
                                       visited = visit(*t);
                                       newest = *std::move(t);
                                     } else {
                                       visited = std::move(t).error();
                                     }
                                   });
    if (!visited.ok() || end == graph::ScanEnd::kComplete) return visited;
    last = std::move(newest);
    after = {.tuple = last.view(),
             .condition = last.condition ? std::string_view(last.condition->name) : "",
             .expires_at = last.expires_at};
  }
}

}  // namespace pemba::provider::internal
