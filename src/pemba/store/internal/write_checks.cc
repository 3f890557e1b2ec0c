#include "pemba/store/internal/write_checks.h"

#include <chrono>
#include <string>

#include <boost/unordered/unordered_flat_set.hpp>

#include "pemba/model/tuple_validation.h"
#include "pemba/tuple/context.h"

namespace pemba::store::internal {

std::string PartsText(const tuple::TupleView& t) {
  return "user: '" + std::string(t.subject) + "', relation: '" + std::string(t.relation) +
         "', object: '" + std::string(t.object) + "'";
}

Error TooManyOperations(std::size_t limit) {
  return {ErrorCode::kLimitExceeded,
          "The number of write operations exceeds the allowed limit of " + std::to_string(limit)};
}

namespace {

// The year 2255: a few years before the clock ends.
constexpr WallTime kExpiryMax{std::chrono::milliseconds(9'000'000'000'000)};

Status CheckDuplicates(const WriteRequest& request) {
  boost::unordered_flat_set<tuple::TupleView, TupleHash> seen;
  seen.reserve(request.deletes.size() + request.writes.size() + request.plain_writes.size());
  const auto check = [&](const tuple::TupleView& t) -> Status {
    if (seen.insert(t).second) return Done{};
    return Error{ErrorCode::kDuplicateTupleInRequest, "duplicate tuple in write: " + PartsText(t)};
  };
  for (const auto& t : request.deletes) {
    PEMBA_TRY(std::ignore, check(t));
  }
  for (const auto& t : request.writes) {
    PEMBA_TRY(std::ignore, check(t.view()));
  }
  for (const auto& t : request.plain_writes) {
    PEMBA_TRY(std::ignore, check(t));
  }
  for (const auto& replacement : request.replacements) {
    for (const auto& t : replacement.tuples) {
      PEMBA_TRY(std::ignore, check(t.view()));
    }
  }
  return Done{};
}

Result<OnMismatch> ParseOption(const char* name, std::string_view value, bool may_replace) {
  if (value.empty() || value == "error") return OnMismatch::kFail;
  if (value == "ignore") return OnMismatch::kSkip;
  if (value == "replace" && may_replace) return OnMismatch::kReplace;
  return Error{ErrorCode::kValidation,
               "invalid " + std::string(name) + " option: " + std::string(value)};
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

std::string CanonicalContext(const tuple::Tuple& t) {
  const bool empty = !t.condition || t.condition->context.empty();
  return empty ? std::string() : tuple::CanonicalText(t.condition->context);
}

bool IsEmpty(const WriteRequest& request) {
  return request.writes.empty() && request.plain_writes.empty() && request.deletes.empty() &&
         request.records.empty() && request.filtered_deletes.empty() &&
         request.replacements.empty();
}

// A tuple to be written, of the writes or of a replacement.
Status CheckTuple(const tuple::Tuple& t, model::WriteValidator& validator, WallTime now,
                  CheckedWrite& checked) {
  PEMBA_TRY(std::ignore, validator.Validate(t));
  checked.contexts.push_back(CanonicalContext(t));
  if (!t.expires_at || (*t.expires_at > now && *t.expires_at <= kExpiryMax)) return Done{};
  return Error{ErrorCode::kValidation, "Invalid tuple '" + tuple::ToText(t.view()) +
                                           "'. Reason: it expires " +
                                           (*t.expires_at <= now ? "in the past" : "too late")};
}

Status CheckFilters(const WriteRequest& request) {
  for (const auto& [filter, count_max] : request.filtered_deletes) {
    if (filter.object_type.empty()) {
      return Error{ErrorCode::kValidation, "a filtered delete must name an object type"};
    }
    if (filter.subject_type.empty() && !filter.subject_id.empty()) {
      return Error{ErrorCode::kValidation,
                   "a filtered delete that names a subject's id must name its type"};
    }
  }
  return Done{};
}

Status CheckReplacement(const Replacement& replacement, const model::Plan& plan,
                        model::WriteValidator& validator, WallTime now, CheckedWrite& checked) {
  PEMBA_TRY(std::ignore,
            model::ValidateObjectRelation(plan, replacement.object, replacement.relation));
  for (const auto& t : replacement.tuples) {
    if (t.object != replacement.object || t.relation != replacement.relation) {
      return Error{ErrorCode::kValidation, "Invalid tuple '" + tuple::ToText(t.view()) +
                                               "'. Reason: it is not of the relation that is "
                                               "replaced"};
    }
    PEMBA_TRY(std::ignore, CheckTuple(t, validator, now, checked));
  }
  return Done{};
}

}  // namespace

Result<CheckedWrite> CheckRequest(const WriteRequest& request, const model::Plan& plan,
                                  const StoreOptions& options, WallTime now) {
  if (IsEmpty(request)) {
    return Error{ErrorCode::kEmptyWrite,
                 "Invalid input. Make sure you provide at least one write, or at least one delete"};
  }
  CheckedWrite checked;
  checked.request = &request;
  model::WriteValidator validator(plan);
  checked.contexts.reserve(request.writes.size());
  std::size_t listed = request.writes.size() + request.plain_writes.size() + request.deletes.size();
  for (const auto& t : request.writes) {
    PEMBA_TRY(std::ignore, CheckTuple(t, validator, now, checked));
  }
  for (const auto& t : request.plain_writes) {
    PEMBA_TRY(std::ignore, validator.Validate(t));
  }
  for (const auto& t : request.deletes) {
    PEMBA_TRY(std::ignore, model::ValidateDelete(t));
  }
  for (const auto& replacement : request.replacements) {
    PEMBA_TRY(std::ignore, CheckReplacement(replacement, plan, validator, now, checked));
    listed += replacement.tuples.size();
  }
  PEMBA_TRY(std::ignore, CheckFilters(request));
  PEMBA_TRY(std::ignore, CheckDuplicates(request));
  const bool extended = request.form == WriteRequest::Form::kExtended;
  const auto limit = extended ? options.changes_per_write_max : options.tuples_per_write_max;
  const bool limited = request.size == WriteRequest::Size::kLimited;
  if (limited && listed > limit) return TooManyOperations(limit);
  PEMBA_TRY(checked.on_duplicate, ParseOption("on_duplicate", request.on_duplicate, extended));
  PEMBA_TRY(checked.on_missing, ParseOption("on_missing", request.on_missing, false));
  PEMBA_TRY(std::ignore, CheckPreconditions(request.preconditions, options));
  return checked;
}

}  // namespace pemba::store::internal
