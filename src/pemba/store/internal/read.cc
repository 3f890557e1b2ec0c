// Reading tuples and changes, page by page.
#include <algorithm>
#include <chrono>

#include "pemba/store/internal/core.h"
#include "pemba/store/internal/stored.h"
#include "pemba/tuple/context.h"

namespace pemba::store::internal {
namespace {

Result<std::optional<tuple::Condition>> MakeCondition(std::string_view name,
                                                      std::string_view context) {
  if (name.empty()) return std::optional<tuple::Condition>();
  PEMBA_TRY(auto parsed, tuple::ParseContext(context));
  return std::optional(tuple::Condition{std::string(name), std::move(parsed)});
}

Result<graph::ScanFilter> FilterOf(const ReadRequest& request) {
  if (request.match) return ScanFilterOf(*request.match);
  if (!request.filter) return graph::ScanFilter{};
  const auto [type, id] = tuple::SplitObject(request.filter->object);
  if (type.empty() || (id.empty() && request.filter->subject.empty())) {
    return Error{ErrorCode::kValidation,
                 "the 'tuple_key' field was provided but the object type field is required and "
                 "both the object id and user cannot be empty"};
  }
  return graph::ScanFilter{type, id, request.filter->relation, request.filter->subject};
}

// A position in the log: the next change to look at.
struct LogPosition {
  Revision revision = 1;
  std::uint64_t change = 0;
};

}  // namespace

graph::ScanFilter ScanFilterOf(const TupleFilter& filter) {
  graph::ScanFilter scan;
  scan.object_type = filter.object_type;
  scan.object_id = filter.object_id;
  scan.relation = filter.relation;
  scan.subject_type = filter.subject_type;
  scan.subject_id = filter.subject_id;
  scan.subject_relation = filter.subject_relation;
  return scan;
}

Result<tuple::Tuple> MakeTuple(const tuple::TupleView& t, std::string_view condition,
                               std::string_view context, std::optional<WallTime> expires_at) {
  auto made = MakeCondition(condition, context);
  if (!made.ok()) {
    return Error{ErrorCode::kDataLoss, "the stored condition context of '" + tuple::ToText(t) +
                                           "' is corrupt: " + made.error().message};
  }
  return tuple::Tuple{std::string(t.object), std::string(t.relation), std::string(t.subject),
                      *std::move(made), expires_at};
}

Result<TupleChange> MakeChange(const storage::Change& change, const storage::Write& write) {
  PEMBA_TRY(auto t, MakeTuple(change.tuple, change.condition, change.context, change.expires_at));
  return TupleChange{static_cast<graph::Change::Operation>(change.operation), std::move(t),
                     write.time, write.revision};
}

Result<TuplePage> StoreCore::Read(const ReadRequest& request) const {
  PEMBA_TRY(auto filter, FilterOf(request));
  filter.alive_at = shared_.clock.Now();
  std::string position_bytes;
  graph::StoredTuple after;
  if (!request.continuation_token.empty()) {
    PEMBA_TRY(position_bytes,
              shared_.tokens.Open(TokenUse::kRead, id_.value, request.continuation_token));
    PEMBA_TRY(const auto position, DecodeReadPosition(position_bytes));
    after.tuple = position.tuple;
    after.condition = position.condition;
    if (position.expires) after.expires_at.emplace();
  }

  PEMBA_TRY(std::ignore, shared_.CheckDeadline(request.deadline));
  const View view = Pin();
  const auto& snapshot = view.snapshot();
  TuplePage page;
  page.revision = view.revision();
  bool more = false;
  Status made = Done{};
  // One more than asked for tells whether this page is the last.
  snapshot.Scan(filter, position_bytes.empty() ? nullptr : &after, request.page_size + 1,
                [&](const graph::StoredTuple& stored) {
                  if (page.tuples.size() == request.page_size) {
                    more = true;
                    return;
                  }
                  auto t =
                      MakeTuple(stored.tuple, stored.condition, stored.context, stored.expires_at);
                  if (!t.ok()) {
                    made = t.error();
                    return;
                  }
                  page.tuples.push_back({*std::move(t), snapshot.TimeOf(stored.revision)});
                });
  if (!made.ok()) return made.error();
  if (more) {
    const auto& last = page.tuples.back().tuple;
    page.continuation_token = shared_.tokens.Make(
        TokenUse::kRead, id_.value,
        EncodePosition(ReadPosition{last.view(), last.condition ? last.condition->name : "",
                                    last.expires_at.has_value()}));
  }
  return page;
}

Result<Revision> StoreCore::ReadRecords(
    std::string_view prefix,
    const std::function<storage::Visit(const storage::Record&)>& visit) const {
  return shared_.datastore.ReadRecords(id_, prefix, visit);
}

// Asked after the read: the log may be trimmed at any time.
Status StoreCore::ExpectWhole(Revision after, const Status& read, ErrorCode code) const {
  const bool trimmed = !read.ok() && read.error().code == ErrorCode::kInvalidArgument;
  if (!trimmed && (!read.ok() || after > 0)) return read;
  PEMBA_TRY(const auto horizon, shared_.datastore.Horizon(id_));
  if (horizon <= after) return read;
  return Error{code, "changes up to revision " + std::to_string(horizon) +
                         " are no longer kept; read the tuples, and the changes from then on"};
}

Result<ChangePage> StoreCore::ReadChanges(const ReadChangesRequest& request) const {
  LogPosition next;
  if (!request.continuation_token.empty()) {
    PEMBA_TRY(const auto bytes,
              shared_.tokens.Open(TokenUse::kReadChanges, id_.value, request.continuation_token));
    PEMBA_TRY(const auto position, DecodeChangesPosition(bytes));
    if (position.type != request.type) {
      return Error{ErrorCode::kContinuationTokenMismatch,
                   "The type in the querystring and the continuation token don't match"};
    }
    next = {position.revision, position.change + 1};
  } else if (request.start_time) {
    if (*request.start_time < WallTime()) {
      return Error{ErrorCode::kInvalidStartTime, "Invalid start time"};
    }
    const auto start = std::chrono::floor<std::chrono::milliseconds>(*request.start_time);
    PEMBA_TRY(const auto before, shared_.datastore.LastRevisionBefore(id_, start));
    next.revision = before + 1;
  }

  // What is durable but not yet published is not shown: it is not acknowledged either.
  const Revision head = Pin().revision();
  const bool withholds = shared_.options.changelog_horizon.count() > 0;
  const WallTime newest = shared_.clock.Now() - shared_.options.changelog_horizon;
  ChangePage page;
  ChangesPosition last{0, 0, request.type};  // Of the page, or where the search was given up.
  std::uint64_t skipped = 0;
  bool gave_up = false;
  Status made = Done{};
  const auto visit = [&](const storage::Write& write) {
    if (write.revision > head || (withholds && write.time > newest)) return storage::Visit::kStop;
    made = shared_.CheckDeadline(request.deadline);
    if (!made.ok()) return storage::Visit::kStop;
    std::size_t i = write.revision == next.revision ? next.change : 0;
    for (; i < write.changes.size(); ++i) {
      const auto& change = write.changes[i];
      if (!request.type.empty() && tuple::SplitObject(change.tuple.object).type != request.type) {
        ++skipped;
        continue;
      }
      if (page.changes.size() == request.page_size) return storage::Visit::kStop;
      auto told = MakeChange(change, write);
      if (!told.ok()) {
        made = told.error();
        return storage::Visit::kStop;
      }
      page.changes.push_back(*std::move(told));
      last.revision = write.revision;
      last.change = i;
    }
    if (page.changes.size() == request.page_size) return storage::Visit::kStop;
    // A write without changes takes its time, too; the one that the token leads into is no
    // progress.
    if (write.revision != next.revision || next.change == 0) ++skipped;
    if (skipped < shared_.options.changes_skipped_max) return storage::Visit::kContinue;
    gave_up = true;
    last.revision = write.revision;
    last.change = std::max<std::size_t>(write.changes.size(), 1) - 1;
    return storage::Visit::kStop;
  };
  const auto read = shared_.datastore.ReadWrites(id_, next.revision - 1, visit);
  PEMBA_TRY(std::ignore,
            ExpectWhole(next.revision - 1, read,
                        request.continuation_token.empty() ? ErrorCode::kInvalidStartTime
                                                           : ErrorCode::kInvalidContinuationToken));
  if (!made.ok()) return made.error();
  page.continuation_token =
      page.changes.empty() && !gave_up
          ? std::string(request.continuation_token)
          : shared_.tokens.Make(TokenUse::kReadChanges, id_.value, EncodePosition(last));
  return page;
}

}  // namespace pemba::store::internal
