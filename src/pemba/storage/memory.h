// The datastore that forgets: for tests, trials and servers that need nothing after a restart.
#pragma once

#include <memory>

#include "pemba/storage/datastore.h"

namespace pemba::storage {

// Everything of the contract but durability. Appends are done when Append returns.
std::unique_ptr<Datastore> NewMemoryDatastore();

}  // namespace pemba::storage
