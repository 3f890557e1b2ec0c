// Keys of the embedded datastore.
//
// The first byte is the kind; an id that is not last is preceded by its length, so no two keys of
// different parts are equal, and everything of one kind and store is one range, in byte order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pemba::storage::internal {

// On disk: append, never reorder or reuse.
enum class KeyKind : char {
  kFormat = 'f',      // The format version.
  kSecret = 'k',      // Datastore::secret.
  kStore = 's',       // store id
  kModel = 'm',       // store, model id
  kAssertions = 'a',  // store, model id
  kWrite = 'w',       // store, revision (8 bytes, big endian)
  kRecord = 'r',      // store, the record's key
};

inline std::string KindKey(KeyKind kind) { return {static_cast<char>(kind)}; }

inline std::string StoreKey(std::string_view store) {
  return KindKey(KeyKind::kStore).append(store);
}

// All keys of `kind` in `store` start with this. The id is at most 255 bytes long.
inline std::string StorePrefix(KeyKind kind, std::string_view store) {
  std::string key;
  key.reserve(2 + store.size() + 26);
  key.push_back(static_cast<char>(kind));
  key.push_back(static_cast<char>(store.size()));
  return key.append(store);
}

inline std::string ModelKey(KeyKind kind, std::string_view store, std::string_view model) {
  return StorePrefix(kind, store).append(model);
}

inline std::string RecordKey(std::string_view store, std::string_view key) {
  return StorePrefix(KeyKind::kRecord, store).append(key);
}

inline void AppendRevision(std::string& key, std::uint64_t revision) {
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(revision >> shift));
}

inline std::string WriteKey(std::string_view store, std::uint64_t revision) {
  std::string key = StorePrefix(KeyKind::kWrite, store);
  AppendRevision(key, revision);
  return key;
}

// The revision at the end of a write's key.
inline std::uint64_t RevisionOf(std::string_view write_key) {
  std::uint64_t revision = 0;
  for (const char c : write_key.substr(write_key.size() - 8)) {
    revision = revision << 8 | static_cast<unsigned char>(c);
  }
  return revision;
}

// The first key after all that start with `prefix`, which does not end in byte 255 alone.
inline std::string AfterPrefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xFF') prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

}  // namespace pemba::storage::internal
