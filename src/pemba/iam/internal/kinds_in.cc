#include "pemba/iam/internal/kinds_in.h"

namespace pemba::iam::internal {

std::vector<KindEntry> KindsIn(const resource::Transaction& transaction, const Kinds& kinds) {
  std::vector<KindEntry> entries;
  for (const auto* kind : {kinds.protected_resource, kinds.service}) {
    for (const auto& object : transaction.List(*kind)) {
      for (auto& entry : KindEntriesOf(*object)) entries.push_back(std::move(entry));
    }
  }
  return entries;
}

}  // namespace pemba::iam::internal
