// Bugs planted in how other servers are followed are found by what following.h looks at: a test
// that could not fail would prove nothing.
#include <iostream>

#include <fmt/format.h>

#include "pemba/resource/internal/mutation.h"
#include "pemba/resource/testing/following.h"
#include "pemba/storage/testing/on_postgres.h"

namespace pemba::resource::testing {
namespace {

using internal::Mutation;

class FollowMutations : public storage::testing::OnPostgres {
 protected:
  std::string Find(Mutation mutation) {
    const StoreId store{fmt::format("01J0000000000000000000{:04}", static_cast<int>(mutation))};
    return Following(options_, store)
        .Violation([=] { internal::planted_mutation = mutation; },
                   [] { internal::planted_mutation = Mutation::kNone; });
  }
};

TEST_F(FollowMutations, EveryPlantedBugIsFound) {
  EXPECT_EQ(Find(Mutation::kNone), "");
  for (int mutation = 1; mutation < static_cast<int>(Mutation::kCount); ++mutation) {
    const auto found = Find(static_cast<Mutation>(mutation));
    EXPECT_NE(found, "") << "mutation " << mutation << " was not found";
    std::cout << "mutation " << mutation << " " << found.substr(0, found.find('\n')) << "\n";
  }
}

}  // namespace
}  // namespace pemba::resource::testing
