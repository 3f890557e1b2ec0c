// An OpenFGA server's database, made from what is known of its tables, is imported.
#include "pemba/cli/openfga_import.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>

#include "pemba/api/openfga/convert.h"
#include "pemba/base/assert.h"
#include "pemba/model/dsl.h"
#include "pemba/model/json.h"
#include "pemba/storage/memory.h"
#include "pemba/storage/testing/postgres_server.h"
#include "pemba/store/stores.h"

namespace pemba::cli {
namespace {

namespace wire = ::openfga::v1;
using storage::testing::PostgresServer;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr const char* kTables = R"(
CREATE TABLE tuple (store text, object_type text, object_id text, relation text, _user text,
  user_type text, ulid text UNIQUE, inserted_at timestamptz, condition_name text,
  condition_context bytea, PRIMARY KEY (store, object_type, object_id, relation, _user));
CREATE TABLE authorization_model (store text, authorization_model_id text, type text,
  type_definition bytea, schema_version text, serialized_protobuf bytea,
  PRIMARY KEY (store, authorization_model_id, type));
CREATE TABLE store (id text PRIMARY KEY, name text, created_at timestamptz, updated_at timestamptz,
  deleted_at timestamptz);
CREATE TABLE assertion (store text, authorization_model_id text, assertions bytea,
  PRIMARY KEY (store, authorization_model_id));
CREATE TABLE changelog (store text, object_type text, object_id text, relation text, _user text,
  operation integer, ulid text, inserted_at timestamptz, condition_name text,
  condition_context bytea, PRIMARY KEY (store, ulid, object_type));
CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint, is_applied boolean);
)";

constexpr const char* kDsl = R"(model
  schema 1.1
type user
type document
  relations
    define viewer: [user, user with soon]
condition soon(until: int) {
  until > 5
}
)";

const std::string kStore = "01J0000000000000000000000A";
const std::string kGone = "01J0000000000000000000000B";
const std::string kModel = "01J00000000000000000000001";
const std::string kOldModel = "01H00000000000000000000001";

std::string Bytea(const std::string& bytes) {
  std::string literal = "'\\x";
  for (const char c : bytes) {
    char text[3];
    std::snprintf(text, sizeof text, "%02x", static_cast<unsigned char>(c));
    literal += text;
  }
  return literal + "'";
}

wire::AuthorizationModel Model() {
  wire::AuthorizationModel message;
  api::openfga::ToWire(*model::ModelFromDsl(kDsl), message);
  return message;
}

std::string Context() {
  google::protobuf::Struct context;
  (*context.mutable_fields())["until"].set_number_value(7);
  return context.SerializeAsString();
}

class OpenfgaImport : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (PostgresServer::WhyNotHere()) return;
    auto started = PostgresServer::Start();
    PEMBA_CHECK(started.ok());
    server_ = *std::move(started);
  }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    if (const auto why = PostgresServer::WhyNotHere()) GTEST_SKIP() << *why;
    database_ = server_->CreateDatabase();
    Sql(kTables);
    Sql("INSERT INTO store VALUES ('" + kStore +
        "', 'acme', '2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05.678Z', NULL), ('" + kGone +
        "', 'gone', '2026-01-01Z', '2026-01-01Z', '2026-02-01Z')");
    Sql("INSERT INTO authorization_model VALUES ('" + kStore + "', '" + kModel +
        "', '', NULL, '1.1', " + Bytea(Model().SerializeAsString()) + ")");
    // The old form has no conditions.
    auto old = Model();
    for (auto& type : *old.mutable_type_definitions()) {
      for (auto& [name, relation] : *type.mutable_metadata()->mutable_relations()) {
        relation.mutable_directly_related_user_types()->DeleteSubrange(
            1, relation.directly_related_user_types_size() - 1);
      }
      Sql("INSERT INTO authorization_model VALUES ('" + kStore + "', '" + kOldModel + "', '" +
          type.type() + "', " + Bytea(type.SerializeAsString()) + ", '1.1', NULL)");
    }
    wire::Assertions assertions;
    auto& assertion = *assertions.add_assertions();
    assertion.mutable_tuple_key()->set_object("document:1");
    assertion.mutable_tuple_key()->set_relation("viewer");
    assertion.mutable_tuple_key()->set_user("user:anne");
    assertion.set_expectation(true);
    Sql("INSERT INTO assertion VALUES ('" + kStore + "', '" + kModel + "', " +
        Bytea(assertions.SerializeAsString()) + ")");
    Change(1, "anne", "write", 10);
    Change(2, "bob", "write", 10);
    Change(3, "cora", "write", 11, /*conditional=*/true);
    Change(4, "bob", "delete", 12);
  }

  void Sql(const std::string& statements) { server_->Sql(database_, statements); }

  // A change as the other server makes it: in both tables.
  void Change(int number, const std::string& user, const std::string& operation, int second,
              bool conditional = false) {
    const std::string ulid = "01J00000000000000000000" + std::to_string(100 + number);
    const auto time = "'2026-03-01T00:00:" + std::to_string(second) + ".500Z'";
    const auto condition = conditional ? "'soon', " + Bytea(Context()) : std::string("NULL, NULL");
    const auto parts = "'" + kStore + "', 'document', '1', 'viewer', 'user:" + user + "', ";
    Sql("INSERT INTO changelog VALUES (" + parts + (operation == "write" ? "0, '" : "1, '") + ulid +
        "', " + time + ", " + condition + ")");
    if (operation == "write") {
      Sql("INSERT INTO tuple VALUES (" + parts + "'user', '" + ulid + "', " + time + ", " +
          condition + ")");
    } else {
      Sql("DELETE FROM tuple WHERE _user = 'user:" + user + "'");
    }
  }

  ImportReport Import() {
    auto source =
        storage::OpenfgaSource::Open({.uri = server_->Uri(database_)}, std::chrono::seconds(5));
    EXPECT_TRUE(source.ok()) << (source.ok() ? "" : source.error().message);
    auto report = ImportOpenfga(**source, *target_,
                                [this](std::string_view line) { told_.emplace_back(line); });
    EXPECT_TRUE(report.ok()) << (report.ok() ? "" : report.error().message);
    return report.ok() ? *report : ImportReport();
  }

  // Tuples with their conditions.
  std::vector<std::string> Tuples() {
    store::Stores stores(*target_, clock_);
    const auto store = stores.Open({kStore});
    std::vector<std::string> tuples;
    const auto page = (*store)->Read({.page_size = 100});
    for (const auto& stored : page->tuples) {
      tuples.push_back(stored.tuple.subject +
                       (stored.tuple.condition ? " with " + stored.tuple.condition->name : ""));
    }
    return tuples;
  }

  static inline std::unique_ptr<PostgresServer> server_;
  const SystemClock clock_;
  std::string database_;
  std::unique_ptr<storage::Datastore> target_ = storage::NewMemoryDatastore();
  std::vector<std::string> told_;
};

TEST_F(OpenfgaImport, BringsEverything) {
  const auto report = Import();
  EXPECT_EQ(report.stores, 2u);
  EXPECT_EQ(report.models, 2u);
  EXPECT_EQ(report.assertions, 1u);
  EXPECT_EQ(report.changes, 4u);
  EXPECT_EQ(report.corrections, 0u);
  EXPECT_EQ(report.tuples, 2u);
  EXPECT_THAT(Tuples(), UnorderedElementsAre("user:anne", "user:cora with soon"));

  const auto record = target_->GetStore({kStore});
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->name, "acme");
  EXPECT_EQ(record->created_at, WallTime(std::chrono::milliseconds(1'767'323'045'678)));
  EXPECT_FALSE(target_->GetStore({kGone}).ok());
  EXPECT_EQ(target_->ReadLatestModel({kStore})->id.value, kModel);
}

TEST_F(OpenfgaImport, TheChangesTellTheSameStory) {
  Import();
  std::vector<std::size_t> sizes;
  std::vector<WallTime> times;
  ASSERT_TRUE(target_
                  ->ReadWrites({kStore}, 0,
                               [&](const storage::Write& write) {
                                 sizes.push_back(write.changes.size());
                                 times.push_back(write.time);
                                 return storage::Visit::kContinue;
                               })
                  .ok());
  EXPECT_THAT(sizes, ElementsAre(2, 1, 1));  // One write for what has one time.
  EXPECT_EQ(times[1] - times[0], std::chrono::seconds(1));
}

TEST_F(OpenfgaImport, ModelsQueriesAndAssertionsWork) {
  Import();
  store::Stores stores(*target_, clock_);
  const auto store = stores.Open({kStore});
  for (const auto& id : {kModel, kOldModel}) {
    EXPECT_TRUE((*store)->Pin().ResolveModel(id).ok()) << id;
  }
  EXPECT_EQ((*store)->ReadAssertions(kModel)->size(), 1u);
}

TEST_F(OpenfgaImport, GoesOnWhereItStopped) {
  Import();
  Change(5, "dora", "write", 20);
  Change(6, "anne", "delete", 21);
  const auto report = Import();
  EXPECT_EQ(report.stores, 0u);
  EXPECT_EQ(report.models, 0u);
  EXPECT_EQ(report.changes, 2u);
  EXPECT_EQ(report.tuples, 2u);
  EXPECT_THAT(Tuples(), UnorderedElementsAre("user:cora with soon", "user:dora"));
  EXPECT_EQ(Import().changes, 0u);
}

// Somebody has thrown old changes away.
TEST_F(OpenfgaImport, CorrectsWhatTheChangesDoNotTell) {
  Sql("DELETE FROM changelog WHERE ulid IN (SELECT ulid FROM changelog ORDER BY ulid LIMIT 1)");
  Sql("DELETE FROM changelog WHERE operation = 1");
  const auto report = Import();
  EXPECT_EQ(report.corrections, 2u);  // anne is there, bob is not.
  EXPECT_THAT(Tuples(), UnorderedElementsAre("user:anne", "user:cora with soon"));
  EXPECT_THAT(told_, Contains(HasSubstr("do not add up")));
  EXPECT_EQ(Import().corrections, 0u);
}

TEST_F(OpenfgaImport, RefusesAStoreThatIsInUse) {
  const storage::Change change{storage::Change::Operation::kWrite,
                               {"document:1", "viewer", "user:x"}};
  ASSERT_TRUE(target_->Append({kStore}, {1, {}, {&change, 1}})->Wait().ok());
  auto source =
      storage::OpenfgaSource::Open({.uri = server_->Uri(database_)}, std::chrono::seconds(5));
  const auto report = ImportOpenfga(**source, *target_, [](auto) {});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(OpenfgaImport, ChangesNothingInTheSource) {
  const auto all = "SELECT count(*) FROM changelog";
  const auto before = server_->Sql(database_, all);
  Import();
  EXPECT_EQ(server_->Sql(database_, all), before);
  EXPECT_EQ(server_->Sql(database_, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
            "6");
}

TEST_F(OpenfgaImport, ADatabaseOfSomethingElseIsRefused) {
  const auto other = server_->CreateDatabase();
  const auto source =
      storage::OpenfgaSource::Open({.uri = server_->Uri(other)}, std::chrono::seconds(5));
  ASSERT_FALSE(source.ok());
  EXPECT_EQ(source.error().code, ErrorCode::kFailedPrecondition);
}

}  // namespace
}  // namespace pemba::cli
