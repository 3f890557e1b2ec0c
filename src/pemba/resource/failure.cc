#include "pemba/resource/failure.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pemba::resource {
namespace {

using Reason = FieldError::Reason;

}  // namespace

std::string JoinField(std::string_view parent, std::string_view child) {
  if (parent.empty()) return std::string(child);
  return fmt::format("{}.{}", parent, child);
}

std::string JoinField(std::string_view parent, std::size_t index) {
  return fmt::format("{}[{}]", parent, index);
}

FieldError Required(std::string field, std::string_view detail) {
  return {Reason::kRequired, std::move(field),
          fmt::format("Required value{}{}", detail.empty() ? "" : ": ", detail)};
}

FieldError Invalid(std::string field, std::string_view value, std::string_view detail) {
  return {Reason::kInvalid, std::move(field), fmt::format("Invalid value: {}: {}", value, detail)};
}

FieldError NotSupported(std::string field, std::string_view value,
                        const std::vector<std::string>& supported) {
  return {Reason::kNotSupported, std::move(field),
          fmt::format("Unsupported value: {}: supported values: {}", value,
                      fmt::join(supported, ", "))};
}

FieldError TooLong(std::string field, std::size_t bytes_max) {
  return {Reason::kTooLong, std::move(field),
          fmt::format("Too long: may not be more than {} bytes", bytes_max)};
}

FieldError TooMany(std::string field, std::size_t count, std::size_t count_max) {
  return {Reason::kTooMany, std::move(field),
          fmt::format("Too many: {}: must have at most {} items", count, count_max)};
}

FieldError Duplicate(std::string field, std::string_view value) {
  return {Reason::kDuplicate, std::move(field), fmt::format("Duplicate value: {}", value)};
}

FieldError Forbidden(std::string field, std::string_view detail) {
  return {Reason::kForbidden, std::move(field), fmt::format("Forbidden: {}", detail)};
}

FieldError TypeInvalid(std::string field, std::string_view value, std::string_view detail) {
  return {Reason::kTypeInvalid, std::move(field),
          fmt::format("Invalid value: {}: {}", value, detail)};
}

FieldError NotFound(std::string field, std::string_view value) {
  return {Reason::kNotFound, std::move(field), fmt::format("Not found: {}", value)};
}

}  // namespace pemba::resource
