#include "pemba/condition/internal/value.h"

#include <algorithm>
#include <compare>

#include "pemba/base/text.h"
#include "pemba/condition/internal/number.h"
#include "pemba/condition/internal/time.h"

namespace pemba::condition::internal {
namespace {

Ordering From(std::partial_ordering order) {
  if (order < 0) return Ordering::kLess;
  if (order > 0) return Ordering::kGreater;
  return order == 0 ? Ordering::kEqual : Ordering::kUnordered;
}

Ordering Reverse(Ordering order) {
  if (order == Ordering::kLess) return Ordering::kGreater;
  return order == Ordering::kGreater ? Ordering::kLess : order;
}

// The language compares an integer with a double as doubles, once the double is in the integer's
// range: huge integers are equal to the double that they round to.
Ordering CompareIntDouble(std::int64_t a, double b) {
  if (b > 0x1p63) return Ordering::kLess;
  if (b < -0x1p63) return Ordering::kGreater;
  return From(static_cast<double>(a) <=> b);
}

Ordering CompareUintDouble(std::uint64_t a, double b) {
  if (b > 0x1p64) return Ordering::kLess;
  return From(static_cast<double>(a) <=> b);
}

Ordering CompareIntUint(std::int64_t a, std::uint64_t b) {
  if (a < 0) return Ordering::kLess;
  return From(static_cast<std::uint64_t>(a) <=> b);
}

Ordering CompareNumbers(const Value& a, const Value& b) {
  if (a.kind == b.kind) {
    if (a.kind == Kind::kInt) return From(a.integer <=> b.integer);
    if (a.kind == Kind::kUint) return From(a.natural <=> b.natural);
    return From(a.real <=> b.real);
  }
  if (a.kind > b.kind) return Reverse(CompareNumbers(b, a));
  if (a.kind == Kind::kUint) return CompareUintDouble(a.natural, b.real);
  if (b.kind == Kind::kUint) return CompareIntUint(a.integer, b.natural);
  return CompareIntDouble(a.integer, b.real);
}

bool EqualLists(const Value& a, const Value& b) {
  if (a.size != b.size) return false;
  return std::equal(a.elements, a.elements + a.size, b.elements, Equal);
}

bool EqualMaps(const Value& a, const Value& b) {
  if (a.size != b.size) return false;
  return std::all_of(a.entries, a.entries + a.size, [&](const MapEntry& entry) {
    const Value* other = Find(b, entry.key);
    return other != nullptr && Equal(entry.value, *other);
  });
}

// Keys are booleans, integers and strings. Numbers compare by value, so they form one class.
int KeyClass(const Value& key) {
  if (key.kind == Kind::kBool) return 0;
  return key.is_number() ? 1 : 2;
}

Ordering CompareKeys(const Value& a, const Value& b) {
  const int class_a = KeyClass(a);
  const int class_b = KeyClass(b);
  return class_a == class_b ? Compare(a, b) : From(class_a <=> class_b);
}

// A double that is exactly an integer, as that integer: keys are found by their exact values.
Value Whole(const Value& value) {
  if (value.kind != Kind::kDouble) return value;
  if (value.real >= -0x1p63 && value.real < 0x1p63) {
    const auto whole = static_cast<std::int64_t>(value.real);
    return static_cast<double>(whole) == value.real ? Value::Int(whole) : value;
  }
  if (value.real >= 0x1p63 && value.real < 0x1p64) {
    return Value::Uint(static_cast<std::uint64_t>(value.real));
  }
  return value;
}

std::string ListText(const Value& list) {
  std::string text = "[";
  for (std::uint32_t i = 0; i < list.size; ++i) {
    if (i > 0) text += ' ';
    text += ToText(list.elements[i]);
  }
  return text + "]";
}

std::string MapText(const Value& map) {
  std::string text = "map[";
  for (std::uint32_t i = 0; i < map.size; ++i) {
    if (i > 0) text += ' ';
    text += ToText(map.entries[i].key) + ":" + ToText(map.entries[i].value);
  }
  return text + "]";
}

}  // namespace

std::string_view TypeName(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "null_type";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kUint:
      return "uint";
    case Kind::kDouble:
      return "double";
    case Kind::kString:
      return "string";
    case Kind::kBytes:
      return "bytes";
    case Kind::kTimestamp:
      return "google.protobuf.Timestamp";
    case Kind::kDuration:
      return "google.protobuf.Duration";
    case Kind::kIpAddress:
      return "IPAddress";
    case Kind::kList:
      return "list";
    case Kind::kMap:
      return "map";
    case Kind::kType:
      return "type";
    case Kind::kUnknown:
      return "unknown";
    case Kind::kError:
      return "error";
  }
  return "";
}

bool Equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return CompareNumbers(a, b) == Ordering::kEqual;
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::kNull:
      return true;
    case Kind::kList:
      return EqualLists(a, b);
    case Kind::kMap:
      return EqualMaps(a, b);
    case Kind::kIpAddress:
      return *a.address == *b.address;
    case Kind::kType:
      return a.text() == b.text();
    default:
      return Compare(a, b) == Ordering::kEqual;
  }
}

Ordering Compare(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return CompareNumbers(a, b);
  if (a.kind != b.kind) return Ordering::kNotComparable;
  switch (a.kind) {
    case Kind::kBool:
      return From(a.boolean <=> b.boolean);
    case Kind::kString:
    case Kind::kBytes:
      return From(a.text() <=> b.text());
    case Kind::kDuration:
      return From(a.integer <=> b.integer);
    case Kind::kTimestamp:
      return From(a.integer != b.integer ? a.integer <=> b.integer : a.size <=> b.size);
    default:
      return Ordering::kNotComparable;
  }
}

std::optional<Value> SortEntries(MapEntry* entries, std::size_t count) {
  std::sort(entries, entries + count, [](const MapEntry& a, const MapEntry& b) {
    return CompareKeys(a.key, b.key) == Ordering::kLess;
  });
  const auto* twin =
      std::adjacent_find(entries, entries + count, [](const MapEntry& a, const MapEntry& b) {
        return CompareKeys(a.key, b.key) == Ordering::kEqual;
      });
  if (twin == entries + count) return std::nullopt;
  return twin->key;
}

const Value* Find(const Value& map, const Value& given) {
  const Value key = Whole(given);
  const auto* end = map.entries + map.size;
  const auto* at =
      std::lower_bound(map.entries, end, key, [](const MapEntry& entry, const Value& wanted) {
        return CompareKeys(entry.key, wanted) == Ordering::kLess;
      });
  if (at == end || CompareKeys(at->key, key) != Ordering::kEqual) return nullptr;
  return &at->value;
}

Value Copy(const Value& value, Arena& arena) {
  Value copy = value;
  switch (value.kind) {
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kType:
    case Kind::kError:
      copy.bytes = arena.Copy(value.text()).data();
      break;
    case Kind::kIpAddress: {
      IpAddress address = *value.address;
      address.zone = arena.Copy(address.zone);
      copy.address = arena.New<IpAddress>(address);
      break;
    }
    case Kind::kList: {
      const auto elements = arena.NewArray<Value>(value.size);
      for (std::uint32_t i = 0; i < value.size; ++i) {
        elements[i] = Copy(value.elements[i], arena);
      }
      copy.elements = elements.data();
      break;
    }
    case Kind::kMap: {
      const auto entries = arena.NewArray<MapEntry>(value.size);
      for (std::uint32_t i = 0; i < value.size; ++i) {
        entries[i] = {Copy(value.entries[i].key, arena), Copy(value.entries[i].value, arena)};
      }
      copy.entries = entries.data();
      break;
    }
    default:
      break;
  }
  return copy;
}

std::uint64_t CostSize(const Value& value) {
  switch (value.kind) {
    case Kind::kString:
      return CodePoints(value.text());
    case Kind::kBytes:
    case Kind::kList:
    case Kind::kMap:
      return value.size;
    default:
      return 1;
  }
}

std::string ToText(const Value& value) {
  switch (value.kind) {
    case Kind::kNull:
      return "<nil>";
    case Kind::kBool:
      return value.boolean ? "true" : "false";
    case Kind::kInt:
      return std::to_string(value.integer);
    case Kind::kUint:
      return std::to_string(value.natural);
    case Kind::kDouble:
      return DoubleText(value.real);
    case Kind::kTimestamp:
      return TimestampText({value.integer, value.size});
    case Kind::kDuration:
      return DurationText(value.integer);
    case Kind::kList:
      return ListText(value);
    case Kind::kMap:
      return MapText(value);
    case Kind::kIpAddress:
    case Kind::kUnknown:
      return std::string(TypeName(value.kind));
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kType:
    case Kind::kError:
      return std::string(value.text());
  }
  return {};
}

}  // namespace pemba::condition::internal
