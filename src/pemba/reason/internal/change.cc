#include "pemba/reason/internal/change.h"

#include <bit>
#include <cstring>

#include "pemba/base/hash.h"

namespace pemba::reason::internal {
namespace {

class Writer {
 public:
  void Number(std::uint64_t number) {  // LEB128.
    while (number >= 0x80) {
      bytes_.push_back(static_cast<char>(number | 0x80));
      number >>= 7;
    }
    bytes_.push_back(static_cast<char>(number));
  }
  void Text(std::string_view text) {
    Number(text.size());
    bytes_.append(text);
  }
  void Put(const Value& value) {
    bytes_.push_back(static_cast<char>(TypeOf(value)));
    switch (TypeOf(value)) {
      case ValueType::kBoolean:
        return Number(std::get<bool>(value) ? 1 : 0);
      case ValueType::kLong:
        return Number(static_cast<std::uint64_t>(std::get<std::int64_t>(value)));
      case ValueType::kDouble:
        return Number(std::bit_cast<std::uint64_t>(std::get<double>(value)));
      case ValueType::kString:
        return Text(std::get<std::string>(value));
      case ValueType::kDateTime:
        return Number(static_cast<std::uint64_t>(std::get<DateTime>(value).milliseconds));
    }
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reading past the end gives zeros and ok() false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t Number() {
    std::uint64_t number = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) break;
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      number |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return number;
    }
    ok_ = false;
    return 0;
  }
  std::string_view Text() {
    const std::uint64_t size = Number();
    if (size > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return text;
  }
  Value ReadValue() {
    const auto type = static_cast<ValueType>(Number());
    switch (type) {
      case ValueType::kBoolean:
        return Number() != 0;
      case ValueType::kLong:
        return static_cast<std::int64_t>(Number());
      case ValueType::kDouble:
        return std::bit_cast<double>(Number());
      case ValueType::kString:
        return std::string(Text());
      case ValueType::kDateTime:
        return DateTime{static_cast<std::int64_t>(Number())};
    }
    ok_ = false;
    return false;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

bool HasOther(Change::Kind kind) {
  return kind == Change::Kind::kOwn || kind == Change::Kind::kDisown ||
         kind == Change::Kind::kPlay || kind == Change::Kind::kUnplay;
}
bool HasType(Change::Kind kind) {
  return kind == Change::Kind::kCreate || kind == Change::Kind::kPut ||
         kind == Change::Kind::kPlay || kind == Change::Kind::kUnplay;
}

Error Damaged(std::string_view what) {
  return {ErrorCode::kDataLoss, "a record of the transaction log is damaged: " + std::string(what)};
}

}  // namespace

void Apply(const Change& change, Facts& facts) {
  switch (change.kind) {
    case Change::Kind::kCreate:
      return facts.Create(change.thing, change.type);
    case Change::Kind::kPut:
      return facts.CreateAttribute(change.thing, change.type, *change.value);
    case Change::Kind::kOwn:
      return facts.AddOwnership(change.thing, change.other);
    case Change::Kind::kDisown:
      return facts.RemoveOwnership(change.thing, change.other);
    case Change::Kind::kPlay:
      return facts.AddPlayer(change.thing, change.type, change.other);
    case Change::Kind::kUnplay:
      return facts.RemovePlayer(change.thing, change.type, change.other);
    case Change::Kind::kDelete:
      return facts.Delete(change.thing);
  }
}

std::string Encode(const Record& record, const Schema& schema) {
  Writer writer;
  writer.Number(static_cast<std::uint64_t>(record.kind));
  writer.Number(record.revision);
  writer.Text(record.definitions);
  // The types that the changes use, by label.
  std::vector<std::uint32_t> index(schema.type_limit(), 0);
  std::vector<TypeId> used;
  for (const Change& change : record.changes) {
    if (!HasType(change.kind) || index[change.type] != 0) continue;
    used.push_back(change.type);
    index[change.type] = static_cast<std::uint32_t>(used.size());
  }
  writer.Number(used.size());
  for (const TypeId type : used) writer.Text(schema.Get(type).label);
  writer.Number(record.changes.size());
  for (const Change& change : record.changes) {
    writer.Number(static_cast<std::uint64_t>(change.kind));
    writer.Number(change.thing);
    if (HasOther(change.kind)) writer.Number(change.other);
    if (HasType(change.kind)) writer.Number(index[change.type] - 1);
    if (change.kind == Change::Kind::kPut) writer.Put(*change.value);
  }
  return writer.Take();
}

Result<Record> Decode(std::string_view bytes,
                      const std::function<Result<const Schema*>(const Record&)>& schema_for) {
  Reader reader(bytes);
  Record record;
  record.kind = static_cast<Record::Kind>(reader.Number());
  if (record.kind < Record::Kind::kData || record.kind > Record::Kind::kWhole) {
    return Damaged("unknown kind");
  }
  record.revision = reader.Number();
  record.definitions = std::string(reader.Text());
  if (!reader.ok()) return Damaged("it is cut off");
  PEMBA_TRY(const Schema* schema, schema_for(record));
  std::vector<TypeId> types;
  for (std::uint64_t left = reader.Number(); left > 0 && reader.ok(); --left) {
    const std::string_view label = reader.Text();
    const Type* type = schema->Find(label);
    if (type == nullptr) return Damaged("it names the unknown type `" + std::string(label) + "`");
    types.push_back(type->id);
  }
  for (std::uint64_t left = reader.Number(); left > 0 && reader.ok(); --left) {
    Change change;
    const std::uint64_t kind = reader.Number();
    if (kind > static_cast<std::uint64_t>(Change::Kind::kDelete)) return Damaged("unknown change");
    change.kind = static_cast<Change::Kind>(kind);
    change.thing = static_cast<ThingId>(reader.Number());
    if (HasOther(change.kind)) change.other = static_cast<ThingId>(reader.Number());
    if (HasType(change.kind)) {
      const std::uint64_t type = reader.Number();
      if (type >= types.size()) return Damaged("unknown type");
      change.type = types[type];
    }
    if (change.kind == Change::Kind::kPut) change.value = reader.ReadValue();
    if (change.thing >= kThingMax || (HasOther(change.kind) && change.other >= kThingMax)) {
      return Damaged("a thing without a number");
    }
    record.changes.push_back(std::move(change));
  }
  if (!reader.ok() || !reader.at_end()) return Damaged("it is cut off or too long");
  return record;
}

}  // namespace pemba::reason::internal
