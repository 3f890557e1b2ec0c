// Where RocksDB's own log goes.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include <rocksdb/env.h>

namespace pemba::storage::internal {

// Errors go to `report`, which may be empty and must outlive the database. By itself
// RocksDB writes a file beside the data, and ends the process when the disk is too full for it.
std::shared_ptr<rocksdb::Logger> NewReportLog(std::function<void(std::string_view)> report);

}  // namespace pemba::storage::internal
