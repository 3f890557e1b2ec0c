#include "pemba/iam/rules/review.h"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/people.h"

namespace pemba::iam::internal {

bool Review::GuardsCaller() const {
  return !operation.derived && !IsMaster(work.transaction.caller());
}

Failure ForbiddenTo(const Review& review, std::string_view why, std::string field) {
  const auto& key = review.key();
  Failure failure(Failure::Reason::kForbidden,
                  fmt::format("{} is forbidden: {}", resource::Describe(*key.kind, key.name), why));
  if (!field.empty()) failure.fields.push_back(resource::Forbidden(std::move(field), why));
  return failure;
}

Failure ConflictOf(const Review& review, std::string_view why) {
  const auto& key = review.key();
  return {Failure::Reason::kConflict, fmt::format("Operation cannot be fulfilled on {}: {}",
                                                  resource::Describe(*key.kind, key.name), why)};
}

Failure InvalidOf(const Review& review) {
  const auto& key = review.key();
  std::vector<std::string> texts;
  for (const auto& error : review.errors) texts.push_back(error.field + ": " + error.message);
  const std::string all = fmt::format("{}", fmt::join(texts, ", "));
  return {Failure::Reason::kInvalid,
          fmt::format("{}{}{} \"{}\" is invalid: {}", key.kind->name,
                      key.kind->group.empty() ? "" : ".", key.kind->group, key.name,
                      texts.size() == 1 ? all : "[" + all + "]"),
          review.errors};
}

std::string Quoted(std::string_view text) {
  return boost::json::serialize(boost::json::string(text.data(), text.size()));
}

void RequireUnchanged(Review& review, Path path) {
  if (!review.updates()) return;
  const auto* old = At(review.was()->document, path);
  const auto* now = At(review.is()->document, path);
  if (old == nullptr || (now != nullptr && *old == *now)) return;
  std::string field;
  for (const auto step : path) field = resource::JoinField(field, step);
  review.errors.push_back(resource::Invalid(
      field, now == nullptr ? "null" : boost::json::serialize(*now), "field is immutable"));
}

}  // namespace pemba::iam::internal
