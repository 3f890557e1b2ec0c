#include "pemba/provider/internal/wire_error.h"

#include <utility>

#include "pemba/provider/internal/refusal.h"

namespace pemba::provider::internal {
namespace {

ErrorCode OfStandard(std::uint32_t number, const std::string& message) {
  switch (number) {
    case 1:
      return ErrorCode::kCancelled;
    case 3:
    case 11:
      return ErrorCode::kInvalidArgument;
    case 4:
      return ErrorCode::kDeadlineExceeded;
    case 5:
      return ErrorCode::kStoreNotFound;
    case 6:
      return ErrorCode::kTupleStateMismatch;
    case 7:
      return ErrorCode::kForbidden;
    case 8:
      return message.find("larger than max") == message.npos ? ErrorCode::kResourceExhausted
                                                             : ErrorCode::kLimitExceeded;
    case 9:
      return ErrorCode::kFailedPrecondition;
    case 10:
      return message.find(kOtherCondition) == message.npos ? ErrorCode::kConflict
                                                           : ErrorCode::kTupleStateMismatch;
    case 12:
      return ErrorCode::kUnimplemented;
    case 15:
      return ErrorCode::kDataLoss;
    case 16:
      return ErrorCode::kUnauthenticated;
    default:  // Unknown, internal, unavailable: the other side may be better soon.
      return ErrorCode::kUnavailable;
  }
}

ErrorCode OfInput(std::uint32_t number) {
  switch (number) {
    case 2001:
      return ErrorCode::kModelNotFound;
    case 2002:
      return ErrorCode::kTooComplex;
    case 2003:
      return ErrorCode::kEmptyWrite;
    case 2004:
      return ErrorCode::kDuplicateTupleInRequest;
    case 2007:
      return ErrorCode::kInvalidContinuationToken;
    case 2017:
      return ErrorCode::kTupleStateMismatch;
    case 2020:
      return ErrorCode::kLatestModelNotFound;
    case 2021:
      return ErrorCode::kTypeNotFound;
    case 2022:
      return ErrorCode::kRelationNotFound;
    case 2027:
      return ErrorCode::kInvalidTuple;
    case 2053:
      return ErrorCode::kLimitExceeded;
    case 2056:
      return ErrorCode::kInvalidModel;
    case 2058:
      return ErrorCode::kCancelled;
    default:
      return ErrorCode::kValidation;
  }
}

ErrorCode OfOwn(std::uint32_t number) {
  if (number >= 5000) {
    return number == 5002 ? ErrorCode::kStoreNotFound : ErrorCode::kUnimplemented;
  }
  switch (number) {
    case 1004:
      return ErrorCode::kInvalidClaims;
    case 1010:
      return ErrorCode::kBearerTokenMissing;
    case 1600:
      return ErrorCode::kForbidden;
    case 3500:
      return ErrorCode::kThrottled;
    case 4004:
      return ErrorCode::kDeadlineExceeded;
    case 4006:
      return ErrorCode::kResourceExhausted;
    case 4008:
      return ErrorCode::kConflict;
    default:
      break;
  }
  if (number < 2000) return ErrorCode::kUnauthenticated;
  if (number < 3500) return OfInput(number);
  // Internal errors: the server hides which, and its database may be away.
  return ErrorCode::kUnavailable;
}

}  // namespace

Error FromStatus(std::uint32_t number, std::string message) {
  const auto code = number < 1000 ? OfStandard(number, message) : OfOwn(number);
  return WithCause({code, std::move(message)});
}

}  // namespace pemba::provider::internal
