// Deleting what has expired. Nobody waits for it: an expired tuple is not there for any question.
// But it takes memory, and who watches the store wants to hear that it went.
#include <algorithm>
#include <vector>

#include "pemba/store/internal/core.h"
#include "pemba/store/internal/write_checks.h"

namespace pemba::store::internal {
namespace {

std::int64_t ToMilliseconds(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

void StoreCore::NoteExpiry(WallTime expires_at) {
  const auto at = ToMilliseconds(expires_at);
  auto known = next_expiry_.load();
  while (at < known && !next_expiry_.compare_exchange_weak(known, at)) {
  }
  if (!expiry_watched_.exchange(true)) shared_.maintenance.WatchExpiry(id_);
}

// One pass over the tuples that expire: those that have are deleted, the others say when to look
// again.
Result<StoreCore::Collected> StoreCore::CollectExpired() {
  const auto now = shared_.clock.Now();
  // Before the pass: what is written during it is noted after.
  next_expiry_ = kNever;
  std::vector<tuple::Tuple> expired;
  WallTime next = WallTime::max();
  View view = Pin();
  graph::ScanFilter filter;
  filter.expired_at = WallTime::max();
  const auto count_max = shared_.options.expired_per_turn_max;
  view.snapshot().Scan(filter, nullptr, SIZE_MAX, [&](const graph::StoredTuple& stored) {
    if (graph::IsAlive(stored, now)) {
      next = std::min(next, *stored.expires_at);
    } else if (expired.size() == count_max) {
      next = now;
    } else {
      expired.push_back({std::string(stored.tuple.object), std::string(stored.tuple.relation),
                         std::string(stored.tuple.subject), std::nullopt});
    }
  });
  if (next != WallTime::max()) NoteExpiry(next);
  if (expired.empty()) return Collected::kAll;

  const WriteRequest nothing;
  CheckedWrite checked;
  checked.request = &nothing;
  checked.expired = expired;
  const auto written = WriteChecked(checked, std::move(view));
  if (!written.ok()) {
    NoteExpiry(now);
    return written.error();
  }
  return next == now ? Collected::kSome : Collected::kAll;
}

}  // namespace pemba::store::internal
