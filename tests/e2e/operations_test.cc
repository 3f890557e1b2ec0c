// What an operator does to a real server: configuration, backup, health, deployment files.
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "pemba/cli/api_client.h"
#include "server_process.h"
#include "shell.h"

namespace pemba::e2e {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

class Operations : public testing::Test {
 protected:
  Ran Run(const std::string& command) { return Shell(directory_.path(), command); }
  fs::path path(const std::string& name) const { return directory_.path() / name; }

  TemporaryDirectory directory_;
};

constexpr const char* kModel =
    R"({"schema_version":"1.1","type_definitions":[{"type":"user"},{"type":"document",
    "relations":{"viewer":{"this":{}}},"metadata":{"relations":{"viewer":
    {"directly_related_user_types":[{"type":"user"}]}}}}]})";

json::object WriteOf(int writer, int number) {
  return {
      {"writes",
       {{"tuple_keys",
         {{{"user", "user:anne"},
           {"relation", "viewer"},
           {"object", "document:" + std::to_string(writer) + "-" + std::to_string(number)}}}}}}};
}

TEST_F(Operations, ABackupUnderWritesHoldsEveryAcknowledgedWrite) {
  const ServerProcess server(path("data"), {"--admin-addr", "127.0.0.1:0"});
  cli::ApiOptions api;
  api.url = server.url();
  cli::ApiClient client(api);
  const auto created = client.Post("/stores", json::object{{"name", "operations"}});
  ASSERT_TRUE(created.ok()) << created.error().message;
  const std::string store(created->at("id").as_string());
  const auto model =
      client.Post(cli::StorePath(store, "/authorization-models"), json::parse(kModel));
  ASSERT_TRUE(model.ok()) << model.error().message;

  // Facts are written, too, each transaction a thing.
  ASSERT_TRUE(client.Post("/reason/databases", json::object{{"database", "facts"}}).ok());
  const auto ask = [](cli::ApiClient& of, const std::string& query) {
    return of.Post("/reason/databases/facts/query", json::object{{"query", query}});
  };
  ASSERT_TRUE(ask(client, "define note sub entity;").ok());

  constexpr int kWriters = 3;
  std::atomic<bool> stop{false};
  std::array<std::atomic<int>, kWriters> acknowledged{};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      cli::ApiClient mine(api);
      for (int number = 0; !stop; ++number) {
        const auto answer = mine.Post(cli::StorePath(store, "/write"), WriteOf(writer, number));
        ASSERT_TRUE(answer.ok()) << answer.error().message;
        acknowledged[writer] = number + 1;
      }
    });
  }
  std::atomic<int> notes{0};
  writers.emplace_back([&] {
    cli::ApiClient mine(api);
    while (!stop) {
      const auto answer = ask(mine, "insert $n isa note;");
      ASSERT_TRUE(answer.ok()) << answer.error().message;
      ++notes;
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const int notes_before = notes;
  std::array<int, kWriters> before{};
  for (int i = 0; i < kWriters; ++i) before[i] = acknowledged[i];
  const auto made = Run("pemba backup create --name first --admin-url " + server.admin_url());
  stop = true;
  for (auto& writer : writers) writer.join();
  ASSERT_EQ(made.code, 0) << made.out;

  const auto again = Run("pemba backup create --name first --admin-url " + server.admin_url());
  EXPECT_EQ(again.code, 1);
  EXPECT_EQ(again.out, "error: the backup's directory exists\n");
  const auto stranger = Run("curl -s -o /dev/null -w '%{http_code}' -d '{\"name\":\"x\"}' " +
                            server.admin_url() + "/admin/backups");
  EXPECT_EQ(stranger.out, "403") << "a browser cannot send our header";
  const auto rebound =
      Run("curl -s -o /dev/null -w '%{http_code}' -H 'pemba-admin: 1' -H 'host: evil.example' "
          "-d '{\"name\":\"x\"}' " +
          server.admin_url() + "/admin/backups");
  EXPECT_EQ(rebound.out, "403");

  EXPECT_EQ(Run("find data -perm /077").out, "") << "tuples and keys are their owner's to read";

  const auto verified = Run("pemba backup verify --backup data/backups/first");
  ASSERT_EQ(verified.code, 0) << verified.out;
  EXPECT_EQ(json::parse(verified.out).at("databases"), 1) << verified.out;
  const auto restored = Run("pemba backup restore --backup data/backups/first --data-dir copy");
  ASSERT_EQ(restored.code, 0) << restored.out;
  EXPECT_EQ(Run("pemba backup restore --backup data/backups/first --data-dir copy").out,
            "error: `copy` is not empty\n");

  const ServerProcess second(path("copy"));
  cli::ApiOptions copy_api;
  copy_api.url = second.url();
  cli::ApiClient copy(copy_api);
  for (int writer = 0; writer < kWriters; ++writer) {
    ASSERT_GT(before[writer], 0);
    for (int number = 0; number < before[writer]; ++number) {
      auto key = WriteOf(writer, number).at("writes").at("tuple_keys").at(0);
      const auto answer =
          copy.Post(cli::StorePath(store, "/check"), json::object{{"tuple_key", key}});
      ASSERT_TRUE(answer.ok()) << answer.error().message;
      ASSERT_TRUE(answer->at("allowed").as_bool()) << writer << "-" << number;
    }
  }
  ASSERT_GT(notes_before, 0);
  const auto counted = ask(copy, "match $n isa note; get $n; count;");
  ASSERT_TRUE(counted.ok()) << counted.error().message;
  const auto& number = counted->at("answers").at(0).at("number").at("long").as_string();
  EXPECT_GE(std::stoi(std::string(number)), notes_before);
}

TEST_F(Operations, ADamagedDatabaseOfFactsIsNotBackedUpNorRestored) {
  const ServerProcess server(path("data"), {"--admin-addr", "127.0.0.1:0"});
  ASSERT_EQ(Run("pemba typeql --api-url " + server.url() +
                " --database iam --sample iam -e 'match $f isa file; get $f; count;'")
                .code,
            0);
  const std::string create = "pemba backup create --admin-url " + server.admin_url() + " --name ";
  ASSERT_EQ(Run(create + "good").code, 0);
  // One byte in the middle of a log.
  const auto damage = [&](const std::string& file) {
    std::fstream log(path(file), std::ios::in | std::ios::out | std::ios::binary);
    log.seekp(100);
    log.put('\x7f');
  };
  damage("data/reason/iam.typeql");
  const auto refused = Run(create + "bad");
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.out.find("is damaged at byte 8"), std::string::npos) << refused.out;
  EXPECT_FALSE(std::filesystem::exists(path("data/backups/bad")));
  EXPECT_FALSE(std::filesystem::exists(path("data/backups/.bad")));

  damage("data/backups/good/reason/iam.typeql");
  EXPECT_EQ(Run("pemba backup verify --backup data/backups/good").code, 1);
  EXPECT_EQ(Run("pemba backup restore --backup data/backups/good --data-dir copy").code, 1);
  EXPECT_FALSE(std::filesystem::exists(path("copy")));
}

TEST_F(Operations, TheOperatorsPortIsOffByDefault) {
  const ServerProcess server(path("data"));
  EXPECT_EQ(server.admin_url(), "http://");
}

TEST_F(Operations, TheProbeSpeaksTls) {
  ASSERT_EQ(Run("openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 "
                "-subj /CN=pemba.test -addext subjectAltName=DNS:pemba.test 2>/dev/null")
                .code,
            0);
  const ServerProcess server(path("data"), {"--grpc-tls-enabled=true", "--grpc-tls-cert",
                                            path("cert.pem"), "--grpc-tls-key", path("key.pem")});
  const auto probe = "pemba health-probe -addr=" + server.grpc_address();
  EXPECT_EQ(Run(probe + " -tls -tls-ca-cert=cert.pem -tls-server-name=pemba.test").out,
            "status: SERVING\n");
  EXPECT_EQ(Run(probe + " -tls -tls-no-verify").code, 0);
  EXPECT_EQ(Run(probe + " -tls -tls-ca-cert=cert.pem").code, 2) << "the name is another";
  EXPECT_EQ(Run(probe + " -tls").code, 2) << "nobody vouches for the certificate";
  EXPECT_EQ(Run(probe).code, 2);
}

TEST_F(Operations, TheProbeUnderItsOtherNameAndItsExitCodes) {
  const ServerProcess server(path("data"));
  fs::create_symlink(PEMBA_BUILT_BINARY, path("grpc_health_probe"));
  const auto probe = "./grpc_health_probe -addr=" + server.grpc_address();
  EXPECT_EQ(Run(probe).out, "status: SERVING\n");
  EXPECT_EQ(Run(probe + " -service=openfga.v1.OpenFGAService").code, 0);
  EXPECT_EQ(Run(probe + " -service=other").code, 3);
  EXPECT_EQ(Run("./grpc_health_probe").code, 1);
}

TEST_F(Operations, ServeRefusesWhatItDoesNotKnow) {
  EXPECT_EQ(Run("PEMBA_GRPC_ADR=x pemba serve").out,
            "pemba serve: unknown environment variable PEMBA_GRPC_ADR\n");
  std::ofstream(path("pemba.yaml")) << "grpc: {adr: x}\n";
  EXPECT_EQ(Run("pemba serve").out, "pemba serve: pemba.yaml:1: unknown key `grpc.adr`\n");
  // Variables of other commands are no settings and no errors; the file is weaker than they are.
  std::ofstream(path("pemba.yaml")) << "datastore: {engine: memory}\n";
  EXPECT_EQ(Run("PEMBA_STORE_ID=x OPENFGA_DATASTORE_ENGINE=mysql pemba run").out,
            "pemba serve: OPENFGA_DATASTORE_ENGINE: there is no mysql in this server; it has "
            "embedded, postgres and memory\n");
  EXPECT_NE(Run("pemba serve --grpc-adr x").code, 0);
}

TEST_F(Operations, AServerDoesNotStartOnARestoreThatDidNotEnd) {
  fs::create_directories(path("data/datastore.partial"));
  EXPECT_EQ(Run("pemba serve --data-dir data 2>&1 | tail -1").out,
            "pemba serve: a restore into `data` did not end; empty the directory and restore "
            "again\n");
}

TEST_F(Operations, MigrateSucceedsForEveryEngineWithoutASchema) {
  for (const std::string engine : {"memory", "embedded", "mysql", "sqlite"}) {
    EXPECT_EQ(Run("OPENFGA_DATASTORE_ENGINE=" + engine + " OPENFGA_TIMEOUT=1m pemba migrate").code,
              0)
        << engine;
  }
  EXPECT_EQ(Run("pemba migrate").out, "error: missing datastore engine type\n");
  EXPECT_EQ(Run("pemba migrate --datastore-engine oracle").out,
            "error: unknown datastore engine type: oracle\n");
}

TEST_F(Operations, TheUnitFileIsValid) {
  if (Run("command -v systemd-analyze").code != 0) GTEST_SKIP() << "systemd-analyze is not here";
  // The program need not be installed for this.
  const auto ran =
      Run("sed 's|^ExecStart=[^ ]*|ExecStart=" + std::string(PEMBA_BUILT_BINARY) + "|' '" +
          PEMBA_SOURCE_DIR
          "/deploy/systemd/pemba.service' > pemba.service && "
          "systemd-analyze verify --man=no ./pemba.service");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_EQ(ran.out.find("pemba.service"), std::string::npos) << ran.out;
}

TEST_F(Operations, AClosedTerminalIsAStop) {
  ServerProcess server(path("data"));
  EXPECT_EQ(server.Stop(SIGHUP), 0);
}

}  // namespace
}  // namespace pemba::e2e
