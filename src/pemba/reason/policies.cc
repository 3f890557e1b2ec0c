#include "pemba/reason/policies.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <tuple>
#include <utility>

#include "pemba/reason/projection.h"
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

Result<ThingId> FindProjected(Transaction& transaction, const std::string& name) {
  const Error unknown{ErrorCode::kValidation, "`" + name + "` is not known to the database"};
  // The type: that of a group stands in its id, users are of any type of user.
  std::string type = name.substr(0, name.find(':'));
  const auto slash = name.find('/');
  if (type == "group" && slash != name.npos) type = name.substr(6, slash - 6);
  const std::string isa = type == "user" ? "isa user" : "isa! " + type;
  if (transaction.schema().Find(type) == nullptr) return unknown;

  // A thing without an id is called by its iid; of two with one id, the second has it appended.
  std::string id = ProjectedNames::IdOf(name);
  const auto tilde = id.rfind("~0x");
  const std::string iid = id.starts_with("0x") ? id : tilde != id.npos ? id.substr(tilde + 1) : "";
  if (iid.find_first_not_of("0123456789abcdef", 2) == iid.npos && iid.size() > 2) {
    PEMBA_TRY(const auto rows,
              Ask(transaction, "match $t iid " + iid + "; $t " + isa + ";", {"t"}));
    if (rows.size() == 1) return rows[0][0].thing;
  }
  PEMBA_TRY(const auto rows,
            Ask(transaction,
                "match $t " + isa + ", has id " + Literal(id) + ", has id $any; get $t, $any;",
                {"t", "any"}));
  std::map<ThingId, std::string> first_ids;  // By its first id a thing is called.
  for (const auto& row : rows) {
    const auto text = TextOf(row[1]);
    const auto [found, added] = first_ids.emplace(row[0].thing, text);
    if (!added) found->second = std::min(found->second, text);
  }
  for (const auto& [thing, first] : first_ids) {
    if (first == id) return thing;
  }
  return unknown;
}

Result<std::vector<std::string>> TimesDone(Transaction& transaction, ThingId subject,
                                           const std::string& action_name, ThingId object) {
  const std::string record =
      "match $subject iid " + IidText(subject) + "; $object iid " + IidText(object) +
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
