// Settled: what the next start may rely on, so that it need not look at every object again.
//
// A record of the store says which program, with which settings and kinds, has brought all objects
// to where it wants them, how many these are, and what the tuples that follow from them sum up to.
// It is part of every commit of declared objects: a crash leaves the one that belongs to what it
// leaves. A start that finds another program, other settings, objects that somebody else wrote or
// tuples with another sum looks at everything.
//
//   key   := "iam/settled"
//   value := "1 " fingerprint " " sum " " objects; the fingerprint is "-" while nobody is done
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pemba/graph/snapshot.h"
#include "pemba/iam/projection.h"
#include "pemba/iam/settings.h"
#include "pemba/resource/kind.h"
#include "pemba/store/store.h"
#include "pemba/tuple/tuple.h"

namespace pemba::iam::internal {

// A set of tuples as a number of 128 bits: the sum of their hashes, so that one more or one fewer
// is one addition. Sets that differ have the same sum by accident only; the hash is not made to
// withstand those who choose tuples for that (they would have to write to the store, past all
// rules).
class TupleSum {
 public:
  void Add(const tuple::TupleView& tuple);
  void Remove(const tuple::TupleView& tuple);
  std::string ToText() const;  // 32 hexadecimal digits.
  static std::optional<TupleSum> Parse(std::string_view text);
  friend bool operator==(const TupleSum&, const TupleSum&) = default;

 private:
  std::uint64_t low_ = 0, high_ = 0;
};

// Of the managed tuples. One with a condition or an end, which nobody wants, makes it the sum of no
// set. O(tuples).
TupleSum SumOfManaged(const graph::Snapshot& snapshot);

struct Settled {
  std::string by;  // Fingerprint; empty: objects are yet to be looked at.
  TupleSum tuples;
  std::uint64_t objects = 0;
  store::Revision revision = 0;  // Of the record; not written.
};

inline constexpr std::string_view kSettledKey = "iam/settled";
std::string Encode(const Settled& settled);
// Nobody's, if it is of a form that is not known here.
Settled Decode(const storage::Record& record);
// Nothing if there is no record.
Result<std::optional<Settled>> ReadSettled(const store::Store& store);

// Stands for everything that the objects' state depends on beside the objects: the program (see
// BuildId), the settings, the projection, the kinds. Empty if the program is.
std::string FingerprintOf(std::string_view program, const Settings& settings,
                          const ProjectionOptions& projection, const resource::Registry& registry);

}  // namespace pemba::iam::internal
