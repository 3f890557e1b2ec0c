// Result<T>: a value or an Error. The one way by which Pemba's code reports failure.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace pemba {

// What went wrong, as fine-grained as the wire's codes; api/ has the one table that maps them to
// gRPC and HTTP. Domain code knows no status numbers.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,            // A field of a request breaks a field rule.
  kValidation,                 // Well-formed, but not valid against the model or the store.
  kInvalidTuple,               // A contextual tuple is not valid for the model.
  kInvalidModel,               // An authorization model that no query could run on.
  kInvalidCheckInput,          // A Check whose parts cannot be used.
  kInvalidExpandInput,         // Expand without object or relation.
  kEmptyWrite,                 // Neither writes nor deletes.
  kDuplicateTupleInRequest,    // One tuple twice in one write.
  kTupleStateMismatch,         // Write of an existing tuple, delete of a missing one.
  kLimitExceeded,              // More entities or bytes than allowed.
  kTooComplex,                 // Resolution depth or work limit hit; a retry will not help.
  kModelNotFound,              // No such authorization model in this store.
  kLatestModelNotFound,        // The store has no authorization model at all.
  kStoreNotFound,              // No such store.
  kTypeNotFound,               // The model has no such type.
  kRelationNotFound,           // The type has no such relation.
  kInvalidContinuationToken,   // Not a token of ours.
  kContinuationTokenMismatch,  // A token made for another type filter.
  kInvalidStartTime,           // Not representable as a time of ours.
  kConflict,                   // Somebody else wrote meanwhile; a retry may help.
  kThrottled,                  // Slowed down until time ran out.
  kDeadlineExceeded,           // Out of time; nothing is known about the answer.
  kCancelled,                  // The caller went away.
  kResourceExhausted,          // A budget (memory, queue, message size) is spent.
  kBearerTokenMissing,         // No credential of the kind that this server asks for.
  kUnauthenticated,            // A credential that is not valid.
  kInvalidClaims,              // A token that is not for this server, or of somebody else's making.
  kForbidden,                  // Known, but not allowed to ask this.
  kUnimplemented,              // No such operation here.
  kFailedPrecondition,         // The server is not configured for this.
  kUnavailable,                // Storage cannot be reached; a retry may help.
  kDataLoss,                   // Stored data is corrupt; named in the log, never served.
  kInternal,                   // Our bug. Logged in full, described to nobody.
};

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string
      message;  // For the caller. Texts that the wire contract fixes are kept to the letter.

  friend bool operator==(const Error&, const Error&) = default;
};

// A T or an Error. There is no conversion to bool, so `if (checker.Check(q))` does not compile and
// a clean "denied" cannot be read as "yes": ask ok(), then look at the value.
template <class T>
class [[nodiscard]] Result {
  static_assert(!std::is_same_v<T, bool>, "name the two answers with an enum");

 public:
  // Implicit, for `return value;` and `return Error{...};`.
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  const T& operator*() const& { return std::get<0>(state_); }
  T& operator*() & { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  const T* operator->() const { return &std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

// For operations whose only result is that they happened.
struct Done {
  friend bool operator==(Done, Done) = default;
};
using Status = Result<Done>;

}  // namespace pemba

// PEMBA_TRY(auto model, models.Load(id)): declares `model`, or returns the error to the caller.
// For a Status: PEMBA_TRY(std::ignore, Append(...)).
#define PEMBA_TRY(declaration, ...) \
  PEMBA_TRY_IMPL_(PEMBA_TRY_NAME_(pemba_try_, __LINE__), declaration, (__VA_ARGS__))
#define PEMBA_TRY_IMPL_(result, declaration, expression) \
  auto result = expression;                              \
  if (!result.ok()) return std::move(result).error();    \
  declaration = *std::move(result)
#define PEMBA_TRY_NAME_(prefix, line) PEMBA_TRY_CONCAT_(prefix, line)
#define PEMBA_TRY_CONCAT_(a, b) a##b
