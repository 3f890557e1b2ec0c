// Which types can variables have? A constraint problem: a domain of types for each variable, and
// links between two variables that a schema decides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "pemba/reason/schema.h"
#include "pemba/reason/type_set.h"

namespace pemba::reason::internal {

using Node = std::size_t;

enum class Link : std::uint8_t {
  kSame,        // One type.
  kSub,         // The left is the right or a subtype of it. Also `isa`.
  kSubExact,    // The right is the direct supertype of the left.
  kOwns,        // The left owns the right, at least as strictly as annotated.
  kRelates,     // The left relates the role on the right.
  kPlays,       // The left plays the role on the right.
  kComparable,  // Attribute types whose values can be compared.
};

enum class Outcome : std::uint8_t { kImpossible, kPossible };

// Arc consistency after Mackworth, "Consistency in Networks of Relations", Artificial Intelligence
// 8 (1977), on whole domains at a time: one step narrows a side to the union of what the other
// side's types allow. Values, not arcs, are queued nowhere: schemas have tens of types and patterns
// tens of links, and a few rounds over all links reach the fixed point.
class TypeProblem {
 public:
  explicit TypeProblem(const Schema& schema) : schema_(&schema) {}

  Node Add(TypeSet domain);
  void Restrict(Node node, const TypeSet& types) { domains_[node] &= types; }
  void Forbid(Node node, const TypeSet& types) { domains_[node] -= types; }
  void Connect(Link link, Node left, Node right,
               syntax::Annotation annotation = syntax::Annotation::kNone);
  const TypeSet& DomainOf(Node node) const { return domains_[node]; }

  // Narrows all domains to the fixed point. kImpossible if one becomes empty.
  Outcome Propagate();
  // The node whose domain became empty first.
  Node culprit() const { return culprit_; }

  // Whether there is a type for every node such that all links hold. Search with propagation, given
  // up in favour of kPossible after kSearchStepsMax: the domains stay sound either way.
  Outcome Satisfiable() const;
  static constexpr int kSearchStepsMax = 20'000;

 private:
  struct Connection {
    Link link;
    Node left, right;
    syntax::Annotation annotation;
  };
  enum class Change : std::uint8_t { kNone, kNarrowed };

  TypeSet Rightward(const Connection& connection) const;
  TypeSet Leftward(const Connection& connection) const;
  TypeSet ComparableWith(const TypeSet& types) const;
  Change Narrow(Node node, const TypeSet& allowed);
  Outcome Search(int& steps) const;

  const Schema* schema_;
  std::vector<TypeSet> domains_;
  std::vector<Connection> connections_;
  Node culprit_ = 0;
};

}  // namespace pemba::reason::internal
