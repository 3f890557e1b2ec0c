#include "pemba/reason/internal/facts.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "pemba/base/assert.h"
#include "pemba/base/hash.h"

namespace pemba::reason::internal {
namespace {

std::uint64_t Mix(std::uint64_t x) {  // The finaliser of SplitMix64 (Steele et al., 2014).
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

RawValue RawOfNumber(const Value& value) {
  switch (TypeOf(value)) {
    case ValueType::kBoolean:
      return std::get<bool>(value) ? 1 : 0;
    case ValueType::kLong:
      return static_cast<RawValue>(std::get<std::int64_t>(value));
    case ValueType::kDouble: {
      const double number = std::get<double>(value);
      return std::bit_cast<RawValue>(number == 0 ? 0.0 : number);  // One zero.
    }
    case ValueType::kDateTime:
      return static_cast<RawValue>(std::get<DateTime>(value).milliseconds);
    case ValueType::kString:
      break;
  }
  PEMBA_CHECK(false);
  return 0;
}

template <class T>
int ThreeWay(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

template <class Columns>
auto* FindColumn(Columns& columns, TypeId key) {
  for (auto& column : columns) {
    if (column.key == key) return &column;
  }
  return static_cast<decltype(columns.data())>(nullptr);
}

ListColumn& ColumnFor(std::vector<ListColumn>& columns, TypeId key) {
  if (ListColumn* found = FindColumn(columns, key)) return *found;
  columns.push_back({.key = key, .edges = 0, .lists = {}});
  return columns.back();
}

// `from`, the last slot, moves to `to`, which was vacated.
void MoveSlot(std::vector<ListColumn>& columns, std::uint32_t from, std::uint32_t to) {
  for (ListColumn& column : columns) {
    if (from != to) {
      if (column.lists[from].empty() && column.lists[to].empty()) continue;
      column.lists.Mutable(to) = std::move(column.lists.Mutable(from));
    }
    if (!column.lists[from].empty()) column.lists.Mutable(from) = IdList();
  }
}

}  // namespace

RawValue TextPool::Add(std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  const std::size_t needed = (sizeof(size) + text.size() + 3) & ~std::size_t{3};
  const std::lock_guard lock(mutex_);
  if (needed > left_) {
    const std::size_t chunk = std::max(needed, kChunkBytes);
    chunks_.push_back(std::unique_ptr<char[]>(new char[chunk]));
    position_ = chunks_.back().get();
    left_ = chunk;
    bytes_.fetch_add(chunk, std::memory_order_relaxed);
  }
  char* at = position_;
  position_ += needed;
  left_ -= needed;
  std::memcpy(at, &size, sizeof(size));
  if (!text.empty()) std::memcpy(at + sizeof(size), text.data(), text.size());
  return reinterpret_cast<RawValue>(at);
}

Value ToValue(ValueType type, RawValue raw) {
  switch (type) {
    case ValueType::kBoolean:
      return raw != 0;
    case ValueType::kLong:
      return static_cast<std::int64_t>(raw);
    case ValueType::kDouble:
      return std::bit_cast<double>(raw);
    case ValueType::kString:
      return std::string(TextPool::Read(raw));
    case ValueType::kDateTime:
      return DateTime{static_cast<std::int64_t>(raw)};
  }
  return false;
}

std::uint64_t HashValue(ValueType type, RawValue raw) {
  return type == ValueType::kString ? HashBytes(TextPool::Read(raw)) : Mix(raw);
}

std::uint64_t HashValue(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr ? HashBytes(*text) : Mix(RawOfNumber(value));
}

bool EqualsValue(ValueType type, RawValue raw, const Value& value) {
  if (type != TypeOf(value)) return false;
  if (type == ValueType::kString) return TextPool::Read(raw) == std::get<std::string>(value);
  return raw == RawOfNumber(value);
}

int CompareRaw(ValueType type, RawValue a, RawValue b) {
  switch (type) {
    case ValueType::kString:
      return ThreeWay(TextPool::Read(a), TextPool::Read(b));
    case ValueType::kDouble:
      return ThreeWay(std::bit_cast<double>(a), std::bit_cast<double>(b));
    default:
      return ThreeWay(static_cast<std::int64_t>(a), static_cast<std::int64_t>(b));
  }
}

// ---- TypeTable ----

TypeTable::TypeTable(const TypeTable& other)
    : type(other.type),
      value_type(other.value_type),
      count(other.count),
      things(other.things),
      players(other.players),
      playing(other.playing),
      owned(other.owned),
      owners(other.owners),
      values(other.values),
      buckets(other.buckets),
      bucket_count(other.bucket_count) {
  const std::lock_guard lock(other.order_mutex_);
  order_ = other.order_;  // Dropped by the first change of values.
}

const PlayerColumn* TypeTable::FindPlayers(TypeId role) const {
  for (const PlayerColumn& column : players) {
    if (column.role == role) return &column;
  }
  return nullptr;
}
const ListColumn* TypeTable::FindPlaying(TypeId role) const { return FindColumn(playing, role); }
const ListColumn* TypeTable::FindOwned(TypeId attribute) const {
  return FindColumn(owned, attribute);
}
const ListColumn* TypeTable::FindOwners(TypeId owner_type) const {
  return FindColumn(owners, owner_type);
}

std::span<const ThingId> TypeTable::InOrder() const {
  const std::lock_guard lock(order_mutex_);
  if (order_ == nullptr) {
    std::vector<std::pair<RawValue, ThingId>> sorted(count);
    for (std::uint32_t i = 0; i < count; ++i) sorted[i] = {values[i], things[i]};
    std::sort(sorted.begin(), sorted.end(), [this](const auto& a, const auto& b) {
      return CompareRaw(*value_type, a.first, b.first) < 0;
    });
    std::vector<ThingId> order(count);
    for (std::uint32_t i = 0; i < count; ++i) order[i] = sorted[i].second;
    order_ = std::make_shared<const std::vector<ThingId>>(std::move(order));
  }
  return *order_;  // This version never changes again, so neither does its order.
}

// ---- Facts: reading ----

const IdList* Facts::Playing(ThingId player, TypeId role) const {
  const TypeTable* table = Table(TypeOf(player));
  const ListColumn* column = table == nullptr ? nullptr : table->FindPlaying(role);
  return column == nullptr ? nullptr : &column->lists[SlotOf(player)];
}

const IdList* Facts::Owned(ThingId owner, TypeId attribute) const {
  const TypeTable* table = Table(TypeOf(owner));
  const ListColumn* column = table == nullptr ? nullptr : table->FindOwned(attribute);
  return column == nullptr ? nullptr : &column->lists[SlotOf(owner)];
}

const IdList* Facts::Owners(ThingId attribute, TypeId owner_type) const {
  const TypeTable* table = Table(TypeOf(attribute));
  const ListColumn* column = table == nullptr ? nullptr : table->FindOwners(owner_type);
  return column == nullptr ? nullptr : &column->lists[SlotOf(attribute)];
}

bool Facts::Owns(ThingId owner, ThingId attribute) const {
  const IdList* list = Owned(owner, TypeOf(attribute));
  return list != nullptr && list->Contains(attribute);
}

ThingId Facts::Find(TypeId attribute_type, const Value& value) const {
  const TypeTable* table = Table(attribute_type);
  if (table == nullptr || table->bucket_count == 0) return kNoThing;
  const std::uint32_t mask = table->bucket_count - 1;
  for (std::uint32_t at = static_cast<std::uint32_t>(HashValue(value)) & mask;;
       at = (at + 1) & mask) {
    const std::uint32_t slot = table->buckets[at];
    if (slot == 0) return kNoThing;
    if (EqualsValue(*table->value_type, table->values[slot - 1], value)) {
      return table->things[slot - 1];
    }
  }
}

std::size_t Facts::bytes() const {
  std::size_t total = type_of_.bytes() + slot_of_.bytes() + texts_->bytes();
  const auto lists = [](const std::vector<ListColumn>& columns, std::uint32_t count) {
    std::size_t sum = 0;
    for (const ListColumn& column : columns) {
      sum += sizeof(ListColumn) + column.lists.bytes();
      for (std::uint32_t slot = 0; slot < count; ++slot) sum += column.lists[slot].heap_bytes();
    }
    return sum;
  };
  for (const auto& table : tables_) {
    if (table == nullptr) continue;
    total += sizeof(TypeTable) + table->things.bytes() + table->values.bytes() +
             table->buckets.bytes() + lists(table->playing, table->count) +
             lists(table->owned, table->count) + lists(table->owners, table->count);
    for (const PlayerColumn& column : table->players) {
      total += sizeof(PlayerColumn) + column.single.bytes() + column.multiple.bytes();
      for (std::uint32_t slot = 0; column.repeated && slot < table->count; ++slot) {
        total += column.multiple[slot].heap_bytes();
      }
    }
  }
  return total;
}

// ---- Facts: writing ----

TypeTable& Facts::Mutable(TypeId type) {
  if (type >= tables_.size()) tables_.resize(type + 1);
  TableRef& table = tables_[type];
  if (table == nullptr) {
    table = TableRef(new TypeTable);
    table.mine().type = type;
  } else if (table.is_shared()) {
    table = TableRef(new TypeTable(*table));
  }
  return table.mine();
}

void Facts::Create(ThingId thing, TypeId type) {
  PEMBA_ASSERT(thing < kThingMax && type != 0 && type < 0x10000 && !Exists(thing));
  TypeTable& table = Mutable(type);
  type_of_.Mutable(thing) = static_cast<std::uint16_t>(type);
  slot_of_.Mutable(thing) = table.count;
  table.things.Mutable(table.count) = thing;
  ++table.count;
}

void Facts::CreateAttribute(ThingId thing, TypeId type, const Value& value) {
  Create(thing, type);
  TypeTable& table = Mutable(type);
  table.value_type = reason::TypeOf(value);
  const std::uint32_t slot = table.count - 1;
  const auto* text = std::get_if<std::string>(&value);
  table.values.Mutable(slot) = text != nullptr ? texts_->Add(*text) : RawOfNumber(value);
  table.order_.reset();
  if (table.count * 4ULL > table.bucket_count * 3ULL) {
    Rehash(table, std::max<std::uint32_t>(16, table.bucket_count * 2));
  } else {
    table.buckets.Mutable(BucketOf(table, slot)) = slot + 1;
  }
}

void Facts::Rehash(TypeTable& table, std::uint32_t bucket_count) {
  table.buckets = CowArray<std::uint32_t>();
  table.bucket_count = bucket_count;
  for (std::uint32_t slot = 0; slot < table.count; ++slot) {
    table.buckets.Mutable(BucketOf(table, slot)) = slot + 1;
  }
}

// Where the slot is, or where it would be put.
std::uint32_t Facts::BucketOf(const TypeTable& table, std::uint32_t slot) const {
  const std::uint32_t mask = table.bucket_count - 1;
  auto at = static_cast<std::uint32_t>(HashValue(*table.value_type, table.values[slot])) & mask;
  while (table.buckets[at] != 0 && table.buckets[at] != slot + 1) at = (at + 1) & mask;
  return at;
}

// Knuth, TAOCP vol. 3, 6.4, algorithm R: closes the gap instead of leaving a tombstone.
void Facts::RemoveFromBuckets(TypeTable& table, std::uint32_t slot) {
  const std::uint32_t mask = table.bucket_count - 1;
  std::uint32_t gap = BucketOf(table, slot);
  for (std::uint32_t at = (gap + 1) & mask; table.buckets[at] != 0; at = (at + 1) & mask) {
    const auto home = static_cast<std::uint32_t>(
                          HashValue(*table.value_type, table.values[table.buckets[at] - 1])) &
                      mask;
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    table.buckets.Mutable(gap) = table.buckets[at];
    gap = at;
  }
  table.buckets.Mutable(gap) = 0;
}

void Facts::AddOwnership(ThingId owner, ThingId attribute) {
  if (Owns(owner, attribute)) return;
  const TypeId owner_type = TypeOf(owner), attribute_type = TypeOf(attribute);
  ListColumn& owned = ColumnFor(Mutable(owner_type).owned, attribute_type);
  owned.lists.Mutable(SlotOf(owner)).Add(attribute);
  ++owned.edges;
  ListColumn& owners = ColumnFor(Mutable(attribute_type).owners, owner_type);
  owners.lists.Mutable(SlotOf(attribute)).Add(owner);
  ++owners.edges;
}

void Facts::RemoveOwnership(ThingId owner, ThingId attribute) {
  if (!Owns(owner, attribute)) return;
  const TypeId owner_type = TypeOf(owner), attribute_type = TypeOf(attribute);
  ListColumn& owned = ColumnFor(Mutable(owner_type).owned, attribute_type);
  owned.lists.Mutable(SlotOf(owner)).Remove(attribute);
  --owned.edges;
  ListColumn& owners = ColumnFor(Mutable(attribute_type).owners, owner_type);
  owners.lists.Mutable(SlotOf(attribute)).Remove(owner);
  --owners.edges;
}

bool Facts::HasEdge(const TypeTable& table, std::uint32_t slot, TypeId role, ThingId player) const {
  const PlayerColumn* column = table.FindPlayers(role);
  if (column == nullptr) return false;
  return column->repeated ? column->multiple[slot].Contains(player)
                          : column->single[slot] == player + 1;
}

void Facts::AddPlayer(ThingId relation, TypeId role, ThingId player) {
  const TypeId type = TypeOf(relation);
  TypeTable& table = Mutable(type);
  const std::uint32_t slot = SlotOf(relation);
  const bool known = HasEdge(table, slot, role, player);
  auto column = std::find_if(table.players.begin(), table.players.end(),
                             [&](const PlayerColumn& c) { return c.role == role; });
  if (column == table.players.end()) {
    table.players.emplace_back().role = role;
    column = table.players.end() - 1;
  }
  if (!column->repeated && column->single[slot] != 0) {
    for (std::uint32_t i = 0; i < table.count; ++i) {
      if (column->single[i] != 0) column->multiple.Mutable(i).Add(column->single[i] - 1);
    }
    column->single = CowArray<std::uint32_t>();
    column->repeated = true;
  }
  if (column->repeated) {
    column->multiple.Mutable(slot).Add(player);
  } else {
    column->single.Mutable(slot) = player + 1;
  }
  ++column->edges;
  if (known) return;
  ListColumn& playing = ColumnFor(Mutable(TypeOf(player)).playing, role);
  playing.lists.Mutable(SlotOf(player)).Add(relation);
  ++playing.edges;
}

void Facts::RemovePlayer(ThingId relation, TypeId role, ThingId player) {
  const TypeId type = TypeOf(relation);
  const std::uint32_t slot = SlotOf(relation);
  if (Table(type) == nullptr || !HasEdge(*Table(type), slot, role, player)) return;
  TypeTable& table = Mutable(type);
  auto column = std::find_if(table.players.begin(), table.players.end(),
                             [&](const PlayerColumn& c) { return c.role == role; });
  if (column->repeated) {
    column->multiple.Mutable(slot).Remove(player);
  } else {
    column->single.Mutable(slot) = 0;
  }
  --column->edges;
  if (HasEdge(table, slot, role, player)) return;  // It plays the role a second time.
  ListColumn& playing = ColumnFor(Mutable(TypeOf(player)).playing, role);
  playing.lists.Mutable(SlotOf(player)).Remove(relation);
  --playing.edges;
}

void Facts::Delete(ThingId thing) {
  if (!Exists(thing)) return;
  const TypeId type = TypeOf(thing);
  const std::uint32_t slot = SlotOf(thing);
  {
    // What to cut is gathered first, because cutting changes the lists.
    std::vector<std::pair<ThingId, ThingId>> ownerships;
    struct Edge {
      ThingId relation;
      TypeId role;
      ThingId player;
    };
    std::vector<Edge> edges;
    const TypeTable& table = *tables_[type];
    for (const ListColumn& column : table.owned) {
      const IdList& list = column.lists[slot];
      for (std::uint32_t i = 0, n = list.size(); i < n; ++i) ownerships.push_back({thing, list[i]});
    }
    for (const ListColumn& column : table.owners) {
      const IdList& list = column.lists[slot];
      for (std::uint32_t i = 0, n = list.size(); i < n; ++i) ownerships.push_back({list[i], thing});
    }
    for (const ListColumn& column : table.playing) {
      const IdList& list = column.lists[slot];
      for (std::uint32_t i = 0, n = list.size(); i < n; ++i) {
        ForEachPlayer(list[i], [&](TypeId role, ThingId player) {
          if (role == column.key && player == thing) edges.push_back({list[i], role, thing});
        });
      }
    }
    ForEachPlayer(thing, [&](TypeId role, ThingId player) {
      edges.push_back({thing, role, player});
    });
    for (const auto& [owner, attribute] : ownerships) RemoveOwnership(owner, attribute);
    for (const Edge& edge : edges) RemovePlayer(edge.relation, edge.role, edge.player);
  }

  TypeTable& table = Mutable(type);
  const std::uint32_t last = table.count - 1;
  if (table.value_type) {
    RemoveFromBuckets(table, slot);
    table.order_.reset();
    if (last != slot) {
      const std::uint32_t bucket = BucketOf(table, last);
      table.buckets.Mutable(bucket) = slot + 1;
      table.values.Mutable(slot) = table.values[last];
    }
  }
  MoveSlot(table.playing, last, slot);
  MoveSlot(table.owned, last, slot);
  MoveSlot(table.owners, last, slot);
  for (PlayerColumn& column : table.players) {
    if (column.repeated) {
      if (last != slot) column.multiple.Mutable(slot) = column.multiple[last];
      column.multiple.Mutable(last) = IdList();
    } else {
      if (last != slot) column.single.Mutable(slot) = column.single[last];
      column.single.Mutable(last) = 0;
    }
  }
  const ThingId moved = table.things[last];
  table.things.Mutable(slot) = moved;
  slot_of_.Mutable(moved) = slot;
  --table.count;
  type_of_.Mutable(thing) = 0;
}

}  // namespace pemba::reason::internal
