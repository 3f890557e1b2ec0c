// Why a request on declared objects was refused, in the detail that its clients act on.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pemba/base/result.h"

namespace pemba::resource {

// What is wrong with one field.
struct FieldError {
  // Append, never reorder: api/ has a table of the wire's words.
  enum class Reason : std::uint8_t {
    kRequired,      // Absent or empty.
    kInvalid,       // Breaks a rule of its own.
    kNotSupported,  // None of the listed values.
    kTooLong,
    kTooMany,
    kDuplicate,
    kForbidden,    // May not be set, or not be changed.
    kTypeInvalid,  // Text where a number is wanted, and so on.
    kNotFound,     // Refers to nothing.
  } reason = Reason::kInvalid;
  std::string field;  // "spec.subjects[0].kind"
  std::string
      message;  // Whole, but for the field: `Required value`, `Unsupported value: "x": ...`.
  friend bool operator==(const FieldError&, const FieldError&) = default;
};

// `what` of "spec", "[0]", ".name" put together to one path.
std::string JoinField(std::string_view parent, std::string_view child);
std::string JoinField(std::string_view parent, std::size_t index);

// The messages of the Kubernetes API's validation, which clients know. `value` is JSON text.
FieldError Required(std::string field, std::string_view detail = "");
FieldError Invalid(std::string field, std::string_view value, std::string_view detail);
FieldError NotSupported(std::string field, std::string_view value,
                        const std::vector<std::string>& supported);
FieldError TooLong(std::string field, std::size_t bytes_max);
FieldError TooMany(std::string field, std::size_t count, std::size_t count_max);
FieldError Duplicate(std::string field, std::string_view value);
FieldError Forbidden(std::string field, std::string_view detail);
FieldError TypeInvalid(std::string field, std::string_view value, std::string_view detail);
FieldError NotFound(std::string field, std::string_view value);

struct [[nodiscard]] Failure {
  enum class Reason : std::uint8_t {
    kBadRequest,     // Cannot be read as what it should be.
    kNotFound,       // No such object.
    kKindNotFound,   // No such kind.
    kAlreadyExists,  // The name is taken.
    kConflict,       // Somebody else changed it meanwhile: read again.
    kInvalid,        // `fields` says why.
    kForbidden,      // Understood, and refused to this caller or in this state.
    kExpired,        // The list or watch goes back further than is remembered: list again.
    kTooNew,         // Of a version that there is not yet: ask again.
    kUnsupported,    // The form of what is sent.
    kNotAcceptable,  // The forms that an answer is wanted in.
    kTooLarge,
    kStorage,  // `error` says why; nothing is known about the outcome if it was a write.
  } reason = Reason::kBadRequest;
  std::string message;
  std::vector<FieldError> fields = {};
  Error error = {};  // kStorage only.

  Failure() = default;
  Failure(Reason why, std::string text, std::vector<FieldError> causes = {})
      : reason(why), message(std::move(text)), fields(std::move(causes)) {}
  Failure(Error from)  // NOLINT(google-explicit-constructor): for PEMBA_TRY
      : reason(Reason::kStorage), message(from.message), error(std::move(from)) {}
};

// A T or a Failure; asked like a Result.
template <class T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value)  // NOLINT(google-explicit-constructor): return
      : state_(std::in_place_index<0>, std::move(value)) {}
  Outcome(Failure failure)  // NOLINT(google-explicit-constructor): return
      : state_(std::in_place_index<1>, std::move(failure)) {}
  Outcome(Error error)  // NOLINT(google-explicit-constructor): return
      : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  const T& operator*() const& { return std::get<0>(state_); }
  T& operator*() & { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  const T* operator->() const { return &std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const Failure& error() const& { return std::get<1>(state_); }
  Failure&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Failure> state_;
};

}  // namespace pemba::resource
