#include "pemba/reason/internal/inferred.h"

#include <algorithm>
#include <utility>

#include "pemba/base/assert.h"
#include "pemba/base/hash.h"
#include "pemba/reason/internal/facts.h"

namespace pemba::reason::internal {
namespace {

std::uint64_t AttributeKey(TypeId type, const Value& value) { return HashValue(value) + type; }

}  // namespace

Row Heads::Exchange(ThingId thing, Row row) {
  auto& pages = IsInferred(thing) ? inferred_ : persisted_;
  const std::uint32_t index = thing & 0x7FFFFFFF;
  const std::uint32_t page = index / kPageItems;
  if (page >= pages.size()) pages.resize(page + 1);
  if (pages[page] == nullptr) {
    pages[page] = std::make_unique<Page>();
    pages[page]->fill(kNoRow);
    bytes_ += sizeof(Page);
  }
  return std::exchange((*pages[page])[index % kPageItems], row);
}

std::uint64_t Inferred::HashRelation(TypeId type, std::span<const RoleEdge> edges) {
  std::uint64_t hash = type * 0x9E3779B97F4A7C15ULL;
  for (const RoleEdge& edge : edges) {
    hash ^= static_cast<std::uint64_t>(edge.role) << 32 | edge.player;
    hash *= 0xBF58476D1CE4E5B9ULL;
    hash ^= hash >> 31;
  }
  return hash;
}

std::uint64_t Inferred::HashOf(std::uint32_t index) const {
  const Thing& thing = things_[index];
  return HashRelation(thing.type, {edges_.data() + thing.begin, thing.count});
}

ThingId Inferred::FindRelation(TypeId type, std::span<const RoleEdge> edges) const {
  if (buckets_.empty()) return kNoThing;
  const std::size_t mask = buckets_.size() - 1;
  for (std::size_t at = HashRelation(type, edges) & mask;; at = (at + 1) & mask) {
    if (buckets_[at] == 0) return kNoThing;
    const std::uint32_t index = buckets_[at] - 1;
    const Thing& thing = things_[index];
    if (thing.type == type && thing.count == edges.size() &&
        std::equal(edges.begin(), edges.end(), edges_.begin() + thing.begin)) {
      return kFirstInferred + index;
    }
  }
}

void Inferred::GrowBuckets() {
  const std::size_t size = buckets_.empty() ? 1024 : buckets_.size() * 2;
  std::vector<std::uint32_t> old = std::exchange(buckets_, std::vector<std::uint32_t>(size));
  for (const std::uint32_t entry : old) {
    if (entry == 0) continue;
    std::size_t at = HashOf(entry - 1) & (size - 1);
    while (buckets_[at] != 0) at = (at + 1) & (size - 1);
    buckets_[at] = entry;
  }
}

const Heads* Inferred::FindHeads(TypeId type, TypeId role) const {
  if (type >= playing_.size()) return nullptr;
  for (const RoleHeads& one : playing_[type]) {
    if (one.role == role) return &one.heads;
  }
  return nullptr;
}

Heads& Inferred::HeadsFor(TypeId type, TypeId role) {
  if (type >= playing_.size()) playing_.resize(type + 1);
  for (RoleHeads& one : playing_[type]) {
    if (one.role == role) return one.heads;
  }
  playing_[type].emplace_back().role = role;
  return playing_[type].back().heads;
}

ThingId Inferred::AddUnindexedRelation(TypeId type, std::span<const RoleEdge> edges) {
  PEMBA_ASSERT(std::is_sorted(edges.begin(), edges.end()));
  const ThingId relation = kFirstInferred + static_cast<std::uint32_t>(things_.size());
  things_.push_back({.begin = static_cast<std::uint32_t>(edges_.size()),
                     .sequence = sequence_++,
                     .count = static_cast<std::uint16_t>(edges.size()),
                     .type = static_cast<std::uint16_t>(type)});
  for (const RoleEdge& edge : edges) {
    const auto row = static_cast<Row>(edges_.size());
    edges_.push_back(edge);
    edge_relation_.push_back(relation);
    edge_next_.push_back(HeadsFor(type, edge.role).Exchange(edge.player, row));
  }
  if (type >= by_type_.size()) by_type_.resize(type + 1);
  by_type_[type].push_back(relation);
  return relation;
}

ThingId Inferred::AddRelation(TypeId type, std::span<const RoleEdge> edges) {
  PEMBA_ASSERT(FindRelation(type, edges) == kNoThing);
  const ThingId relation = AddUnindexedRelation(type, edges);
  ++relation_count_;
  if (relation_count_ * 2ULL > buckets_.size()) GrowBuckets();
  const std::size_t mask = buckets_.size() - 1;
  std::size_t at = HashRelation(type, edges) & mask;
  while (buckets_[at] != 0) at = (at + 1) & mask;
  buckets_[at] = Index(relation) + 1;
  return relation;
}

Row Inferred::FirstPlaying(TypeId type, TypeId role, ThingId player) const {
  const Heads* heads = FindHeads(type, role);
  return heads == nullptr ? kNoRow : heads->Get(player);
}

ThingId Inferred::FindAttribute(TypeId type, const Value& value) const {
  const auto found = attributes_by_hash_.find(AttributeKey(type, value));
  if (found == attributes_by_hash_.end()) return kNoThing;
  for (const ThingId attribute : found->second) {
    if (TypeOf(attribute) == type && ValueOf(attribute) == value) return attribute;
  }
  return kNoThing;
}

ThingId Inferred::InternAttribute(TypeId type, const Value& value) {
  const ThingId known = FindAttribute(type, value);
  if (known != kNoThing) return known;
  const ThingId attribute = kFirstInferred + static_cast<std::uint32_t>(things_.size());
  things_.push_back({.begin = static_cast<std::uint32_t>(values_.size()),
                     .sequence = sequence_,
                     .count = 0,
                     .type = static_cast<std::uint16_t>(type)});
  values_.push_back(value);
  if (type >= attributes_by_type_.size()) attributes_by_type_.resize(type + 1);
  attributes_by_type_[type].push_back(attribute);
  attributes_by_hash_[AttributeKey(type, value)].push_back(attribute);
  return attribute;
}

Row Inferred::AddOwnership(ThingId owner, ThingId attribute) {
  const auto row = static_cast<Row>(ownerships_.size());
  if (IsInferred(attribute)) {
    Thing& thing = things_[Index(attribute)];
    if (thing.count == 0) {
      thing.count = 1;
      thing.sequence = sequence_;
    }
  }
  owned_.insert(static_cast<std::uint64_t>(owner) << 32 | attribute);
  ownerships_.push_back({.owner = owner,
                         .attribute = attribute,
                         .next_of_owner = by_owner_.Exchange(owner, row),
                         .next_of_attribute = by_attribute_.Exchange(attribute, row),
                         .sequence = sequence_++});
  return row;
}

Row Inferred::FindOwnership(ThingId owner, ThingId attribute) const {
  for (Row row = FirstOwned(owner); row != kNoRow; row = ownerships_[row].next_of_owner) {
    if (ownerships_[row].attribute == attribute) return row;
  }
  return kNoRow;
}

std::size_t Inferred::bytes() const {
  std::size_t total = things_.capacity() * sizeof(Thing) + edges_.capacity() * sizeof(RoleEdge) +
                      edge_relation_.capacity() * sizeof(ThingId) +
                      edge_next_.capacity() * sizeof(Row) + values_.capacity() * sizeof(Value) +
                      buckets_.capacity() * sizeof(std::uint32_t) +
                      ownerships_.capacity() * sizeof(Ownership) +
                      owned_.bucket_count() * (sizeof(std::uint64_t) + 1) + by_owner_.bytes() +
                      by_attribute_.bytes();
  for (const auto& rows : by_type_) total += rows.capacity() * sizeof(ThingId);
  for (const auto& roles : playing_) {
    for (const RoleHeads& one : roles) total += one.heads.bytes();
  }
  return total;
}

}  // namespace pemba::reason::internal
