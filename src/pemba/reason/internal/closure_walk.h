// ClosureWalk: what is above or below a thing, by a relation that is transitive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pemba/reason/internal/facts.h"
#include "pemba/reason/thing.h"
#include "pemba/reason/type_set.h"

namespace pemba::reason::internal {

// The rule T(above: x, below: z) <- T(above: x, below: y), T(above: y, below: z), perhaps with the
// demand that all three own an attribute of some type. What it adds to persisted relations is their
// transitive closure, which a search computes from one bound end in time linear in what it finds,
// where joining conclusions with conclusions takes quadratic time.
struct Closure {
  TypeId type = 0;
  TypeId above = 0, below = 0;     // Roles; above < below, as the set of pairs is the same.
  std::vector<TypeId> attributes;  // Each thing must own one of these; empty: no demand.
  friend bool operator==(const Closure&, const Closure&) = default;
};

// Breadth first, one thing at a time. Not thread-safe; borrows both arguments.
class ClosureWalk {
 public:
  enum class Direction : std::uint8_t { kUp, kDown };

  ClosureWalk(const Facts& facts, const Closure& closure) : facts_(facts), closure_(closure) {}

  // Forgets the walk before. O(1).
  void Begin(ThingId start, Direction direction);
  // The next thing, each once and those that persisted relations name first; kNoThing at the end.
  // O(relations of a few things), the whole walk O(relations of all things that it meets).
  ThingId Next();
  // Whether a persisted relation connects the start with the last thing directly.
  bool is_direct() const { return given_ <= direct_; }

 private:
  static constexpr std::size_t kBatchThings = 64;

  void Expand(std::span<const ThingId> things);
  bool Qualifies(ThingId thing) const;

  const Facts& facts_;
  const Closure& closure_;
  ThingId start_ = kNoThing;
  TypeId from_ = 0, to_ = 0;    // The role of what is expanded, and of what that finds.
  bool begun_ = false;          // The start was expanded.
  std::vector<ThingId> found_;  // In the order in which they are given, and then expanded.
  std::size_t direct_ = 0;      // How many of them the start itself has found.
  std::size_t given_ = 0, expanded_ = 0;
  std::vector<ThingId> batch_, relations_, players_;  // What is being expanded.
  std::vector<std::uint32_t> slots_;
  std::vector<std::uint32_t> seen_;  // By thing: the last walk that met it.
  std::uint32_t walk_ = 0;
};

}  // namespace pemba::reason::internal
