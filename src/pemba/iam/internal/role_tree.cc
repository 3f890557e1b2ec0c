#include "pemba/iam/internal/role_tree.h"

#include <map>

namespace pemba::iam::internal {

RoleLookup LookupIn(const Work& work) {
  auto known = std::make_shared<std::map<RoleKey, std::shared_ptr<const RoleEntry>>>();
  return [&work, known](const RoleKey& key) -> std::shared_ptr<const RoleEntry> {
    const auto [place, fresh] = known->try_emplace(key);
    if (fresh) {
      const ObjectPtr object = work.FindRole(key);
      if (object != nullptr) {
        place->second = std::make_shared<const RoleEntry>(RoleEntryOf(*object));
      }
    }
    return place->second;
  };
}

void AddInheritors(const Work& work, const RoleKey& role, Keys& keys) {
  Keys found;
  std::vector<RoleKey> todo{role};
  while (!todo.empty()) {
    const auto parent = std::move(todo.back());
    todo.pop_back();
    for (const auto& heir : work.transaction.FindBy(kRolesByInheritedRole, parent.ToText())) {
      if (!found.insert(heir->key).second) continue;
      todo.push_back({heir->key.name_space, heir->key.name});
    }
  }
  keys.merge(found);
}

}  // namespace pemba::iam::internal
