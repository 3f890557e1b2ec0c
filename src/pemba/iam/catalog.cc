#include "pemba/iam/catalog.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "pemba/iam/names.h"

namespace pemba::iam {
namespace {

using resource::Duplicate;
using resource::FieldError;
using resource::Forbidden;
using resource::Invalid;
using resource::JoinField;
using resource::NotFound;
using resource::Required;
using resource::TooLong;
using resource::TooMany;

constexpr std::array kReservedTypes = {kUserType, kGroupType, kRootType, kRoleType,
                                       kRoleBindingType};

std::string PluralKey(std::string_view service, std::string_view plural) {
  return fmt::format("{}/{}", service, plural);
}

std::string PermissionText(const KindEntry& entry, std::string_view action) {
  return fmt::format("{}/{}.{}", entry.service, entry.plural, action);
}

std::string Quoted(std::string_view text) { return fmt::format("\"{}\"", text); }

// A kind of its own object is named by its parts, one of several by its type.
std::string TypeField(const KindEntry& entry) {
  return JoinField(entry.field, entry.field == "spec" ? "kind" : "type");
}

bool IsType(std::string_view text) {
  const auto slash = text.find('/');
  return slash != text.npos && IsServiceId(text.substr(0, slash)) &&
         IsKindName(text.substr(slash + 1));
}

// What can be said of an entry alone.
class EntryRules {
 public:
  EntryRules(const KindEntry& entry, const CatalogLimits& limits)
      : entry_(entry), limits_(limits) {}

  std::vector<FieldError> Check() {
    CheckType();
    CheckName("singular", entry_.singular);
    CheckName("plural", entry_.plural);
    CheckActions();
    CheckParents();
    return std::move(errors_);
  }

 private:
  void CheckType() {
    const auto field = TypeField(entry_);
    if (!IsServiceId(entry_.service)) {
      const auto where = entry_.field == "spec" ? "spec.serviceRef.name" : field;
      errors_.push_back(Invalid(where, Quoted(entry_.service), "must be the id of a service"));
    } else if (entry_.type != fmt::format("{}/{}", entry_.service, entry_.kind) ||
               !IsKindName(entry_.kind)) {
      errors_.push_back(Invalid(field, Quoted(entry_.field == "spec" ? entry_.kind : entry_.type),
                                "must be the name of a kind of the service"));
    } else if (entry_.type.size() > kTypeBytesMax) {
      errors_.push_back(TooLong(field, kTypeBytesMax));
    } else if (std::ranges::find(kReservedTypes, entry_.type) != kReservedTypes.end()) {
      errors_.push_back(Forbidden(field, "the name is reserved"));
    }
  }

  void CheckName(std::string_view name, const std::string& value) {
    const auto field = JoinField(entry_.field, name);
    if (value.empty()) {
      errors_.push_back(Required(field));
    } else if (!IsPluralName(value)) {
      errors_.push_back(Invalid(field, Quoted(value), "must be letters, digits and hyphens"));
    }
  }

  void CheckActions() {
    const auto field = JoinField(entry_.field, "permissions");
    if (entry_.actions.empty()) errors_.push_back(Required(field));
    if (entry_.actions.size() > limits_.actions_per_kind_max) {
      errors_.push_back(TooMany(field, entry_.actions.size(), limits_.actions_per_kind_max));
      return;
    }
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < entry_.actions.size(); ++i) {
      const auto& action = entry_.actions[i];
      if (!IsActionName(action)) {
        errors_.push_back(Invalid(JoinField(field, i), Quoted(action),
                                  "must be the name of an action: letters, digits and hyphens"));
      } else if (!seen.insert(action).second) {
        errors_.push_back(Duplicate(JoinField(field, i), Quoted(action)));
      }
    }
  }

  void CheckParents() {
    const auto field = JoinField(entry_.field, "parentResources");
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < entry_.parents.size(); ++i) {
      const auto& parent = entry_.parents[i];
      if (!IsType(parent)) {
        errors_.push_back(
            Invalid(JoinField(field, i), Quoted(parent), "must name a service and a kind"));
      } else if (!seen.insert(parent).second) {
        errors_.push_back(Duplicate(JoinField(field, i), Quoted(parent)));
      }
    }
  }

  const KindEntry& entry_;
  const CatalogLimits& limits_;
  std::vector<FieldError> errors_;
};

}  // namespace

// Takes entries one by one, each judged against those that were taken before it.
class Catalog::Builder {
 public:
  explicit Builder(const CatalogLimits& limits) : limits_(limits) {}

  void Add(const KindEntry& entry) {
    if (!FitsAlone(entry) || !FitsAmongKinds(entry) || !FitsAmongPermissions(entry)) return;
    const auto position = taken_.size();
    taken_.push_back(&entry);
    by_type_.emplace(entry.type, position);
    if (const auto parent = ParentOnCycle(entry)) {
      by_type_.erase(entry.type);
      taken_.pop_back();
      Refuse(entry, KindProblem::Reason::kParentCycle,
             Invalid(JoinField(JoinField(entry.field, "parentResources"), *parent),
                     Quoted(entry.parents[*parent]),
                     fmt::format("{} would be above itself", entry.type)));
      return;
    }
    by_plural_.insert(PluralKey(entry.service, entry.plural));
    for (const auto& action : entry.actions) {
      const auto permission = PermissionText(entry, action);
      by_relation_.emplace(Fnv1a(permission), permission);
    }
  }

  Catalog Finish() {
    Catalog catalog;
    std::ranges::sort(taken_, {}, &KindEntry::type);
    for (const auto* entry : taken_) catalog.kinds_.push_back(*entry);
    for (std::size_t i = 0; i < catalog.kinds_.size(); ++i) {
      const auto& entry = catalog.kinds_[i];
      catalog.by_type_.emplace(entry.type, i);
      catalog.by_plural_.emplace(PluralKey(entry.service, entry.plural), i);
    }
    NumberPermissions(catalog);
    LinkKinds(catalog);
    for (std::size_t i = 0; i < catalog.kinds_.size(); ++i) Descend(catalog, i);
    catalog.problems_ = std::move(problems_);
    return catalog;
  }

 private:
  using Reason = KindProblem::Reason;

  void Refuse(const KindEntry& entry, Reason reason, FieldError error) {
    problems_.push_back({reason, entry.type, entry.source, std::move(error)});
  }

  bool FitsAlone(const KindEntry& entry) {
    auto errors = EntryRules(entry, limits_).Check();
    for (auto& error : errors) {
      const auto reason =
          error.reason == FieldError::Reason::kTooMany ? Reason::kTooLarge : Reason::kInvalidEntry;
      Refuse(entry, reason, std::move(error));
    }
    return errors.empty();
  }

  bool FitsAmongKinds(const KindEntry& entry) {
    if (by_type_.contains(entry.type)) {
      Refuse(entry, Reason::kDuplicateKind, Duplicate(TypeField(entry), Quoted(entry.type)));
      return false;
    }
    if (by_plural_.contains(PluralKey(entry.service, entry.plural))) {
      Refuse(entry, Reason::kDuplicatePlural,
             Duplicate(JoinField(entry.field, "plural"), Quoted(entry.plural)));
      return false;
    }
    if (taken_.size() >= limits_.kinds_max) {
      Refuse(entry, Reason::kTooLarge,
             TooMany(TypeField(entry), taken_.size() + 1, limits_.kinds_max));
      return false;
    }
    return true;
  }

  bool FitsAmongPermissions(const KindEntry& entry) {
    bool fits = true;
    StringMap<std::string> own;  // A collision may be within the entry.
    for (std::size_t i = 0; i < entry.actions.size(); ++i) {
      const auto permission = PermissionText(entry, entry.actions[i]);
      const auto relation = Fnv1a(permission);
      const auto found = by_relation_.find(relation);
      const auto [place, is_new] = own.emplace(PermissionRelation(permission), permission);
      if (found == by_relation_.end() && is_new) continue;
      const auto& other = found == by_relation_.end() ? place->second : found->second;
      fits = false;
      Refuse(entry, Reason::kPermissionCollision,
             Invalid(JoinField(JoinField(entry.field, "permissions"), i), Quoted(entry.actions[i]),
                     fmt::format("{} has the same relation {} as {}: choose another name",
                                 permission, PermissionRelation(permission), other)));
    }
    return fits;
  }

  // The index of a parent of `entry` from which a way up leads back to it.
  std::optional<std::size_t> ParentOnCycle(const KindEntry& entry) const {
    for (std::size_t i = 0; i < entry.parents.size(); ++i) {
      if (entry.parents[i] != entry.type && IsAbove(entry.type, entry.parents[i])) return i;
    }
    return std::nullopt;
  }

  // Whether `type` is above `start`.
  bool IsAbove(std::string_view type, std::string_view start) const {
    std::set<std::string_view> seen = {start};
    std::vector<std::string_view> todo = {start};
    while (!todo.empty()) {
      const auto found = by_type_.find(todo.back());
      todo.pop_back();
      if (found == by_type_.end()) continue;
      for (const auto& parent : taken_[found->second]->parents) {
        if (parent == type) return true;
        if (seen.insert(parent).second) todo.push_back(parent);
      }
    }
    return false;
  }

  static void NumberPermissions(Catalog& catalog) {
    for (const auto& entry : catalog.kinds_) {
      for (const auto& action : entry.actions) {
        catalog.permissions_.push_back(PermissionText(entry, action));
      }
    }
    std::ranges::sort(catalog.permissions_);
    for (std::size_t i = 0; i < catalog.permissions_.size(); ++i) {
      catalog.permission_ids_.emplace(catalog.permissions_[i], i);
    }
  }

  void LinkKinds(Catalog& catalog) {
    catalog.nodes_.resize(catalog.kinds_.size());
    for (std::uint32_t i = 0; i < catalog.kinds_.size(); ++i) {
      const auto& entry = catalog.kinds_[i];
      for (std::size_t p = 0; p < entry.parents.size(); ++p) {
        const auto found = catalog.by_type_.find(entry.parents[p]);
        if (found == catalog.by_type_.end()) {
          Refuse(entry, Reason::kParentNotRegistered,
                 NotFound(JoinField(JoinField(entry.field, "parentResources"), p),
                          Quoted(entry.parents[p])));
          continue;
        }
        catalog.nodes_[i].parents.push_back(entry.parents[p]);
        if (found->second != i) catalog.nodes_[found->second].children.push_back(i);
      }
    }
  }

  // Everything below a kind, and its permissions: a walk in preorder. There are no cycles.
  static void Descend(Catalog& catalog, std::size_t kind) {
    auto& node = catalog.nodes_[kind];
    node.applies.assign((catalog.permissions_.size() + 63) / 64, 0);
    std::vector<bool> seen(catalog.kinds_.size());
    std::vector<std::uint32_t> todo = {static_cast<std::uint32_t>(kind)};
    while (!todo.empty()) {
      const auto next = todo.back();
      todo.pop_back();
      if (seen[next]) continue;
      seen[next] = true;
      const auto& entry = catalog.kinds_[next];
      for (const auto& action : entry.actions) {
        const auto id = catalog.permission_ids_.find(PermissionText(entry, action))->second;
        node.permissions.push_back(static_cast<std::uint32_t>(id));
        node.applies[id / 64] |= std::uint64_t{1} << (id % 64);
      }
      const auto& children = catalog.nodes_[next].children;
      todo.insert(todo.end(), children.rbegin(), children.rend());
    }
  }

  const CatalogLimits& limits_;
  std::vector<const KindEntry*> taken_;
  StringMap<std::size_t> by_type_;
  StringSet by_plural_;
  boost::unordered_flat_map<std::uint32_t, std::string> by_relation_;
  std::vector<KindProblem> problems_;
};

Catalog Catalog::Build(std::span<const KindEntry> entries, const CatalogLimits& limits) {
  Builder builder(limits);
  for (const auto& entry : entries) builder.Add(entry);
  return builder.Finish();
}

resource::Outcome<Catalog> Catalog::BuildWith(std::span<const KindEntry> others,
                                              std::span<const KindEntry> candidates,
                                              const CatalogLimits& limits) {
  Builder builder(limits);
  for (const auto& entry : others) builder.Add(entry);
  for (const auto& entry : candidates) builder.Add(entry);
  auto catalog = builder.Finish();
  std::set<std::string_view> sources;
  for (const auto& entry : candidates) sources.insert(entry.source);
  std::vector<FieldError> errors;
  for (const auto& problem : catalog.problems()) {
    if (problem.refuses() && sources.contains(problem.source)) errors.push_back(problem.error);
  }
  if (errors.empty()) return catalog;
  return resource::Failure(resource::Failure::Reason::kInvalid, "the kind cannot be registered",
                           std::move(errors));
}

const KindEntry* Catalog::FindType(std::string_view type) const {
  const auto found = by_type_.find(type);
  return found == by_type_.end() ? nullptr : &kinds_[found->second];
}

const KindEntry* Catalog::FindPlural(std::string_view service, std::string_view plural) const {
  const auto found = by_plural_.find(PluralKey(service, plural));
  return found == by_plural_.end() ? nullptr : &kinds_[found->second];
}

bool Catalog::Knows(std::string_view permission) const {
  return permission_ids_.contains(permission);
}

const Catalog::Node* Catalog::FindNode(std::string_view type) const {
  const auto found = by_type_.find(type);
  return found == by_type_.end() ? nullptr : &nodes_[found->second];
}

std::vector<std::string> Catalog::HierarchicalPermissions(std::string_view type) const {
  const auto* node = FindNode(type);
  if (node == nullptr) return {};
  std::vector<std::string> permissions;
  permissions.reserve(node->permissions.size());
  for (const auto id : node->permissions) permissions.push_back(permissions_[id]);
  return permissions;
}

bool Catalog::Applies(std::string_view type, std::string_view permission) const {
  const auto* node = FindNode(type);
  const auto id = permission_ids_.find(permission);
  if (node == nullptr || id == permission_ids_.end()) return false;
  return ((node->applies[id->second / 64] >> (id->second % 64)) & 1) != 0;
}

std::span<const std::string> Catalog::Parents(std::string_view type) const {
  const auto* node = FindNode(type);
  return node == nullptr ? std::span<const std::string>() : node->parents;
}

std::vector<std::string> Catalog::Ancestors(std::string_view type) const {
  std::vector<std::string> ancestors;
  std::set<std::string_view> seen = {type};
  const auto add_parents = [&](std::string_view of) {
    for (const auto& parent : Parents(of)) {
      if (seen.insert(parent).second) ancestors.push_back(parent);
    }
  };
  add_parents(type);
  for (std::size_t i = 0; i < ancestors.size(); ++i) add_parents(std::string(ancestors[i]));
  return ancestors;
}

std::vector<std::string> Catalog::Descendants(std::string_view type) const {
  std::set<std::string> seen;
  std::vector<std::size_t> todo;
  if (const auto found = by_type_.find(type); found != by_type_.end()) {
    todo.push_back(found->second);
  }
  while (!todo.empty()) {
    const auto next = todo.back();
    todo.pop_back();
    for (const auto child : nodes_[next].children) {
      if (seen.insert(kinds_[child].type).second) todo.push_back(child);
    }
  }
  return {seen.begin(), seen.end()};
}

}  // namespace pemba::iam
