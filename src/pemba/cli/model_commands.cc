// model write | get | list | validate | test | transform
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pemba/base/ulid.h"
#include "pemba/cli/command_line.h"
#include "pemba/cli/file_scope.h"
#include "pemba/cli/model_source.h"
#include "pemba/cli/paging.h"
#include "pemba/cli/store_tester.h"
#include "pemba/cli/test_report.h"
#include "pemba/model/dsl.h"
#include "pemba/model/json.h"
#include "pemba/model/validation.h"
#include "pemba/resource/members.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

// A model on the command line: a file, or the text itself.
struct ModelInput {
  std::string file, text, format;
};

void AddModelInput(CLI::App& command, ModelInput& input, const std::string& format_name) {
  command.add_option("model", input.text, "The model itself, DSL or JSON");
  command.add_option("--file", input.file, "Model file: .fga, .json or fga.mod");
  command.add_option(format_name, input.format, "fga, json or modular; default: by the file name")
      ->check(CLI::IsMember({"fga", "json", "modular"}));
}

Result<ModelFormat> FormatOf(const ModelInput& input) {
  if (!input.format.empty()) return ModelFormatOf(input.format);
  if (!input.file.empty()) return ModelFormatOfFile(input.file);
  const auto first = input.text.find_first_not_of(" \t\r\n");
  return first != input.text.npos && input.text[first] == '{' ? ModelFormat::kJson
                                                              : ModelFormat::kDsl;
}

Result<model::Model> ModelOf(const ModelInput& input) {
  if (input.file.empty() == input.text.empty()) return Invalid("give the model or --file");
  PEMBA_TRY(auto format, FormatOf(input));
  if (input.file.empty()) return ParseModel(format, input.text);
  const std::filesystem::path path(input.file);
  PEMBA_TRY(auto scope, FileScope::Of(path.parent_path(), FileScope::Reach::kAnywhere));
  return LoadModel(scope, path.filename().string(), format);
}

// When the model was made, RFC 3339: its id says so. "" if the id is no ULID.
std::string CreatedAt(const std::string& model_id) {
  const auto ulid = ParseUlid(model_id);
  if (!ulid) return "";
  const auto milliseconds = static_cast<long long>(ulid->milliseconds());
  const std::time_t seconds = static_cast<std::time_t>(milliseconds / 1000);
  std::tm parts = {};
  gmtime_r(&seconds, &parts);
  char text[40];
  const auto length = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof(text) - length, ".%03lldZ", milliseconds % 1000);
  return text;
}

bool Wants(const std::vector<std::string>& fields, std::string_view field) {
  return std::find(fields.begin(), fields.end(), field) != fields.end();
}

// model write

struct WriteOptions {
  std::string store_id;
  ModelInput input;
};

Result<int> Write(Session& session, const WriteOptions& options) {
  PEMBA_TRY(auto model, ModelOf(options.input));
  PEMBA_TRY(auto client, session.Connect());
  PEMBA_TRY(auto answer, client.Post(StorePath(options.store_id, "/authorization-models"),
                                     model::ModelToJsonValue(model)));
  session.Print(answer);
  return 0;
}

void AddWrite(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<WriteOptions>();
  auto& command =
      line.Command(group, "write", "Write an authorization model, which becomes the latest",
                   [options](Session& session) { return Write(session, *options); });
  line.Require(command.add_option("--store-id", options->store_id, "Store"));
  AddModelInput(command, options->input, "--format");
}

// model get

struct GetOptions {
  std::string store_id, model_id;
  std::string format = "fga";
  std::vector<std::string> fields;
};

Result<model::Model> FetchModel(ApiClient& client, const std::string& store_id,
                                const std::string& model_id) {
  const auto path = StorePath(store_id, "/authorization-models");
  json::value answer;
  const json::object* model = nullptr;
  if (model_id.empty()) {
    PEMBA_TRY(answer, client.Get(path, {{"page_size", "1"}}));
    const auto& models = ListAt(answer, "authorization_models");
    if (models.empty()) return Invalid("the store has no authorization model");
    model = models.front().if_object();
  } else {
    PEMBA_TRY(answer, client.Get(path + "/" + UrlEncode(model_id)));
    const auto* object = answer.if_object();
    const auto* member = object == nullptr ? nullptr : object->if_contains("authorization_model");
    model = member == nullptr ? nullptr : member->if_object();
  }
  if (model == nullptr) return Error{ErrorCode::kInternal, "the server's answer has no model"};
  return model::ModelFromJsonValue(*model);
}

std::string SizeText(const model::Model& model) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f",
                static_cast<double>(model::ModelToJson(model).size()) / 1024);
  return text;
}

Result<int> Get(Session& session, const GetOptions& options) {
  PEMBA_TRY(auto client, session.Connect());
  PEMBA_TRY(auto model, FetchModel(client, options.store_id, options.model_id));
  auto fields = options.fields;
  if (options.format == "json") {
    if (fields.empty()) fields = {"id", "created_at", "model"};
    json::object result;
    if (Wants(fields, "id")) result["id"] = model.id;
    if (Wants(fields, "created_at")) result["created_at"] = CreatedAt(model.id);
    if (Wants(fields, "size")) result["size"] = SizeText(model) + " KB";
    if (Wants(fields, "model")) {
      auto parts = model::ModelToJsonValue(model);
      parts.erase("id");
      for (auto& part : parts) result[part.key()] = std::move(part.value());
    }
    session.Print(result);
    return 0;
  }
  if (fields.empty()) fields = {"id", "created_at", "model"};
  if (Wants(fields, "id")) session.out << "# Model ID: " << model.id << "\n";
  if (Wants(fields, "created_at")) session.out << "# Created At: " << CreatedAt(model.id) << "\n";
  if (Wants(fields, "size")) session.out << "# Size: " << SizeText(model) << " KB\n";
  if (!Wants(fields, "model")) return 0;
  PEMBA_TRY(auto text, model::PrintDsl(model));
  session.out << text;
  return 0;
}

void AddGet(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<GetOptions>();
  auto& command = line.Command(group, "get", "Print a model; the latest, if no id is given",
                               [options](Session& session) { return Get(session, *options); });
  line.Require(command.add_option("--store-id", options->store_id, "Store"));
  command.add_option("--model-id", options->model_id, "Authorization model");
  command.add_option("--format", options->format, "fga or json")
      ->check(CLI::IsMember({"fga", "json"}))
      ->capture_default_str();
  command
      .add_option("--field", options->fields,
                  "id, created_at, size or model (repeatable); default: all but size")
      ->check(CLI::IsMember({"id", "created_at", "size", "model"}))
      ->allow_extra_args(false);
}

// model list

struct ListOptions {
  std::string store_id;
  std::uint32_t pages_max = 20;
  std::vector<std::string> fields;
};

Result<int> List(Session& session, const ListOptions& options) {
  PEMBA_TRY(auto client, session.Connect());
  PEMBA_TRY(auto answer,
            ReadPages("authorization_models", options.pages_max, "", [&](const std::string& token) {
              return client.Get(StorePath(options.store_id, "/authorization-models"),
                                {{"continuation_token", token}});
            }));
  auto fields = options.fields;
  if (fields.empty()) fields = {"id", "created_at"};
  json::array models;
  for (const auto& model : ListAt(answer, "authorization_models")) {
    const auto id = resource::TextOf(model, "id");
    json::object one;
    if (Wants(fields, "id")) one["id"] = id;
    if (Wants(fields, "created_at")) one["created_at"] = CreatedAt(id);
    if (Wants(fields, "model") && model.is_object()) {
      for (const auto& part : model.get_object()) {
        if (part.key() != "id") one[part.key()] = part.value();
      }
    }
    models.push_back(std::move(one));
  }
  session.Print(json::object{{"authorization_models", std::move(models)}});
  return 0;
}

void AddList(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ListOptions>();
  auto& command = line.Command(group, "list", "List the models of a store, newest first",
                               [options](Session& session) { return List(session, *options); });
  line.Require(command.add_option("--store-id", options->store_id, "Store"));
  command.add_option("--max-pages", options->pages_max, "Pages to read; 0: all")
      ->capture_default_str();
  command
      .add_option("--field", options->fields,
                  "id, created_at or model (repeatable); default: id and created_at")
      ->check(CLI::IsMember({"id", "created_at", "model"}))
      ->allow_extra_args(false);
}

// model validate

Result<int> Validate(Session& session, const ModelInput& input) {
  if (input.file.empty() == input.text.empty()) return Invalid("give the model or --file");
  const auto model = ModelOf(input);
  const Status valid = model.ok() ? model::ValidateModel(*model) : Status(model.error());
  json::object result;
  if (model.ok() && !model->id.empty()) {
    result["id"] = model->id;
    result["created_at"] = CreatedAt(model->id);
  }
  result["is_valid"] = valid.ok();
  if (!valid.ok()) result["error"] = valid.error().message;
  if (model.ok()) result["size_kb"] = std::stod(SizeText(*model));
  session.Print(result);
  return valid.ok() ? 0 : 1;
}

void AddValidate(CommandLine& line, CLI::App& group) {
  auto input = std::make_shared<ModelInput>();
  auto& command = line.Command(group, "validate", "Would a server take this model? Needs no server",
                               [input](Session& session) { return Validate(session, *input); });
  AddModelInput(command, *input, "--format");
}

// model transform

struct TransformOptions {
  ModelInput input;
  std::string output_format;
};

Result<int> Transform(Session& session, const TransformOptions& options) {
  PEMBA_TRY(auto model, ModelOf(options.input));
  PEMBA_TRY(auto format, FormatOf(options.input));
  auto output = options.output_format;
  if (output.empty()) output = format == ModelFormat::kJson ? "fga" : "json";
  if (output == "json") {
    session.Print(model::ModelToJsonValue(model));
    return 0;
  }
  PEMBA_TRY(auto text, model::PrintDsl(model));
  session.out << text;
  return 0;
}

void AddTransform(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<TransformOptions>();
  auto& command =
      line.Command(group, "transform", "Turn DSL or modules into JSON, JSON into DSL",
                   [options](Session& session) { return Transform(session, *options); });
  AddModelInput(command, options->input, "--input-format");
  command.add_option("--output-format", options->output_format, "fga or json")
      ->check(CLI::IsMember({"fga", "json"}));
}

// model test

struct TestOptions {
  std::string tests, store_id, model_id;
  std::uint32_t types_max = 100;
  bool verbose = false, suppress_summary = false, allow_external_files = false;
};

Result<FileResults> RunFile(Session& session, const TestOptions& options,
                            const std::filesystem::path& path) {
  const auto reach =
      options.allow_external_files ? FileScope::Reach::kAnywhere : FileScope::Reach::kInside;
  PEMBA_TRY(auto loaded, LoadStoreFile(path, reach));
  PEMBA_TRY(auto model, LoadStoreModel(loaded));
  if (!model && options.store_id.empty()) {
    return Invalid(path.string() + ": names no model; give one, or --store-id of a server's store");
  }
  const auto targets = model ? LocalTargets(*std::move(model), options.types_max)
                             : RemoteTargets({session.api, options.store_id, options.model_id});
  auto results = RunStoreTests(loaded.file, *targets);
  if (!results.ok()) {
    return Error{results.error().code, path.string() + ": " + results.error().message};
  }
  return FileResults{path.string(), *std::move(results)};
}

Result<int> Test(Session& session, const TestOptions& options) {
  PEMBA_TRY(auto paths, FilesOf(options.tests));
  std::vector<FileResults> files;
  TestCounts counts;
  json::array verbose;
  for (const auto& path : paths) {
    PEMBA_TRY(auto results, RunFile(session, options, path));
    for (const auto& test : results.tests) counts.Add(test);
    auto tests = ReportJson(results.tests);
    verbose.insert(verbose.end(), tests.begin(), tests.end());
    files.push_back(std::move(results));
  }
  if (options.verbose) session.Print(verbose);
  if (!options.suppress_summary) session.err << ReportText(files);
  return counts.AllPass() ? 0 : 1;
}

void AddTest(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<TestOptions>();
  auto& command = line.Command(group, "test", "Run the tests of store files; needs no server",
                               [options](Session& session) { return Test(session, *options); });
  line.Require(command.add_option("--tests", options->tests, "Store file or glob"));
  command.add_option("--store-id", options->store_id, "For files without a model: server's store");
  command.add_option("--model-id", options->model_id, "And its model; default: latest");
  command.add_flag("--verbose", options->verbose, "Print every result as JSON");
  command.add_flag("--suppress-summary", options->suppress_summary, "Print no text");
  command
      .add_option("--max-types-per-authorization-model", options->types_max,
                  "Types that a model may have")
      ->capture_default_str();
  command.add_flag("--allow-external-files", options->allow_external_files,
                   "Let store files name files outside of their directory");
}

}  // namespace

void AddModelCommands(CommandLine& line) {
  auto& group = line.Group("model", "Write, read, check and test authorization models");
  AddWrite(line, group);
  AddGet(line, group);
  AddList(line, group);
  AddValidate(line, group);
  AddTest(line, group);
  AddTransform(line, group);
}

}  // namespace pemba::cli
