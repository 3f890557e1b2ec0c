// Declared access on several servers of one PostgreSQL: whatever they change at the same time, the
// store has what all of it comes to, and every server decides by the definition.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/iam/testing/random_access.h"
#include "pemba/storage/testing/on_postgres.h"

namespace pemba::iam::testing {
namespace {

constexpr int kServers = 2;
constexpr int kRounds = 8;
constexpr int kSteps = 12;

class SharedInvariants : public storage::testing::OnPostgres,
                         public ::testing::WithParamInterface<ProjectionKind> {};

INSTANTIATE_TEST_SUITE_P(Projections, SharedInvariants,
                         ::testing::Values(ProjectionKind::kDirect, ProjectionKind::kRoleRelation,
                                           ProjectionKind::kRoleBinding),
                         [](const auto& one) {
                           std::string name(ToText(one.param));
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(SharedInvariants, HoldWhateverServersChangeAtTheSameTime) {
  const ProjectorOptions options{
      .projection = {.kind = GetParam(), .platform_namespaces = {"milo-system", "pemba-system"}}};
  std::vector<std::unique_ptr<RandomAccess>> servers;
  for (int i = 0; i < kServers; ++i) {
    DeclaredWorld::Home home{.datastore = OpenDatastore(),
                             .store = StoreId{"01J0000000000000000000000A"},
                             .uid_prefix = fmt::format("uid-{}-", i)};
    servers.push_back(std::make_unique<RandomAccess>(
        100 + i, std::make_unique<DeclaredWorld>(options, std::move(home))));
  }
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::string> went(kServers);
    std::vector<std::thread> threads;
    for (int i = 0; i < kServers; ++i) {
      threads.emplace_back([&, i] {
        for (int step = 0; step < kSteps && went[i].empty(); ++step) went[i] = servers[i]->Step();
      });
    }
    for (auto& thread : threads) thread.join();
    for (int i = 0; i < kServers; ++i) {
      ASSERT_EQ(went[i], "") << "server " << i << ", round " << round;
      ASSERT_EQ(servers[i]->Violation(), "") << "server " << i << ", round " << round;
    }
  }
}

}  // namespace
}  // namespace pemba::iam::testing
