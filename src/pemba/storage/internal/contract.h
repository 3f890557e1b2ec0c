// What every backend checks and says in the same way.
#pragma once

#include <string>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/storage/datastore.h"

namespace pemba::storage::internal {

inline Status CheckId(std::string_view id, const char* what) {
  if (!id.empty() && id.size() <= kIdBytesMax) return Done{};
  return Error{ErrorCode::kInvalidArgument,
               std::string(what) + " id must have 1 to " + std::to_string(kIdBytesMax) + " bytes"};
}

inline Status CheckRecordKeys(const Write& write) {
  for (const auto& record : write.records) {
    if (record.key.empty() || record.key.size() > kRecordKeyBytesMax) {
      return Error{ErrorCode::kInvalidArgument, "a record's key must have 1 to " +
                                                    std::to_string(kRecordKeyBytesMax) + " bytes"};
    }
  }
  return Done{};
}

inline Error StoreNotFound() { return {ErrorCode::kStoreNotFound, "Store ID not found"}; }

inline Error ModelNotFound(std::string_view id) {
  return {ErrorCode::kModelNotFound, "Authorization Model '" + std::string(id) + "' not found"};
}

inline Error LatestModelNotFound(std::string_view store) {
  return {ErrorCode::kLatestModelNotFound,
          "No authorization models found for store '" + std::string(store) + "'"};
}

inline Error RevisionTaken(std::string_view store, Revision wanted, Revision head) {
  return {ErrorCode::kConflict, "revision " + std::to_string(wanted) + " of store '" +
                                    std::string(store) + "' does not follow revision " +
                                    std::to_string(head)};
}

inline Error CorruptWrite(std::string_view store, Revision revision, std::string_view what) {
  return {ErrorCode::kDataLoss, "store '" + std::string(store) + "': the record of revision " +
                                    std::to_string(revision) + " is corrupt: " + std::string(what)};
}

// For who knows a log up to a revision below its horizon.
inline Error LogTrimmed(std::string_view store, Revision horizon) {
  return {ErrorCode::kInvalidArgument, "store '" + std::string(store) +
                                           "': changes up to revision " + std::to_string(horizon) +
                                           " are no longer kept"};
}

// A ticket whose outcome is known.
class SettledTicket final : public AppendTicket {
 public:
  explicit SettledTicket(Status status) : status_(std::move(status)) {}
  Status Wait() override { return status_; }

 private:
  const Status status_;
};

}  // namespace pemba::storage::internal
