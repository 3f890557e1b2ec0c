// tuple replace | delete-matching | transact | find: what Pemba has beyond the OpenFGA calls.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>

#include "pemba/cli/command_line.h"
#include "pemba/cli/file_scope.h"
#include "pemba/cli/paging.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

struct FilterOptions {
  std::string object_type, object_id, relation, user_type, user_id, user_relation;
  bool no_usersets = false;

  json::object ToJson() const {
    json::object filter;
    const auto put = [&](const char* name, const std::string& value) {
      if (!value.empty()) filter[name] = value;
    };
    put("object_type", object_type);
    put("object_id", object_id);
    put("relation", relation);
    put("user_type", user_type);
    put("user_id", user_id);
    put("user_relation", user_relation);
    if (no_usersets) filter["user_relation"] = "";
    return filter;
  }
};

void AddFilterOptions(CLI::App& command, FilterOptions& filter) {
  command.add_option("--object-type", filter.object_type, "Only of objects of this type");
  command.add_option("--object-id", filter.object_id, "Only of objects with this id");
  command.add_option("--relation", filter.relation, "Only of this relation");
  command.add_option("--user-type", filter.user_type, "Only with subjects of this type");
  command.add_option("--user-id", filter.user_id, "Only with this subject; *: everyone");
  auto* relation =
      command.add_option("--user-relation", filter.user_relation, "Only with such usersets");
  command.add_flag("--no-usersets", filter.no_usersets, "Only with subjects that are no usersets")
      ->excludes(relation);
}

struct WriteOptions {
  std::string store_id, model_id, file, object, relation;
  std::vector<std::string> users;
  FilterOptions filter;
  std::uint32_t limit = 0;
  bool dry_run = false;
};

Result<int> Send(Session& session, const WriteOptions& options, json::object body) {
  if (!options.model_id.empty()) body["authorization_model_id"] = options.model_id;
  if (options.dry_run) body["dry_run"] = true;
  PEMBA_TRY(auto client, session.Connect());
  PEMBA_TRY(const auto answer, client.Post(StorePath(options.store_id, "/write-tuples"), body));
  session.Print(answer);
  return 0;
}

void AddCommonOptions(CommandLine& line, CLI::App& command, WriteOptions& options) {
  line.Require(command.add_option("--store-id", options.store_id, "Store"));
  command.add_option("--model-id", options.model_id, "Authorization model; default: latest");
  command.add_flag("--dry-run", options.dry_run, "Judge and count, but write nothing");
}

void AddReplace(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<WriteOptions>();
  auto& command = line.Command(
      group, "replace", "Make these the users of a relation, and no others",
      [options](Session& session) {
        json::array users;
        for (const auto& user : options->users) users.push_back(json::object{{"user", user}});
        return Send(session, *options,
                    {{"replacements", json::array{json::object{{"object", options->object},
                                                               {"relation", options->relation},
                                                               {"users", std::move(users)}}}}});
      });
  command.add_option("object", options->object, "Object: document:plan")->required();
  command.add_option("relation", options->relation, "Relation")->required();
  command.add_option("users", options->users, "Subjects; none: nobody");
  AddCommonOptions(line, command, *options);
}

void AddDeleteMatching(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<WriteOptions>();
  auto& command = line.Command(
      group, "delete-matching", "Delete all tuples of an object, a user, a relation",
      [options](Session& session) {
        json::object filtered{{"filter", options->filter.ToJson()}};
        if (options->limit > 0) filtered["limit"] = options->limit;
        return Send(session, *options, {{"delete_filters", json::array{std::move(filtered)}}});
      });
  AddFilterOptions(command, options->filter);
  command.add_option("--limit", options->limit, "Fail, and delete nothing, if more would go");
  AddCommonOptions(line, command, *options);
}

void AddTransact(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<WriteOptions>();
  auto& command = line.Command(
      group, "transact", "Make the write that a JSON file describes: docs/writes.md",
      [options](Session& session) -> Result<int> {
        PEMBA_TRY(const auto text, ReadFile(options->file));
        json::error_code error;
        auto body = json::parse(text, error, {}, {.max_depth = 1000});
        if (error || !body.is_object()) {
          return Error{ErrorCode::kInvalidArgument, options->file + ": not a JSON object"};
        }
        return Send(session, *options, std::move(body.get_object()));
      });
  command.add_option("--file", options->file, "Body of WriteTuples, JSON")->required();
  AddCommonOptions(line, command, *options);
}

struct FindOptions {
  std::string store_id;
  FilterOptions filter;
  std::uint32_t pages_max = 20, page_size = 100;
};

void AddFind(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<FindOptions>();
  auto& command = line.Command(
      group, "find", "Read tuples by any of their parts, with their expiries",
      [options](Session& session) -> Result<int> {
        PEMBA_TRY(auto client, session.Connect());
        json::object body{{"filter", options->filter.ToJson()}, {"page_size", options->page_size}};
        PEMBA_TRY(auto answer,
                  ReadPages("tuples", options->pages_max, "", [&](const std::string& token) {
                    if (!token.empty()) body["continuation_token"] = token;
                    return client.Post(StorePath(options->store_id, "/read-tuples"), body);
                  }));
        session.Print(answer);
        return 0;
      });
  line.Require(command.add_option("--store-id", options->store_id, "Store"));
  AddFilterOptions(command, options->filter);
  command.add_option("--max-pages", options->pages_max, "Pages to read; 0: all")
      ->capture_default_str();
  command.add_option("--page-size", options->page_size, "Tuples per page, at most 1000")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
}

}  // namespace

void AddWriteCommands(CommandLine& line, CLI::App& tuple_group) {
  AddReplace(line, tuple_group);
  AddDeleteMatching(line, tuple_group);
  AddTransact(line, tuple_group);
  AddFind(line, tuple_group);
}

}  // namespace pemba::cli
