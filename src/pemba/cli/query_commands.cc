// query check | explain | batch-check | list-objects | list-users | list-relations | expand
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pemba/cli/command_line.h"
#include "pemba/cli/explanation_text.h"
#include "pemba/cli/file_scope.h"
#include "pemba/cli/paging.h"
#include "pemba/cli/tuple_file.h"
#include "pemba/resource/members.h"
#include "pemba/tuple/context.h"
#include "pemba/yaml/yaml.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kChecksPerBatch = 50;  // The wire contract's default limit.

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

// What every query takes.
struct QueryOptions {
  std::string store_id, model_id, context, consistency;
  std::vector<std::string> contextual_tuples;
};

void AddQueryOptions(CommandLine& line, CLI::App& command, QueryOptions& options) {
  line.Require(command.add_option("--store-id", options.store_id, "Store"));
  command.add_option("--model-id", options.model_id, "Authorization model; default: latest");
  command
      .add_option("--contextual-tuple", options.contextual_tuples,
                  "\"user relation object [condition [context JSON]]\" that holds for this query "
                  "only (repeatable)")
      ->allow_extra_args(false);
  command.add_option("--context", options.context, "Context of conditions, a JSON object");
  command
      .add_option("--consistency", options.consistency, "HIGHER_CONSISTENCY or MINIMIZE_LATENCY")
      ->transform(CLI::IsMember({"HIGHER_CONSISTENCY", "MINIMIZE_LATENCY"}, CLI::ignore_case));
}

// "user relation object [condition [context JSON]]", separated by spaces.
Result<json::object> ContextualTuple(std::string_view text) {
  std::vector<std::string> words;
  std::string_view rest = text;
  while (words.size() < 4 && !rest.empty()) {
    const auto space = std::min(rest.find(' '), rest.size());
    if (space > 0) words.emplace_back(rest.substr(0, space));
    rest.remove_prefix(std::min(space + 1, rest.size()));
  }
  if (words.size() < 3) {
    return Invalid("--contextual-tuple `" + std::string(text) +
                   "` is not \"user relation object [condition [context JSON]]\"");
  }
  tuple::Tuple one{words[2], words[1], words[0], std::nullopt};
  if (words.size() == 4) {
    auto context = tuple::ParseContext(rest);
    if (!context.ok()) return Invalid("--contextual-tuple: " + context.error().message);
    one.condition = tuple::Condition{words[3], *std::move(context)};
  }
  return TupleToJson(one);
}

// The members that contextual tuples and context add to one question.
Result<json::object> QuestionOf(const QueryOptions& options) {
  json::object question;
  if (!options.contextual_tuples.empty()) {
    json::array keys;
    for (const auto& text : options.contextual_tuples) {
      PEMBA_TRY(auto key, ContextualTuple(text));
      keys.push_back(std::move(key));
    }
    question["contextual_tuples"] = {{"tuple_keys", std::move(keys)}};
  }
  if (!options.context.empty()) {
    auto context = tuple::ParseContext(options.context);
    if (!context.ok()) return Invalid("--context: " + context.error().message);
    question["context"] = *std::move(context);
  }
  return question;
}

void AddModelAndConsistency(const QueryOptions& options, json::object& body) {
  if (!options.model_id.empty()) body["authorization_model_id"] = options.model_id;
  if (!options.consistency.empty()) body["consistency"] = options.consistency;
}

struct CheckOptions {
  QueryOptions query;
  std::string user, relation, object;
};

// What check and explain send.
Result<json::object> CheckBody(const CheckOptions& options) {
  json::object body{
      {"tuple_key",
       {{"user", options.user}, {"relation", options.relation}, {"object", options.object}}}};
  PEMBA_TRY(auto question, QuestionOf(options.query));
  for (auto& member : question) body[member.key()] = std::move(member.value());
  AddModelAndConsistency(options.query, body);
  return body;
}

void AddCheckOptions(CommandLine& line, CLI::App& command, CheckOptions& options) {
  command.add_option("user", options.user, "user:anne")->required();
  command.add_option("relation", options.relation, "viewer")->required();
  command.add_option("object", options.object, "document:plan")->required();
  AddQueryOptions(line, command, options.query);
}

Result<int> Check(Session& session, const CheckOptions& options) {
  PEMBA_TRY(auto client, session.Connect());
  PEMBA_TRY(auto body, CheckBody(options));
  PEMBA_TRY(auto answer, client.Post(StorePath(options.query.store_id, "/check"), body));
  session.Print(answer);
  return 0;
}

void AddCheck(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<CheckOptions>();
  auto& command = line.Command(group, "check", "Has the user the relation to the object?",
                               [options](Session& session) { return Check(session, *options); });
  AddCheckOptions(line, command, *options);
}

struct ExplainOptions {
  CheckOptions check;
  std::string output = "tree";
};

Result<int> Explain(Session& session, const ExplainOptions& options) {
  PEMBA_TRY(auto client, session.Connect());
  PEMBA_TRY(auto body, CheckBody(options.check));
  PEMBA_TRY(auto answer, client.Post(StorePath(options.check.query.store_id, "/explain"), body));
  if (options.output == "json") {
    session.Print(answer);
  } else {
    session.out << ExplanationText(answer);
  }
  return 0;
}

void AddExplain(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ExplainOptions>();
  auto& command = line.Command(group, "explain", "Why has the user the relation, or has it not?",
                               [options](Session& session) { return Explain(session, *options); });
  command.add_option("--output", options->output, "tree or json")
      ->check(CLI::IsMember({"tree", "json"}));
  AddCheckOptions(line, command, options->check);
}

// Asks `checks` (without correlation ids) and returns {allowed} or {error} for each, in order.
Result<std::vector<json::value>> AskAll(ApiClient& client, const QueryOptions& options,
                                        const std::vector<json::object>& checks) {
  std::vector<json::value> results;
  for (std::size_t begin = 0; begin < checks.size(); begin += kChecksPerBatch) {
    const auto end = std::min(begin + kChecksPerBatch, checks.size());
    json::object body;
    AddModelAndConsistency(options, body);
    auto& items = body["checks"].emplace_array();
    for (auto i = begin; i < end; ++i) {
      auto item = checks[i];
      item["correlation_id"] = std::to_string(i);
      items.push_back(std::move(item));
    }
    PEMBA_TRY(auto answer, client.Post(StorePath(options.store_id, "/batch-check"), body));
    const auto* object = answer.if_object();
    const auto* result = object == nullptr ? nullptr : object->if_contains("result");
    for (auto i = begin; i < end; ++i) {
      const auto* one = result == nullptr || !result->is_object()
                            ? nullptr
                            : result->get_object().if_contains(std::to_string(i));
      if (one == nullptr || !one->is_object()) {
        return Error{ErrorCode::kInternal, "the server left a check unanswered"};
      }
      results.push_back(*one);
    }
  }
  return results;
}

struct BatchOptions {
  QueryOptions query;
  std::vector<std::string> checks;
  std::string file;
};

// One entry of a file: {user, relation, object, context?, contextual_tuples?: [tuple...]}.
Result<json::object> CheckOfEntry(const json::value& entry) {
  const auto* object = entry.if_object();
  if (object == nullptr) return Invalid("a check must be a mapping");
  json::object check;
  auto& key = check["tuple_key"].emplace_object();
  for (const auto& member : *object) {
    const std::string_view name = member.key();
    if (name == "user" || name == "relation" || name == "object") {
      key[name] = member.value();
    } else if (name == "context") {
      check[name] = member.value();
    } else if (name == "contextual_tuples") {
      check[name] = {{"tuple_keys", member.value()}};
    } else {
      return Invalid("unknown key `" + std::string(name) + "` in a check");
    }
  }
  return check;
}

Result<std::vector<json::object>> ChecksOf(const BatchOptions& options) {
  std::vector<json::object> checks;
  PEMBA_TRY(auto question, QuestionOf(options.query));
  for (const auto& text : options.checks) {
    PEMBA_TRY(auto key, ContextualTuple(text));
    auto check = question;
    check["tuple_key"] = std::move(key);
    checks.push_back(std::move(check));
  }
  if (options.file.empty()) return checks;
  PEMBA_TRY(auto text, ReadFile(options.file));
  PEMBA_TRY(auto node, yaml::Parse(text));  // JSON is YAML.
  PEMBA_TRY(auto entries, yaml::ToJson(node));
  if (!entries.is_array()) return Invalid(options.file + ": must be a list of checks");
  for (const auto& entry : entries.get_array()) {
    auto one = CheckOfEntry(entry);
    if (!one.ok()) {
      return Invalid(options.file + ": check " + std::to_string(checks.size() + 1) + ": " +
                     one.error().message);
    }
    auto check = question;
    for (auto& member : *one) check[member.key()] = std::move(member.value());
    checks.push_back(std::move(check));
  }
  return checks;
}

Result<int> BatchCheck(Session& session, const BatchOptions& options) {
  PEMBA_TRY(auto checks, ChecksOf(options));
  if (checks.empty()) return Invalid("give --check or --file");
  PEMBA_TRY(auto client, session.Connect());
  PEMBA_TRY(auto results, AskAll(client, options.query, checks));
  json::array list;
  for (std::size_t i = 0; i < checks.size(); ++i) {
    json::object one{{"tuple_key", checks[i].at("tuple_key")}};
    for (auto& member : results[i].get_object()) one[member.key()] = std::move(member.value());
    list.push_back(std::move(one));
  }
  session.Print(json::object{{"result", std::move(list)}});
  return 0;
}

void AddBatchCheck(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<BatchOptions>();
  auto& command =
      line.Command(group, "batch-check", "Many checks in one request",
                   [options](Session& session) { return BatchCheck(session, *options); });
  command.add_option("--check", options->checks, "\"user relation object\" (repeatable)")
      ->allow_extra_args(false);
  command.add_option("--file", options->file,
                     "YAML or JSON list of {user, relation, object, context, contextual_tuples}");
  AddQueryOptions(line, command, options->query);
}

struct RelationsOptions {
  QueryOptions query;
  std::string user, object;
  std::vector<std::string> relations;
};

// The relations of the object's type in the model of the query.
Result<std::vector<std::string>> RelationsOf(ApiClient& client, const QueryOptions& options,
                                             std::string_view type) {
  json::value model;
  if (options.model_id.empty()) {
    PEMBA_TRY(auto answer, client.Get(StorePath(options.store_id, "/authorization-models"),
                                      {{"page_size", "1"}}));
    const auto& models = ListAt(answer, "authorization_models");
    if (models.empty()) return Invalid("the store has no authorization model");
    model = models.front();
  } else {
    PEMBA_TRY(auto answer,
              client.Get(StorePath(options.store_id,
                                   "/authorization-models/" + UrlEncode(options.model_id))));
    if (answer.is_object()) model = answer.get_object()["authorization_model"];
  }
  for (const auto& definition : ListAt(model, "type_definitions")) {
    if (resource::TextOf(definition, "type") != type) continue;
    std::vector<std::string> relations;
    const auto* members = definition.get_object().if_contains("relations");
    if (members == nullptr || !members->is_object()) return relations;
    for (const auto& member : members->get_object()) relations.emplace_back(member.key());
    std::sort(relations.begin(), relations.end());
    return relations;
  }
  return Invalid("type `" + std::string(type) + "` is not in the model");
}

Result<int> ListRelations(Session& session, const RelationsOptions& options) {
  PEMBA_TRY(auto client, session.Connect());
  auto relations = options.relations;
  if (relations.empty()) {
    PEMBA_TRY(relations,
              RelationsOf(client, options.query, tuple::SplitObject(options.object).type));
  }
  PEMBA_TRY(auto question, QuestionOf(options.query));
  std::vector<json::object> checks;
  for (const auto& relation : relations) {
    auto check = question;
    check["tuple_key"] = {
        {"user", options.user}, {"relation", relation}, {"object", options.object}};
    checks.push_back(std::move(check));
  }
  PEMBA_TRY(auto results, AskAll(client, options.query, checks));
  json::array held;
  for (std::size_t i = 0; i < relations.size(); ++i) {
    const auto& result = results[i].get_object();
    if (const auto* error = result.if_contains("error")) {  // Unknown is not "no".
      return Error{ErrorCode::kValidation,
                   relations[i] + ": " + resource::TextOf(*error, "message")};
    }
    const auto* allowed = result.if_contains("allowed");
    if (allowed != nullptr && *allowed == true) held.emplace_back(relations[i]);
  }
  session.Print(json::object{{"relations", std::move(held)}});
  return 0;
}

void AddListRelations(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<RelationsOptions>();
  auto& command =
      line.Command(group, "list-relations", "Which relations has the user to the object?",
                   [options](Session& session) { return ListRelations(session, *options); });
  command.add_option("user", options->user, "user:anne")->required();
  command.add_option("object", options->object, "document:plan")->required();
  command
      .add_option("--relation", options->relations,
                  "Only this one (repeatable); default: all of the type")
      ->allow_extra_args(false);
  AddQueryOptions(line, command, options->query);
}

struct ObjectsOptions {
  QueryOptions query;
  std::string user, relation, type;
};

Result<int> ListObjects(Session& session, const ObjectsOptions& options) {
  PEMBA_TRY(auto client, session.Connect());
  PEMBA_TRY(auto body, QuestionOf(options.query));
  body["user"] = options.user;
  body["relation"] = options.relation;
  body["type"] = options.type;
  AddModelAndConsistency(options.query, body);
  PEMBA_TRY(auto answer, client.Post(StorePath(options.query.store_id, "/list-objects"), body));
  session.Print(answer);
  return 0;
}

void AddListObjects(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ObjectsOptions>();
  auto& command =
      line.Command(group, "list-objects", "To which objects has the user the relation?",
                   [options](Session& session) { return ListObjects(session, *options); });
  command.add_option("user", options->user, "user:anne")->required();
  command.add_option("relation", options->relation, "viewer")->required();
  command.add_option("type", options->type, "document")->required();
  AddQueryOptions(line, command, options->query);
}

struct UsersOptions {
  QueryOptions query;
  std::string object, relation, filter;
};

Result<int> ListUsers(Session& session, const UsersOptions& options) {
  const auto object = tuple::SplitObject(options.object);
  if (object.type.empty() || object.id.empty()) {
    return Invalid("--object `" + options.object + "` is not type:id");
  }
  const auto hash = options.filter.find('#');
  json::object filter{{"type", options.filter.substr(0, hash)}};
  if (hash != std::string::npos) filter["relation"] = options.filter.substr(hash + 1);
  PEMBA_TRY(auto client, session.Connect());
  PEMBA_TRY(auto body, QuestionOf(options.query));
  if (auto* tuples = body.if_contains("contextual_tuples")) {
    auto keys = std::move(tuples->get_object()["tuple_keys"]);  // Not wrapped in this request.
    *tuples = std::move(keys);
  }
  body["object"] = {{"type", object.type}, {"id", object.id}};
  body["relation"] = options.relation;
  body["user_filters"] = json::array{std::move(filter)};
  AddModelAndConsistency(options.query, body);
  PEMBA_TRY(auto answer, client.Post(StorePath(options.query.store_id, "/list-users"), body));
  session.Print(answer);
  return 0;
}

void AddListUsers(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<UsersOptions>();
  auto& command =
      line.Command(group, "list-users", "Which users have the relation to the object?",
                   [options](Session& session) { return ListUsers(session, *options); });
  command.add_option("--object", options->object, "document:plan")->required();
  command.add_option("--relation", options->relation, "viewer")->required();
  command.add_option("--user-filter", options->filter, "Kind of users: user, or team#member")
      ->required();
  AddQueryOptions(line, command, options->query);
}

struct ExpandOptions {
  QueryOptions query;
  std::string relation, object;
};

Result<int> Expand(Session& session, const ExpandOptions& options) {
  PEMBA_TRY(auto client, session.Connect());
  PEMBA_TRY(auto body, QuestionOf(options.query));
  body.erase("context");  // Expand evaluates no conditions.
  body["tuple_key"] = {{"relation", options.relation}, {"object", options.object}};
  AddModelAndConsistency(options.query, body);
  PEMBA_TRY(auto answer, client.Post(StorePath(options.query.store_id, "/expand"), body));
  session.Print(answer);
  return 0;
}

void AddExpand(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ExpandOptions>();
  auto& command = line.Command(group, "expand", "How is the relation of the object made up?",
                               [options](Session& session) { return Expand(session, *options); });
  command.add_option("relation", options->relation, "viewer")->required();
  command.add_option("object", options->object, "document:plan")->required();
  AddQueryOptions(line, command, options->query);
}

}  // namespace

void AddQueryCommands(CommandLine& line) {
  auto& group = line.Group("query", "Ask who may do what");
  AddCheck(line, group);
  AddExplain(line, group);
  AddBatchCheck(line, group);
  AddListObjects(line, group);
  AddListUsers(line, group);
  AddListRelations(line, group);
  AddExpand(line, group);
}

}  // namespace pemba::cli
