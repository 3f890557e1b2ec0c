// store create | list | get | delete | import | export
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pemba/cli/command_line.h"
#include "pemba/cli/file_scope.h"
#include "pemba/cli/model_source.h"
#include "pemba/cli/paging.h"
#include "pemba/cli/store_file.h"
#include "pemba/cli/tuple_file.h"
#include "pemba/cli/tuple_sender.h"
#include "pemba/model/dsl.h"
#include "pemba/model/json.h"
#include "pemba/resource/members.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr std::size_t kAssertionsMax = 100;          // Of one model, by the wire contract.
constexpr std::size_t kAssertionContextualMax = 20;  // Contextual tuples of one assertion.

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Result<json::value> WriteModel(ApiClient& client, const std::string& store_id,
                               const model::Model& model) {
  return client.Post(StorePath(store_id, "/authorization-models"), model::ModelToJsonValue(model));
}

// store create

struct CreateOptions {
  std::string name, model, format;
};

Result<int> Create(Session& session, const CreateOptions& options) {
  std::optional<model::Model> model;
  auto name = options.name;
  if (!options.model.empty()) {
    const fs::path path(options.model);
    PEMBA_TRY(auto scope, FileScope::Of(path.parent_path(), FileScope::Reach::kAnywhere));
    std::optional<ModelFormat> format;
    if (!options.format.empty()) {
      PEMBA_TRY(format, ModelFormatOf(options.format));
    }
    PEMBA_TRY(model, LoadModel(scope, path.filename().string(), format));
    if (name.empty()) name = path.stem().string();
  }
  if (name.empty()) return Invalid("--name is required, or --model to name the store after");
  PEMBA_TRY(auto client, session.Connect());
  json::object result;
  PEMBA_TRY(result["store"], client.Post("/stores", json::object{{"name", name}}));
  if (model) {
    PEMBA_TRY(result["model"], WriteModel(client, resource::TextOf(result["store"], "id"), *model));
  }
  session.Print(result);
  return 0;
}

void AddCreate(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<CreateOptions>();
  auto& command = line.Command(group, "create", "Create a store, maybe with a first model",
                               [options](Session& session) { return Create(session, *options); });
  command.add_option("--name", options->name, "Name; default: the model file's");
  command.add_option("--model", options->model, "Model file: .fga, .json or fga.mod");
  command
      .add_option("--format", options->format, "fga, json or modular; default: by the file name")
      ->check(CLI::IsMember({"fga", "json", "modular"}));
}

// store list

void AddList(CommandLine& line, CLI::App& group) {
  auto pages_max = std::make_shared<std::uint32_t>(20);
  auto& command =
      line.Command(group, "list", "List the stores", [pages_max](Session& session) -> Result<int> {
        PEMBA_TRY(auto client, session.Connect());
        PEMBA_TRY(auto answer, ReadPages("stores", *pages_max, "", [&](const std::string& token) {
                    return client.Get("/stores", {{"continuation_token", token}});
                  }));
        session.Print(answer);
        return 0;
      });
  command.add_option("--max-pages", *pages_max, "Pages to read; 0: all")->capture_default_str();
}

// store get, store delete

void AddGet(CommandLine& line, CLI::App& group) {
  auto store_id = std::make_shared<std::string>();
  auto& command =
      line.Command(group, "get", "Print one store", [store_id](Session& session) -> Result<int> {
        PEMBA_TRY(auto client, session.Connect());
        PEMBA_TRY(auto answer, client.Get(StorePath(*store_id)));
        session.Print(answer);
        return 0;
      });
  line.Require(command.add_option("--store-id", *store_id, "Store"));
}

struct DeleteOptions {
  std::string store_id;
  bool force = false;
};

void AddDelete(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<DeleteOptions>();
  auto& command =
      line.Command(group, "delete", "Delete a store", [options](Session& session) -> Result<int> {
        // Nobody is asked: a question that a script cannot answer would hang it.
        if (!options->force) {
          return Invalid("deleting a store cannot be undone; repeat with --force");
        }
        PEMBA_TRY(auto client, session.Connect());
        PEMBA_TRY(std::ignore, client.Delete(StorePath(options->store_id)));
        session.Print(json::object{});
        return 0;
      });
  line.Require(command.add_option("--store-id", options->store_id, "Store"));
  command.add_flag("--force", options->force, "Really");
}

// store import

struct ImportOptions {
  std::string file, store_id;
  std::uint32_t tuples_per_write = 40, parallel_requests = 10;
  bool allow_external_files = false;
};

// The check assertions of the tests, as many as a model may have. A test whose tuples are more than
// an assertion may carry has none.
json::array AssertionsOf(const StoreFile& file) {
  json::array assertions;
  for (const auto& test : file.tests) {
    if (test.tuples.size() > kAssertionContextualMax) continue;
    json::array contextual_tuples;
    for (const auto& tuple : test.tuples) contextual_tuples.push_back(TupleToJson(tuple));
    for (const auto& check : test.checks) {
      for (const auto& user : check.users) {
        for (const auto& object : check.objects) {
          for (const auto& [relation, expected] : check.assertions) {
            if (assertions.size() == kAssertionsMax) return assertions;
            json::object one{
                {"tuple_key", {{"user", user}, {"relation", relation}, {"object", object}}},
                {"expectation", expected}};
            if (!contextual_tuples.empty()) one["contextual_tuples"] = contextual_tuples;
            if (!check.context.empty()) one["context"] = check.context;
            assertions.push_back(std::move(one));
          }
        }
      }
    }
  }
  return assertions;
}

std::string NameOf(const StoreFile& file, const fs::path& path) {
  if (!file.name.empty()) return file.name;
  auto name = path.filename().string();
  return name.substr(0, name.find('.'));
}

Result<int> Import(Session& session, const ImportOptions& options) {
  const auto reach =
      options.allow_external_files ? FileScope::Reach::kAnywhere : FileScope::Reach::kInside;
  PEMBA_TRY(auto loaded, LoadStoreFile(options.file, reach));
  PEMBA_TRY(auto model, LoadStoreModel(loaded));
  PEMBA_TRY(auto client, session.Connect());

  json::object result;
  if (options.store_id.empty()) {
    PEMBA_TRY(result["store"],
              client.Post("/stores", json::object{{"name", NameOf(loaded.file, options.file)}}));
  } else {
    PEMBA_TRY(result["store"], client.Get(StorePath(options.store_id)));
  }
  const auto store_id = resource::TextOf(result["store"], "id");
  std::string model_id;
  if (model) {
    PEMBA_TRY(result["model"], WriteModel(client, store_id, *model));
    model_id = resource::TextOf(result["model"], "authorization_model_id");
  }

  TupleJob job;
  job.store_id = store_id;
  job.model_id = model_id;
  job.tolerance = "ignore";
  job.tuples_per_write = options.tuples_per_write;
  job.parallel_requests = options.parallel_requests;
  const auto report = SendTuples(client.options(), job, loaded.file.tuples);
  auto& tuples = result["tuples"].emplace_object();
  tuples["successful_count"] = report.successful.size();
  tuples["failed_count"] = report.failed.size();
  auto& failed = tuples["failed"].emplace_array();
  for (const auto& [tuple, reason] : report.failed) {
    failed.push_back({{"tuple_key", TupleToJson(tuple)}, {"reason", reason}});
  }

  auto assertions = AssertionsOf(loaded.file);
  if (!model_id.empty() && !assertions.empty()) {
    result["assertions"] = assertions.size();
    PEMBA_TRY(std::ignore, client.Put(StorePath(store_id, "/assertions/" + UrlEncode(model_id)),
                                      json::object{{"assertions", std::move(assertions)}}));
  }
  session.Print(result);
  return report.failed.empty() ? 0 : 1;
}

void AddImport(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ImportOptions>();
  auto& command =
      line.Command(group, "import", "Load a store file: model, tuples and check assertions",
                   [options](Session& session) { return Import(session, *options); });
  line.Require(command.add_option("--file", options->file, "Store file (*.fga.yaml)"));
  command.add_option("--store-id", options->store_id, "Into this store; default: a new one");
  command.add_option("--max-tuples-per-write", options->tuples_per_write, "Tuples in one request")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command.add_option("--max-parallel-requests", options->parallel_requests, "Requests at a time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command.add_flag("--allow-external-files", options->allow_external_files,
                   "Let the store file name files outside of its directory");
}

// store export

struct ExportOptions {
  std::string store_id, model_id, output_file;
  std::uint32_t tuples_max = 100;
};

// The model of the store; nothing if it has none.
Result<std::optional<json::object>> ModelJson(ApiClient& client, const ExportOptions& options) {
  const auto path = StorePath(options.store_id, "/authorization-models");
  if (options.model_id.empty()) {
    PEMBA_TRY(auto answer, client.Get(path, {{"page_size", "1"}}));
    const auto& models = ListAt(answer, "authorization_models");
    if (models.empty() || !models.front().is_object()) return std::optional<json::object>();
    return std::optional(models.front().get_object());
  }
  PEMBA_TRY(auto answer, client.Get(path + "/" + UrlEncode(options.model_id)));
  const auto* object = answer.if_object();
  const auto* model = object == nullptr ? nullptr : object->if_contains("authorization_model");
  if (model == nullptr || !model->is_object()) {
    return Error{ErrorCode::kInternal, "the server's answer has no model"};
  }
  return std::optional(model->get_object());
}

// Of an entry of Read (`key`) or ReadTuples (`tuple_key`, `expires_at`).
Result<tuple::Tuple> TupleOfEntry(const json::value& entry, const char* key_name) {
  const auto* object = entry.if_object();
  const auto* key = object == nullptr ? nullptr : object->if_contains(key_name);
  if (key == nullptr) return Error{ErrorCode::kInternal, "the server's answer has no tuples"};
  PEMBA_TRY(auto tuple, TupleFromJson(*key));
  const auto* expires_at = object->if_contains("expires_at");
  if (expires_at != nullptr && expires_at->is_string()) {
    PEMBA_TRY(tuple.expires_at,
              ParseTime("expires_at", std::string_view(expires_at->get_string())));
  }
  return tuple;
}

Result<std::vector<tuple::Tuple>> ReadTuples(ApiClient& client, const ExportOptions& options) {
  std::vector<tuple::Tuple> tuples;
  const char* path = "/read-tuples";
  const char* key_name = "tuple_key";
  json::object body{{"page_size", 1000}};
  for (;;) {
    auto read = client.Post(StorePath(options.store_id, path), body);
    if (!read.ok() && read.error().message.starts_with("undefined_endpoint")) {
      // Not a Pemba, or an older one: there is nothing that expires.
      path = "/read";
      key_name = "key";
      body["page_size"] = 100;
      read = client.Post(StorePath(options.store_id, path), body);
    }
    PEMBA_TRY(const auto answer, std::move(read));
    for (const auto& entry : ListAt(answer, "tuples")) {
      if (tuples.size() == options.tuples_max) return tuples;
      PEMBA_TRY(auto tuple, TupleOfEntry(entry, key_name));
      tuples.push_back(std::move(tuple));
    }
    const auto token = resource::TextOf(answer, "continuation_token");
    if (token.empty()) return tuples;
    body["continuation_token"] = token;
  }
}

// Assertions with the same contextual tuples are one test, whose tuples those are; the first is
// named `Tests`.
Result<std::vector<StoreTest>> TestsOf(const json::array& assertions) {
  std::vector<StoreTest> tests;
  std::vector<json::array> tuples_of_tests;
  for (const auto& assertion : assertions) {
    const auto* object = assertion.if_object();
    const auto* key = object == nullptr ? nullptr : object->if_contains("tuple_key");
    if (key == nullptr) return Error{ErrorCode::kInternal, "the server's answer has no assertions"};
    const auto& tuples = ListAt(assertion, "contextual_tuples");
    const auto found = std::find(tuples_of_tests.begin(), tuples_of_tests.end(), tuples);
    const auto index = static_cast<std::size_t>(found - tuples_of_tests.begin());
    if (found == tuples_of_tests.end()) {
      tuples_of_tests.push_back(tuples);
      StoreTest test;
      test.name = index == 0 ? "Tests" : "Tests " + std::to_string(index + 1);
      for (const auto& tuple : tuples) {
        PEMBA_TRY(auto one, TupleFromJson(tuple));
        test.tuples.push_back(std::move(one));
      }
      tests.push_back(std::move(test));
    }
    const auto* expectation = object->if_contains("expectation");
    CheckCase check;
    check.users = {resource::TextOf(*key, "user")};
    check.objects = {resource::TextOf(*key, "object")};
    check.assertions = {
        {resource::TextOf(*key, "relation"), expectation != nullptr && *expectation == true}};
    const auto* context = object->if_contains("context");
    if (context != nullptr && context->is_object()) check.context = context->get_object();
    tests[index].checks.push_back(std::move(check));
  }
  return tests;
}

Result<int> Export(Session& session, const ExportOptions& options) {
  PEMBA_TRY(auto client, session.Connect());
  StoreFile file;
  PEMBA_TRY(auto store, client.Get(StorePath(options.store_id)));
  file.name = resource::TextOf(store, "name");
  PEMBA_TRY(auto model_json, ModelJson(client, options));
  if (model_json) {
    PEMBA_TRY(auto model, model::ModelFromJsonValue(*model_json));
    PEMBA_TRY(file.model, model::PrintDsl(model));
    PEMBA_TRY(auto answer,
              client.Get(StorePath(options.store_id, "/assertions/" + UrlEncode(model.id))));
    PEMBA_TRY(file.tests, TestsOf(ListAt(answer, "assertions")));
  }
  PEMBA_TRY(file.tuples, ReadTuples(client, options));
  const auto text = FormatStoreFile(file);
  if (options.output_file.empty()) {
    session.out << text;
    return 0;
  }
  std::ofstream out(options.output_file, std::ios::binary | std::ios::trunc);
  out << text << std::flush;
  if (!out) return Invalid("cannot write `" + options.output_file + "`");
  return 0;
}

void AddExport(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ExportOptions>();
  auto& command = line.Command(group, "export", "Print a store as a store file",
                               [options](Session& session) { return Export(session, *options); });
  line.Require(command.add_option("--store-id", options->store_id, "Store"));
  command.add_option("--model-id", options->model_id, "Authorization model; default: latest");
  command.add_option("--max-tuples", options->tuples_max, "At most so many tuples")
      ->capture_default_str();
  command.add_option("--output-file", options->output_file, "Into this file");
}

}  // namespace

void AddStoreCommands(CommandLine& line) {
  auto& group = line.Group("store", "Create, list and delete stores; import and export them");
  AddCreate(line, group);
  AddList(line, group);
  AddGet(line, group);
  AddDelete(line, group);
  AddImport(line, group);
  AddExport(line, group);
}

}  // namespace pemba::cli
