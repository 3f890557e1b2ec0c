#include "pemba/reason/policies.h"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <utility>

#include "pemba/reason/value.h"

namespace pemba::reason {
namespace {

using Rows = std::vector<std::vector<Concept>>;

// The answers of a query in these variables, each row once, in the order of their texts.
Result<Rows> Ask(Transaction& transaction, const std::string& query,
                 const std::vector<std::string>& variables) {
  PEMBA_TRY(auto answers, transaction.Run(query));
  Rows rows;
  while (true) {
    PEMBA_TRY(const auto answer, answers->Next());
    if (!answer) return rows;
    std::vector<Concept> row;
    for (const auto& variable : variables) {
      const auto& names = answers->variables();
      const auto at = std::find(names.begin(), names.end(), variable) - names.begin();
      row.push_back(answer->concepts[static_cast<std::size_t>(at)]);
    }
    rows.push_back(std::move(row));
  }
}

std::string TextOf(const Concept& attribute) {
  const auto* text = std::get_if<std::string>(&*attribute.value);
  return text != nullptr ? *text : ToText(*attribute.value);
}

std::string Literal(const std::string& text) { return ToText(Value(text)); }

}  // namespace

Result<std::vector<Segregation>> SegregationsOf(Transaction& transaction,
                                                const std::string& action_name) {
  PEMBA_TRY(const auto rows,
            Ask(transaction,
                "match $one isa action, has action-name " + Literal(action_name) +
                    "; $other isa action, has action-name $partner; "
                    "$policy (segregated-action: $one, segregated-action: $other) isa! $kind; "
                    "$kind sub segregation-policy; $policy has policy-name $name; "
                    "get $policy, $name, $kind, $partner;",
                {"name", "kind", "partner"}));
  std::vector<Segregation> found;
  for (const auto& row : rows) {
    const auto kind =
        row[1].label == "dynamic-segregation-policy" ? PolicyKind::kDynamic : PolicyKind::kStatic;
    found.push_back({TextOf(row[0]), kind, TextOf(row[2])});
  }
  std::sort(found.begin(), found.end(), [](const Segregation& a, const Segregation& b) {
    return std::tie(a.policy, a.kind, a.partner) < std::tie(b.policy, b.kind, b.partner);
  });
  return found;
}

Result<std::vector<std::string>> TimesDone(Transaction& transaction, const std::string& subject_id,
                                           const std::string& action_name,
                                           const std::string& object_id) {
  const std::string record =
      "match $subject isa subject, has id " + Literal(subject_id) +
      "; $object isa object, has id " + Literal(object_id) +
      "; $action isa action, has action-name " + Literal(action_name) +
      "; $access (accessed-object: $object, valid-action: $action) isa access; "
      "$record (recorded-subject: $subject, recorded-access: $access) isa access-history";
  std::vector<std::string> times;
  PEMBA_TRY(const auto timed,
            Ask(transaction, record + ", has access-time $time; get $record, $time;", {"time"}));
  for (const auto& row : timed) times.push_back(TextOf(row[0]));
  std::sort(times.begin(), times.end());
  if (!times.empty()) return times;
  PEMBA_TRY(const auto any, Ask(transaction, record + "; get $record;", {"record"}));
  if (!any.empty()) times.emplace_back();
  return times;
}

Result<std::vector<std::string>> ActionNames(Transaction& transaction) {
  PEMBA_TRY(const auto rows,
            Ask(transaction, "match $a isa action, has action-name $name; get $name;", {"name"}));
  std::vector<std::string> names;
  for (const auto& row : rows) names.push_back(TextOf(row[0]));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace pemba::reason
