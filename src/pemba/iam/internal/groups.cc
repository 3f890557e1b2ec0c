#include "pemba/iam/internal/groups.h"

#include <algorithm>
#include <map>

#include "pemba/iam/internal/documents.h"

namespace pemba::iam::internal {

SubjectRef MemberOf(const resource::Object& membership) {
  const auto user = SpecText(membership, {"userRef", "name"});
  if (!user.empty()) return {"User", "", user, ""};
  SubjectRef member{SpecText(membership, {"memberRef", "kind"}),
                    SpecText(membership, {"memberRef", "namespace"}),
                    SpecText(membership, {"memberRef", "name"}), ""};
  if (member.kind == "Group" && member.name_space.empty()) {
    member.name_space = membership.key.name_space;
  }
  return member;
}

GroupRef GroupOf(const resource::Object& membership) {
  return {SpecText(membership, {"groupRef", "namespace"}),
          SpecText(membership, {"groupRef", "name"})};
}

std::vector<GroupRef> CycleThrough(const Work& work, const resource::Object& membership) {
  const auto member = MemberOf(membership);
  if (member.kind != "Group") return {};
  const auto goal = GroupOf(membership);
  std::map<GroupRef, GroupRef> reached_from;  // Also says what was looked at.
  std::vector<GroupRef> todo{{member.name_space, member.name}};
  reached_from[todo.front()] = goal;
  while (!todo.empty()) {
    const auto group = todo.back();
    todo.pop_back();
    if (group == goal) {
      std::vector<GroupRef> way{goal};
      for (auto at = reached_from[goal]; at != goal; at = reached_from[at]) way.push_back(at);
      way.push_back(goal);
      std::ranges::reverse(way);
      return way;
    }
    for (const auto& below : work.transaction.FindBy(kGroupMembershipsByGroup,
                                                     PlaceKey(group.name_space, group.name))) {
      const auto next = MemberOf(*below);
      if (next.kind != "Group") continue;
      const GroupRef next_group{next.name_space, next.name};
      if (reached_from.try_emplace(next_group, group).second) todo.push_back(next_group);
    }
  }
  return {};
}

}  // namespace pemba::iam::internal
