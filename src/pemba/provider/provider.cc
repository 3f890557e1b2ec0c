#include "pemba/provider/provider.h"

namespace pemba::provider {

FailureClass ClassOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kConflict:
    case ErrorCode::kThrottled:
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kCancelled:
      return FailureClass::kTransient;
    case ErrorCode::kModelNotFound:
    case ErrorCode::kLatestModelNotFound:
    case ErrorCode::kTypeNotFound:
    case ErrorCode::kRelationNotFound:
      return FailureClass::kStaleModel;
    case ErrorCode::kDeadlineExceeded:
      return FailureClass::kUnknown;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kValidation:
    case ErrorCode::kInvalidTuple:
    case ErrorCode::kInvalidModel:
    case ErrorCode::kInvalidCheckInput:
    case ErrorCode::kInvalidExpandInput:
    case ErrorCode::kEmptyWrite:
    case ErrorCode::kDuplicateTupleInRequest:
    case ErrorCode::kTupleStateMismatch:
    case ErrorCode::kLimitExceeded:
    case ErrorCode::kTooComplex:
    case ErrorCode::kStoreNotFound:
    case ErrorCode::kInvalidContinuationToken:
    case ErrorCode::kContinuationTokenMismatch:
    case ErrorCode::kInvalidStartTime:
    case ErrorCode::kBearerTokenMissing:
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kInvalidClaims:
    case ErrorCode::kForbidden:
    case ErrorCode::kUnimplemented:
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kDataLoss:
    case ErrorCode::kInternal:
      return FailureClass::kPermanent;
  }
  return FailureClass::kPermanent;
}

}  // namespace pemba::provider
