#include "pemba/api/reason/convert.h"

#include <charconv>
#include <map>
#include <system_error>
#include <utility>

namespace pemba::api::reason {

namespace core = pemba::reason;

wire::QueryResponse::Kind ToWire(core::AnswerKind kind) {
  switch (kind) {
    case core::AnswerKind::kNone:
      return wire::QueryResponse::KIND_UNSPECIFIED;
    case core::AnswerKind::kMaps:
      return wire::QueryResponse::KIND_MAPS;
    case core::AnswerKind::kNumber:
      return wire::QueryResponse::KIND_NUMBER;
    case core::AnswerKind::kGroups:
      return wire::QueryResponse::KIND_GROUPS;
    case core::AnswerKind::kGroupNumbers:
      return wire::QueryResponse::KIND_GROUP_NUMBERS;
  }
  return wire::QueryResponse::KIND_UNSPECIFIED;
}

void ToWire(const core::Value& value, wire::Value& out) {
  switch (core::TypeOf(value)) {
    case core::ValueType::kBoolean:
      return out.set_boolean(std::get<bool>(value));
    case core::ValueType::kLong:
      return out.set_long_(std::get<std::int64_t>(value));
    case core::ValueType::kDouble:
      return out.set_double_(std::get<double>(value));
    case core::ValueType::kString:
      return out.set_string(std::get<std::string>(value));
    case core::ValueType::kDateTime:
      return out.set_datetime(core::ToText(std::get<core::DateTime>(value)));
  }
}

namespace {

wire::Concept::Form FormOf(const core::Concept& shown) {
  switch (shown.form) {
    case core::Concept::Form::kType:
      return wire::Concept::FORM_TYPE;
    case core::Concept::Form::kValue:
      return wire::Concept::FORM_VALUE;
    case core::Concept::Form::kThing:
      break;
  }
  switch (shown.kind) {
    case core::Kind::kEntity:
      return wire::Concept::FORM_ENTITY;
    case core::Kind::kRelation:
      return wire::Concept::FORM_RELATION;
    default:
      return wire::Concept::FORM_ATTRIBUTE;
  }
}

// Appends the nodes of a proof, premises first, and returns the position of its own.
std::uint32_t AppendNodes(const core::Proof& proof, core::Transaction& transaction,
                          std::map<core::Fact, std::uint32_t>& known, wire::Proof& out) {
  if (const auto found = known.find(proof.fact); found != known.end()) return found->second;
  std::vector<std::uint32_t> premises;
  for (const auto& premise : proof.premises) {
    premises.push_back(AppendNodes(premise, transaction, known, out));
  }
  auto& node = *out.add_nodes();
  ToWire(proof.fact, transaction, *node.mutable_fact());
  if (proof.step) ToWire(*proof.step, transaction, *node.mutable_step());
  for (const std::uint32_t premise : premises) node.add_premises(premise);
  const auto position = static_cast<std::uint32_t>(out.nodes_size() - 1);
  known.emplace(proof.fact, position);
  return position;
}

}  // namespace

void ToWire(const core::Concept& shown, wire::Concept& out) {
  out.set_form(FormOf(shown));
  out.set_type(shown.label);
  if (shown.form == core::Concept::Form::kThing) out.set_iid(core::IidText(shown.thing));
  if (shown.value) ToWire(*shown.value, *out.mutable_value());
  out.set_inferred(shown.inferred());
}

void ToWire(const core::Answer& answer, wire::Answer& out) {
  for (const auto& each : answer.concepts) ToWire(each, *out.add_concepts());
  if (answer.owner) ToWire(*answer.owner, *out.mutable_owner());
  if (answer.number) ToWire(*answer.number, *out.mutable_number());
}

void ToWire(const core::Fact& fact, core::Transaction& transaction, wire::Fact& out) {
  out.set_iid(core::IidText(fact.thing));
  if (fact.is_ownership()) out.set_attribute(core::IidText(fact.attribute));
  out.set_text(transaction.Describe(fact));
}

void ToWire(const core::Explanation& explanation, core::Transaction& transaction,
            wire::Explanation& out) {
  out.set_rule(explanation.rule);
  ToWire(explanation.conclusion, transaction, *out.mutable_conclusion());
  for (const auto& binding : explanation.bindings) {
    auto& bound = *out.add_bindings();
    bound.set_variable(binding.name);
    ToWire(binding.bound, *bound.mutable_bound());
  }
  for (const auto& variable : explanation.conclusion_variables) {
    out.add_conclusion_variables(variable);
  }
  for (const auto& premise : explanation.premises) {
    ToWire(premise, transaction, *out.add_premises());
  }
  for (const auto& absent : explanation.absent) out.add_absent(absent);
}

void ToWire(const core::Proof& proof, core::Transaction& transaction, wire::Proof& out) {
  std::map<core::Fact, std::uint32_t> known;
  AppendNodes(proof, transaction, known, out);
}

Result<core::ThingId> ParseIid(const std::string& text) {
  core::ThingId iid = 0;
  const char* const end = text.data() + text.size();
  if (!text.starts_with("0x") || text.size() == 2 ||
      std::from_chars(text.data() + 2, end, iid, 16).ptr != end) {
    return Error{ErrorCode::kInvalidArgument, "`" + text + "` is not an iid such as `0x1f`"};
  }
  return iid;
}

}  // namespace pemba::api::reason
