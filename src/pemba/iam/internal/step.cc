#include "pemba/iam/internal/step.h"

#include <algorithm>

#include "pemba/iam/indexes.h"
#include "pemba/iam/internal/mutation.h"
#include "pemba/iam/names.h"

namespace pemba::iam::internal {
namespace {

using resource::Object;
using resource::ObjectKey;
using resource::ObjectPtr;
using resource::Transaction;
using tuple::Tuple;

const Object& Either(const Transaction::Change& change) {
  return change.after != nullptr ? *change.after : *change.before;
}

std::vector<KindEntry> EntriesOf(const ObjectPtr& object) {
  return object == nullptr ? std::vector<KindEntry>() : KindEntriesOf(*object);
}

std::optional<RoleEntry> RoleOf(const ObjectPtr& object) {
  return object == nullptr ? std::nullopt : std::optional(RoleEntryOf(*object));
}

CatalogPtr ReadCatalog(const FactKinds& kinds, const Transaction& transaction) {
  std::vector<KindEntry> entries;
  for (const auto* kind : {kinds.protected_resource, kinds.service}) {
    if (kind == nullptr) continue;
    for (const auto& object : transaction.List(*kind)) {
      for (auto& entry : KindEntriesOf(*object)) entries.push_back(std::move(entry));
    }
  }
  return std::make_shared<const Catalog>(Catalog::Build(entries));
}

std::shared_ptr<const model::Model> MakeModel(const Catalog& catalog, const RoleTable& roles,
                                              ProjectionKind kind) {
  std::vector<RoleGrant> grants;
  if (kind == ProjectionKind::kRoleRelation) {
    for (const auto& [key, grant] : roles) grants.push_back(*grant);
  }
  return std::make_shared<const model::Model>(ManagedModel(catalog, grants, kind));
}

// The permissions that are on one side only.
void AddDifference(std::vector<std::string> a, std::vector<std::string> b,
                   std::set<std::string>& difference) {
  std::ranges::sort(a);
  std::ranges::sort(b);
  std::ranges::set_symmetric_difference(a, b, std::inserter(difference, difference.end()));
}

std::string PluralOf(std::string_view permission) {
  return std::string(permission.substr(0, permission.rfind('.')));
}

}  // namespace

ProjectedState ReadState(const ReadingScope& scope, const Transaction& transaction) {
  ProjectedState state;
  state.catalog = ReadCatalog(scope.kinds, transaction);
  Reading reading(scope, *state.catalog,
                  [&](const ObjectKey& key) { return transaction.Find(key); });
  RoleTable roles;
  for (const auto& name_space : scope.options.platform_namespaces) {
    for (const auto& object : transaction.List(*scope.kinds.role, name_space)) {
      const RoleKey key{object->key.name_space, object->key.name};
      roles[key] = reading.Role(key);
    }
  }
  state.model = MakeModel(*state.catalog, roles, scope.options.kind);
  state.platform_roles = std::make_shared<const RoleTable>(std::move(roles));
  return state;
}

Step::Step(const ReadingScope& scope, const ProjectedState& before, const Transaction& transaction)
    : scope_(scope),
      before_state_(before),
      transaction_(transaction),
      changes_(transaction.Changes()) {
  for (const auto& change : changes_) was_.emplace(Either(change).key, change.before);
  after_state_ = before;
  after_state_.catalog = NextCatalog();
  before_.emplace(
      scope_, *before.catalog, [this](const ObjectKey& key) { return FindBefore(key); },
      [this](const RoleKey& key) { return KnownBefore(key); });
  after_.emplace(
      scope_, *after_state_.catalog,
      [this](const ObjectKey& key) { return transaction_.Find(key); },
      [this](const RoleKey& key) { return KnownAfter(key); });
  CompareRoles();
  if (after_state_.catalog != before.catalog) CompareKinds();
  NextState();
}

ObjectPtr Step::FindBefore(const ObjectKey& key) const {
  const auto found = was_.find(key);
  return found == was_.end() ? transaction_.Find(key) : found->second;
}

RoleGrantPtr Step::KnownBefore(const RoleKey& key) const {
  const auto found = before_state_.platform_roles->find(key);
  return found == before_state_.platform_roles->end() ? nullptr : found->second;
}

RoleGrantPtr Step::KnownAfter(const RoleKey& key) const {
  if (Mutated(Mutation::kStaleRoleCache)) return KnownBefore(key);
  return changed_roles_.contains(key) ? nullptr : KnownBefore(key);
}

CatalogPtr Step::NextCatalog() const {
  const bool same = std::ranges::none_of(changes_, [&](const Transaction::Change& change) {
    return scope_.kinds.IsRegistration(Either(change).key.kind) &&
           EntriesOf(change.before) != EntriesOf(change.after);
  });
  return same ? before_state_.catalog : ReadCatalog(scope_.kinds, transaction_);
}

void Step::AddInheritors(std::set<RoleKey>& roles) const {
  if (Mutated(Mutation::kForgetInheritors)) return;
  std::vector<RoleKey> todo(roles.begin(), roles.end());
  const bool once = Mutated(Mutation::kForgetIndirectInheritors);
  while (!todo.empty()) {
    const auto role = std::move(todo.back());
    todo.pop_back();
    for (const auto& object : transaction_.FindBy(kRolesByInheritedRole, role.ToText())) {
      const RoleKey heir{object->key.name_space, object->key.name};
      if (roles.insert(heir).second && !once) todo.push_back(heir);
    }
  }
}

void Step::CompareRoles() {
  for (const auto& change : changes_) {
    const auto& key = Either(change).key;
    if (key.kind == scope_.kinds.role && RoleOf(change.before) != RoleOf(change.after)) {
      changed_roles_.insert({key.name_space, key.name});
    }
  }
  AddInheritors(changed_roles_);
  concerned_roles_ = changed_roles_;
}

void Step::CompareKinds() {
  const auto& before = *before_state_.catalog;
  const auto& after = *after_state_.catalog;
  for (const auto* catalog : {&before, &after}) {
    for (const auto& kind : catalog->kinds()) types_.insert(kind.type);
  }
  std::set<std::string> permissions;
  for (const auto& type : types_) {
    std::set<std::string> difference;
    AddDifference(before.HierarchicalPermissions(type), after.HierarchicalPermissions(type),
                  difference);
    if (!difference.empty()) changed_types_.insert(type);
    permissions.merge(difference);
    if (!std::ranges::equal(before.Parents(type), after.Parents(type))) {
      changed_parents_.insert(type);
    }
  }
  std::set<std::string> plurals;
  for (const auto& permission : permissions) plurals.insert(PluralOf(permission));
  std::set<RoleKey> roles;
  for (const auto& plural : plurals) {
    for (const auto& object : transaction_.FindBy(kRolesByPlural, plural)) {
      roles.insert({object->key.name_space, object->key.name});
    }
  }
  AddInheritors(roles);
  concerned_roles_.merge(roles);
}

void Step::NextState() {
  const bool platform = std::ranges::any_of(
      changed_roles_, [&](const RoleKey& key) { return scope_.options.IsPlatform(key); });
  if (platform) {
    auto roles = std::make_shared<RoleTable>(*before_state_.platform_roles);
    for (const auto& key : changed_roles_) {
      if (!scope_.options.IsPlatform(key)) continue;
      auto grant = after_->Role(key);
      if (grant == nullptr) {
        roles->erase(key);
      } else {
        (*roles)[key] = std::move(grant);
      }
    }
    after_state_.platform_roles = std::move(roles);
  }
  const bool in_model = platform && scope_.options.kind == ProjectionKind::kRoleRelation;
  if (after_state_.catalog == before_state_.catalog && !in_model) return;
  if (Mutated(Mutation::kForgetModel)) return;
  auto model = MakeModel(*after_state_.catalog, *after_state_.platform_roles, scope_.options.kind);
  if (*model != *before_state_.model) after_state_.model = std::move(model);
}

// ---- Which objects are concerned ----

void Step::AddAll(const std::vector<ObjectPtr>& objects) {
  for (const auto& object : objects) sources_.insert(object->key);
}

void Step::CollectSources() {
  for (const auto& change : changes_) {
    sources_.insert(Either(change).key);
    AddMembershipsOf(change);
  }
  if (types_.empty() && !concerned_roles_.empty()) {
    for (const auto& kind : after_state_.catalog->kinds()) types_.insert(kind.type);
  }
  for (const auto& role : concerned_roles_) {
    sources_.insert({scope_.kinds.role, role.name_space, role.name});
    const bool itself = changed_roles_.contains(role);
    if (itself && Mutated(Mutation::kForgetRoleBindings)) continue;
    if (!itself && Mutated(Mutation::kForgetKindBindings)) continue;
    AddBindingsOf(role, itself);
  }
  AddObjectsWithOtherParents();
}

// Bindings to a role are many. Those are looked at that come to something else: on some types of
// objects, or on all objects of a type, which are few.
void Step::AddBindingsOf(const RoleKey& role, bool role_itself) {
  std::set<std::string_view> of_role;  // Types whose bindings are found by the role.
  for (const auto& type : role_itself ? types_ : changed_types_) {
    const auto effect = EffectOn(type, role);
    if (effect.on_root && !Mutated(Mutation::kForgetKindWideBindings)) {
      for (const auto& binding : transaction_.FindBy(kBindingsByTarget, KindRootObject(type))) {
        if (BindingGrantOf(*binding, scope_.registry).role == role) sources_.insert(binding->key);
      }
    }
    if (!effect.on_objects) continue;
    if (before_->catalog().FindType(type) != nullptr &&
        after_->catalog().FindType(type) != nullptr) {
      of_role.insert(type);
      continue;
    }
    for (const auto& binding : transaction_.FindBy(kBindingsByTargetType, type)) {
      if (BindingGrantOf(*binding, scope_.registry).role == role) sources_.insert(binding->key);
    }
  }
  if (of_role.empty()) return;
  for (const auto& binding : transaction_.FindBy(kBindingsByRole, role.ToText())) {
    const auto target = BindingGrantOf(*binding, scope_.registry).target;
    if (!target.name.empty() && of_role.contains(target.type)) sources_.insert(binding->key);
  }
}

Step::Effect Step::EffectOn(const std::string& type, const RoleKey& role) {
  static const RoleGrant kNone;
  const auto was = before_->Role(role), is = after_->Role(role);
  const auto& had = was == nullptr ? kNone.permissions : was->permissions;
  const auto& has = is == nullptr ? kNone.permissions : is->permissions;
  bool some_before = false, some_after = false, differs = false;
  const auto compare = [&](const std::string& permission, bool before, bool after) {
    before = before && before_->catalog().Applies(type, permission);
    after = after && after_->catalog().Applies(type, permission);
    some_before |= before;
    some_after |= after;
    differs |= before != after;
  };
  for (const auto& permission : had) {
    compare(permission, true, std::ranges::binary_search(has, permission));
  }
  for (const auto& permission : has) {
    if (!std::ranges::binary_search(had, permission)) compare(permission, false, true);
  }
  const bool direct =
      scope_.options.kind == ProjectionKind::kDirect ||
      (scope_.options.kind == ProjectionKind::kRoleRelation && !scope_.options.IsPlatform(role));
  const bool other_role = scope_.options.kind == ProjectionKind::kRoleBinding && was != nullptr &&
                          is != nullptr && was->uid != is->uid;
  return {.on_objects = direct ? differs : some_before != some_after || (other_role && some_after),
          .on_root = differs};
}

void Step::AddMembershipsOf(const Transaction::Change& change) {
  const auto& kinds = scope_.kinds;
  const auto& key = Either(change).key;
  if (key.kind != kinds.user && key.kind != kinds.service_account && key.kind != kinds.group) {
    return;
  }
  const bool same = change.before != nullptr && change.after != nullptr &&
                    change.before->uid() == change.after->uid();
  if (same) return;
  if (!Mutated(Mutation::kForgetNestedGroups)) {
    AddAll(transaction_.FindBy(kGroupMembershipsByMember,
                               SubjectIndexKey(key.kind->name, key.name_space, key.name)));
  }
  if (key.kind == kinds.group && !Mutated(Mutation::kForgetGroupMembers)) {
    AddAll(transaction_.FindBy(kGroupMembershipsByGroup, PlaceKey(key.name_space, key.name)));
  }
}

void Step::AddObjectsWithOtherParents() {
  if (Mutated(Mutation::kForgetParentsOfKinds)) return;
  for (const auto& type : changed_parents_) {
    const auto* kind = FindKind(scope_.registry, type);
    if (kind != nullptr) AddAll(transaction_.List(*kind));
  }
}

// ---- What they came to and come to ----

Step::Tuples Step::Changes() {
  CollectSources();
  TupleSet was, is;
  for (const auto& key : sources_) ReadSource(key, was, is);
  TupleSet gone;
  for (auto& tuple : was.Without(is)) gone.Add(std::move(tuple));
  if (!Mutated(Mutation::kForgetSiblings)) KeepWhatOthersWant(gone);
  return {is.Without(was), gone.Without({})};
}

void Step::ReadSource(const ObjectKey& key, TupleSet& was, TupleSet& is) {
  const bool binding = key.kind == scope_.kinds.policy_binding;
  if (binding && !was_.contains(key) && ReadOtherPermissions(key, was, is)) return;
  const ObjectPtr before = FindBefore(key), after = transaction_.Find(key);
  if (binding && ReadSubjects(before, after, was, is)) return;
  read_whole_.insert(key);
  for (auto& tuple : before_->TuplesOf(before)) was.Add(std::move(tuple));
  for (auto& tuple : after_->TuplesOf(after)) is.Add(std::move(tuple));
}

// A binding that did not change, and that comes to one tuple for each permission of its role: those
// that the role has lost or got are all that is read. False if there is more to it.
bool Step::ReadOtherPermissions(const ObjectKey& key, TupleSet& was, TupleSet& is) {
  if (after_state_.catalog != before_state_.catalog) return false;
  const ObjectPtr binding = transaction_.Find(key);
  if (binding == nullptr || !Holds(*binding)) return true;
  const auto grant = BindingGrantOf(*binding, scope_.registry);
  const bool direct = grant.target.name.empty() || scope_.options.kind == ProjectionKind::kDirect ||
                      (scope_.options.kind == ProjectionKind::kRoleRelation &&
                       !scope_.options.IsPlatform(grant.role));
  if (!direct) return false;
  const auto& [lost, got] = DifferenceOf(grant.role);
  const auto& catalog = *after_state_.catalog;
  for (auto& tuple : iam::TuplesOf(grant, lost, catalog, scope_.options)) was.Add(std::move(tuple));
  for (auto& tuple : iam::TuplesOf(grant, got, catalog, scope_.options)) is.Add(std::move(tuple));
  return true;
}

const Step::RoleDifference& Step::DifferenceOf(const RoleKey& role) {
  const auto [place, is_new] = differences_.try_emplace(role);
  auto& [lost, got] = place->second;
  if (!is_new) return place->second;
  static const RoleGrant kNone;
  const auto was = before_->Role(role), is = after_->Role(role);
  const auto& had = was == nullptr ? kNone.permissions : was->permissions;
  const auto& has = is == nullptr ? kNone.permissions : is->permissions;
  lost.key = got.key = role;
  std::ranges::set_difference(had, has, std::back_inserter(lost.permissions));
  std::ranges::set_difference(has, had, std::back_inserter(got.permissions));
  return place->second;
}

// A binding of which only subjects changed, or nothing that counts: they are all that is read.
// False if there is more to it.
bool Step::ReadSubjects(const ObjectPtr& before, const ObjectPtr& after, TupleSet& was,
                        TupleSet& is) {
  if (scope_.options.kind == ProjectionKind::kRoleBinding) return false;
  if (before == nullptr || after == nullptr || !Holds(*before)) return false;
  if (!Holds(*after)) return Mutated(Mutation::kReconcileOnlyHolding);
  auto old_grant = BindingGrantOf(*before, scope_.registry);
  auto new_grant = BindingGrantOf(*after, scope_.registry);
  const bool same = old_grant.role == new_grant.role && old_grant.target == new_grant.target &&
                    !concerned_roles_.contains(new_grant.role) && changed_parents_.empty() &&
                    changed_types_.empty();
  if (!same) return false;
  std::vector<std::string> gone, come;  // Subjects are sorted.
  std::ranges::set_difference(old_grant.subjects, new_grant.subjects, std::back_inserter(gone));
  std::ranges::set_difference(new_grant.subjects, old_grant.subjects, std::back_inserter(come));
  if (Mutated(Mutation::kForgetRemovedSubjects)) gone.clear();
  old_grant.subjects = std::move(gone);
  new_grant.subjects = std::move(come);
  for (auto& tuple : before_->TuplesOf(old_grant)) was.Add(std::move(tuple));
  for (auto& tuple : after_->TuplesOf(new_grant)) is.Add(std::move(tuple));
  for (auto& tuple : ParentTuples(*before, before_->catalog(), scope_.registry)) {
    was.Add(std::move(tuple));
  }
  for (auto& tuple : ParentTuples(*after, after_->catalog(), scope_.registry)) {
    is.Add(std::move(tuple));
  }
  return true;
}

// ---- What objects that are not concerned still want ----

void Step::KeepWhatOthersWant(TupleSet& gone) {
  if (gone.all().empty()) return;
  KeepForBindings(gone);
  for (const auto& key : sources_) {
    const ObjectPtr before = FindBefore(key);
    if (before == nullptr) continue;
    if (key.kind == scope_.kinds.group_membership) KeepForMembership(*before, gone);
    if (key.kind == scope_.kinds.user || key.kind == scope_.kinds.service_account) {
      KeepForAccount(*before, gone);
    }
  }
}

// A sibling has the same target and a common subject. What was read of it may be a part: then it
// has not said yet that it wants the rest.
void Step::KeepForBindings(TupleSet& gone) {
  std::set<std::pair<std::string, std::string>> pairs;
  for (const auto& [text, tuple] : gone.all()) pairs.emplace(tuple.object, tuple.subject);
  for (const auto& [object, subject] : pairs) {
    const auto key = TargetAndSubjectKey(object, subject);
    for (const auto& sibling : transaction_.FindBy(kBindingsByTargetAndSubject, key)) {
      if (read_whole_.contains(sibling->key)) continue;
      if (!Holds(*sibling) && !Mutated(Mutation::kSiblingsWithoutValidity)) continue;
      auto grant = BindingGrantOf(*sibling, scope_.registry);
      grant.subjects = {subject};
      for (const auto& tuple : after_->TuplesOf(grant)) gone.Remove(tuple);
    }
  }
}

void Step::KeepForMembership(const Object& membership, TupleSet& gone) {
  if (Mutated(Mutation::kForgetMembershipSiblings)) return;
  const auto group = GroupOf(membership, scope_.kinds);
  const auto member = MemberOf(membership, scope_.kinds);
  if (member.kind == nullptr) return;
  const auto key = PairKey(PlaceKey(group.name_space, group.name),
                           SubjectIndexKey(member.kind->name, member.name_space, member.name));
  for (const auto& sibling : transaction_.FindBy(kGroupMembershipsByGroupAndMember, key)) {
    if (sources_.contains(sibling->key)) continue;
    for (const auto& tuple : after_->TuplesOf(sibling)) gone.Remove(tuple);
  }
}

// A user's name might be the uid of a service account.
void Step::KeepForAccount(const Object& account, TupleSet& gone) {
  const auto& kinds = scope_.kinds;
  const bool is_user = account.key.kind == kinds.user;
  const ObjectPtr other = is_user ? transaction_.FindByUid(account.key.name)
                                  : transaction_.Find({kinds.user, "", std::string(account.uid())});
  if (other == nullptr || other->key.kind != (is_user ? kinds.service_account : kinds.user)) return;
  if (!sources_.contains(other->key)) gone.Remove(AuthenticatedTuple(*other, kinds));
}

}  // namespace pemba::iam::internal
