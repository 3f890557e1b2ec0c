#include "pemba/cli/explanation_text.h"

#include <cstdint>
#include <string_view>
#include <vector>

#include "pemba/cli/json_text.h"
#include "pemba/cli/paging.h"
#include "pemba/resource/members.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kLevelsMax = 100;

const json::value* At(const json::value& value, std::string_view key) {
  const auto* object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(key);
}

bool IsTrue(const json::value& value, std::string_view key) {
  const auto* found = At(value, key);
  return found != nullptr && *found == true;
}

std::int64_t NumberAt(const json::value& value, std::string_view key, std::int64_t otherwise) {
  const auto* found = At(value, key);
  if (found == nullptr || !found->is_number()) return otherwise;
  boost::system::error_code error;
  const auto number = found->to_number<std::int64_t>(error);
  return error ? otherwise : number;
}

std::string TupleText(const json::value& tuple) {
  return resource::TextOf(tuple, "object") + "#" + resource::TextOf(tuple, "relation") + "@" +
         resource::TextOf(tuple, "user");
}

std::string EvidenceText(const json::value& evidence) {
  const auto* tuple = At(evidence, "tuple");
  if (tuple == nullptr) return "";
  auto text = TupleText(*tuple);
  if (IsTrue(evidence, "contextual")) text += " (contextual)";
  if (const auto* condition = At(*tuple, "condition");
      condition != nullptr && condition->is_object()) {
    text += " with " + resource::TextOf(*condition, "name");
    if (const auto* context = At(evidence, "merged_context")) text += " on " + JsonText(*context);
  }
  const auto expires_at = resource::TextOf(evidence, "expires_at");
  if (!expires_at.empty()) text += " until " + expires_at;
  return text;
}

class ProofText {
 public:
  explicit ProofText(const json::array& proof) : proof_(proof), shown_(proof.size()) {}

  std::string Write() {
    if (!proof_.empty()) Node(proof_.size() - 1, 0);
    return std::move(text_);
  }

 private:
  void Line(std::size_t level, const std::string& line) {
    text_.append(2 * level, ' ');
    text_ += line + "\n";
  }

  void Node(std::size_t number, std::size_t level) {
    if (level > kLevelsMax) return Line(level, "... deeper: see --output json");
    const auto& node = proof_[number];
    const auto rule = resource::TextOf(node, "rule");
    auto line = (IsTrue(node, "holds") ? "" : "not ") + resource::TextOf(node, "object") + "#" +
                resource::TextOf(node, "relation");
    if (shown_[number]) return Line(level, line + " (see above)");
    shown_[number] = true;
    const auto& steps = ListAt(node, "steps");
    Line(level, line + Reason(rule, IsTrue(node, "holds"), steps.empty()));
    for (const auto& step : steps) Step(step, level + 1);
    if (const auto cut = NumberAt(node, "steps_cut", 0); cut > 0) {
      Line(level + 1, "... and " + std::to_string(cut) + " more");
    }
  }

  static std::string Reason(std::string_view rule, bool holds, bool no_steps) {
    if (rule == "RULE_REFLEXIVE") return ": is the user itself";
    if (rule == "RULE_UNREACHABLE") return ": the model has no way there";
    if (rule == "RULE_CUT") return ": left out";
    if (rule == "RULE_UNION") return holds ? ": one of several" : ": none of";
    if (rule == "RULE_INTERSECTION") return holds ? ": all of" : ": not all of";
    if (rule == "RULE_DIFFERENCE") return ": but not";
    if (rule == "RULE_COMPUTED") return ": is";
    return no_steps ? ": no tuple" : ": tuple";
  }

  void Step(const json::value& step, std::size_t level) {
    if (const auto* evidence = At(step, "evidence"); evidence != nullptr && evidence->is_object()) {
      Line(level, EvidenceText(*evidence) + Remark(step));
      ++level;
    }
    const auto node = NumberAt(step, "node", -1);
    if (node >= 0 && static_cast<std::size_t>(node) < proof_.size()) {
      Node(static_cast<std::size_t>(node), level);
    }
  }

  static std::string Remark(const json::value& step) {
    const auto state = resource::TextOf(step, "state");
    if (state == "STATE_CONDITION_NOT_MET") return ": condition not met";
    if (state == "STATE_CONDITION_FAILED") return ": " + resource::TextOf(step, "message");
    if (state == "STATE_RELATION_NOT_FOUND") return ": leads nowhere";
    return "";
  }

  const json::array& proof_;
  std::vector<bool> shown_;  // By node.
  std::string text_;
};

std::string ObstacleText(const json::value& obstacle) {
  const auto kind = resource::TextOf(obstacle, "kind");
  const auto* tuple = At(obstacle, "tuple");
  const auto text = tuple == nullptr ? std::string() : TupleText(*tuple);
  const auto* evidence = At(obstacle, "evidence");
  const auto on = evidence == nullptr || !evidence->is_object() ? text : EvidenceText(*evidence);
  if (kind == "KIND_MISSING_TUPLE" && tuple != nullptr) {
    const auto* condition = At(*tuple, "condition");
    const bool has_condition = condition != nullptr && condition->is_object();
    return "missing: " + text +
           (has_condition ? " with " + resource::TextOf(*condition, "name") : "");
  }
  if (kind == "KIND_MISSING_LINK") return "no tuple leads on: " + text;
  if (kind == "KIND_CONDITION_NOT_MET") return "condition not met: " + on;
  if (kind == "KIND_CONDITION_FAILED") return resource::TextOf(obstacle, "message") + ": " + on;
  if (kind == "KIND_EXCLUDED") return "excluded by " + text + (on == text ? "" : ", for " + on);
  return "cannot be excluded: " + text;
}

std::string Denial(const json::value& answer) {
  std::string text = "denied\n";
  for (const auto& miss : ListAt(answer, "near_misses")) {
    const char* lead = "- ";
    for (const auto& obstacle : ListAt(miss, "obstacles")) {
      text += lead + ObstacleText(obstacle) + "\n";
      lead = "  and ";
    }
  }
  return text;
}

std::string Failure(const json::value& answer) {
  std::string text = "could not decide: " + resource::TextOf(answer, "error") + "\n";
  for (const auto& leaf : ListAt(answer, "failures")) {
    text += "- " + resource::TextOf(leaf, "object") + "#" + resource::TextOf(leaf, "relation");
    if (const auto* evidence = At(leaf, "evidence"); evidence != nullptr && evidence->is_object()) {
      text += ": " + EvidenceText(*evidence);
    }
    text += ": " + resource::TextOf(leaf, "message") + "\n";
  }
  return text;
}

}  // namespace

std::string ExplanationText(const json::value& answer) {
  const auto outcome = resource::TextOf(answer, "outcome");
  if (outcome == "OUTCOME_ALLOWED") return "allowed\n" + ProofText(ListAt(answer, "proof")).Write();
  auto text = outcome == "OUTCOME_DENIED" ? Denial(answer) : Failure(answer);
  if (!IsTrue(answer, "complete")) text += "(not everything within reach was looked at)\n";
  return text;
}

}  // namespace pemba::cli
