#include "pemba/store/internal/write_checks.h"

#include <optional>

#include <boost/unordered/unordered_flat_set.hpp>

#include "pemba/base/hash.h"
#include "pemba/model/tuple_validation.h"
#include "pemba/tuple/context.h"

namespace pemba::store::internal {
namespace {

struct TupleHash {
  using is_avalanching = void;
  std::uint64_t operator()(const tuple::TupleView& t) const {
    return HashBytes(t.subject, HashBytes(t.relation, HashBytes(t.object)));
  }
};

std::string Parts(const tuple::TupleView& t) {
  return "user: '" + std::string(t.subject) + "', relation: '" + std::string(t.relation) +
         "', object: '" + std::string(t.object) + "'";
}

Status CheckDuplicates(const WriteRequest& request) {
  boost::unordered_flat_set<tuple::TupleView, TupleHash> seen;
  seen.reserve(request.deletes.size() + request.writes.size());
  const auto check = [&](const tuple::TupleView& t) -> Status {
    if (seen.insert(t).second) return Done{};
    return Error{ErrorCode::kDuplicateTupleInRequest, "duplicate tuple in write: " + Parts(t)};
  };
  for (const auto& t : request.deletes) {
    PEMBA_TRY(std::ignore, check(t));
  }
  for (const auto& t : request.writes) {
    PEMBA_TRY(std::ignore, check(t.view()));
  }
  return Done{};
}

Result<OnMismatch> ParseOption(const char* name, std::string_view value) {
  if (value.empty() || value == "error") return OnMismatch::kFail;
  if (value == "ignore") return OnMismatch::kSkip;
  return Error{ErrorCode::kValidation,
               "invalid " + std::string(name) + " option: " + std::string(value)};
}

Error StateMismatch(const char* what, const tuple::TupleView& t) {
  return {ErrorCode::kTupleStateMismatch,
          std::string(what) + ": " + Parts(t) +
              ": tuple to be written already existed or the tuple to be deleted did not exist"};
}

Error Conflict(const std::string& why) {
  return {ErrorCode::kConflict, "transactional write failed due to conflict: " + why};
}

bool Exists(const graph::Snapshot& snapshot, const tuple::TupleView& t) {
  const auto [type, id] = tuple::SplitObject(t.object);
  bool found = false;
  snapshot.Scan({type, id, t.relation, t.subject}, nullptr, 1,
                [&](const graph::StoredTuple&) { found = true; });
  return found;
}

Error Missing(const tuple::TupleView& t, const graph::Snapshot& start) {
  if (Exists(start, t)) {
    return Conflict("one or more tuples to delete were deleted by another transaction");
  }
  return StateMismatch("cannot delete a tuple which does not exist", t);
}

Error Present(const tuple::TupleView& t, const graph::StoredTuple& stored,
              const graph::Snapshot& start) {
  if (stored.revision > start.revision()) {
    return Conflict("one or more tuples to write were inserted by another transaction");
  }
  return StateMismatch("cannot write a tuple which already exists", t);
}

Status CheckPreconditions(const Preconditions& preconditions, const StoreOptions& options) {
  for (const auto tuples : {preconditions.present, preconditions.absent}) {
    for (const auto& t : tuples) {
      PEMBA_TRY(std::ignore, model::ValidateDelete(t));
      if (tuple::IsObject(t.object) && tuple::IsRelation(t.relation)) continue;
      const bool object = !tuple::IsObject(t.object);
      return Error{ErrorCode::kValidation,
                   "Invalid tuple '" + tuple::ToText(t) + "'. Reason: the '" +
                       (object ? "object" : "relation") + "' field is malformed"};
    }
  }
  const auto count = preconditions.present.size() + preconditions.absent.size();
  if (count <= options.tuples_per_write_max) return Done{};
  return Error{ErrorCode::kLimitExceeded,
               "The number of tuples in preconditions exceeds the allowed limit of " +
                   std::to_string(options.tuples_per_write_max)};
}

Error PreconditionFailed(const std::string& what) {
  return {ErrorCode::kConflict, "precondition failed: " + what};
}

Status JudgePreconditions(const Preconditions& preconditions, const Head& head) {
  if (preconditions.revision && *preconditions.revision != head.applied()) {
    return PreconditionFailed("the store is at revision " + std::to_string(head.applied()) +
                              ", not at " + std::to_string(*preconditions.revision));
  }
  for (const auto& t : preconditions.present) {
    if (!head.Lookup(t)) return PreconditionFailed("no such tuple: " + Parts(t));
  }
  for (const auto& t : preconditions.absent) {
    if (head.Lookup(t)) return PreconditionFailed("the tuple exists: " + Parts(t));
  }
  return Done{};
}

}  // namespace

Result<CheckedWrite> CheckRequest(const WriteRequest& request, const model::Plan& plan,
                                  const StoreOptions& options) {
  if (request.writes.empty() && request.deletes.empty() && request.records.empty()) {
    return Error{ErrorCode::kEmptyWrite,
                 "Invalid input. Make sure you provide at least one write, or at least one delete"};
  }
  CheckedWrite checked;
  checked.request = &request;
  checked.contexts.reserve(request.writes.size());
  for (const auto& t : request.writes) {
    PEMBA_TRY(std::ignore, model::ValidateWrite(plan, t));
    const bool empty = !t.condition || t.condition->context.empty();
    checked.contexts.push_back(empty ? std::string() : tuple::CanonicalText(t.condition->context));
  }
  for (const auto& t : request.deletes) {
    PEMBA_TRY(std::ignore, model::ValidateDelete(t));
  }
  PEMBA_TRY(std::ignore, CheckDuplicates(request));
  if (request.writes.size() + request.deletes.size() > options.tuples_per_write_max) {
    return Error{ErrorCode::kLimitExceeded,
                 "The number of write operations exceeds the allowed limit of " +
                     std::to_string(options.tuples_per_write_max)};
  }
  PEMBA_TRY(checked.on_duplicate, ParseOption("on_duplicate", request.on_duplicate));
  PEMBA_TRY(checked.on_missing, ParseOption("on_missing", request.on_missing));
  PEMBA_TRY(std::ignore, CheckPreconditions(request.preconditions, options));
  return checked;
}

std::optional<graph::StoredTuple> Head::Lookup(const tuple::TupleView& tuple) const {
  if (const auto found = changed_.find(tuple); found != changed_.end()) return found->second;
  return graph_.Lookup(tuple);
}

void Head::Add(Revision revision, std::span<const graph::Change> changes) {
  added_ = revision;
  for (const auto& change : changes) {
    auto& now = changed_[change.tuple];
    now.reset();
    if (change.operation == graph::Change::Operation::kWrite) {
      now = graph::StoredTuple{change.tuple, change.condition, change.context, revision};
    }
  }
}

Result<std::vector<graph::Change>> ChangesToMake(const CheckedWrite& checked, const Head& head,
                                                 const graph::Snapshot& start) {
  const WriteRequest& request = *checked.request;
  PEMBA_TRY(std::ignore, JudgePreconditions(request.preconditions, head));
  std::vector<graph::Change> changes;
  changes.reserve(request.deletes.size() + request.writes.size());
  for (const auto& t : request.deletes) {
    if (head.Lookup(t)) {
      changes.push_back({graph::Change::Operation::kDelete, t, {}, {}});
    } else if (checked.on_missing == OnMismatch::kFail) {
      return Missing(t, start);
    }
  }
  for (std::size_t i = 0; i < request.writes.size(); ++i) {
    const tuple::TupleView t = request.writes[i].view();
    const auto& condition = request.writes[i].condition;
    const std::string_view name = condition ? std::string_view(condition->name) : "";
    const auto stored = head.Lookup(t);
    if (!stored) {
      changes.push_back({graph::Change::Operation::kWrite, t, name, checked.contexts[i]});
    } else if (checked.on_duplicate == OnMismatch::kFail) {
      return Present(t, *stored, start);
    } else if (stored->condition != name || stored->context != checked.contexts[i]) {
      return Conflict(
          "attempted to write a tuple which already exists with a different condition: " +
          Parts(t));
    }
  }
  return changes;
}

}  // namespace pemba::store::internal
