// Relationship tuples: values, views and their text forms.
//
//   object            document:plan
//   subject           user:anne | group:eng#member | user:*
//   tuple             document:plan#viewer@group:eng#member
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"

namespace pemba::tuple {

// Borrowed parts of one relationship tuple, each in its text form. `subject` is the wire's `user`.
struct TupleView {
  std::string_view object, relation, subject;
  friend bool operator==(const TupleView&, const TupleView&) = default;
};

// The condition under which a tuple holds. Numbers in `context` are doubles, as on the wire
// (context.h makes them so). A context that was not given is the empty one.
struct Condition {
  std::string name;
  boost::json::object context;
  friend bool operator==(const Condition&, const Condition&) = default;
};

struct Tuple {
  std::string object, relation, subject;
  std::optional<Condition> condition;
  // From then on the tuple is not there; absent: it stays. No part of the wire's contract: a tuple
  // that comes from it has none.
  std::optional<WallTime> expires_at = {};

  TupleView view() const { return {object, relation, subject}; }
  friend bool operator==(const Tuple&, const Tuple&) = default;
};

// `type:id`, split at the first colon. Without a colon, `type` is empty and `id` is all of it.
struct ObjectParts {
  std::string_view type, id;
  friend bool operator==(const ObjectParts&, const ObjectParts&) = default;
};
ObjectParts SplitObject(std::string_view object);

enum class SubjectKind : std::uint8_t {
  kObject,    // user:anne
  kUserset,   // group:eng#member
  kWildcard,  // user:*
};

// A subject, split at the first colon and the last `#`.
struct SubjectParts {
  std::string_view type, id;
  std::string_view relation;  // Of a userset, else empty.
  SubjectKind kind = SubjectKind::kObject;
  friend bool operator==(const SubjectParts&, const SubjectParts&) = default;
};
SubjectParts SplitSubject(std::string_view subject);

// The shapes of the wire contract; lengths are checked elsewhere. A control character makes every
// form invalid. O(n).
bool IsObject(std::string_view text);    // One colon, not first; an id; no '#', no space.
bool IsRelation(std::string_view text);  // Not empty; none of ':', '#', '@', space.
bool IsUserset(std::string_view text);   // `type:id#relation`; no '*' in the id.
bool IsWildcard(std::string_view text);  // `type:*`.
bool IsSubject(std::string_view text);   // '*', an id, an object (`type:*` too) or a userset.

// Splits `object#relation@subject`. O(n), allocates only on error (kInvalidTuple). The result
// points into `text`. The relation ends at the first `@` after the first `#`: ids may contain '@'.
Result<TupleView> ParseTuple(std::string_view text);
std::string ToText(const TupleView& tuple);

}  // namespace pemba::tuple
