// The reasoning service without sockets: transactions, limits, the bridge to relationships.
#include "pemba/api/reason/service.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/api/json_reader.h"
#include "pemba/api/json_writer.h"
#include "pemba/api/openfga/service.h"
#include "pemba/model/dsl.h"
#include "pemba/model/json.h"
#include "pemba/reason/parser.h"
#include "pemba/reason/policies.h"
#include "pemba/reason/projection.h"
#include "pemba/storage/memory.h"
#include "pemba/store/stores.h"

namespace pemba::api::reason {
namespace {

namespace core = pemba::reason;
using Relationships = openfga::Service;

class FakeClock final : public Clock {
 public:
  WallTime Now() const override { return system_.Now(); }
  SteadyTime Steady() const override { return system_.Steady() + ahead; }
  std::chrono::seconds ahead{0};

 private:
  SystemClock system_;
};

class ReasonServiceTest : public ::testing::Test {
 protected:
  ReasonServiceTest()
      : datastore_(storage::NewMemoryDatastore()),
        stores_(*datastore_, clock_, {}),
        relationships_(stores_, clock_),
        databases_(*core::Databases::Open({.clock = &clock_})),
        service_(*databases_, &relationships_, nullptr, clock_,
                 {.answers_max = 20, .transactions_max = 2}) {}

  static RequestContext By(const std::string& client) {
    RequestContext context;
    context.caller = authn::Caller::Named(client);
    return context;
  }

  // The error of a call, or nothing.
  template <class Request, class Response>
  std::optional<Error> Call(Status (Service::*method)(RequestContext&, const Request&, Response&),
                            const std::string& json, Response& response,
                            const std::string& client = "anne") {
    Request request;
    const auto read = ReadJson(json, request);
    EXPECT_TRUE(read.ok()) << read.error().message;
    auto context = By(client);
    response.Clear();
    const auto status = (service_.*method)(context, request, response);
    return status.ok() ? std::nullopt : std::optional(status.error());
  }

  void Create(const std::string& sample) {
    wire::Database made;
    const auto error =
        Call(&Service::CreateDatabase, R"({"database":"iam","sample":")" + sample + R"("})", made);
    ASSERT_FALSE(error.has_value()) << error->message;
  }

  static std::string QueryOf(const std::string& text, const std::string& rest = {}) {
    std::string json = "{\"database\":\"iam\",\"query\":\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') json.push_back('\\');
      json.push_back(c == '\n' ? ' ' : c);
    }
    return json + "\"" + rest + "}";
  }

  std::int64_t Count(const std::string& text, const std::string& rest = {}) {
    wire::QueryResponse response;
    const auto error = Call(&Service::Query, QueryOf(text, rest), response);
    EXPECT_FALSE(error.has_value()) << error->message;
    return response.answers_size() == 0 ? -1 : response.answers(0).number().long_();
  }

  // A store with the projection of the database in it.
  void MakeStore(const core::Projection& projection) {
    openfga::wire::CreateStoreRequest create;
    create.set_name("projected");
    openfga::wire::CreateStoreResponse created;
    auto context = By("anne");
    ASSERT_TRUE(relationships_.CreateStore(context, create, created).ok());
    store_id_ = created.id();
    const auto model = model::ModelFromDsl(projection.model);
    ASSERT_TRUE(model.ok()) << model.error().message << "\n" << projection.model;
    openfga::wire::WriteAuthorizationModelRequest write;
    ASSERT_TRUE(ReadJson(model::ModelToJson(*model), write).ok());
    write.set_store_id(store_id_);
    openfga::wire::WriteAuthorizationModelResponse written;
    const auto wrote = relationships_.WriteAuthorizationModel(context, write, written);
    ASSERT_TRUE(wrote.ok()) << wrote.error().message << "\n" << projection.model;
    for (std::size_t begin = 0; begin < projection.tuples.size(); begin += 100) {
      openfga::wire::WriteRequest tuples;
      tuples.set_store_id(store_id_);
      tuples.set_authorization_model_id(written.authorization_model_id());
      for (std::size_t i = begin; i < std::min(begin + 100, projection.tuples.size()); ++i) {
        auto& key = *tuples.mutable_writes()->add_tuple_keys();
        key.set_object(projection.tuples[i].object);
        key.set_relation(projection.tuples[i].relation);
        key.set_user(projection.tuples[i].user);
      }
      openfga::wire::WriteResponse done;
      const auto added = relationships_.Write(context, tuples, done);
      ASSERT_TRUE(added.ok()) << added.error().message;
    }
  }

  bool MayDo(const std::string& user, const std::string& relation, const std::string& object) {
    openfga::wire::CheckRequest check;
    check.set_store_id(store_id_);
    check.mutable_tuple_key()->set_user(user);
    check.mutable_tuple_key()->set_relation(relation);
    check.mutable_tuple_key()->set_object(object);
    openfga::wire::CheckResponse answer;
    auto context = By("anne");
    // A type has the actions that can be valid on it; of others, nothing is allowed.
    const auto type = object.substr(0, object.find(':'));
    if (!relations_.contains(type)) {
      relations_[type] = *relationships_.RelationsOf(context, store_id_, "", type);
    }
    const auto& known = relations_[type];
    if (!std::binary_search(known.begin(), known.end(), relation)) return false;
    const auto asked = relationships_.Check(context, check, answer);
    EXPECT_TRUE(asked.ok()) << asked.error().message;
    return answer.allowed();
  }

  FakeClock clock_;
  std::unique_ptr<storage::Datastore> datastore_;
  store::Stores stores_;
  Relationships relationships_;
  std::unique_ptr<core::Databases> databases_;
  Service service_;
  std::string store_id_;
  std::map<std::string, std::vector<std::string>> relations_;  // Of the store's model, by type.
};

TEST(ReasonMessages, SurviveJson) {
  wire::QueryResponse response;
  response.set_kind(wire::QueryResponse::KIND_MAPS);
  response.set_revision(~std::uint64_t{0});
  auto& answer = *response.add_answers();
  answer.add_concepts()->mutable_value()->set_long_(std::numeric_limits<std::int64_t>::min());
  answer.add_concepts()->mutable_value()->set_double_(-0.1);
  answer.add_concepts()->mutable_value()->set_double_(std::numeric_limits<double>::infinity());
  answer.add_concepts()->mutable_value()->set_boolean(false);
  answer.add_concepts()->mutable_value()->set_string("");
  answer.mutable_number()->set_long_(0);
  auto& node = *answer.add_proofs()->add_nodes();
  node.add_premises(0);
  node.add_premises(7);
  wire::QueryResponse again;
  const auto read = ReadJson(ToJson(response), again);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(again.SerializeAsString(), response.SerializeAsString()) << ToJson(response);
}

TEST_F(ReasonServiceTest, KeepsDatabases) {
  Create("iam");
  wire::Database one;
  EXPECT_FALSE(Call(&Service::GetDatabase, R"({"database":"iam"})", one).has_value());
  EXPECT_EQ(one.database(), "iam");
  EXPECT_EQ(one.entities(), 15U);
  EXPECT_EQ(one.relations(), 35U);
  EXPECT_EQ(one.attributes(), 25U);
  EXPECT_EQ(one.revision(), 2U);
  wire::ReadSchemaResponse schema;
  EXPECT_FALSE(Call(&Service::ReadSchema, R"({"database":"iam"})", schema).has_value());
  EXPECT_TRUE(core::ParseQuery(schema.schema()).ok());
  wire::ListDatabasesResponse all;
  EXPECT_FALSE(Call(&Service::ListDatabases, "{}", all).has_value());
  EXPECT_EQ(all.databases_size(), 1);
  wire::Database none;
  EXPECT_EQ(Call(&Service::GetDatabase, R"({"database":"other"})", none)->code,
            ErrorCode::kStoreNotFound);
  EXPECT_EQ(Call(&Service::CreateDatabase, R"({"database":"x","sample":"y"})", none)->code,
            ErrorCode::kInvalidArgument);
  wire::DeleteDatabaseResponse gone;
  EXPECT_FALSE(Call(&Service::DeleteDatabase, R"({"database":"iam"})", gone).has_value());
  EXPECT_EQ(Call(&Service::ReadSchema, R"({"database":"iam"})", schema)->code,
            ErrorCode::kStoreNotFound);
}

TEST_F(ReasonServiceTest, NobodyIsLetInByDefault) {
  RequestContext nobody;
  wire::QueryRequest request;
  request.set_database("iam");
  request.set_query("match $x isa thing;");
  wire::QueryResponse response;
  EXPECT_EQ(service_.Query(nobody, request, response).error().code, ErrorCode::kUnauthenticated);
}

// The control store holds nothing, so it allows nothing.
TEST_F(ReasonServiceTest, AccessControlGuardsEveryCall) {
  Create("iam");
  const engine::Checker checker({}, clock_);
  const std::string nowhere = "01HVMMBCMGZNT3SED4Z17ECXCA";
  const openfga::AccessControl access(stores_, clock_, checker,
                                      {.store = StoreId{nowhere}, .model = ModelId{nowhere}});
  Service guarded(*databases_, &relationships_, &access, clock_);
  const auto expect_forbidden = [&](auto method, auto request, auto response) {
    SCOPED_TRACE(request.GetTypeName());
    const auto* descriptor = request.GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const auto* field = descriptor->field(i);
      if (field->type() != google::protobuf::FieldDescriptor::TYPE_STRING) continue;
      const std::string value = field->name() == "database" ? "iam"
                                : field->name() == "query"  ? "match $x isa thing;"
                                                            : "";
      request.GetReflection()->SetString(&request, field, value);
    }
    auto context = By("anne");
    const auto status = (guarded.*method)(context, request, response);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kForbidden) << status.error().message;
    RequestContext nobody;
    EXPECT_EQ((guarded.*method)(nobody, request, response).error().code,
              ErrorCode::kUnauthenticated);
  };
  expect_forbidden(&Service::CreateDatabase, wire::CreateDatabaseRequest(), wire::Database());
  expect_forbidden(&Service::ListDatabases, wire::ListDatabasesRequest(),
                   wire::ListDatabasesResponse());
  expect_forbidden(&Service::GetDatabase, wire::GetDatabaseRequest(), wire::Database());
  expect_forbidden(&Service::DeleteDatabase, wire::DeleteDatabaseRequest(),
                   wire::DeleteDatabaseResponse());
  expect_forbidden(&Service::ReadSchema, wire::ReadSchemaRequest(), wire::ReadSchemaResponse());
  expect_forbidden(&Service::Query, wire::QueryRequest(), wire::QueryResponse());
  expect_forbidden(&Service::BeginTransaction, wire::BeginTransactionRequest(),
                   wire::BeginTransactionResponse());
  expect_forbidden(&Service::ExplainFact, wire::ExplainFactRequest(), wire::ExplainFactResponse());
  expect_forbidden(&Service::Project, wire::ProjectRequest(), wire::ProjectResponse());
  expect_forbidden(&Service::GuardedCheck, wire::GuardedCheckRequest(),
                   wire::GuardedCheckResponse());
}

TEST_F(ReasonServiceTest, RunsQueriesInTheTransactionThatTheyNeed) {
  Create("iam");
  EXPECT_EQ(Count("match $p isa permission; get $p; count;"), 15);
  EXPECT_EQ(Count("match $p isa permission; get $p; count;", R"(,"infer":true)"), 29);
  wire::QueryResponse response;
  EXPECT_FALSE(
      Call(&Service::Query, QueryOf("insert $c isa company, has name \"Globex\";"), response));
  EXPECT_EQ(response.revision(), 3U);
  EXPECT_EQ(Count("match $c isa company; get $c; count;"), 1);
  EXPECT_FALSE(Call(&Service::Query, QueryOf("define robot sub user;"), response));
  EXPECT_EQ(response.revision(), 4U);
  // The caller may insist on less.
  EXPECT_EQ(Call(&Service::Query,
                 QueryOf("insert $c isa company;", R"(,"kind":"TRANSACTION_KIND_READ")"), response)
                ->code,
            ErrorCode::kFailedPrecondition);
  EXPECT_EQ(Call(&Service::Query, QueryOf("match $x isa nothing;"), response)->message,
            "[TYR03] type-not-found at 1:14: the type `nothing` is not defined");
  EXPECT_EQ(Call(&Service::Query, QueryOf("match $x"), response)->code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      Call(&Service::Query, QueryOf("match $x isa user;", R"(,"explain":true)"), response)->code,
      ErrorCode::kInvalidArgument);
}

TEST_F(ReasonServiceTest, BoundsItsAnswers) {
  Create("iam");
  wire::QueryResponse response;
  EXPECT_FALSE(Call(&Service::Query, QueryOf("match $a isa access;"), response));
  EXPECT_EQ(response.answers_size(), 20);
  EXPECT_FALSE(response.truncated());
  EXPECT_FALSE(Call(&Service::Query, QueryOf("match $a isa access; $p isa person;"), response));
  EXPECT_EQ(response.answers_size(), 20);
  EXPECT_TRUE(response.truncated());
  EXPECT_FALSE(
      Call(&Service::Query, QueryOf("match $a isa access;", R"(,"answers_max":3)"), response));
  EXPECT_EQ(response.answers_size(), 3);
  EXPECT_TRUE(response.truncated());
}

TEST_F(ReasonServiceTest, ExplainsWithProofs) {
  Create("iam");
  wire::QueryResponse response;
  EXPECT_FALSE(
      Call(&Service::Query,
           QueryOf("match $s isa person, has full-name \"Kevin Morrison\"; $o isa file, has "
                   "path \"LICENSE\"; $ac (accessed-object: $o, valid-action: $a) isa access; "
                   "$a has action-name \"view_file\"; $p (permitted-subject: $s, "
                   "permitted-access: $ac) isa permission; get $p;",
                   R"(,"infer":true,"explain":true)"),
           response));
  ASSERT_EQ(response.answers_size(), 1);
  ASSERT_EQ(response.answers(0).proofs_size(), 1);
  const auto& proof = response.answers(0).proofs(0);
  EXPECT_EQ(proof.variable(), "p");
  const auto& last = proof.nodes(proof.nodes_size() - 1);
  EXPECT_EQ(last.step().rule(), "add-view-access");
  EXPECT_GT(last.premises_size(), 0);
  for (int i = 0; i < proof.nodes_size(); ++i) {
    for (const std::uint32_t premise : proof.nodes(i).premises()) {
      EXPECT_LT(premise, static_cast<std::uint32_t>(i));
    }
  }
}

TEST_F(ReasonServiceTest, KeepsTransactionsOpen) {
  Create("iam");
  wire::BeginTransactionResponse begun;
  ASSERT_FALSE(Call(&Service::BeginTransaction,
                    R"({"database":"iam","kind":"TRANSACTION_KIND_WRITE"})", begun));
  const std::string inside = R"(,"transaction":")" + begun.transaction() + R"(")";
  const std::string which = R"({"database":"iam")" + inside + "}";
  wire::QueryResponse response;
  EXPECT_FALSE(Call(&Service::Query, QueryOf("insert $c isa company, has name \"Globex\";", inside),
                    response));
  EXPECT_EQ(Count("match $c isa company; get $c; count;", inside), 1);
  EXPECT_EQ(Count("match $c isa company; get $c; count;"), 0);  // Not committed.
  // It is anne's.
  wire::CommitTransactionResponse committed;
  EXPECT_EQ(Call(&Service::CommitTransaction, which, committed, "bob")->code,
            ErrorCode::kFailedPrecondition);
  EXPECT_FALSE(Call(&Service::CommitTransaction, which, committed));
  EXPECT_EQ(Count("match $c isa company; get $c; count;"), 1);
  EXPECT_EQ(Call(&Service::CommitTransaction, which, committed)->code,
            ErrorCode::kFailedPrecondition);

  // Rolled back, nothing is left; overdue, nobody finds it.
  ASSERT_FALSE(Call(&Service::BeginTransaction,
                    R"({"database":"iam","kind":"TRANSACTION_KIND_WRITE"})", begun));
  const std::string second = R"({"database":"iam","transaction":")" + begun.transaction() + R"("})";
  EXPECT_FALSE(Call(&Service::Query,
                    QueryOf("insert $c isa company, has name \"Initech\";",
                            R"(,"transaction":")" + begun.transaction() + R"(")"),
                    response));
  wire::RollbackTransactionResponse rolled;
  EXPECT_FALSE(Call(&Service::RollbackTransaction, second, rolled));
  EXPECT_EQ(Count("match $c isa company; get $c; count;"), 1);
  wire::BeginTransactionResponse other;
  ASSERT_FALSE(Call(&Service::BeginTransaction, R"({"database":"iam"})", begun));
  ASSERT_FALSE(Call(&Service::BeginTransaction, R"({"database":"iam"})", other));
  EXPECT_EQ(Call(&Service::BeginTransaction, R"({"database":"iam"})", other)->code,
            ErrorCode::kResourceExhausted);
  clock_.ahead = std::chrono::seconds(301);
  EXPECT_FALSE(Call(&Service::BeginTransaction, R"({"database":"iam"})", other));
  EXPECT_EQ(
      Call(&Service::Query,
           QueryOf("match $c isa company;", R"(,"transaction":")" + begun.transaction() + R"(")"),
           response)
          ->code,
      ErrorCode::kFailedPrecondition);
}

TEST_F(ReasonServiceTest, ExplainsEveryWay) {
  Create("iam");
  wire::BeginTransactionResponse begun;
  ASSERT_FALSE(Call(&Service::BeginTransaction, R"({"database":"iam"})", begun));
  const std::string inside = R"(,"transaction":")" + begun.transaction() + R"(")";
  wire::QueryResponse response;
  ASSERT_FALSE(Call(&Service::Query,
                    QueryOf("match $p isa permission, has validity $v; get $p, $v; limit 1;",
                            inside + R"(,"infer":true)"),
                    response));
  const auto& answer = response.answers(0);
  wire::ExplainFactResponse explained;
  ASSERT_FALSE(Call(&Service::ExplainFact,
                    R"({"database":"iam")" + inside + R"(,"iid":")" + answer.concepts(0).iid() +
                        R"(","attribute":")" + answer.concepts(1).iid() + R"("})",
                    explained));
  ASSERT_EQ(explained.explanations_size(), 1);
  EXPECT_EQ(explained.explanations(0).rule(), "automatic-permission-validity");
  EXPECT_EQ(explained.explanations(0).absent_size(), 1);
  EXPECT_EQ(
      Call(&Service::ExplainFact, R"({"database":"iam")" + inside + R"(,"iid":"seven"})", explained)
          ->code,
      ErrorCode::kInvalidArgument);
}

// ---- The bridge ----

constexpr const char* kOffice = R"(
match
$view isa operation, has action-name "view_file";
$modify isa operation, has action-name "modify_file";
insert
$anne isa person, has full-name "Anne", has email "anne@example.com";
$bob isa person, has full-name "Bob", has email "bob@example.com";
$carol isa person, has full-name "Carol", has email "carol@example.com";
$dave isa person, has full-name "Dave";
$eng isa business-unit, has name "Engineering";
$core isa business-unit, has name "Core team";
$audit isa user-role, has name "Core team";
(parent-group: $eng, group-member: $core) isa group-membership;
(parent-group: $core, group-member: $anne) isa group-membership;
(parent-group: $audit, group-member: $carol) isa group-membership;
(parent-group: $audit, group-member: $dave) isa group-membership;
$root isa directory, has path "/";
$src isa directory, has path "/src";
$lib isa directory, has path "/src/lib";
$main isa file, has path "/src/main.cc";
$shop isa application, has name "shop: front";
$order isa record, has number "MCRN-02";
(parent-collection: $root, collection-member: $src) isa collection-membership;
(parent-collection: $src, collection-member: $lib) isa collection-membership;
(parent-collection: $src, collection-member: $main) isa collection-membership;
(parent-collection: $shop, collection-member: $order) isa collection-membership;
$submit isa operation, has action-name "submit order";
$approve isa operation, has action-name "approve order";
$manage isa operation-set, has action-name "manage order";
(parent-set: $manage, set-member: $submit) isa set-membership;
(parent-set: $manage, set-member: $approve) isa set-membership;
$root-view (accessed-object: $root, valid-action: $view) isa access;
$main-view (accessed-object: $main, valid-action: $view) isa access;
$main-modify (accessed-object: $main, valid-action: $modify) isa access;
$src-modify (accessed-object: $src, valid-action: $modify) isa access;
$shop-manage (accessed-object: $shop, valid-action: $manage) isa access;
$order-submit (accessed-object: $order, valid-action: $submit) isa access;
$order-approve (accessed-object: $order, valid-action: $approve) isa access;
(permitted-subject: $eng, permitted-access: $src-modify) isa permission;
(permitted-subject: $audit, permitted-access: $root-view) isa permission;
(permitted-subject: $bob, permitted-access: $shop-manage) isa permission;
(permitted-subject: $carol, permitted-access: $order-submit) isa permission;
)";

TEST_F(ReasonServiceTest, AProjectionDecidesAsTheRulesDo) {
  Create("iam");
  wire::QueryResponse response;
  const auto inserted = Call(&Service::Query, QueryOf(kOffice), response);
  ASSERT_FALSE(inserted.has_value()) << inserted->message;

  const auto database = *databases_->Find("iam");
  const auto reading = *database->Begin(core::TransactionKind::kRead);
  const auto projection = core::Project(*reading);
  ASSERT_TRUE(projection.ok()) << projection.error().message;
  EXPECT_EQ(projection->carried,
            (std::vector<std::string>{"add-view-access", "transitive-action-access",
                                      "transitive-action-permission", "transitive-membership",
                                      "transitive-object-access", "transitive-object-permission",
                                      "transitive-subject-permission"}));
  EXPECT_EQ(projection->left.size(), 7U);
  MakeStore(*projection);

  // What the rules say, by the names of the projection.
  std::set<std::string> allowed;
  auto answers = reading->Run(
      "match (permitted-subject: $s, permitted-access: $ac) isa permission; "
      "$ac (accessed-object: $o, valid-action: $a) isa access; $a has action-name $n; "
      "get $s, $o, $n;",
      {.inference = core::Inference::kOn});
  ASSERT_TRUE(answers.ok()) << answers.error().message;
  const auto names = [&](const std::string& query, const std::string& variable) {
    std::map<core::ThingId, std::string> ids;
    auto rows = *reading->Run(query);
    while (auto row = *rows->Next()) {
      const auto& columns = rows->variables();
      const auto thing = columns[0] == variable ? 0U : 1U;
      auto& id = ids[row->concepts[thing].thing];
      const auto text = std::get<std::string>(*row->concepts[1 - thing].value);
      if (id.empty() || text < id) id = text;
    }
    return ids;
  };
  const auto ids = names("match $t has id $i; get $t, $i;", "t");
  const auto id_of = [&](const core::Concept& thing) {
    const auto found = ids.find(thing.thing);
    return core::ProjectedNames::Escape(found == ids.end() ? core::IidText(thing.thing)
                                                           : found->second);
  };
  std::set<std::string> subjects, objects, relations;
  const auto subject_of = [&](const core::Concept& thing) {
    return thing.label == "person" ? "user:" + id_of(thing)
                                   : "group:" + thing.label + "/" + id_of(thing);
  };
  while (auto row = *(*answers)->Next()) {
    const auto& columns = (*answers)->variables();
    std::map<std::string, const core::Concept*> by;
    for (std::size_t i = 0; i < columns.size(); ++i) by[columns[i]] = &row->concepts[i];
    allowed.insert(subject_of(*by["s"]) + " " +
                   core::ProjectedNames::Relation("can_", std::get<std::string>(*by["n"]->value)) +
                   " " + by["o"]->label + ":" + id_of(*by["o"]));
  }
  auto all = *reading->Run("match $s isa subject;");
  while (auto row = *all->Next()) subjects.insert(subject_of(row->concepts[0]));
  all = *reading->Run("match $o isa object;");
  while (auto row = *all->Next()) {
    objects.insert(row->concepts[0].label + ":" + id_of(row->concepts[0]));
  }
  for (const char* action :
       {"view_file", "modify_file", "submit order", "approve order", "manage order"}) {
    relations.insert(core::ProjectedNames::Relation("can_", action));
  }
  EXPECT_EQ(subjects.size(), 10U);
  EXPECT_EQ(objects.size(), 16U);
  EXPECT_GT(allowed.size(), 29U + 12U);

  std::size_t agreed = 0;
  for (const auto& subject : subjects) {
    for (const auto& relation : relations) {
      for (const auto& object : objects) {
        const auto question = std::string(subject).append(" ").append(relation).append(" ");
        EXPECT_EQ(MayDo(subject, relation, object), allowed.contains(question + object))
            << question << object;
        ++agreed;
      }
    }
  }
  EXPECT_EQ(agreed, 10U * 5U * 16U);
}

// The published examples, whose schema has other labels and one rule for all inheritance: every
// subject, action and object, against the permissions that the rules infer.
TEST_F(ReasonServiceTest, AProjectionOfThePublishedExamplesDecidesAsTheRulesDo) {
  const std::string folder = PEMBA_SOURCE_DIR "/../shared/conformance/iam-reasoning/examples-2x/";
  const auto read_file = [&](const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(folder + name).rdbuf();
    return text.str();
  };
  const auto schema = read_file("define-schema.tql");
  if (schema.empty()) GTEST_SKIP() << "SKIP: the conformance files are not here";
  const auto database = *core::Database::Open({});
  for (const auto& [kind, text] :
       {std::pair(core::TransactionKind::kSchemaWrite, schema),
        std::pair(core::TransactionKind::kWrite, read_file("insert-data.tql"))}) {
    const auto transaction = *database->Begin(kind);
    ASSERT_TRUE(transaction->RunAll(text).ok());
    ASSERT_TRUE(transaction->Commit().ok());
  }
  core::ProjectionSource source;
  source.group_members =
      "match (group: $whole, member: $part) isa group-membership; get $whole, $part;";
  source.collection_members =
      "match (collection: $whole, member: $part) isa collection-membership; get $whole, $part;";
  source.set_members = "match (set: $whole, member: $part) isa set-membership; get $whole, $part;";
  source.accesses =
      "match $access (object: $object, action: $action) isa access; get $access, $object, $action;";
  source.permissions =
      "match (subject: $subject, access: $access) isa direct-permission; get $subject, $access;";
  source.ids =
      "match $thing has id $id; { $thing isa subject; } or { $thing isa object; }; get $thing, "
      "$id;";
  source.action_names = "match $action isa action, has name $name; get $action, $name;";
  const auto reading = *database->Begin(core::TransactionKind::kRead);
  const auto projection = core::Project(*reading, source);
  ASSERT_TRUE(projection.ok()) << projection.error().message;
  MakeStore(*projection);

  // Objects by iid: two pull requests share their hash.
  std::map<core::ThingId, std::string> objects, subjects;
  std::map<core::ThingId, std::set<std::string>> ids;
  auto rows = *reading->Run(source.ids);
  while (auto row = *rows->Next()) {
    ids[row->concepts[0].thing].insert(std::get<std::string>(*row->concepts[1].value));
  }
  std::set<std::pair<std::string, std::string>> taken;
  const auto id_of = [&](const core::Concept& thing) {
    auto id = *ids.at(thing.thing).begin();
    if (!taken.emplace(thing.label, id).second) id += "~" + core::IidText(thing.thing);
    return core::ProjectedNames::Escape(id);
  };
  std::map<core::ThingId, core::Concept> in_order;  // As the projection names them.
  rows = *reading->Run("match $o isa object;");
  while (auto row = *rows->Next()) in_order.emplace(row->concepts[0].thing, row->concepts[0]);
  for (const auto& [thing, shown] : in_order) objects[thing] = shown.label + ":" + id_of(shown);
  in_order.clear();
  rows = *reading->Run("match $s isa subject;");
  while (auto row = *rows->Next()) in_order.emplace(row->concepts[0].thing, row->concepts[0]);
  for (const auto& [thing, shown] : in_order) {
    const bool user = shown.label == "employee" || shown.label == "contractor";
    subjects[thing] = user ? "user:" + id_of(shown) : "group:" + shown.label + "/" + id_of(shown);
  }
  std::set<std::string> actions, allowed;
  rows = *reading->Run("match $a isa action, has name $n; get $n;");
  while (auto row = *rows->Next()) {
    actions.insert(
        core::ProjectedNames::Relation("can_", std::get<std::string>(*row->concepts[0].value)));
  }
  rows = *reading->Run(
      "match (subject: $s, access: $ac) isa inherited-permission; $ac (object: $o, action: $a) isa "
      "access; $a has name $n; get $s, $n, $o;",
      {.inference = core::Inference::kOn});
  while (auto row = *rows->Next()) {
    allowed.insert(
        subjects.at(row->concepts[0].thing) + " " +
        core::ProjectedNames::Relation("can_", std::get<std::string>(*row->concepts[1].value)) +
        " " + objects.at(row->concepts[2].thing));
  }
  EXPECT_EQ(allowed.size(), 505U);
  std::size_t held = 0, wrong = 0;
  for (const auto& [s, subject] : subjects) {
    for (const auto& action : actions) {
      for (const auto& [o, object] : objects) {
        const auto question = std::string(subject).append(" ").append(action).append(" ");
        const bool may = MayDo(subject, action, object);
        held += may ? 1 : 0;
        if (may == allowed.contains(question + object)) continue;
        if (++wrong < 10) ADD_FAILURE() << question << object << (may ? " allowed" : " denied");
      }
    }
  }
  EXPECT_EQ(held, 505U);
  EXPECT_EQ(wrong, 0U);
}

TEST_F(ReasonServiceTest, PoliciesGuardChecks) {
  Create("iam");
  wire::QueryResponse response;
  ASSERT_FALSE(Call(&Service::Query, QueryOf(kOffice), response).has_value());
  wire::ProjectResponse projected;
  ASSERT_FALSE(Call(&Service::Project, R"({"database":"iam"})", projected).has_value());
  core::Projection projection;
  projection.model = projected.model();
  for (const auto& tuple : projected.tuples()) {
    projection.tuples.push_back({tuple.object(), tuple.relation(), tuple.user()});
  }
  MakeStore(projection);

  wire::GuardedCheckResponse answer;
  const auto ask = [&](const std::string& user, const std::string& relation,
                       const std::string& object) {
    const auto error =
        Call(&Service::GuardedCheck,
             R"({"database":"iam","store_id":")" + store_id_ + R"(","tuple_key":{"user":")" + user +
                 R"(","relation":")" + relation + R"(","object":")" + object + R"("}})",
             answer);
    EXPECT_FALSE(error.has_value()) << error->message;
    return answer.reason();
  };
  const std::string bob = "user:bob%40example.com", carol = "user:carol%40example.com";
  const std::string order = "record:MCRN-02";
  using Reply = wire::GuardedCheckResponse;
  EXPECT_EQ(ask(bob, "can_submit_order", order), Reply::REASON_ALLOWED);
  EXPECT_TRUE(answer.allowed());
  EXPECT_EQ(ask(carol, "can_approve_order", order), Reply::REASON_NO_PERMISSION);
  EXPECT_FALSE(answer.allowed());

  // A dynamic policy denies what is left once the other was done.
  const char* actions =
      "match $one isa operation, has action-name \"submit order\"; $two isa operation, has "
      "action-name \"approve order\"; insert (segregated-action: $one, segregated-action: $two) "
      "isa ";
  ASSERT_FALSE(
      Call(&Service::Query,
           QueryOf(std::string(actions) +
                   "dynamic-segregation-policy, has policy-name \"independent approval\";"),
           response)
          .has_value());
  EXPECT_EQ(ask(bob, "can_submit_order", order), Reply::REASON_ALLOWED);
  ASSERT_FALSE(
      Call(&Service::Query,
           QueryOf("match $s isa person, has email \"bob@example.com\"; $o isa record, has number "
                   "\"MCRN-02\"; $a isa operation, has action-name \"submit order\"; $ac "
                   "(accessed-object: $o, valid-action: $a) isa access; insert (recorded-subject: "
                   "$s, recorded-access: $ac) isa access-history, has access-time "
                   "2023-05-16T11:20:38;"),
           response)
          .has_value());
  EXPECT_EQ(ask(bob, "can_submit_order", order), Reply::REASON_ALLOWED);
  EXPECT_EQ(ask(bob, "can_approve_order", order), Reply::REASON_SEGREGATION_POLICY_VIOLATION);
  EXPECT_FALSE(answer.allowed());
  EXPECT_EQ(answer.message(), "denied: violates segregation policy 'independent approval'");
  ASSERT_EQ(answer.violations_size(), 1);
  EXPECT_EQ(answer.violations(0).policy(), "independent approval");
  EXPECT_EQ(answer.violations(0).kind(), wire::Violation::POLICY_KIND_DYNAMIC);
  EXPECT_EQ(answer.violations(0).action(), "approve order");
  EXPECT_EQ(answer.violations(0).conflicting_action(), "submit order");
  EXPECT_EQ(answer.violations(0).object(), order);
  EXPECT_EQ(answer.violations(0).time(), "2023-05-16T11:20:38");

  // By the iid that the projection gives things without an id, records are found as well.
  const auto database = *databases_->Find("iam");
  const auto reading = *database->Begin(core::TransactionKind::kRead);
  auto dave = *reading->Run("match $p isa person, has full-name \"Dave\"; get $p;");
  const auto dave_thing = (*dave->Next())->concepts[0].thing;
  EXPECT_EQ(*core::FindProjected(*reading, "user:" + core::IidText(dave_thing)), dave_thing);
  EXPECT_TRUE(core::FindProjected(*reading, "group:user-role/Core%20team").ok());
  EXPECT_TRUE(core::FindProjected(*reading, order).ok());
  for (const char* stranger : {"user:eve", "user:0xffff", "record:MCRN-03", "robot:1",
                               "user:", "group:user-role/Engineering", "user", "user:a\" isa x"}) {
    const auto found = core::FindProjected(*reading, stranger);
    ASSERT_FALSE(found.ok()) << stranger;
    EXPECT_EQ(found.error().code, ErrorCode::kValidation) << found.error().message;
  }

  // A static one denies both to whoever holds both, and only to them.
  ASSERT_FALSE(Call(&Service::Query,
                    QueryOf(std::string(actions) +
                            "static-segregation-policy, has policy-name \"four eyes\";"),
                    response)
                   .has_value());
  EXPECT_EQ(ask(bob, "can_submit_order", order), Reply::REASON_SEGREGATION_POLICY_VIOLATION);
  EXPECT_EQ(answer.violations(0).policy(), "four eyes");
  EXPECT_EQ(answer.violations(0).kind(), wire::Violation::POLICY_KIND_STATIC);
  EXPECT_EQ(ask(carol, "can_submit_order", order), Reply::REASON_ALLOWED);
  // What the service could not decide is an error, not a denial.
  const auto unknown =
      Call(&Service::GuardedCheck,
           R"({"database":"iam","store_id":")" + store_id_ + R"(","tuple_key":{"user":")" + bob +
               R"(","relation":"can_fly","object":")" + order + R"("}})",
           answer);
  EXPECT_TRUE(unknown.has_value());
}

// Somebody is given two permissions that a policy segregates and loses them again, both at once,
// and so may never use one of them. Facts change meanwhile, too.
TEST_F(ReasonServiceTest, AGuardedCheckIsOfOneMoment) {
  Create("iam");
  wire::QueryResponse response;
  ASSERT_FALSE(
      Call(
          &Service::Query,
          QueryOf("match $one isa action, has action-name \"modify_file\"; $two isa action, has "
                  "action-name \"view_file\"; insert (segregated-action: $one, "
                  "segregated-action: $two) isa static-segregation-policy, has policy-name \"p\";"),
          response)
          .has_value());
  core::Projection projection;
  projection.model =
      "model\n  schema 1.1\ntype user\ntype file\n  relations\n"
      "    define can_modify_file: [user]\n    define can_view_file: [user]\n";
  MakeStore(projection);

  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (bool give = true; !stop; give = !give) {
      openfga::wire::WriteRequest write;
      write.set_store_id(store_id_);
      for (const char* relation : {"can_modify_file", "can_view_file"}) {
        const auto fill = [&](auto& key) {
          key.set_object("file:1");
          key.set_relation(relation);
          key.set_user("user:anne");
        };
        if (give) {
          fill(*write.mutable_writes()->add_tuple_keys());
        } else {
          fill(*write.mutable_deletes()->add_tuple_keys());
        }
      }
      openfga::wire::WriteResponse done;
      auto context = By("writer");
      ASSERT_TRUE(relationships_.Write(context, write, done).ok());
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  });
  std::thread facts([&] {
    for (int i = 0; !stop; ++i) {
      wire::QueryResponse ignored;
      ASSERT_FALSE(Call(&Service::Query,
                        QueryOf("insert $c isa company, has name \"" + std::to_string(i) + "\";"),
                        ignored, "facts")
                       .has_value());
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  using Reply = wire::GuardedCheckResponse;
  std::map<int, int> reasons;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (int i = 0; i < 3000 || reasons[Reply::REASON_NO_PERMISSION] < 100 ||
                  reasons[Reply::REASON_SEGREGATION_POLICY_VIOLATION] < 100;
       ++i) {
    if (std::chrono::steady_clock::now() > give_up) break;
    wire::GuardedCheckResponse answer;
    const auto error =
        Call(&Service::GuardedCheck,
             R"({"database":"iam","store_id":")" + store_id_ +
                 R"(","tuple_key":{"user":"user:anne","relation":"can_modify_file",)" +
                 R"("object":"file:1"}})",
             answer);
    if (error) {
      EXPECT_EQ(error->code, ErrorCode::kConflict) << error->message;
      EXPECT_FALSE(answer.allowed());
    } else {
      ++reasons[answer.reason()];
    }
  }
  stop = true;
  writer.join();
  facts.join();
  EXPECT_EQ(reasons[Reply::REASON_ALLOWED], 0);
  EXPECT_GT(reasons[Reply::REASON_NO_PERMISSION], 0);
  EXPECT_GT(reasons[Reply::REASON_SEGREGATION_POLICY_VIOLATION], 0);
}

}  // namespace
}  // namespace pemba::api::reason
