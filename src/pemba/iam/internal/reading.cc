#include "pemba/iam/internal/reading.h"

#include <algorithm>

#include "pemba/iam/internal/mutation.h"
#include "pemba/iam/names.h"

namespace pemba::iam::internal {

using resource::ObjectPtr;
using tuple::Tuple;

void TupleSet::Add(Tuple tuple) {
  auto text = tuple::ToText(tuple.view());
  tuples_.try_emplace(std::move(text), std::move(tuple));
}

void TupleSet::Remove(const Tuple& tuple) { tuples_.erase(tuple::ToText(tuple.view())); }

bool TupleSet::Contains(const Tuple& tuple) const {
  return tuples_.contains(tuple::ToText(tuple.view()));
}

std::vector<Tuple> TupleSet::Without(const TupleSet& other) const {
  std::vector<std::pair<std::string_view, const Tuple*>> found;
  for (const auto& [text, tuple] : tuples_) {
    if (!other.tuples_.contains(text)) found.emplace_back(text, &tuple);
  }
  std::ranges::sort(found, {}, &std::pair<std::string_view, const Tuple*>::first);
  std::vector<Tuple> tuples;
  tuples.reserve(found.size());
  for (const auto& [text, tuple] : found) tuples.push_back(*tuple);
  return tuples;
}

Reading::Reading(const ReadingScope& scope, const Catalog& catalog, FindObject find,
                 KnownRole known)
    : scope_(scope), catalog_(catalog), find_(std::move(find)), known_(std::move(known)) {}

std::shared_ptr<const RoleEntry> Reading::Entry(const RoleKey& key) {
  const auto [place, is_new] = entries_.try_emplace(key);
  if (is_new) {
    const ObjectPtr object = find_({scope_.kinds.role, key.name_space, key.name});
    if (object != nullptr) place->second = std::make_shared<const RoleEntry>(RoleEntryOf(*object));
  }
  return place->second;
}

RoleGrantPtr Reading::ReadRole(const RoleKey& key) {
  auto entry = Entry(key);
  if (entry == nullptr) return nullptr;
  if (Mutated(Mutation::kForgetDisabledRoles)) {
    auto enabled = *entry;
    enabled.stage = LaunchStage::kStable;
    entry = std::make_shared<const RoleEntry>(std::move(enabled));
  }
  auto effective =
      EffectivePermissions(*entry, [this](const RoleKey& other) { return Entry(other); });
  return std::make_shared<const RoleGrant>(
      RoleGrant{key, entry->uid, std::move(effective.permissions)});
}

RoleGrantPtr Reading::Role(const RoleKey& key) {
  const auto [place, is_new] = roles_.try_emplace(key);
  if (is_new) {
    if (known_) place->second = known_(key);
    if (place->second == nullptr) place->second = ReadRole(key);
  }
  return place->second;
}

std::vector<Tuple> Reading::TuplesOf(const BindingGrant& grant) {
  const auto role = Role(grant.role);
  if (role == nullptr) return {};
  return iam::TuplesOf(grant, *role, catalog_, scope_.options);
}

std::vector<Tuple> Reading::TuplesOf(const ObjectPtr& object) {
  if (object == nullptr) return {};
  auto tuples = ParentTuples(*object, catalog_, scope_.registry);
  const auto add = [&](std::vector<Tuple> more) {
    tuples.insert(tuples.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
  };
  const auto& kinds = scope_.kinds;
  const auto* kind = object->key.kind;
  if (kind == kinds.policy_binding) {
    if (Holds(*object)) add(TuplesOf(BindingGrantOf(*object, scope_.registry)));
  } else if (kind == kinds.role) {
    const auto role = Role({object->key.name_space, object->key.name});
    if (role != nullptr) add(iam::TuplesOf(*role, catalog_, scope_.options));
  } else if (kind == kinds.group_membership) {
    if (auto tuple = MembershipTuple(*object, kinds, find_)) tuples.push_back(*std::move(tuple));
  } else if (kind == kinds.user || kind == kinds.service_account) {
    tuples.push_back(AuthenticatedTuple(*object, kinds));
  }
  return tuples;
}

}  // namespace pemba::iam::internal
