// Continuation tokens: where a listing goes on, in the caller's hands and not to be trusted.
//
//   token := base64url(version (1 byte) position mac (16 bytes))
//
// The MAC is HMAC-SHA256 under the datastore's secret over version, operation, store and position,
// cut to 16 bytes. A token that was altered, made by somebody else, for another operation or for
// another store is not one of ours; nothing in it is looked at before that is known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/storage/datastore.h"
#include "pemba/tuple/tuple.h"

namespace pemba::store::internal {

// Part of the MAC: append, never reorder or reuse.
enum class TokenUse : std::uint8_t {
  kListStores = 0,
  kListModels = 1,
  kRead = 2,
  kReadChanges = 3,
  kListObjects = 4,
  kListUsers = 5,
  kListObjectsOfKinds = 6,
  kListUsersOfKinds = 7,
};

// Thread-safe. O(length).
class Tokens {
 public:
  // `secret` is borrowed.
  explicit Tokens(std::string_view secret) : secret_(secret) {}

  // `store` is empty where the listing is of no store.
  std::string Make(TokenUse use, std::string_view store, std::string_view position) const;
  // The position. Errors: kInvalidContinuationToken `Invalid continuation token`.
  Result<std::string> Open(TokenUse use, std::string_view store, std::string_view token) const;

 private:
  std::string Mac(TokenUse use, std::string_view store, std::string_view versioned) const;

  std::string_view secret_;
};

Error InvalidToken();

// After this tuple, in the graph's order.
struct ReadPosition {
  tuple::TupleView tuple;  // Borrows.
  std::string_view condition;
  bool expires = false;
};
std::string EncodePosition(const ReadPosition& position);
Result<ReadPosition> DecodeReadPosition(std::string_view bytes);  // Borrows from `bytes`.

// After change number `change` (from 0) of that revision, in a listing of one type or all.
struct ChangesPosition {
  storage::Revision revision = 0;
  std::uint64_t change = 0;
  std::string_view type;  // Borrows.
  friend bool operator==(const ChangesPosition&, const ChangesPosition&) = default;
};
std::string EncodePosition(const ChangesPosition& position);
Result<ChangesPosition> DecodeChangesPosition(std::string_view bytes);  // Borrows from `bytes`.

}  // namespace pemba::store::internal
