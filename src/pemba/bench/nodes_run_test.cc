// `pemba bench nodes`, with real servers of this build on a real database.
#include "pemba/bench/nodes_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/storage/testing/postgres_server.h"

namespace pemba::bench {
namespace {

using std::chrono::milliseconds;
using storage::testing::PostgresServer;
using ::testing::HasSubstr;

TEST(NodesRun, MeasuresServersOnOneDatabase) {
  if (const auto why = PostgresServer::WhyNotHere()) GTEST_SKIP() << *why;
  const auto database = PostgresServer::Start();
  ASSERT_TRUE(database.ok()) << database.error().message;
  const auto name = (*database)->CreateDatabase();
  NodesOptions options{.datastore = storage::PostgresOptions{},
                       .nodes = 2,
                       .tuples = 3'000,
                       .duration = milliseconds(300),
                       .program = PEMBA_BUILT_BINARY};
  options.datastore->primary.uri = (*database)->Uri(name);
  const auto unmigrated = RunNodes(options);
  ASSERT_FALSE(unmigrated.ok());
  EXPECT_EQ(unmigrated.error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(storage::MigratePostgres(*options.datastore, storage::Migrate::kYes).ok());

  const auto report = RunNodes(options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  std::vector<std::string> rows;
  for (const auto& row : report->rows) {
    rows.push_back(row.scenario + ", " + row.name);
    SCOPED_TRACE(rows.back());
    EXPECT_GT(row.tuples, 2'000u);
    ASSERT_TRUE(row.transactions);
    if (row.scenario == "checks") {
      // Only the looks for news, each second: no check asks the database.
      EXPECT_LT(*row.transactions * *row.throughput * 0.3, 60);
      EXPECT_GT(*row.throughput, 100);
    } else if (row.scenario == "newest") {
      EXPECT_GT(*row.transactions, 1);  // The write, and the question where the log ends.
    }
    if (row.scenario != "import") {
      EXPECT_GT(row.p50_us.value_or(0), 0);
    }
  }
  EXPECT_THAT(rows,
              ::testing::ElementsAre("import, through one node", "first answer, node that starts",
                                     "checks, 1 node", "checks, 2 nodes", "lag, idle nodes",
                                     "lag, busy nodes", "newest, write, then HIGHER_CONSISTENCY",
                                     "writes, 1 node", "writes, 2 nodes"));
  // The world is gone from the list of stores.
  EXPECT_EQ((*database)->Sql(name, "SELECT count(*) FROM pemba_store WHERE deleted_ms IS NULL"),
            "0");
}

TEST(NodesRun, SaysWhatItNeeds) {
  const auto nothing = RunNodes({});
  ASSERT_FALSE(nothing.ok());
  EXPECT_THAT(nothing.error().message, HasSubstr("name the database"));
  const auto alone = RunNodes({.targets = {Endpoint{.host = "127.0.0.1", .port = 1}}});
  ASSERT_FALSE(alone.ok());
  EXPECT_THAT(alone.error().message, HasSubstr("two nodes at least"));
}

}  // namespace
}  // namespace pemba::bench
