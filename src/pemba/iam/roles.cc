#include "pemba/iam/roles.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pemba/iam/internal/fields.h"
#include "pemba/iam/names.h"

namespace pemba::iam {
namespace {

using internal::ListIn;
using internal::TextIn;
using internal::TextsIn;

constexpr std::array<std::string_view, 6> kStages = {"Early Access", "Alpha",      "Beta",
                                                     "Stable",       "Deprecated", "Disabled"};

// A walk of everything a role inherits, depth first. A role is on the path, done, or not met yet.
class Walk {
 public:
  Walk(const RoleEntry& start, const RoleLookup& lookup) : lookup_(lookup) {
    Enter(std::shared_ptr<const RoleEntry>(std::shared_ptr<void>(), &start));  // Borrowed.
  }

  EffectiveRole Run() {
    while (!path_.empty()) {
      auto& step = path_.back();
      if (step.next == step.role->inherited.size()) {
        on_path_.erase(step.role->key);
        done_.insert(step.role->key);
        path_.pop_back();
      } else {
        Visit(step.role->inherited[step.next++]);
      }
    }
    result_.permissions.assign(permissions_.begin(), permissions_.end());
    return std::move(result_);
  }

 private:
  struct Step {
    std::shared_ptr<const RoleEntry> role;
    std::size_t next = 0;  // Of what it inherits.
  };

  void Visit(const RoleKey& key) {
    if (done_.contains(key)) return;
    if (on_path_.contains(key)) return NoteCycle(key);
    auto role = lookup_(key);
    if (role == nullptr) {
      done_.insert(key);
      result_.missing.push_back(key);
    } else {
      Enter(std::move(role));
    }
  }

  void Enter(std::shared_ptr<const RoleEntry> role) {
    if (role->stage == LaunchStage::kDisabled) {
      done_.insert(role->key);
      result_.disabled.push_back(role->key);
      return;
    }
    permissions_.insert(role->included.begin(), role->included.end());
    on_path_.insert(role->key);
    path_.push_back({std::move(role)});
  }

  void NoteCycle(const RoleKey& first) {
    if (!result_.cycle.empty()) return;
    auto step = std::ranges::find(path_, first, [](const Step& s) { return s.role->key; });
    for (; step != path_.end(); ++step) result_.cycle.push_back(step->role->key);
    result_.cycle.push_back(first);
  }

  const RoleLookup& lookup_;
  std::vector<Step> path_;
  std::set<RoleKey> on_path_, done_;
  std::set<std::string> permissions_;
  EffectiveRole result_;
};

std::string ListOf(const std::vector<RoleKey>& keys, std::string_view separator) {
  std::vector<std::string> texts;
  for (const auto& key : keys) texts.push_back(key.ToText());
  return fmt::format("{}", fmt::join(texts, separator));
}

// The included permissions that nobody has registered, as a message names them.
std::vector<std::string> InvalidPermissions(const RoleEntry& role, const Catalog& catalog) {
  std::vector<std::string> invalid;
  for (const auto& permission : role.included) {
    if (catalog.Knows(permission)) continue;
    const bool malformed = !ParsePermission(permission).ok();
    invalid.push_back(permission + (malformed ? " (invalid format)" : ""));
  }
  return invalid;
}

}  // namespace

std::string_view ToText(LaunchStage stage) { return kStages[static_cast<std::size_t>(stage)]; }

std::optional<LaunchStage> ParseLaunchStage(std::string_view text) {
  const auto found = std::ranges::find(kStages, text);
  if (found == kStages.end()) return std::nullopt;
  return static_cast<LaunchStage>(found - kStages.begin());
}

RoleEntry RoleEntryOf(const resource::Object& role) {
  const auto& spec = role.spec();
  RoleEntry entry;
  entry.key = {role.key.name_space, role.key.name};
  entry.uid = role.uid();
  entry.stage = ParseLaunchStage(TextIn(spec, "launchStage")).value_or(LaunchStage::kStable);
  entry.included = TextsIn(spec, "includedPermissions");
  for (const auto& item : ListIn(spec, "inheritedRoles")) {
    const auto* reference = item.if_object();
    if (reference == nullptr) continue;
    const auto name_space = TextIn(*reference, "namespace");
    entry.inherited.push_back({std::string(name_space.empty() ? role.key.name_space : name_space),
                               std::string(TextIn(*reference, "name"))});
  }
  return entry;
}

EffectiveRole EffectivePermissions(const RoleEntry& role, const RoleLookup& lookup) {
  return Walk(role, lookup).Run();
}

RoleVerdicts JudgeRole(const RoleEntry& role, const EffectiveRole& effective,
                       const Catalog& catalog) {
  constexpr auto kFalse = Verdict::Value::kFalse;
  RoleVerdicts verdicts;
  verdicts.permissions_valid = {Verdict::Value::kTrue, "ValidationSuccessful",
                                "every permission is registered"};
  verdicts.ready = {Verdict::Value::kTrue, "ReconciliationSuccessful",
                    fmt::format("comes to {} permissions", effective.permissions.size())};
  if (!effective.cycle.empty()) {
    verdicts.ready.message += "; inherits itself: " + ListOf(effective.cycle, " -> ");
  }
  if (!effective.disabled.empty()) {
    verdicts.ready.message += "; disabled: " + ListOf(effective.disabled, ", ");
  }
  if (const auto invalid = InvalidPermissions(role, catalog); !invalid.empty()) {
    const auto message = fmt::format("not registered: {}", fmt::join(invalid, ", "));
    verdicts.permissions_valid = {kFalse, "InvalidPermissions", message};
    verdicts.ready = {kFalse, "InvalidPermissions", message};
  } else if (!effective.missing.empty()) {
    verdicts.ready = {kFalse, "EffectivePermissionsError",
                      "inherited roles are missing: " + ListOf(effective.missing, ", ")};
  }
  return verdicts;
}

}  // namespace pemba::iam
