// As mutation_test.cc, for bugs in how a server follows what others declare: the next one that
// starts finds the store as it should not be.
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/iam/internal/mutation.h"
#include "pemba/iam/testing/random_access.h"
#include "pemba/storage/testing/on_postgres.h"

namespace pemba::iam::testing {
namespace {

using internal::Mutation;

constexpr int kWorlds = 8;
constexpr int kRounds = 6;  // Between them, a server starts.
constexpr int kSteps = 6;

class SharedMutations : public storage::testing::OnPostgres {
 protected:
  // Two servers change things in turn; what is wrong with it. Nothing: it is as it should be.
  std::optional<std::string> Wrong(Mutation mutation, int seed) {
    const ProjectorOptions options{
        .projection = {.platform_namespaces = {"milo-system", "pemba-system"}}};
    std::vector<DeclaredWorld*> worlds;
    std::vector<std::unique_ptr<RandomAccess>> servers;
    for (int i = 0; i < 2; ++i) {
      DeclaredWorld::Home home{.datastore = OpenDatastore(),
                               .store = StoreId{fmt::format("01J00000000000000000{:02}{:04}",
                                                            static_cast<int>(mutation), seed)},
                               .uid_prefix = fmt::format("uid-{}-", i)};
      auto world = std::make_unique<DeclaredWorld>(options, std::move(home));
      worlds.push_back(world.get());
      servers.push_back(std::make_unique<RandomAccess>(seed * 10 + i, std::move(world)));
    }
    for (int round = 0; round < kRounds; ++round) {
      internal::planted_mutation = mutation;
      std::string went;
      for (int step = 0; step < kSteps && went.empty(); ++step) went = servers[step % 2]->Step();
      internal::planted_mutation = Mutation::kNone;
      if (!went.empty()) return went;
      const auto drift = worlds[round % 2]->Reopen();
      if (drift.none()) continue;
      return fmt::format("{} missing, {} extra, model {}", drift.missing, drift.extra,
                         drift.model_differs);
    }
    return std::nullopt;
  }
};

TEST_F(SharedMutations, EveryPlantedBugIsFound) {
  EXPECT_EQ(Wrong(Mutation::kNone, 1).value_or(""), "");
  for (const auto mutation : {Mutation::kForgetFollowed, Mutation::kForgetFollowedRoles}) {
    std::optional<std::string> found;
    for (int seed = 1; seed <= kWorlds && !found; ++seed) found = Wrong(mutation, seed);
    EXPECT_TRUE(found.has_value()) << "mutation " << static_cast<int>(mutation);
    std::cout << "mutation " << static_cast<int>(mutation) << ": " << found.value_or("not found")
              << "\n";
  }
}

}  // namespace
}  // namespace pemba::iam::testing
