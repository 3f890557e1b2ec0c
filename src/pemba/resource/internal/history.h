// History: what changed lately, so that watches go on and lists continue where they were.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pemba/resource/internal/packed.h"
#include "pemba/resource/object.h"
#include "pemba/resource/transaction.h"

namespace pemba::resource::internal {

struct PastChange {
  Revision revision = 0;
  PackedPtr before, after;  // One of both may be null.
  const Packed& any() const { return after != nullptr ? *after : *before; }
};

// Not thread-safe.
class History {
 public:
  // `start`: what came up to it is not remembered.
  History(Revision start, std::size_t count_max, std::size_t bytes_max)
      : forgotten_(start), count_max_(count_max), bytes_max_(bytes_max) {}

  void Add(PastChange change);

  // Whether everything after `revision` is remembered.
  bool Reaches(Revision revision) const { return revision >= forgotten_; }

  // The changes after `revision`, in order.
  std::deque<PastChange>::const_iterator After(Revision revision) const;
  std::deque<PastChange>::const_iterator end() const { return changes_.end(); }

  // What the objects of the kind that have changed since `revision` were then; null: not there.
  // The places are those of objects that the history holds.
  using Past = std::map<Place, PackedPtr>;
  Past StateAt(Revision revision, const Kind& kind) const;

 private:
  std::deque<PastChange> changes_;
  Revision forgotten_;
  std::size_t bytes_ = 0;  // Of all states, also of those that the table has, too.
  const std::size_t count_max_, bytes_max_;
};

}  // namespace pemba::resource::internal
