// The datastore on local disk: one directory, no other service. RocksDB with its write-ahead log.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/storage/datastore.h"

namespace pemba::storage {

struct EmbeddedOptions {
  std::filesystem::path directory;  // Made if it does not exist.
  std::size_t write_buffer_bytes = std::size_t{16} << 20;
  std::size_t block_cache_bytes = std::size_t{8} << 20;
  // Told what an operator should know and a caller should not (paths, messages of the library).
  // Called from any thread; may be empty.
  std::function<void(std::string_view)> report = {};
  // Told how long each synced write of the log took. On the thread that wrote; may be empty.
  std::function<void(std::chrono::nanoseconds)> on_sync = {};
};

// Every write is synced before it is done; all who wait share one sync. After a failed write or
// sync no further write is accepted until the directory is opened again. So that a disk that fills
// up does not lead there, writes are refused (kUnavailable) before its last 64 MiB are used, or its
// last sixteenth if that is less, and accepted again once there is room.
// Errors: kFailedPrecondition (another process has the directory open, or a newer version wrote
// it), kDataLoss (the directory is corrupt), kUnavailable (it cannot be made or read).
Result<std::unique_ptr<Datastore>> OpenEmbeddedDatastore(const EmbeddedOptions& options);

}  // namespace pemba::storage
