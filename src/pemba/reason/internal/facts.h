// Facts: all things of one database and what connects them, as of one moment.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "pemba/reason/internal/cow_array.h"
#include "pemba/reason/internal/id_list.h"
#include "pemba/reason/thing.h"
#include "pemba/reason/type_set.h"
#include "pemba/reason/value.h"

namespace pemba::reason::internal {

// A value in eight bytes: the bits of a number, boolean or datetime, or a pointer to a Text.
using RawValue = std::uint64_t;

// Strings of attributes. Append-only and shared by all versions of the facts: a string is freed
// when the last version that can see the pool is. Thread-safe.
class TextPool {
 public:
  RawValue Add(std::string_view text);
  static std::string_view Read(RawValue raw) {
    const auto* bytes = reinterpret_cast<const char*>(raw);
    std::uint32_t size = 0;
    __builtin_memcpy(&size, bytes, sizeof(size));
    return {bytes + sizeof(size), size};
  }
  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kChunkBytes = std::size_t{1} << 16;
  std::mutex mutex_;
  std::deque<std::unique_ptr<char[]>> chunks_;  // Guarded by mutex_, as is what follows.
  char* position_ = nullptr;
  std::size_t left_ = 0;
  std::atomic<std::size_t> bytes_{0};
};

Value ToValue(ValueType type, RawValue raw);
std::uint64_t HashValue(ValueType type, RawValue raw);
std::uint64_t HashValue(const Value& value);  // Equal values of one type hash alike.
bool EqualsValue(ValueType type, RawValue raw, const Value& value);
// Three-way; both of this type.
int CompareRaw(ValueType type, RawValue a, RawValue b);

// A column of lists, one for each instance of the type that it belongs to.
struct ListColumn {
  TypeId key = 0;           // The role, the attribute type or the owner type.
  std::uint64_t edges = 0;  // The sum of all sizes.
  CowArray<IdList> lists;   // By slot.
};

// The players of one role, for all relations of one type.
struct PlayerColumn {
  TypeId role = 0;
  std::uint64_t edges = 0;
  // By slot: the player + 1, or 0; as long as no relation has two players in this role.
  CowArray<std::uint32_t> single;
  bool repeated = false;      // If set, `multiple` is used instead of `single`.
  CowArray<IdList> multiple;  // By slot; one thing may be there twice.
};

// The instances of one exact type. They have slots 0 to count - 1 in every column; the last one
// takes the slot of one that is deleted.
struct TypeTable {
  TypeId type = 0;
  std::optional<ValueType> value_type;  // Attributes.
  std::uint32_t count = 0;
  CowArray<ThingId> things;

  std::vector<PlayerColumn> players;  // Relations: by role.
  std::vector<ListColumn> playing;    // By role: the relations in which the thing plays it.
  std::vector<ListColumn> owned;      // By attribute type.
  std::vector<ListColumn> owners;     // Attributes: by the owner's type.

  CowArray<RawValue> values;        // Attributes.
  CowArray<std::uint32_t> buckets;  // Hash of value -> slot + 1; linear probing.
  std::uint32_t bucket_count = 0;   // A power of two, or 0.

  const PlayerColumn* FindPlayers(TypeId role) const;
  const ListColumn* FindPlaying(TypeId role) const;
  const ListColumn* FindOwned(TypeId attribute) const;
  const ListColumn* FindOwners(TypeId owner_type) const;

  // The instances of an attribute type in ascending order of value. Made when first asked for and
  // kept with this version of the table. Thread-safe.
  std::span<const ThingId> InOrder() const;

  TypeTable() = default;
  TypeTable(const TypeTable& other);
  TypeTable& operator=(const TypeTable&) = delete;

 private:
  friend class Facts;
  friend class TableRef;
  std::atomic<std::uint32_t> references_{1};
  mutable std::mutex order_mutex_;
  mutable std::shared_ptr<const std::vector<ThingId>> order_;  // Guarded by order_mutex_.
};

// A table that copies share. Not std::shared_ptr, whose use_count() does not say that what the last
// other owner did happened before.
class TableRef {
 public:
  TableRef() = default;
  explicit TableRef(TypeTable* table) : table_(table) {}  // Takes it.
  TableRef(const TableRef& other) : table_(other.table_) {
    if (table_ != nullptr) table_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  TableRef(TableRef&& other) noexcept : table_(std::exchange(other.table_, nullptr)) {}
  TableRef& operator=(TableRef other) noexcept {
    std::swap(table_, other.table_);
    return *this;
  }
  ~TableRef() {
    if (table_ != nullptr && table_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete table_;
    }
  }
  const TypeTable* get() const { return table_; }
  const TypeTable& operator*() const { return *table_; }
  const TypeTable* operator->() const { return table_; }
  bool operator==(std::nullptr_t) const { return table_ == nullptr; }
  bool is_shared() const { return table_->references_.load(std::memory_order_acquire) > 1; }
  TypeTable& mine() { return *table_; }  // Not shared.

 private:
  TypeTable* table_ = nullptr;
};

// Copies are cheap and share what they have in common. The writing functions keep both directions
// of every connection in step and know nothing of schemas: who calls them has judged.
//
// Thread-safety: as CowArray.
class Facts {
 public:
  Facts() : texts_(std::make_shared<TextPool>()) {}

  // ---- Reading ----
  // The exact type; 0 if there is no such thing.
  TypeId TypeOf(ThingId thing) const { return type_of_[thing]; }
  std::uint32_t SlotOf(ThingId thing) const { return slot_of_[thing]; }
  bool Exists(ThingId thing) const { return thing < kThingMax && type_of_[thing] != 0; }
  const TypeTable* Table(TypeId type) const {
    return type < tables_.size() ? tables_[type].get() : nullptr;
  }
  std::uint32_t Count(TypeId type) const {
    const TypeTable* table = Table(type);
    return table == nullptr ? 0 : table->count;
  }
  // The relations in which the thing plays exactly this role, each once. Null: none.
  const IdList* Playing(ThingId player, TypeId role) const;
  const IdList* Owned(ThingId owner, TypeId attribute) const;
  const IdList* Owners(ThingId attribute, TypeId owner_type) const;
  bool Owns(ThingId owner, ThingId attribute) const;
  // Calls see(role, player) for every role edge of the relation.
  template <class See>
  void ForEachPlayer(ThingId relation, See see) const {
    const TypeTable& table = *tables_[TypeOf(relation)];
    const std::uint32_t slot = SlotOf(relation);
    for (const PlayerColumn& column : table.players) {
      if (!column.repeated) {
        if (const std::uint32_t player = column.single[slot]) see(column.role, player - 1);
        continue;
      }
      const IdList& list = column.multiple[slot];
      for (std::uint32_t i = 0, n = list.size(); i < n; ++i) see(column.role, list[i]);
    }
  }
  // Of an attribute.
  RawValue RawOf(ThingId attribute) const {
    return tables_[TypeOf(attribute)]->values[SlotOf(attribute)];
  }
  ValueType ValueTypeOf(ThingId attribute) const { return *tables_[TypeOf(attribute)]->value_type; }
  Value ValueOf(ThingId attribute) const {
    return ToValue(ValueTypeOf(attribute), RawOf(attribute));
  }
  // The instance of exactly this type with this value, which is of the type's value type.
  ThingId Find(TypeId attribute_type, const Value& value) const;
  TypeId table_limit() const { return static_cast<TypeId>(tables_.size()); }
  std::size_t bytes() const;  // As if nothing were shared with other versions.

  // ---- Writing ----
  // `thing` is a number that was never used before.
  void Create(ThingId thing, TypeId type);
  void CreateAttribute(ThingId thing, TypeId type, const Value& value);
  void AddOwnership(ThingId owner, ThingId attribute);            // Nothing if it is there.
  void RemoveOwnership(ThingId owner, ThingId attribute);         // Nothing if it is not.
  void AddPlayer(ThingId relation, TypeId role, ThingId player);  // Another edge each time.
  // One edge; nothing if there is none.
  void RemovePlayer(ThingId relation, TypeId role, ThingId player);
  // With all its ownerships and role edges. Relations that it played in stay.
  void Delete(ThingId thing);

 private:
  TypeTable& Mutable(TypeId type);
  bool HasEdge(const TypeTable& table, std::uint32_t slot, TypeId role, ThingId player) const;
  void Rehash(TypeTable& table, std::uint32_t bucket_count);
  void RemoveFromBuckets(TypeTable& table, std::uint32_t slot);
  std::uint32_t BucketOf(const TypeTable& table, std::uint32_t slot) const;

  CowArray<std::uint16_t> type_of_;
  CowArray<std::uint32_t> slot_of_;
  std::vector<TableRef> tables_;  // By type; null if it never had an instance.
  std::shared_ptr<TextPool> texts_;
};

}  // namespace pemba::reason::internal
