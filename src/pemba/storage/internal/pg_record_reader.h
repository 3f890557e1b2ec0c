// PgRecordReader: the records of a store, in the order of their keys, in one snapshot with the
// store's revision.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/storage/datastore.h"
#include "pemba/storage/internal/pg_connection.h"

namespace pemba::storage::internal {

class PgRecordReader {
 public:
  PgRecordReader(const StoreId& store, std::string_view prefix,
                 const std::function<Visit(const Record&)>& visit)
      : store_(store), prefix_(prefix), visit_(visit) {}

  // Once. The revision of which these are the records. Errors: those of the connection, kDataLoss.
  Result<Revision> Read(PgConnection& connection, std::chrono::nanoseconds patience);
  bool untouched() const { return !touched_; }  // Nothing was visited.

 private:
  PgStatement Select(const std::string& from) const;
  Status VisitAll(const PgRows& rows);

  const StoreId& store_;
  const std::string_view prefix_;
  const std::function<Visit(const Record&)>& visit_;
  bool touched_ = false;
  bool stopped_ = false;
};

}  // namespace pemba::storage::internal
