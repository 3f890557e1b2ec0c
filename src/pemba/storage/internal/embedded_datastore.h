// OpenEmbeddedDatastore with the parts that tests replace.
#pragma once

#include <rocksdb/env.h>

#include "pemba/storage/embedded.h"

namespace pemba::storage::internal {

// `environment` is what RocksDB takes for the operating system: tests make it fail. Borrowed.
Result<std::unique_ptr<Datastore>> OpenEmbeddedDatastoreOn(const EmbeddedOptions& options,
                                                           rocksdb::Env* environment);

}  // namespace pemba::storage::internal
