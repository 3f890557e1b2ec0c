// The assertions of OpenFGA's consolidated tests on Check, ListObjects and ListUsers, in process:
// with stored tuples, and once more with all tuples contextual. Whatever is listed is checked too.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "pemba/base/arena.h"
#include "pemba/engine/bound_model.h"
#include "pemba/engine/checker.h"
#include "pemba/engine/lister.h"
#include "pemba/engine/testing/world_runner.h"
#include "pemba/graph/graph.h"
#include "pemba/model/dsl.h"
#include "pemba/model/tuple_validation.h"
#include "pemba/model/validation.h"

namespace pemba::engine {
namespace {

constexpr const char* kFile =
    PEMBA_SOURCE_DIR "/../shared/conformance/openfga/consolidated_1_1_tests.yaml";
constexpr std::size_t kContextualMax = 100;
constexpr std::uint32_t kResolveNodeLimit = 25;

tuple::Tuple TupleOf(const YAML::Node& node) {
  return {node["object"].as<std::string>(), node["relation"].as<std::string>(),
          node["user"].as<std::string>(), std::nullopt};
}

std::vector<tuple::Tuple> TuplesOf(const YAML::Node& nodes) {
  std::vector<tuple::Tuple> tuples;
  for (const auto& node : nodes) tuples.push_back(TupleOf(node));
  return tuples;
}

std::vector<std::string> StringsOf(const YAML::Node& nodes) {
  std::vector<std::string> strings;
  for (const auto& node : nodes) strings.push_back(node.as<std::string>());
  return strings;
}

// The wire's numbers of the codes that queries can end in.
int NumberOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kValidation:
      return 2000;
    case ErrorCode::kTooComplex:
      return 2002;
    case ErrorCode::kTypeNotFound:
      return 2021;
    case ErrorCode::kRelationNotFound:
      return 2022;
    case ErrorCode::kInvalidTuple:
      return 2027;
    default:
      return -1;
  }
}

struct Counts {
  int assertions = 0, allowed = 0, denied = 0, errors = 0, stages = 0;
  int object_lists = 0, user_lists = 0, listed = 0;
};

class Store {
 public:
  void Use(const std::string& dsl) {
    auto model = model::ModelFromDsl(dsl);
    ASSERT_TRUE(model.ok()) << model.error().message;
    const auto valid = model::ValidateModel(*model);
    ASSERT_TRUE(valid.ok()) << valid.error().message;
    auto plan = model::Plan::Compile(*model);
    ASSERT_TRUE(plan.ok()) << plan.error().message;
    model_ = BoundModel::Bind(*std::move(plan), graph_);
  }

  void Write(const tuple::Tuple& tuple) {
    const auto valid = model::ValidateWrite(model_->plan(), tuple);
    ASSERT_TRUE(valid.ok()) << valid.error().message;
    graph::Change change;
    change.tuple = tuple.view();
    ASSERT_TRUE(graph_.Apply(++revision_, WallTime{}, {&change, 1}).ok());
    graph_.Publish(revision_);
  }

  // As the server asks: validates the question, then checks.
  Result<Decision> Check(const tuple::Tuple& question, const std::vector<tuple::Tuple>& contextual,
                         const boost::json::object* context) {
    PEMBA_TRY(std::ignore, model::ValidateQuery(model_->plan(), question.view()));
    for (const auto& tuple : contextual) {
      PEMBA_TRY(std::ignore, model::ValidateContextual(model_->plan(), tuple));
    }
    arena_.Reset();
    const Checker checker({.resolve_node_limit = kResolveNodeLimit}, clock_);
    return checker.Check(graph_.Pin(), *model_, {question.view(), contextual, context, {}}, arena_);
  }

  Result<std::vector<std::string>> ListObjects(const std::string& type, const std::string& relation,
                                               const std::string& user,
                                               const std::vector<tuple::Tuple>& contextual) {
    PEMBA_TRY(std::ignore, ValidateContextual(contextual));
    const auto& plan = model_->plan();
    const auto type_index = plan.FindType(type);
    const bool known =
        type_index != model::kNoIndex && plan.FindRelation(type_index, relation) != model::kNoIndex;
    if (known) {
      PEMBA_TRY(std::ignore, model::ValidateSubject(plan, user));
    }
    arena_.Reset();
    std::vector<std::string> found;
    const auto listed = Lister({.resolve_node_limit = kResolveNodeLimit}, clock_)
                            .ListObjects(graph_.Pin(), *model_, {type, relation, user, contextual},
                                         {}, arena_, SinkTo(found, type + ":", ""));
    if (!listed.ok()) return listed.error();
    return found;
  }

  // `filter` is `type` or `type#relation`.
  Result<std::vector<std::string>> ListUsers(const std::string& object, const std::string& relation,
                                             const std::string& filter,
                                             const std::vector<tuple::Tuple>& contextual) {
    PEMBA_TRY(std::ignore, ValidateContextual(contextual));
    const auto hash = filter.find('#');
    const auto type = filter.substr(0, hash);
    const auto suffix = hash == filter.npos ? "" : filter.substr(hash);
    const auto user_relation = suffix.empty() ? suffix : suffix.substr(1);
    const UsersQuery query{object, relation, type, user_relation, contextual};
    arena_.Reset();
    std::vector<std::string> found;
    const auto listed =
        Lister({.resolve_node_limit = kResolveNodeLimit}, clock_)
            .ListUsers(graph_.Pin(), *model_, query, {}, arena_, SinkTo(found, type + ":", suffix));
    if (!listed.ok()) return listed.error();
    return found;
  }

 private:
  Status ValidateContextual(const std::vector<tuple::Tuple>& contextual) const {
    for (const auto& tuple : contextual) {
      PEMBA_TRY(std::ignore, model::ValidateContextual(model_->plan(), tuple));
    }
    return Done{};
  }

  static ListSink SinkTo(std::vector<std::string>& found, std::string prefix, std::string suffix) {
    return [&found, prefix, suffix](std::span<const std::string_view> ids) {
      for (const auto id : ids) found.push_back(prefix + std::string(id) + suffix);
      return SinkWants::kMore;
    };
  }

  graph::Graph graph_;
  graph::Revision revision_ = 0;
  std::shared_ptr<const BoundModel> model_;
  SystemClock clock_;
  Arena arena_;
};

void RunAssertions(Store& store, const YAML::Node& stage,
                   const std::vector<tuple::Tuple>& more_contextual, Counts& counts) {
  for (const auto& assertion : stage["checkAssertions"]) {
    const auto question = TupleOf(assertion["tuple"]);
    SCOPED_TRACE(tuple::ToText(question.view()));
    auto contextual = TuplesOf(assertion["contextualTuples"]);
    contextual.insert(contextual.end(), more_contextual.begin(), more_contextual.end());
    const auto got = store.Check(question, contextual, nullptr);
    ++counts.assertions;
    if (assertion["errorCode"]) {
      ++counts.errors;
      ASSERT_FALSE(got.ok()) << testing::ToText(got);
      EXPECT_EQ(NumberOf(got.error().code), assertion["errorCode"].as<int>())
          << got.error().message;
      continue;
    }
    const bool want = assertion["expectation"].as<bool>();
    ++(want ? counts.allowed : counts.denied);
    EXPECT_EQ(testing::ToText(got), want ? "allowed" : "denied");
  }
}

void CompareList(Store& store, const YAML::Node& assertion,
                 const Result<std::vector<std::string>>& got,
                 const std::vector<tuple::Tuple>& contextual,
                 const std::function<tuple::Tuple(const std::string&)>& question, Counts& counts) {
  if (assertion["errorCode"]) {
    ++counts.errors;
    ASSERT_FALSE(got.ok());
    EXPECT_EQ(NumberOf(got.error().code), assertion["errorCode"].as<int>()) << got.error().message;
    return;
  }
  ASSERT_TRUE(got.ok()) << got.error().message;
  EXPECT_THAT(*got, ::testing::UnorderedElementsAreArray(StringsOf(assertion["expectation"])));
  for (const auto& name : *got) {
    ++counts.listed;
    EXPECT_EQ(testing::ToText(store.Check(question(name), contextual, nullptr)), "allowed") << name;
  }
}

void RunLists(Store& store, const YAML::Node& stage,
              const std::vector<tuple::Tuple>& more_contextual, Counts& counts) {
  const auto contextual_of = [&](const YAML::Node& assertion) {
    auto contextual = TuplesOf(assertion["contextualTuples"]);
    contextual.insert(contextual.end(), more_contextual.begin(), more_contextual.end());
    return contextual;
  };
  for (const auto& assertion : stage["listObjectsAssertions"]) {
    const auto user = assertion["request"]["user"].as<std::string>();
    const auto type = assertion["request"]["type"].as<std::string>();
    const auto relation = assertion["request"]["relation"].as<std::string>();
    SCOPED_TRACE("objects " + type + "#" + relation + "@" + user);
    const auto contextual = contextual_of(assertion);
    ++counts.object_lists;
    CompareList(
        store, assertion, store.ListObjects(type, relation, user, contextual), contextual,
        [&](const auto& name) {
          return tuple::Tuple{name, relation, user, std::nullopt};
        },
        counts);
  }
  for (const auto& assertion : stage["listUsersAssertions"]) {
    const auto object = assertion["request"]["object"].as<std::string>();
    const auto relation = assertion["request"]["relation"].as<std::string>();
    const auto filter = assertion["request"]["filters"][0].as<std::string>();
    SCOPED_TRACE("users " + object + "#" + relation + "@" + filter);
    const auto contextual = contextual_of(assertion);
    ++counts.user_lists;
    CompareList(
        store, assertion, store.ListUsers(object, relation, filter, contextual), contextual,
        [&](const auto& name) {
          return tuple::Tuple{object, relation, name, std::nullopt};
        },
        counts);
  }
}

class Conformance : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFile)) GTEST_SKIP() << "no conformance data at " << kFile;
    tests_ = YAML::LoadFile(kFile)["tests"];
  }
  void TearDown() override {
    std::cout << counts_.stages << " stages, " << counts_.assertions
              << " assertions: " << counts_.allowed << " allowed, " << counts_.denied << " denied, "
              << counts_.errors << " errors; " << counts_.object_lists << " lists of objects, "
              << counts_.user_lists << " of users, " << counts_.listed << " answers checked\n";
  }
  YAML::Node tests_;
  Counts counts_;
};

// The keys below a node, as "checkAssertions[].tuple.user"; what a condition needs is anybody's.
void CollectKeys(const YAML::Node& node, const std::string& path, std::set<std::string>& keys) {
  if (node.IsSequence()) {
    for (const auto& item : node) CollectKeys(item, path + "[]", keys);
  } else if (node.IsMap()) {
    for (const auto& entry : node) {
      const auto name = path + (path.empty() ? "" : ".") + entry.first.as<std::string>();
      keys.insert(name);
      CollectKeys(entry.second, name, keys);
    }
  }
}

// A kind of assertion that nothing here reads would pass unseen.
TEST_F(Conformance, EveryKeyOfTheFileIsRead) {
  std::set<std::string> keys;
  for (const auto& test : tests_) {
    for (const auto& stage : test["stages"]) CollectKeys(stage, "", keys);
  }
  const std::set<std::string> read = {
      "model",
      "tuples",
      "tuples[].object",
      "tuples[].relation",
      "tuples[].user",
      "checkAssertions",
      "checkAssertions[].tuple",
      "checkAssertions[].tuple.object",
      "checkAssertions[].tuple.relation",
      "checkAssertions[].tuple.user",
      "checkAssertions[].contextualTuples",
      "checkAssertions[].contextualTuples[].object",
      "checkAssertions[].contextualTuples[].relation",
      "checkAssertions[].contextualTuples[].user",
      "checkAssertions[].expectation",
      "checkAssertions[].errorCode",
      "listObjectsAssertions",
      "listObjectsAssertions[].request",
      "listObjectsAssertions[].request.type",
      "listObjectsAssertions[].request.relation",
      "listObjectsAssertions[].request.user",
      "listObjectsAssertions[].contextualTuples",
      "listObjectsAssertions[].contextualTuples[].object",
      "listObjectsAssertions[].contextualTuples[].relation",
      "listObjectsAssertions[].contextualTuples[].user",
      "listObjectsAssertions[].expectation",
      "listObjectsAssertions[].errorCode",
      "listUsersAssertions",
      "listUsersAssertions[].request",
      "listUsersAssertions[].request.object",
      "listUsersAssertions[].request.relation",
      "listUsersAssertions[].request.filters",
      "listUsersAssertions[].request.expectation",  // Once, indented too far, and empty: none.
      "listUsersAssertions[].contextualTuples",
      "listUsersAssertions[].contextualTuples[].object",
      "listUsersAssertions[].contextualTuples[].relation",
      "listUsersAssertions[].contextualTuples[].user",
      "listUsersAssertions[].expectation",
      "listUsersAssertions[].errorCode",
  };
  EXPECT_EQ(keys, read);
}

TEST_F(Conformance, StoredTuples) {
  std::mt19937 random(1);
  for (const auto& test : tests_) {
    SCOPED_TRACE(test["name"].as<std::string>());
    Store store;
    for (const auto& stage : test["stages"]) {
      ++counts_.stages;
      store.Use(stage["model"].as<std::string>());
      if (HasFatalFailure()) return;
      auto tuples = TuplesOf(stage["tuples"]);
      std::shuffle(tuples.begin(), tuples.end(), random);
      for (const auto& tuple : tuples) store.Write(tuple);
      RunAssertions(store, stage, {}, counts_);
      RunLists(store, stage, {}, counts_);
    }
  }
  EXPECT_EQ(counts_.stages, 160);
  EXPECT_EQ(counts_.assertions, 360);
  EXPECT_EQ(counts_.object_lists, 270);
  EXPECT_EQ(counts_.user_lists, 295);
}

TEST_F(Conformance, ContextualTuples) {
  for (const auto& test : tests_) {
    SCOPED_TRACE(test["name"].as<std::string>());
    const auto tuples = TuplesOf(test["stages"][0]["tuples"]);
    if (test["stages"].size() != 1 || tuples.size() > kContextualMax) continue;
    ++counts_.stages;
    Store store;
    store.Use(test["stages"][0]["model"].as<std::string>());
    if (HasFatalFailure()) return;
    RunAssertions(store, test["stages"][0], tuples, counts_);
    RunLists(store, test["stages"][0], tuples, counts_);
  }
  EXPECT_GE(counts_.stages, 100);
}

}  // namespace
}  // namespace pemba::engine
