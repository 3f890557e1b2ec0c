// Groups, their members, and groups among them.
#pragma once

#include <optional>
#include <vector>

#include "pemba/iam/internal/binding_parts.h"

namespace pemba::iam::internal {

// Who is made a member of what, as a GroupMembership says. A group without a namespace is in the
// membership's.
SubjectRef MemberOf(const resource::Object& membership);
struct GroupRef {
  std::string name_space, name;
  friend auto operator<=>(const GroupRef&, const GroupRef&) = default;
};
GroupRef GroupOf(const resource::Object& membership);

// The way by which a group would come to be in itself if `membership` counted: from its group to
// its member and on to the group again. Empty: it would not. O(groups below its member).
std::vector<GroupRef> CycleThrough(const Work& work, const resource::Object& membership);

}  // namespace pemba::iam::internal
