// Inferred: what rules have concluded so far, in one transaction.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "pemba/reason/thing.h"
#include "pemba/reason/type_set.h"
#include "pemba/reason/value.h"

namespace pemba::reason::internal {

// Index of a row in one of the tables of Inferred; kNoRow ends a chain.
using Row = std::uint32_t;
inline constexpr Row kNoRow = 0xFFFFFFFF;

// From thing to the newest row of a chain. Pages of 1,024 things, made when first written.
class Heads {
 public:
  Row Get(ThingId thing) const {
    const auto& pages = IsInferred(thing) ? inferred_ : persisted_;
    const std::uint32_t index = thing & 0x7FFFFFFF;
    const std::uint32_t page = index / kPageItems;
    return page < pages.size() && pages[page] != nullptr ? (*pages[page])[index % kPageItems]
                                                         : kNoRow;
  }
  // Returns what was there before.
  Row Exchange(ThingId thing, Row row);
  std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::uint32_t kPageItems = 1024;
  using Page = std::array<Row, kPageItems>;
  std::vector<std::unique_ptr<Page>> persisted_, inferred_;
  std::size_t bytes_ = 0;
};

struct RoleEdge {
  TypeId role = 0;
  ThingId player = 0;
  friend auto operator<=>(const RoleEdge&, const RoleEdge&) = default;
};

// Grows only. Chains link new rows before old ones, so that walking a chain while rows are added
// sees exactly the rows that were there at the start. Not thread-safe: one transaction, one thread.
//
// Every fact has a sequence number, and a fact is added only when what it follows from is there:
// premises have smaller numbers than conclusions, which is what makes proofs well-founded.
class Inferred {
 public:
  // ---- Things: relations and attributes, in one numbering from kFirstInferred ----
  std::uint32_t thing_count() const { return static_cast<std::uint32_t>(things_.size()); }
  TypeId TypeOf(ThingId thing) const { return things_[Index(thing)].type; }
  std::uint32_t SequenceOf(ThingId thing) const { return things_[Index(thing)].sequence; }

  // ---- Relations ----
  // The relation of exactly this type with exactly these edges, which are sorted; kNoThing if none.
  ThingId FindRelation(TypeId type, std::span<const RoleEdge> edges) const;
  ThingId AddRelation(TypeId type, std::span<const RoleEdge> edges);  // Not there yet.
  // The same for who knows by other means which relations are there: FindRelation does not find it.
  ThingId AddUnindexedRelation(TypeId type, std::span<const RoleEdge> edges);
  std::span<const RoleEdge> Edges(ThingId relation) const {
    const Thing& thing = things_[Index(relation)];
    return {edges_.data() + thing.begin, thing.count};
  }
  // All relations of one exact type, in the order in which they were added.
  std::span<const ThingId> Relations(TypeId type) const {
    return type < by_type_.size() ? std::span<const ThingId>(by_type_[type])
                                  : std::span<const ThingId>();
  }
  // Those in which the player has the role: follow NextPlaying until kNoRow. A relation in which it
  // has the role twice comes twice in a row.
  Row FirstPlaying(TypeId type, TypeId role, ThingId player) const;
  Row NextPlaying(Row edge) const { return edge_next_[edge]; }
  ThingId RelationOf(Row edge) const { return edge_relation_[edge]; }

  // ---- Attributes ----
  // The attribute of this type and value, which is not persisted: it has a number from when it is
  // first mentioned, and exists once a rule has concluded it.
  ThingId InternAttribute(TypeId type, const Value& value);
  ThingId FindAttribute(TypeId type, const Value& value) const;
  const Value& ValueOf(ThingId attribute) const { return values_[things_[Index(attribute)].begin]; }
  bool Exists(ThingId attribute) const { return things_[Index(attribute)].count != 0; }
  std::span<const ThingId> Attributes(TypeId type) const {  // Existing or not.
    return type < attributes_by_type_.size() ? std::span<const ThingId>(attributes_by_type_[type])
                                             : std::span<const ThingId>();
  }

  // ---- Ownerships that are not persisted; attributes may be ----
  struct Ownership {
    ThingId owner = 0, attribute = 0;
    Row next_of_owner = kNoRow, next_of_attribute = kNoRow;
    std::uint32_t sequence = 0;
  };
  bool Owns(ThingId owner, ThingId attribute) const {
    return owned_.contains(static_cast<std::uint64_t>(owner) << 32 | attribute);
  }
  Row AddOwnership(ThingId owner, ThingId attribute);  // Not there yet.
  Row FindOwnership(ThingId owner, ThingId attribute) const;
  Row FirstOwned(ThingId owner) const { return by_owner_.Get(owner); }
  Row FirstOwner(ThingId attribute) const { return by_attribute_.Get(attribute); }
  const Ownership& GetOwnership(Row row) const { return ownerships_[row]; }
  std::uint32_t ownership_count() const { return static_cast<std::uint32_t>(ownerships_.size()); }

  std::uint32_t fact_count() const { return sequence_; }
  std::size_t bytes() const;

 private:
  struct Thing {
    std::uint32_t begin = 0;  // Of a relation its first edge, of an attribute its value.
    std::uint32_t sequence = 0;
    std::uint16_t count = 0;  // Of a relation its edges, of an attribute 1 if it exists.
    std::uint16_t type = 0;
  };
  static std::uint32_t Index(ThingId thing) { return thing - kFirstInferred; }
  static std::uint64_t HashRelation(TypeId type, std::span<const RoleEdge> edges);
  std::uint64_t HashOf(std::uint32_t index) const;
  void GrowBuckets();

  std::vector<Thing> things_;
  std::vector<RoleEdge> edges_;
  std::vector<ThingId> edge_relation_;
  std::vector<Row> edge_next_;
  std::vector<Value> values_;
  std::vector<std::vector<ThingId>> by_type_, attributes_by_type_;
  boost::unordered_flat_map<std::uint64_t, std::vector<ThingId>> attributes_by_hash_;
  std::vector<std::uint32_t> buckets_;  // Hash of relation -> index + 1; linear probing.
  std::uint32_t relation_count_ = 0;
  struct RoleHeads {
    TypeId role = 0;
    Heads heads;
  };
  const Heads* FindHeads(TypeId type, TypeId role) const;
  Heads& HeadsFor(TypeId type, TypeId role);
  std::vector<std::vector<RoleHeads>> playing_;  // By relation type; few roles each.
  std::vector<Ownership> ownerships_;
  boost::unordered_flat_set<std::uint64_t> owned_;
  Heads by_owner_, by_attribute_;
  std::uint32_t sequence_ = 0;
};

}  // namespace pemba::reason::internal
