// Roles: which permissions a role comes to, and what is wrong with it.
//
// A role includes permissions and inherits those of other roles. A cycle is cut where it closes; an
// inherited role that is missing adds nothing and is reported; a disabled one adds nothing,
// whether it is bound or inherited.
//
// Pure functions; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/iam/catalog.h"
#include "pemba/resource/object.h"

namespace pemba::iam {

// In the order of a role's life.
enum class LaunchStage : std::uint8_t {
  kEarlyAccess,
  kAlpha,
  kBeta,
  kStable,
  kDeprecated,
  kDisabled
};
// "Early Access", "Alpha", ...
std::string_view ToText(LaunchStage stage);
std::optional<LaunchStage> ParseLaunchStage(std::string_view text);

struct RoleKey {
  std::string name_space, name;
  std::string ToText() const { return name_space + "/" + name; }
  friend auto operator<=>(const RoleKey&, const RoleKey&) = default;
};

struct RoleEntry {
  RoleKey key;
  std::string uid;
  LaunchStage stage = LaunchStage::kStable;
  std::vector<std::string> included;  // Permissions, as written.
  std::vector<RoleKey> inherited;     // Without a namespace: the role's own.
  friend bool operator==(const RoleEntry&, const RoleEntry&) = default;
};

// A Role object. A launch stage that is not known counts as stable: the schema refuses it.
RoleEntry RoleEntryOf(const resource::Object& role);

// Null if there is none. What it answers stays valid until the walk is over.
using RoleLookup = std::function<std::shared_ptr<const RoleEntry>(const RoleKey&)>;

struct EffectiveRole {
  std::vector<std::string> permissions;  // Sorted, each once, as written: registered or not.
  std::vector<RoleKey> missing;          // Inherited, directly or not, but not there.
  std::vector<RoleKey> cycle;            // A walk of inheritance that comes back to its first.
  std::vector<RoleKey> disabled;         // Inherited, directly or not, and disabled.
};

// O(permissions and inherited roles of the closure); no recursion, so any depth will do.
EffectiveRole EffectivePermissions(const RoleEntry& role, const RoleLookup& lookup);

// One condition of a status, as controllers write it.
struct Verdict {
  enum class Value : std::uint8_t { kTrue, kFalse } value = Value::kTrue;
  std::string_view reason;
  std::string message;
};
struct RoleVerdicts {
  Verdict permissions_valid, ready;
};
// What to say of a role's permissions, given what is registered.
RoleVerdicts JudgeRole(const RoleEntry& role, const EffectiveRole& effective,
                       const Catalog& catalog);

}  // namespace pemba::iam
