#include "pemba/cli/store_tester.h"

#include <algorithm>
#include <span>
#include <utility>

#include "pemba/base/arena.h"
#include "pemba/base/clock.h"
#include "pemba/cli/paging.h"
#include "pemba/cli/tuple_file.h"
#include "pemba/engine/lister.h"
#include "pemba/model/tuple_validation.h"
#include "pemba/resource/members.h"
#include "pemba/storage/memory.h"
#include "pemba/store/stores.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kTuplesPerWrite = 40;
constexpr std::uint32_t kResolveNodeLimit = 25;  // The server's default.

// A server's store without the server. The order of members is the order of destruction in reverse.
class LocalTarget final : public TestTarget {
 public:
  LocalTarget()
      : datastore_(storage::NewMemoryDatastore()),
        stores_(*datastore_, clock_),
        checker_({.resolve_node_limit = kResolveNodeLimit}, clock_),
        lister_({.resolve_node_limit = kResolveNodeLimit}, clock_) {}

  Status Fill(const model::Model& model, const std::vector<tuple::Tuple>& tuples) {
    PEMBA_TRY(auto record, stores_.CreateStore("test"));
    PEMBA_TRY(auto handle, stores_.Open(record.id));
    store_.emplace(std::move(handle));
    PEMBA_TRY(auto model_id, (*store_)->WriteModel(model));
    for (std::size_t begin = 0; begin < tuples.size(); begin += kTuplesPerWrite) {
      const auto chunk =
          std::span(tuples).subspan(begin, std::min(kTuplesPerWrite, tuples.size() - begin));
      PEMBA_TRY(std::ignore, (*store_)->Write({.writes = chunk,
                                               .deletes = {},
                                               .model_id = model_id.value,
                                               .on_duplicate = {},
                                               .on_missing = {}}));
    }
    return Done{};
  }

  Result<engine::Decision> Check(const tuple::TupleView& question,
                                 const json::object& context) override {
    const auto view = (*store_)->Pin();
    PEMBA_TRY(const auto model, view.ResolveModel({}));
    auto valid = model::ValidateQuery(model.bound->plan(), question);
    if (!valid.ok()) {
      return Error{valid.error().code, "invalid relation: " + valid.error().message};
    }
    PEMBA_TRY(std::ignore, model::ValidateRequestContext(context));
    arena_.Reset();
    return checker_.Check(
        view.snapshot(), *model.bound,
        {.tuple = question, .contextual_tuples = {}, .context = &context, .deadline = std::nullopt},
        arena_);
  }

  Result<std::vector<std::string>> ListObjects(const ObjectsQuestion& question,
                                               const json::object& context) override {
    const auto view = (*store_)->Pin();
    PEMBA_TRY(const auto model, view.ResolveModel({}));
    PEMBA_TRY(std::ignore, model::ValidateRequestContext(context));
    std::vector<std::string> objects;
    arena_.Reset();
    PEMBA_TRY(std::ignore,
              lister_.ListObjects(view.snapshot(), *model.bound,
                                  {.type = question.type,
                                   .relation = question.relation,
                                   .subject = question.user,
                                   .context = &context},
                                  {}, arena_, [&](std::span<const std::string_view> ids) {
                                    for (const auto id : ids) {
                                      objects.push_back(question.type + ":" + std::string(id));
                                    }
                                    return engine::SinkWants::kMore;
                                  }));
    return objects;
  }

  Result<std::vector<std::string>> ListUsers(const UsersQuestion& question,
                                             const json::object& context) override {
    const auto view = (*store_)->Pin();
    PEMBA_TRY(const auto model, view.ResolveModel({}));
    PEMBA_TRY(std::ignore, model::ValidateRequestContext(context));
    const auto& filter = question.filter;
    const auto suffix = filter.relation.empty() ? "" : "#" + filter.relation;
    std::vector<std::string> users;
    arena_.Reset();
    PEMBA_TRY(std::ignore,
              lister_.ListUsers(view.snapshot(), *model.bound,
                                {.object = question.object,
                                 .relation = question.relation,
                                 .user_type = filter.type,
                                 .user_relation = filter.relation,
                                 .context = &context},
                                {}, arena_, [&](std::span<const std::string_view> ids) {
                                  for (const auto id : ids) {
                                    users.push_back(filter.type + ":" + std::string(id) + suffix);
                                  }
                                  return engine::SinkWants::kMore;
                                }));
    return users;
  }

 private:
  SystemClock clock_;
  std::unique_ptr<storage::Datastore> datastore_;
  store::Stores stores_;
  std::optional<store::StoreHandle> store_;
  engine::Checker checker_;
  engine::Lister lister_;
  Arena arena_;
};

class LocalTestTargets final : public TestTargets {
 public:
  LocalTestTargets(model::Model model, std::size_t types_max)
      : model_(std::move(model)), types_max_(types_max) {}

  Result<std::unique_ptr<TestTarget>> Make(const std::vector<tuple::Tuple>& tuples) override {
    if (model_.types.size() > types_max_) {
      return Error{ErrorCode::kLimitExceeded,
                   "The number of type definitions in an authorization model exceeds the allowed "
                   "limit of " +
                       std::to_string(types_max_)};
    }
    auto target = std::make_unique<LocalTarget>();
    PEMBA_TRY(std::ignore, target->Fill(model_, tuples));
    return std::unique_ptr<TestTarget>(std::move(target));
  }

 private:
  model::Model model_;
  std::size_t types_max_;
};

class RemoteTarget final : public TestTarget {
 public:
  RemoteTarget(ApiClient client, const RemoteStore& store, json::array contextual_tuples)
      : client_(std::move(client)), store_(store), tuples_(std::move(contextual_tuples)) {}

  Result<engine::Decision> Check(const tuple::TupleView& question,
                                 const json::object& context) override {
    json::object body{{"tuple_key",
                       {{"user", question.subject},
                        {"relation", question.relation},
                        {"object", question.object}}}};
    if (!tuples_.empty()) body["contextual_tuples"] = {{"tuple_keys", tuples_}};
    AddContextAndModel(context, body);
    PEMBA_TRY(auto answer, client_.Post(StorePath(store_.store_id, "/check"), body));
    const auto* object = answer.if_object();
    const auto* allowed = object == nullptr ? nullptr : object->if_contains("allowed");
    if (allowed == nullptr || !allowed->is_bool()) {
      return Error{ErrorCode::kInternal, "the server's answer does not say what is allowed"};
    }
    return allowed->get_bool() ? engine::Decision::kAllowed : engine::Decision::kDenied;
  }

  Result<std::vector<std::string>> ListObjects(const ObjectsQuestion& question,
                                               const json::object& context) override {
    json::object body{
        {"user", question.user}, {"relation", question.relation}, {"type", question.type}};
    if (!tuples_.empty()) body["contextual_tuples"] = {{"tuple_keys", tuples_}};
    AddContextAndModel(context, body);
    PEMBA_TRY(auto answer, client_.Post(StorePath(store_.store_id, "/list-objects"), body));
    std::vector<std::string> objects;
    for (const auto& object : ListAt(answer, "objects")) {
      if (object.is_string()) objects.emplace_back(object.get_string());
    }
    return objects;
  }

  Result<std::vector<std::string>> ListUsers(const UsersQuestion& question,
                                             const json::object& context) override {
    const auto object = tuple::SplitObject(question.object);
    json::object filter{{"type", question.filter.type}};
    if (!question.filter.relation.empty()) filter["relation"] = question.filter.relation;
    json::object body{{"object", {{"type", object.type}, {"id", object.id}}},
                      {"relation", question.relation},
                      {"user_filters", json::array{std::move(filter)}}};
    if (!tuples_.empty()) body["contextual_tuples"] = tuples_;
    AddContextAndModel(context, body);
    PEMBA_TRY(auto answer, client_.Post(StorePath(store_.store_id, "/list-users"), body));
    std::vector<std::string> users;
    for (const auto& user : ListAt(answer, "users")) users.push_back(UserText(user));
    return users;
  }

 private:
  void AddContextAndModel(const json::object& context, json::object& body) const {
    if (!context.empty()) body["context"] = context;
    if (!store_.model_id.empty()) body["authorization_model_id"] = store_.model_id;
  }

  // {object: {type, id}}, {userset: {type, id, relation}} or {wildcard: {type}}.
  static std::string UserText(const json::value& user) {
    const auto* members = user.if_object();
    if (members == nullptr || members->empty()) return {};
    const auto& who = members->begin()->value();
    auto text = resource::TextOf(who, "type") + ":";
    text += members->begin()->key() == "wildcard" ? "*" : resource::TextOf(who, "id");
    const auto relation = resource::TextOf(who, "relation");
    return relation.empty() ? text : text + "#" + relation;
  }

  ApiClient client_;
  RemoteStore store_;
  json::array tuples_;
};

class RemoteTestTargets final : public TestTargets {
 public:
  explicit RemoteTestTargets(RemoteStore store) : store_(std::move(store)) {}

  Result<std::unique_ptr<TestTarget>> Make(const std::vector<tuple::Tuple>& tuples) override {
    PEMBA_TRY(auto client, ApiClient::Connect(store_.api));
    store_.api = client.options();  // One token serves all tests.
    json::array contextual_tuples;
    for (const auto& tuple : tuples) contextual_tuples.push_back(TupleToJson(tuple));
    return std::unique_ptr<TestTarget>(
        std::make_unique<RemoteTarget>(std::move(client), store_, std::move(contextual_tuples)));
  }

 private:
  RemoteStore store_;
};

void RunCheck(const CheckCase& check, TestTarget& target, std::vector<CheckResult>& results) {
  for (const auto& user : check.users) {
    for (const auto& object : check.objects) {
      for (const auto& [relation, expected] : check.assertions) {
        CheckResult result{.user = user,
                           .relation = relation,
                           .object = object,
                           .context = check.context,
                           .expected = expected,
                           .got = std::nullopt,
                           .error = {}};
        const auto decision = target.Check({object, relation, user}, check.context);
        if (decision.ok()) {
          result.got = *decision == engine::Decision::kAllowed;
        } else {
          result.error = decision.error().message;
        }
        results.push_back(std::move(result));
      }
    }
  }
}

// Asks one list and compares it.
template <class Question, class Ask>
ListResult<Question> RunList(Question question, const json::object& context,
                             std::vector<std::string> expected, Ask ask) {
  ListResult<Question> result{std::move(question), context, std::move(expected)};
  std::sort(result.expected.begin(), result.expected.end());
  auto answer = ask(result.question, context);
  if (answer.ok()) {
    std::sort(answer->begin(), answer->end());
    result.got = *std::move(answer);
  } else {
    result.error = answer.error().message;
  }
  return result;
}

TestResult RunTest(const StoreTest& test, TestTarget& target) {
  TestResult result;
  result.name = test.name;
  result.description = test.description;
  for (const auto& check : test.checks) RunCheck(check, target, result.checks);
  for (const auto& list : test.list_objects) {
    for (const auto& [relation, expected] : list.assertions) {
      result.list_objects.push_back(RunList(
          ObjectsQuestion{list.user, relation, list.type}, list.context, expected,
          [&](const auto& question, const auto& c) { return target.ListObjects(question, c); }));
    }
  }
  for (const auto& list : test.list_users) {
    for (const auto& [relation, expected] : list.assertions) {
      result.list_users.push_back(RunList(
          UsersQuestion{list.object, relation, list.filters.front()}, list.context, expected,
          [&](const auto& question, const auto& c) { return target.ListUsers(question, c); }));
    }
  }
  return result;
}

}  // namespace

std::unique_ptr<TestTargets> LocalTargets(model::Model model, std::size_t types_max) {
  return std::make_unique<LocalTestTargets>(std::move(model), types_max);
}

std::unique_ptr<TestTargets> RemoteTargets(RemoteStore store) {
  return std::make_unique<RemoteTestTargets>(std::move(store));
}

Outcome TestResult::outcome() const {
  const auto passed = [](const auto& result) { return result.outcome() == Outcome::kPassed; };
  const bool all = std::all_of(checks.begin(), checks.end(), passed) &&
                   std::all_of(list_objects.begin(), list_objects.end(), passed) &&
                   std::all_of(list_users.begin(), list_users.end(), passed);
  return all ? Outcome::kPassed : Outcome::kFailed;
}

Result<std::vector<TestResult>> RunStoreTests(const StoreFile& file, TestTargets& targets) {
  std::vector<TestResult> results;
  for (const auto& test : file.tests) {
    auto tuples = file.tuples;
    tuples.insert(tuples.end(), test.tuples.begin(), test.tuples.end());
    auto target = targets.Make(tuples);
    if (!target.ok()) {
      return Error{target.error().code, "test " + test.name + ": " + target.error().message};
    }
    results.push_back(RunTest(test, **target));
  }
  return results;
}

}  // namespace pemba::cli
