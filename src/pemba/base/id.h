// Ids are types: passing a store id for a model id does not compile.
#pragma once

#include <compare>
#include <string>

namespace pemba {

template <class Tag>
struct Id {
  std::string value;
  friend auto operator<=>(const Id&, const Id&) = default;
};
using StoreId = Id<struct StoreTag>;
using ModelId = Id<struct ModelTag>;

}  // namespace pemba
