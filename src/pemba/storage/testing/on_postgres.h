// OnPostgres: tests on a real PostgreSQL. One server for all tests of a program, started by the
// first that wants it; each test has an empty database of its own, with our schema.
#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "pemba/base/assert.h"
#include "pemba/storage/postgres.h"
#include "pemba/storage/testing/postgres_server.h"

namespace pemba::storage::testing {

class OnPostgres : public ::testing::Test {
 protected:
  // Skips the test where PostgreSQL is not installed.
  void SetUp() override {
    if (const auto why = PostgresServer::WhyNotHere()) GTEST_SKIP() << *why;
    database_ = Server().CreateDatabase();
    options_.primary.uri = Server().Uri(database_);
    ASSERT_TRUE(MigratePostgres(options_, Migrate::kYes).ok());
  }

  static PostgresServer& Server() {
    if (server == nullptr) {
      auto started = PostgresServer::Start();
      PEMBA_CHECK(started.ok());
      server = *std::move(started);
    }
    return *server;
  }

  std::unique_ptr<Datastore> OpenDatastore() const {
    auto opened = OpenPostgresDatastore(options_);
    PEMBA_CHECK(opened.ok());
    return *std::move(opened);
  }

  std::string database_;
  PostgresOptions options_;

 private:
  // The server goes when the last test is over.
  class Environment final : public ::testing::Environment {
   public:
    void TearDown() override { server.reset(); }
  };
  static inline std::unique_ptr<PostgresServer> server;
  static inline ::testing::Environment* const environment =
      ::testing::AddGlobalTestEnvironment(new Environment());
};

}  // namespace pemba::storage::testing
