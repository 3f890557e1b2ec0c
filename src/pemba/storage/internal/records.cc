#include "pemba/storage/internal/records.h"

#include <bit>
#include <chrono>
#include <cstring>

#include "pemba/base/assert.h"
#include "pemba/base/hash.h"

namespace pemba::storage::internal {
namespace {

static_assert(std::endian::native == std::endian::little, "checksums are stored as they are");

constexpr std::size_t kChecksumBytes = 8;
// Beside the values of Change::Operation: a write of a tuple that expires; the time follows. A
// reader that does not know it refuses the record.
constexpr std::uint8_t kWriteThatExpires = 2;

constexpr std::size_t kChangeBytesMin = 6;        // Operation and five empty texts.
constexpr std::size_t kRecordChangeBytesMin = 2;  // Whether it is kept, and an empty key.

// The body is hashed with the key's hash as the seed: one pass, no copy.
std::uint64_t Checksum(std::string_view key, std::string_view versioned_body) {
  return HashBytes(versioned_body, HashBytes(key));
}

std::int64_t Milliseconds(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

WallTime FromMilliseconds(std::int64_t count) { return WallTime(std::chrono::milliseconds(count)); }

// Beyond this a time in nanoseconds would overflow: the year 2262.
constexpr std::uint64_t kMillisecondsMax = 9'223'372'036'854;

class Writer {
 public:
  void Byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void Integer(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) Byte(static_cast<std::uint8_t>(value | 0x80));
    Byte(static_cast<std::uint8_t>(value));
  }
  void Text(std::string_view text) {
    Integer(text.size());
    bytes_.append(text);
  }
  void Raw(std::string_view bytes) { bytes_.append(bytes); }  // To the end of the body.
  void Time(WallTime time) {
    const auto count = Milliseconds(time);
    PEMBA_ASSERT(count >= 0);
    Integer(count < 0 ? 0 : static_cast<std::uint64_t>(count));
  }
  void Reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what Writer wrote. After the first failure every read answers an empty value, so that a
// decoder asks once, at the end.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t Byte() {
    if (rest_.empty()) return Fail();
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::uint64_t Integer() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = Byte();
      if (shift == 63 && byte > 1) return Fail();  // More than 64 bits.
      if (shift > 0 && byte == 0) return Fail();   // Not the shortest form.
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    return Fail();
  }
  std::string_view Text() {
    const auto size = Integer();
    if (size > rest_.size()) {
      Fail();
      return {};
    }
    const auto text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  WallTime Time() {
    const auto count = Integer();
    return FromMilliseconds(count > kMillisecondsMax ? Fail() : static_cast<std::int64_t>(count));
  }
  std::string_view rest() const { return rest_; }
  std::size_t rest_bytes() const { return rest_.size(); }
  bool ok() const { return !failed_; }
  bool complete() const { return ok() && rest_.empty(); }
  std::uint8_t Fail() {
    failed_ = true;
    rest_ = {};
    return 0;
  }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

Error Corrupt(const char* what) { return {ErrorCode::kDataLoss, what}; }

}  // namespace

std::string Seal(std::string_view key, std::string_view body) {
  std::string value;
  value.reserve(1 + body.size() + kChecksumBytes);
  value.push_back(static_cast<char>(kRecordVersion));
  value.append(body);
  const std::uint64_t checksum = Checksum(key, value);
  value.append(reinterpret_cast<const char*>(&checksum), kChecksumBytes);
  return value;
}

Result<std::string_view> Unseal(std::string_view key, std::string_view value) {
  if (value.size() < 1 + kChecksumBytes) return Corrupt("record too short");
  const auto versioned = value.substr(0, value.size() - kChecksumBytes);
  std::uint64_t checksum = 0;
  std::memcpy(&checksum, value.data() + versioned.size(), kChecksumBytes);
  if (checksum != Checksum(key, versioned)) return Corrupt("wrong checksum");
  if (static_cast<std::uint8_t>(versioned.front()) != kRecordVersion) {
    return Corrupt("unknown record version");
  }
  return versioned.substr(1);
}

std::string EncodeWrite(const Write& write) {
  std::size_t bytes = 16;
  for (const auto& change : write.changes) {
    bytes += 8 + change.tuple.object.size() + change.tuple.relation.size() +
             change.tuple.subject.size() + change.condition.size() + change.context.size();
  }
  for (const auto& record : write.records) {
    bytes += 8 + record.key.size() + record.value.value_or("").size();
  }
  Writer out;
  out.Reserve(bytes);
  out.Time(write.time);
  out.Integer(write.changes.size());
  for (const auto& change : write.changes) {
    const bool expires = change.expires_at.has_value();
    PEMBA_ASSERT(!expires || change.operation == Change::Operation::kWrite);
    out.Byte(expires ? kWriteThatExpires : static_cast<std::uint8_t>(change.operation));
    if (expires) out.Time(*change.expires_at);
    out.Text(change.tuple.object);
    out.Text(change.tuple.relation);
    out.Text(change.tuple.subject);
    out.Text(change.condition);
    out.Text(change.context);
  }
  // Most writes have no records, and end here.
  if (!write.records.empty()) out.Integer(write.records.size());
  for (const auto& record : write.records) {
    out.Byte(record.value ? 1 : 0);
    out.Text(record.key);
    if (record.value) out.Text(*record.value);
  }
  return out.Take();
}

Result<Write> DecodeWrite(std::string_view body, WriteParts& parts) {
  Reader in(body);
  Write write;
  write.time = in.Time();
  const auto count = in.Integer();
  // A count is believed only as far as the bytes that follow could hold it.
  if (count > in.rest_bytes() / kChangeBytesMin) return Corrupt("malformed write");
  parts.changes.resize(count);
  for (auto& change : parts.changes) {
    auto operation = in.Byte();
    change.expires_at.reset();
    if (operation == kWriteThatExpires) {
      change.expires_at = in.Time();
      operation = static_cast<std::uint8_t>(Change::Operation::kWrite);
    }
    if (operation > static_cast<std::uint8_t>(Change::Operation::kDelete)) in.Fail();
    change.operation = static_cast<Change::Operation>(operation);
    change.tuple.object = in.Text();
    change.tuple.relation = in.Text();
    change.tuple.subject = in.Text();
    change.condition = in.Text();
    change.context = in.Text();
  }
  parts.records.clear();
  if (in.rest_bytes() > 0) {
    const auto records = in.Integer();
    if (records == 0 || records > in.rest_bytes() / kRecordChangeBytesMin) {
      return Corrupt("malformed write");
    }
    parts.records.resize(records);
    for (auto& record : parts.records) {
      const auto kept = in.Byte();
      if (kept > 1) in.Fail();
      record.key = in.Text();
      record.value = kept == 1 ? std::optional(in.Text()) : std::nullopt;
    }
  }
  if (!in.complete()) return Corrupt("malformed write");
  write.changes = parts.changes;
  write.records = parts.records;
  return write;
}

Result<WallTime> DecodeWriteTime(std::string_view body) {
  Reader in(body);
  const auto time = in.Time();
  if (!in.ok()) return Corrupt("malformed write");
  return time;
}

std::string EncodeRecord(const Record& record) {
  Writer out;
  out.Reserve(record.value.size() + 10);
  out.Integer(record.revision);
  out.Raw(record.value);
  return out.Take();
}

Result<Record> DecodeRecord(std::string_view key, std::string_view body) {
  Reader in(body);
  Record record{key, {}, in.Integer()};
  if (!in.ok()) return Corrupt("malformed record");
  record.value = in.rest();
  return record;
}

std::string EncodeStore(const StoreRecord& record) {
  Writer out;
  out.Text(record.name);
  out.Time(record.created_at);
  out.Time(record.updated_at);
  out.Byte(record.deleted_at ? 1 : 0);
  if (record.deleted_at) out.Time(*record.deleted_at);
  return out.Take();
}

Result<StoreRecord> DecodeStore(const StoreId& id, std::string_view body) {
  Reader in(body);
  StoreRecord record;
  record.id = id;
  record.name = in.Text();
  record.created_at = in.Time();
  record.updated_at = in.Time();
  const auto deleted = in.Byte();
  if (deleted > 1) in.Fail();
  if (deleted == 1) record.deleted_at = in.Time();
  if (!in.complete()) return Corrupt("malformed store record");
  return record;
}

WallTime ToMilliseconds(WallTime time) { return FromMilliseconds(Milliseconds(time)); }

}  // namespace pemba::storage::internal
