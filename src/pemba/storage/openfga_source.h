// OpenfgaSource: the PostgreSQL database of an OpenFGA server, as it was at one moment. Only read.
//
// All calls read in one transaction that changes nothing, so what they tell belongs together, while
// the other server goes on. Messages stay serialized; who knows the wire decodes them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/storage/datastore.h"
#include "pemba/storage/postgres.h"

namespace pemba::storage {

// Borrowed.
struct OpenfgaModel {
  std::string_view id, schema_version;
  std::string_view model;                    // AuthorizationModel; empty in older rows:
  std::vector<std::string_view> types = {};  // then TypeDefinitions.
};

// A row of the tables of tuples or of changes, borrowed.
struct OpenfgaTuple {
  std::string_view object_type, object_id, relation, user;
  std::string_view condition;  // Name; empty: none.
  std::string_view context;    // Serialized Struct.
  std::string_view ulid;
  WallTime written_at;
  Change::Operation operation = Change::Operation::kWrite;  // Of changes.
};

// Not thread-safe. Errors: kUnavailable, kFailedPrecondition (no such tables), and what visitors
// answer, which ends the visit and the use of the source.
class OpenfgaSource {
 public:
  static Result<std::unique_ptr<OpenfgaSource>> Open(const PostgresAddress& address,
                                                     std::chrono::nanoseconds patience);
  virtual ~OpenfgaSource() = default;

  virtual Result<std::vector<StoreRecord>> Stores() = 0;  // With deleted ones; by id.
  virtual Status Models(const StoreId& store,
                        const std::function<Status(const OpenfgaModel&)>& visit) = 0;
  // Per model the serialized Assertions.
  virtual Status Assertions(
      const StoreId& store,
      const std::function<Status(std::string_view model, std::string_view assertions)>& visit) = 0;
  // In the order in which they were made, those after `after` (a ulid; empty: all).
  virtual Status Changes(const StoreId& store, std::string_view after,
                         const std::function<Status(const OpenfgaTuple&)>& visit) = 0;
  virtual Status Tuples(const StoreId& store,
                        const std::function<Status(const OpenfgaTuple&)>& visit) = 0;
};

}  // namespace pemba::storage
