#include "pemba/iam/internal/parents.h"

#include <algorithm>
#include <set>

#include "pemba/iam/names.h"
#include "pemba/tuple/tuple.h"

namespace pemba::iam::internal {
namespace {

void AddParents(const graph::Snapshot& snapshot, const std::string& object,
                std::vector<std::string>& all) {
  const auto parts = tuple::SplitObject(object);
  const graph::ScanFilter filter{
      .object_type = parts.type, .object_id = parts.id, .relation = kParent};
  snapshot.Scan(filter, nullptr, kAncestorsMax + 1, [&](const graph::StoredTuple& stored) {
    const std::string parent(stored.tuple.subject);
    if (std::ranges::find(all, parent) == all.end()) all.push_back(parent);
  });
}

}  // namespace

Result<std::vector<std::string>> StoredAncestors(const graph::Snapshot& snapshot,
                                                 const std::string& object,
                                                 std::vector<std::string> first) {
  auto all = std::move(first);
  AddParents(snapshot, object, all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all.size() > kAncestorsMax) {
      return Error{ErrorCode::kTooComplex, "`" + object + "` has too many parents"};
    }
    const auto next = all[i];
    AddParents(snapshot, next, all);
  }
  return all;
}

bool AlwaysBelow(const Catalog& catalog, std::string_view type, std::string_view above) {
  std::vector<std::string> todo{std::string(type)};
  std::set<std::string> seen{std::string(type)};
  while (!todo.empty()) {
    const auto next = std::move(todo.back());
    todo.pop_back();
    if (next == above) continue;
    const auto* const kind = catalog.FindType(next);
    if (kind == nullptr || kind->parents.empty()) return false;
    for (const auto& parent : kind->parents) {
      if (seen.insert(parent).second) todo.push_back(parent);
    }
  }
  return true;
}

resource::ObjectPtr FindObject(const resource::ResourceStore& resources,
                               const resource::ObjectKey& key) {
  if (key.kind == nullptr) return nullptr;
  auto found = resources.Get(key);
  return found.ok() ? *std::move(found) : nullptr;
}

resource::ObjectPtr FindServiceAccount(const resource::ResourceStore& resources,
                                       std::string_view uid) {
  auto found = resources.FindByUid(uid);
  const bool account = found != nullptr && found->key.kind->name == "ServiceAccount" &&
                       found->key.kind->group == "iam.miloapis.com";
  return account ? found : nullptr;
}

}  // namespace pemba::iam::internal
