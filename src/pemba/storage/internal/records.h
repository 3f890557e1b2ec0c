// How a datastore of ours writes its values as bytes.
//
//   value   := version (1 byte) body checksum (8 bytes, little endian)
//   integer := LEB128, in its shortest form
//   text    := integer length, bytes
//   time    := integer milliseconds since 1970
//
// The checksum covers key, version and body, so that a record found under another key is as corrupt
// as one with a flipped bit. Every form has exactly one encoding: what decodes, encodes back to the
// same bytes. Versions: append, never reuse; a reader refuses what it does not know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/storage/datastore.h"

namespace pemba::storage::internal {

inline constexpr std::uint8_t kRecordVersion = 1;

// Wraps a body into a value, and back. Unseal: the body borrows from `value`; kDataLoss if the
// value is not one that Seal made for this key.
std::string Seal(std::string_view key, std::string_view body);
Result<std::string_view> Unseal(std::string_view key, std::string_view value);

// Where the parts of a decoded write lie; used again from write to write.
struct WriteParts {
  std::vector<Change> changes;
  std::vector<RecordChange> records;
};

// Bodies. Decoders answer kDataLoss for whatever the encoder does not make; texts borrow from
// `body`, the changes of a write from `parts`, which is overwritten.
std::string EncodeWrite(const Write& write);
Result<Write> DecodeWrite(std::string_view body, WriteParts& parts);
Result<WallTime> DecodeWriteTime(std::string_view body);  // Only the time: O(1).

// A record beside the tuples, with the revision of the write that it comes from; without its key.
std::string EncodeRecord(const Record& record);
Result<Record> DecodeRecord(std::string_view key, std::string_view body);

// Without the id, which is the key.
std::string EncodeStore(const StoreRecord& record);
Result<StoreRecord> DecodeStore(const StoreId& id, std::string_view body);

// `time` cut to what a record keeps.
WallTime ToMilliseconds(WallTime time);

}  // namespace pemba::storage::internal
