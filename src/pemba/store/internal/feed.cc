// Change feeds: the log, write by write.
#include <chrono>
#include <limits>

#include "pemba/store/internal/core.h"
#include "pemba/store/internal/stored.h"

namespace pemba::store::internal {
namespace {

// A feed of a rare type looks at this many writes before it lets others have the thread.
constexpr std::size_t kWritesPerBatch = 4096;
constexpr std::chrono::seconds kPatience{5};  // With a datastore that says where the log ends.

// In a token: all changes of that revision.
constexpr std::uint64_t kAllChanges = std::numeric_limits<std::uint32_t>::max();

}  // namespace

Result<FeedPosition> StoreCore::StartFeed(const FeedRequest& request) const {
  Revision head = Pin().revision();
  if (request.after_revision && !request.continuation_token.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "a feed starts after a revision or after a continuation token, not after both"};
  }
  FeedPosition start{head, 0};
  if (request.after_revision) start.revision = *request.after_revision;
  if (!request.continuation_token.empty()) {
    PEMBA_TRY(const auto bytes,
              shared_.tokens.Open(TokenUse::kReadChanges, id_.value, request.continuation_token));
    PEMBA_TRY(const auto position, DecodeChangesPosition(bytes));
    if (position.type != request.type) {
      return Error{ErrorCode::kContinuationTokenMismatch,
                   "The type in the querystring and the continuation token don't match"};
    }
    const bool whole = position.change >= kAllChanges || position.revision == 0;
    start = whole ? FeedPosition{position.revision, 0}
                  : FeedPosition{position.revision - 1, position.change + 1};
  }
  const Revision known = start.revision + (start.changes > 0 ? 1 : 0);
  if (known <= head) return start;
  // Another server may have told of it.
  PEMBA_TRY(const View newest, PinNewest(shared_.clock.Steady() + kPatience));
  head = newest.revision();
  if (known <= head) return start;
  // Going on would leave a gap once the store gets there again: it was restored from a backup.
  return Error{ErrorCode::kInvalidArgument, "the store is at revision " + std::to_string(head) +
                                                ", before revision " + std::to_string(known)};
}

Result<FeedBatch> StoreCore::ReadFeed(const FeedPosition& from, std::string_view type,
                                      std::size_t changes_max) const {
  FeedBatch batch{{}, from};
  const Revision head = Pin().revision();
  if (head <= from.revision) return batch;
  std::size_t looked_at = 0;
  std::size_t changes = 0;
  Status made = Done{};
  const auto visit = [&](const storage::Write& write) {
    // What is durable but not yet published is not shown: it is not acknowledged either.
    if (write.revision > head) return storage::Visit::kStop;
    CommittedWrite committed{write.revision, write.time, {}};
    const bool begun = write.revision == from.revision + 1;
    for (std::size_t i = begun ? from.changes : 0; i < write.changes.size(); ++i) {
      const auto& change = write.changes[i];
      if (!type.empty() && tuple::SplitObject(change.tuple.object).type != type) continue;
      auto told = MakeChange(change, write);
      if (!told.ok()) {
        made = told.error();
        return storage::Visit::kStop;
      }
      committed.changes.push_back(*std::move(told));
    }
    batch.next = {write.revision, 0};
    changes += committed.changes.size();
    if (!committed.changes.empty()) batch.writes.push_back(std::move(committed));
    const bool enough = changes >= changes_max || ++looked_at >= kWritesPerBatch;
    return enough ? storage::Visit::kStop : storage::Visit::kContinue;
  };
  const auto read = shared_.datastore.ReadWrites(id_, from.revision, visit);
  PEMBA_TRY(std::ignore, ExpectWhole(from.revision, read, ErrorCode::kInvalidArgument));
  if (!made.ok()) return made.error();
  return batch;
}

std::string StoreCore::MakeFeedToken(const FeedPosition& position, std::string_view type) const {
  const auto encoded =
      position.changes == 0
          ? EncodePosition(ChangesPosition{position.revision, kAllChanges, type})
          : EncodePosition(ChangesPosition{position.revision + 1, position.changes - 1, type});
  return shared_.tokens.Make(TokenUse::kReadChanges, id_.value, encoded);
}

}  // namespace pemba::store::internal
