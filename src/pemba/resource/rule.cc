#include "pemba/resource/rule.h"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <re2/re2.h>

#include "pemba/base/arena.h"
#include "pemba/condition/program.h"

namespace pemba::resource {
namespace {

namespace json = boost::json;

// Steps of one evaluation; a list of some thousand items may be looked at.
constexpr std::uint64_t kCostMax = 1'000'000;

Error Bad(std::string_view what) {
  return {ErrorCode::kInvalidArgument, "`x-kubernetes-validations`: " + std::string(what)};
}

Result<std::string> TextOf(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr) return std::string();
  if (value->is_string()) return std::string(value->get_string());
  return Bad(fmt::format("`{}` must be text", name));
}

Result<FieldError::Reason> ReasonFrom(std::string_view text) {
  static constexpr std::pair<std::string_view, FieldError::Reason> kReasons[] = {
      {"", FieldError::Reason::kInvalid},
      {"FieldValueInvalid", FieldError::Reason::kInvalid},
      {"FieldValueForbidden", FieldError::Reason::kForbidden},
      {"FieldValueRequired", FieldError::Reason::kRequired},
      {"FieldValueDuplicate", FieldError::Reason::kDuplicate}};
  for (const auto& [name, reason] : kReasons) {
    if (name == text) return reason;
  }
  return Bad(fmt::format("unknown reason `{}`", text));
}

FieldError ErrorOf(FieldError::Reason reason, std::string path, const json::value& self,
                   const std::string& message) {
  // What is wrong with a whole is not told by printing all of it.
  const auto value = self.is_object()  ? std::string("\"object\"")
                     : self.is_array() ? std::string("\"array\"")
                                       : json::serialize(self);
  switch (reason) {
    case FieldError::Reason::kForbidden:
      return Forbidden(std::move(path), message);
    case FieldError::Reason::kRequired:
      return Required(std::move(path), message);
    case FieldError::Reason::kDuplicate:
      return Duplicate(std::move(path), value);
    default:
      return Invalid(std::move(path), value, message);
  }
}

}  // namespace

Result<Rule> Rule::FromJson(const json::value& value) {
  if (!value.is_object()) return Bad("a rule is not an object");
  const auto& object = value.get_object();
  Rule rule;
  PEMBA_TRY(rule.expression_, TextOf(object, "rule"));
  if (rule.expression_.empty()) return Bad("a rule without `rule`");
  PEMBA_TRY(rule.message_, TextOf(object, "message"));
  if (rule.message_.empty()) rule.message_ = "failed rule: " + rule.expression_;
  PEMBA_TRY(rule.field_, TextOf(object, "fieldPath"));
  PEMBA_TRY(const auto reason, TextOf(object, "reason"));
  PEMBA_TRY(rule.reason_, ReasonFrom(reason));
  if (const auto* optional = object.if_contains("optionalOldSelf"); optional && *optional == true) {
    return Bad("`optionalOldSelf` is not supported");
  }

  static const re2::RE2 old_self(R"(\boldSelf\b)");
  rule.about_change_ = re2::RE2::PartialMatch(rule.expression_, old_self);
  condition::Source source{"rule", rule.expression_, {}};
  source.parameters["self"].name = condition::ParameterTypeName::kAny;
  if (rule.about_change_) source.parameters["oldSelf"].name = condition::ParameterTypeName::kAny;
  auto program = condition::Program::Compile(source, {.cost_max = kCostMax});
  if (!program.ok()) {
    return Bad(fmt::format("`{}`: {}", rule.expression_, program.error().message));
  }
  rule.program_ = *std::move(program);
  return rule;
}

bool Rule::IsImmutability() const {
  return expression_ == "self == oldSelf" || expression_ == "oldSelf == self";
}

std::optional<FieldError> Rule::Judge(const json::value& self, const json::value* old,
                                      const std::string& path) const {
  if (about_change_ && old == nullptr) return std::nullopt;
  json::object values;
  values["self"] = self;
  if (about_change_) values["oldSelf"] = *old;
  const auto bound = program_->Bind(values);
  Arena arena;
  const auto verdict = program_->Evaluate(bound.get(), nullptr, {}, arena);
  if (verdict.ok() && *verdict == condition::Verdict::kMet) return std::nullopt;
  const std::string_view below(field_);
  auto place = below.empty()  ? path
               : path.empty() ? std::string(below.substr(below.front() == '.' ? 1 : 0))
                              : path + field_;
  return ErrorOf(reason_, std::move(place), self, message_);
}

}  // namespace pemba::resource
