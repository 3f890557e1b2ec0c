// OnPostgres: tests on a real PostgreSQL. One server for all tests of a program, started by the
// first that wants it; each test has an empty database of its own, with our schema. Where
// PostgreSQL is not installed, the program says so and is done.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "pemba/base/assert.h"
#include "pemba/storage/postgres.h"
#include "pemba/storage/testing/postgres_server.h"

namespace pemba::storage::testing {

class OnPostgres : public ::testing::Test {
 protected:
  OnPostgres() : database_(Server().CreateDatabase()) {
    options_.primary.uri = Server().Uri(database_);
    PEMBA_CHECK(MigratePostgres(options_, Migrate::kYes).ok());
  }

  static PostgresServer& Server() {
    if (server_ == nullptr) {
      auto started = PostgresServer::Start();
      PEMBA_CHECK(started.ok());
      server_ = *std::move(started);
    }
    return *server_;
  }

  std::unique_ptr<Datastore> OpenDatastore() const {
    auto opened = OpenPostgresDatastore(options_);
    PEMBA_CHECK(opened.ok());
    return *std::move(opened);
  }

  const std::string database_;
  PostgresOptions options_;

 private:
  // The server goes when the last test is over.
  class Environment final : public ::testing::Environment {
   public:
    void SetUp() override {
      const auto why = PostgresServer::WhyNotHere();
      if (!why) return;
      std::printf("SKIP: %s\n", why->c_str());
      std::exit(0);
    }
    void TearDown() override { server_.reset(); }
  };
  static inline std::unique_ptr<PostgresServer> server_;
  static inline ::testing::Environment* const environment_ =
      ::testing::AddGlobalTestEnvironment(new Environment());
};

}  // namespace pemba::storage::testing
