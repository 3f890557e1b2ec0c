// Controller: keeps the objects of one kind where they belong, whatever happens around them.
//
// Level-triggered: Reconcile looks at what is there, not at what has happened, and does nothing if
// all is as it should be. It runs within the transaction, so what it makes and says is of the same
// commit as its cause.
#pragma once

#include <set>
#include <string_view>

#include "pemba/iam/internal/work.h"

namespace pemba::iam::internal {

using Keys = std::set<ObjectKey>;
using Change = Transaction::Change;

// Immutable; any thread.
class Controller {
 public:
  virtual ~Controller() = default;
  virtual std::string_view name() const = 0;  // For messages.

  // Whether objects of the kind are its own.
  virtual bool Keeps(const Kinds& kinds, const resource::Kind* kind) const = 0;
  // Adds whichever objects of its own a change may matter to. One of `before` and `after` may be
  // null.
  virtual void Concerns(const Work& work, const Change& change, Keys& keys) const = 0;
  // The object may be gone.
  virtual Outcome<Done> Reconcile(Work& work, const ObjectKey& key) const = 0;
};

// The kind of the object that changed.
inline const resource::Kind* KindOf(const Change& change) {
  return (change.after != nullptr ? change.after : change.before)->key.kind;
}
inline const ObjectKey& KeyOf(const Change& change) {
  return (change.after != nullptr ? change.after : change.before)->key;
}
// Whether an object with that identity ceased to be: it was removed, perhaps for another one.
inline bool IsGone(const Change& change) {
  return change.before != nullptr &&
         (change.after == nullptr || change.after->uid() != change.before->uid());
}
// Calls `visit` with what it was and what it is.
template <class Visit>
void ForEachState(const Change& change, Visit visit) {
  if (change.before != nullptr) visit(*change.before);
  if (change.after != nullptr && change.after != change.before) visit(*change.after);
}
inline void AddKeys(const std::vector<ObjectPtr>& objects, Keys& keys) {
  for (const auto& object : objects) keys.insert(object->key);
}

}  // namespace pemba::iam::internal
