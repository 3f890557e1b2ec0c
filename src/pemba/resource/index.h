// Index: a way to find objects other than by name or uid.
//
// Kept up with every change; what a transaction finds includes what it has staged.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "pemba/resource/object.h"

namespace pemba::resource {

struct Index {
  std::string name;            // For messages: "bindings by role".
  const Kind* kind = nullptr;  // Of the objects in it.
  // Under which keys an object is found; none: it is not in the index. Pure, called from any
  // thread, more often than objects change.
  std::function<std::vector<std::string>(const Object&)> keys;
};

// Position in ResourceStoreOptions::indexes.
using IndexId = std::size_t;

}  // namespace pemba::resource
