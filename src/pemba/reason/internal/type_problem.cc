#include "pemba/reason/internal/type_problem.h"

#include <utility>

namespace pemba::reason::internal {
namespace {

template <class Supports>
TypeSet UnionOver(const TypeSet& types, Supports supports) {
  TypeSet all;
  for (const TypeId type : types) all |= supports(type);
  return all;
}

}  // namespace

Node TypeProblem::Add(TypeSet domain) {
  domains_.push_back(std::move(domain));
  return domains_.size() - 1;
}

void TypeProblem::Connect(Link link, Node left, Node right, syntax::Annotation annotation) {
  connections_.push_back({link, left, right, annotation});
}

// What the right side may be, given the left.
TypeSet TypeProblem::Rightward(const Connection& connection) const {
  const TypeSet& left = domains_[connection.left];
  switch (connection.link) {
    case Link::kSame:
      return left;
    case Link::kSub:
      return UnionOver(left, [&](TypeId id) -> const TypeSet& { return schema_->Supertypes(id); });
    case Link::kSubExact: {
      TypeSet above;
      for (const TypeId id : left) {
        if (schema_->Get(id).supertype != id) above.Add(schema_->Get(id).supertype);
      }
      return above;
    }
    case Link::kOwns: {
      TypeSet owned;
      for (const TypeId id : left) {
        for (const Ownership& ownership : schema_->Owns(id)) {
          if (ownership.annotation >= connection.annotation) owned.Add(ownership.attribute);
        }
      }
      return owned;
    }
    case Link::kRelates:
      return UnionOver(left, [&](TypeId id) -> const TypeSet& { return schema_->Relates(id); });
    case Link::kPlays:
      return UnionOver(left, [&](TypeId id) -> const TypeSet& { return schema_->Plays(id); });
    case Link::kComparable:
      return ComparableWith(left);
  }
  return {};
}

TypeSet TypeProblem::Leftward(const Connection& connection) const {
  const TypeSet& right = domains_[connection.right];
  switch (connection.link) {
    case Link::kSame:
      return right;
    case Link::kSub:
      return UnionOver(right, [&](TypeId id) -> const TypeSet& { return schema_->Subtypes(id); });
    case Link::kSubExact:
      return UnionOver(right,
                       [&](TypeId id) -> const TypeSet& { return schema_->DirectSubtypes(id); });
    case Link::kOwns: {
      TypeSet owners;
      for (const TypeId id : domains_[connection.left]) {
        for (const Ownership& ownership : schema_->Owns(id)) {
          if (ownership.annotation >= connection.annotation &&
              right.Contains(ownership.attribute)) {
            owners.Add(id);
          }
        }
      }
      return owners;
    }
    case Link::kRelates:
      return UnionOver(right, [&](TypeId id) -> const TypeSet& { return schema_->Relaters(id); });
    case Link::kPlays:
      return UnionOver(right, [&](TypeId id) -> const TypeSet& { return schema_->Players(id); });
    case Link::kComparable:
      return ComparableWith(right);
  }
  return {};
}

TypeSet TypeProblem::ComparableWith(const TypeSet& types) const {
  TypeSet comparable;
  for (const TypeId candidate : schema_->OfKind(Kind::kAttribute)) {
    const auto& value_type = schema_->Get(candidate).value_type;
    for (const TypeId id : types) {
      const auto& other = schema_->Get(id).value_type;
      // The root has no value type of its own and may stand for any.
      if (!value_type || !other || Comparable(*value_type, *other)) {
        comparable.Add(candidate);
        break;
      }
    }
  }
  return comparable;
}

TypeProblem::Change TypeProblem::Narrow(Node node, const TypeSet& allowed) {
  if (domains_[node].IsSubsetOf(allowed)) return Change::kNone;
  domains_[node] &= allowed;
  return Change::kNarrowed;
}

Outcome TypeProblem::Propagate() {
  for (Node node = 0; node < domains_.size(); ++node) {
    if (domains_[node].empty()) {
      culprit_ = node;
      return Outcome::kImpossible;
    }
  }
  bool narrowed = true;
  while (narrowed) {
    narrowed = false;
    for (const Connection& connection : connections_) {
      const std::pair<Node, TypeSet> sides[] = {{connection.right, Rightward(connection)},
                                                {connection.left, Leftward(connection)}};
      for (const auto& [node, allowed] : sides) {
        if (Narrow(node, allowed) == Change::kNone) continue;
        narrowed = true;
        if (domains_[node].empty()) {
          culprit_ = node;
          return Outcome::kImpossible;
        }
      }
    }
  }
  return Outcome::kPossible;
}

Outcome TypeProblem::Satisfiable() const {
  int steps = 0;
  TypeProblem problem = *this;
  if (problem.Propagate() == Outcome::kImpossible) return Outcome::kImpossible;
  return problem.Search(steps);
}

// INVARIANT: the domains are at their fixed point and none is empty.
Outcome TypeProblem::Search(int& steps) const {
  std::optional<Node> smallest;
  for (Node node = 0; node < domains_.size(); ++node) {
    const std::size_t size = domains_[node].size();
    if (size > 1 && (!smallest || size < domains_[*smallest].size())) smallest = node;
  }
  if (!smallest) return Outcome::kPossible;
  for (const TypeId type : domains_[*smallest]) {
    if (++steps > kSearchStepsMax) return Outcome::kPossible;
    TypeProblem narrower = *this;
    narrower.Restrict(*smallest, {type});
    if (narrower.Propagate() == Outcome::kPossible &&
        narrower.Search(steps) == Outcome::kPossible) {
      return Outcome::kPossible;
    }
  }
  return Outcome::kImpossible;
}

}  // namespace pemba::reason::internal
