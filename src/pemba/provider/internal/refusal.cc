#include "pemba/provider/internal/refusal.h"

#include <string_view>

namespace pemba::provider::internal {

Error WithCause(Error error) {
  if (error.code != ErrorCode::kValidation && error.code != ErrorCode::kInvalidTuple) return error;
  std::string_view cause = error.message;
  // What stands before it repeats the caller's own text.
  constexpr std::string_view kReason = "Reason: ";
  if (const auto at = cause.rfind(kReason); at != cause.npos) {
    cause.remove_prefix(at + kReason.size());
  }
  const auto has = [&](std::string_view part) { return cause.find(part) != cause.npos; };
  if (has(" is not an allowed type restriction for ")) {
    error.code = ErrorCode::kRelationNotFound;
  } else if (cause.ends_with("' not found") && has("relation '")) {
    error.code = ErrorCode::kRelationNotFound;
  } else if (cause.ends_with("' not found") && has("type '")) {
    error.code = ErrorCode::kTypeNotFound;
  }
  return error;
}

}  // namespace pemba::provider::internal
