#include "pemba/iam/controllers/derived.h"

#include "pemba/iam/internal/documents.h"

namespace pemba::iam::internal {
namespace {

namespace json = boost::json;

json::object SpecOf(const DerivedBinding& binding) {
  return {{"roleRef", {{"name", binding.role.name}, {"namespace", binding.role.name_space}}},
          {"subjects", json::array{SubjectOf(*binding.subject)}},
          {"resourceSelector", {{"resourceRef", ReferenceTo(*binding.target)}}}};
}

}  // namespace

Outcome<ObjectPtr> Ensure(Work& work, const DerivedBinding& binding) {
  const ObjectKey key{work.kinds().policy_binding, binding.name_space, binding.name};
  auto spec = SpecOf(binding);
  if (const ObjectPtr there = work.transaction.Find(key)) {
    if (there->spec() == spec) {
      PEMBA_TRY(std::ignore, EnsureOwner(work, key, *binding.owner, binding.owns));
      return work.transaction.Find(key);
    }
    // Role and target of a binding never change.
    PEMBA_TRY(std::ignore, work.transaction.Delete(key));
    if (auto left = work.transaction.Find(key)) return left;  // Others hold it by finalizers.
  }
  json::object metadata{
      {"name", binding.name},
      {"ownerReferences", json::array{OwnerReferenceTo(*binding.owner, binding.owns)}}};
  if (!binding.labels.empty()) metadata["labels"] = binding.labels;
  json::object document{{"metadata", std::move(metadata)}, {"spec", std::move(spec)}};
  return work.transaction.Create(*key.kind, key.name_space, std::move(document));
}

Outcome<Done> DeleteIfThere(Work& work, const ObjectKey& key) {
  const ObjectPtr object = work.transaction.Find(key);
  if (object == nullptr || object->deleting()) return Done{};
  PEMBA_TRY(std::ignore, work.transaction.Delete(key));
  return Done{};
}

Outcome<Done> EnsureOwner(Work& work, const ObjectKey& key, const resource::Object& owner,
                          Owns owns) {
  const ObjectPtr object = work.transaction.Find(key);
  if (object == nullptr || object->deleting()) return Done{};
  const auto reference = OwnerReferenceTo(owner, owns);
  for (const auto& one : ListAt(object->metadata(), {"ownerReferences"})) {
    if (one.is_object() && one.get_object() == reference) return Done{};
  }
  json::object document = object->document;
  if (AddOwner(document, owner, owns) == Changed::kNo) return Done{};
  PEMBA_TRY(std::ignore, work.transaction.Update(key, std::move(document)));
  return Done{};
}

void AddOwners(const Work& work, const Change& change, const resource::Kind* kind, Keys& keys) {
  ForEachState(change, [&](const resource::Object& object) {
    for (const auto& owner : object.owners()) {
      if (owner.kind != kind->name) continue;
      const ObjectPtr found = work.transaction.FindByUid(owner.uid);
      if (found != nullptr && found->key.kind == kind) keys.insert(found->key);
    }
  });
}

}  // namespace pemba::iam::internal
