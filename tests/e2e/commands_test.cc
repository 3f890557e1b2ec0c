// The commands that ask a server, against a real one.
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "pemba/cli/command_line.h"
#include "pemba/cli/paging.h"
#include "pemba/cli/store_file.h"
#include "pemba/resource/members.h"
#include "server_process.h"

namespace pemba::e2e {
namespace {

namespace json = boost::json;
using cli::ListAt;
using resource::TextOf;

struct Ran {
  int code;
  std::string out, err;
  json::value value() const { return json::parse(out); }
};

// One server for all tests; each makes stores of its own.
class Commands : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TemporaryDirectory;
    server_ = new ServerProcess(directory_->path() / "data");
  }
  static void TearDownTestSuite() {
    EXPECT_EQ(server_->Stop(), 0);
    delete server_;
    delete directory_;
  }

  static Ran Run(std::vector<std::string> arguments) {
    std::ostringstream out, err;
    cli::CommandLine line([](const char*) { return nullptr; }, cli::JsonStyle::kOneLine, out, err);
    cli::AddStoreCommands(line);
    cli::AddModelCommands(line);
    cli::AddTupleCommands(line);
    cli::AddQueryCommands(line);
    cli::AddVersionCommand(line);
    arguments.insert(arguments.begin(), {"--api-url", server_->url()});
    const int code = line.Run(arguments);
    return {code, out.str(), err.str()};
  }

  // As Run, in `store`.
  static Ran RunIn(const std::string& store, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--store-id", store});
    return Run(std::move(arguments));
  }

  static std::string File(const std::string& name, const std::string& text) {
    const auto path = directory_->path() / name;
    std::ofstream(path) << text;
    return path.string();
  }

  // A fresh store with this model.
  static std::string Store(const std::string& model) {
    const auto ran =
        Run({"store", "create", "--name", "commands", "--model", File("model.fga", model)});
    EXPECT_EQ(ran.code, 0) << ran.err;
    const auto created = ran.value();
    EXPECT_EQ(TextOf(created.at("model"), "authorization_model_id").size(), 26u);
    return TextOf(created.at("store"), "id");
  }

  inline static TemporaryDirectory* directory_ = nullptr;
  inline static ServerProcess* server_ = nullptr;
};

constexpr const char* kModel = R"(model
  schema 1.1

type user

type document
  relations
    define editor: [user]
    define viewer: [user, user:*, user with cc] or editor

condition cc(x: int) {
  x > 1
}
)";

TEST_F(Commands, StoreCreateListGetDelete) {
  const auto created = Run({"store", "create", "--name", "first store"});
  ASSERT_EQ(created.code, 0) << created.err;
  const auto id = TextOf(created.value().at("store"), "id");
  EXPECT_EQ(TextOf(created.value().at("store"), "name"), "first store");

  EXPECT_EQ(TextOf(Run({"store", "get", "--store-id", id}).value(), "name"), "first store");
  const auto listed = Run({"store", "list"});
  EXPECT_NE(listed.out.find("\"id\":\"" + id + "\",\"name\":\"first store\""), std::string::npos)
      << listed.out;

  const auto unforced = Run({"store", "delete", "--store-id", id});
  EXPECT_EQ(unforced.code, 1);
  EXPECT_EQ(Run({"store", "delete", "--store-id", id, "--force"}).code, 0);
  const auto gone = Run({"store", "get", "--store-id", id});
  EXPECT_EQ(gone.code, 1);
  EXPECT_EQ(gone.err, "error: store_id_not_found: Store ID not found\n");
}

TEST_F(Commands, StoreCreateNeedsAName) { EXPECT_EQ(Run({"store", "create"}).code, 1); }

TEST_F(Commands, ModelWriteGetList) {
  const auto store = Store(kModel);
  const auto first = Run({"model", "list", "--store-id", store});
  ASSERT_EQ(ListAt(first.value(), "authorization_models").size(), 1u);

  const auto got = Run({"model", "get", "--store-id", store, "--field", "model"});
  EXPECT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.out, kModel);

  const auto written = RunIn(store, {"model", "write", "model\n  schema 1.1\n\ntype person\n"});
  ASSERT_EQ(written.code, 0) << written.err;
  const auto id = TextOf(written.value(), "authorization_model_id");
  const auto latest = Run({"model", "get", "--store-id", store});
  EXPECT_EQ(latest.out.substr(0, 12 + 26 + 2), "# Model ID: " + id + "\n#");
  EXPECT_NE(latest.out.find("\ntype person\n"), std::string::npos);

  const auto as_json = RunIn(store, {"model", "get", "--format", "json", "--model-id", id});
  EXPECT_EQ(TextOf(as_json.value(), "id"), id);
  EXPECT_EQ(TextOf(ListAt(as_json.value(), "type_definitions").at(0), "type"), "person");

  const auto listed = RunIn(store, {"model", "list"});
  const auto models = ListAt(listed.value(), "authorization_models");
  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(TextOf(models[0], "id"), id) << "newest first";

  const auto invalid = RunIn(store, {"model", "write", "model\n  schema 1.1\ntype a\ntype a\n"});
  EXPECT_EQ(invalid.code, 1);
  EXPECT_EQ(invalid.err,
            "error: invalid_authorization_model: an authorization model cannot contain duplicate "
            "types\n");
}

TEST_F(Commands, TupleWriteReadDeleteChanges) {
  const auto store = Store(kModel);
  auto ran = RunIn(store, {"tuple", "write", "user:anne", "viewer", "document:1"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out,
            R"({"successful":[{"user":"user:anne","relation":"viewer","object":"document:1"}],)"
            R"("failed":[],"total_count":1,"successful_count":1,"failed_count":0})"
            "\n");

  ran = RunIn(store, {"tuple", "write", "user:anne", "viewer", "document:1"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.out.find("cannot write a tuple which already exists"), std::string::npos);
  ran = RunIn(store,
              {"tuple", "write", "user:anne", "viewer", "document:1", "--on-duplicate", "ignore"});
  EXPECT_EQ(ran.code, 0) << ran.out;

  ran = RunIn(store, {"tuple", "write", "user:bob", "viewer", "document:2", "--condition-name",
                      "cc", "--condition-context", R"({"x":5})"});
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;

  const auto csv =
      RunIn(store, {"tuple", "read", "--output-format", "csv", "--object", "document:2"});
  EXPECT_EQ(csv.out,
            "user_type,user_id,user_relation,relation,object_type,object_id,condition_name,"
            "condition_context\n"
            "user,bob,,viewer,document,2,cc,\"{\"\"x\"\":5}\"\n");
  const auto simple = RunIn(store, {"tuple", "read", "--output-format", "simple-json", "--user",
                                    "user:anne", "--object", "document:"});
  EXPECT_EQ(simple.out, R"([{"user":"user:anne","relation":"viewer","object":"document:1"}])"
                        "\n");

  ran = RunIn(store, {"tuple", "delete", "user:anne", "viewer", "document:1"});
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_EQ(RunIn(store, {"tuple", "delete", "user:anne", "viewer", "document:1"}).code, 1);
  EXPECT_EQ(RunIn(store, {"tuple", "delete", "user:anne", "viewer", "document:1", "--on-missing",
                          "ignore"})
                .code,
            0);

  const auto changes = RunIn(store, {"tuple", "changes", "--type", "document"});
  const auto list = ListAt(changes.value(), "changes");
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(TextOf(list[2], "operation"), "TUPLE_OPERATION_DELETE");
  const auto token = TextOf(changes.value(), "continuation_token");
  const auto later =
      RunIn(store, {"tuple", "changes", "--type", "document", "--continuation-token", token});
  EXPECT_TRUE(ListAt(later.value(), "changes").empty());
}

TEST_F(Commands, TupleFilesInChunksAndParallel) {
  const auto store = Store(kModel);
  std::string lines;
  for (int i = 0; i < 250; ++i) {
    lines += R"({"user":"user:)" + std::to_string(i) +
             R"(","relation":"viewer","object":"document:1"})" + "\n";
  }
  lines += R"({"user":"user:x","relation":"nothing","object":"document:1"})"
           "\n";
  const auto file = File("tuples.jsonl", lines);
  auto ran = RunIn(store, {"tuple", "write", "--file", file, "--max-tuples-per-write", "40",
                           "--max-parallel-requests", "4", "--hide-imported-tuples"});
  EXPECT_EQ(ran.code, 1);
  // The last chunk holds the tuple that the model does not take, and falls as one.
  EXPECT_EQ(ran.value().at("successful_count"), 240);
  EXPECT_EQ(ran.value().at("failed_count"), 11);

  ran = RunIn(store, {"tuple", "write", "--file", file, "--hide-imported-tuples"});
  EXPECT_EQ(ran.value().at("successful_count"), 250) << "one by one, what is there is ignored";
  EXPECT_EQ(ran.value().at("failed_count"), 1);
  EXPECT_EQ(TextOf(ListAt(ran.value(), "failed").at(0), "reason"),
            "validation_error: Invalid tuple 'document:1#nothing@user:x'. Reason: relation "
            "'document#nothing' not found");

  const auto read = RunIn(store, {"tuple", "read", "--max-pages", "0"});
  EXPECT_EQ(ListAt(read.value(), "tuples").size(), 250u);
  const auto two_pages = RunIn(store, {"tuple", "read", "--max-pages", "2", "--page-size", "30"});
  EXPECT_EQ(ListAt(two_pages.value(), "tuples").size(), 60u);

  ran = RunIn(store, {"tuple", "delete", "--file", file, "--max-tuples-per-write", "100"});
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_TRUE(ListAt(RunIn(store, {"tuple", "read"}).value(), "tuples").empty());
}

TEST_F(Commands, ATupleFileGoesOnWhereItStopped) {
  const auto store = Store(kModel);
  std::string lines;
  for (int i = 0; i < 50; ++i) {
    lines += R"({"user":"user:)" + std::to_string(i) +
             R"(","relation":"viewer","object":"document:1"})" + "\n";
  }
  const auto file = File("more.jsonl", lines);
  const auto ran = RunIn(store, {"tuple", "write", "--file", file, "--skip", "30",
                                 "--hide-imported-tuples", "--progress"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.value().at("total_count"), 20);
  EXPECT_EQ(ListAt(RunIn(store, {"tuple", "read"}).value(), "tuples").size(), 20u);
  EXPECT_EQ(RunIn(store, {"tuple", "write", "--file", file, "--skip", "60"}).code, 0);
}

TEST_F(Commands, QueryCheckWithContextAndContextualTuples) {
  const auto store = Store(kModel);
  ASSERT_EQ(RunIn(store, {"tuple", "write", "user:anne", "editor", "document:1"}).code, 0);
  ASSERT_EQ(
      RunIn(store, {"tuple", "write", "user:bob", "viewer", "document:1", "--condition-name", "cc"})
          .code,
      0);
  const auto check = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"query", "check"});
    const auto ran = RunIn(store, std::move(arguments));
    EXPECT_EQ(ran.code, 0) << ran.err;
    return ran.out;
  };
  const std::string yes = "{\"allowed\":true,\"resolution\":\"\"}\n";
  const std::string no = "{\"allowed\":false,\"resolution\":\"\"}\n";
  EXPECT_EQ(check({"user:anne", "viewer", "document:1"}), yes);
  EXPECT_EQ(check({"user:zoe", "viewer", "document:1"}), no);
  EXPECT_EQ(check({"user:bob", "viewer", "document:1", "--context", R"({"x":2})"}), yes);
  EXPECT_EQ(check({"user:bob", "viewer", "document:1", "--context", R"({"x":1})"}), no);
  EXPECT_EQ(check({"user:zoe", "viewer", "document:1", "--contextual-tuple",
                   "user:zoe editor document:1"}),
            yes);
  EXPECT_EQ(
      check({"user:zoe", "viewer", "document:1", "--contextual-tuple",
             R"(user:zoe viewer document:1 cc {"x": 3})", "--consistency", "higher_consistency"}),
      yes);

  const auto undecided = RunIn(store, {"query", "check", "user:bob", "viewer", "document:1"});
  EXPECT_EQ(undecided.code, 1);
  EXPECT_EQ(undecided.out, "");
  EXPECT_NE(undecided.err.find("validation_error: failed to evaluate relationship condition"),
            std::string::npos)
      << undecided.err;
}

TEST_F(Commands, QueryBatchCheckAndListRelations) {
  const auto store = Store(kModel);
  ASSERT_EQ(RunIn(store, {"tuple", "write", "user:anne", "editor", "document:1"}).code, 0);
  const auto batch =
      RunIn(store, {"query", "batch-check", "--check", "user:anne viewer document:1", "--check",
                    "user:zoe viewer document:1", "--check", "user:zoe nothing document:1"});
  ASSERT_EQ(batch.code, 0) << batch.err;
  const auto results = ListAt(batch.value(), "result");
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].at("allowed"), true);
  EXPECT_EQ(results[1].at("allowed"), false);
  EXPECT_EQ(TextOf(results[2].at("error"), "input_error"), "validation_error");

  std::string many;  // More than one batch may hold.
  for (int i = 0; i < 120; ++i) {
    many += "- {user: " + std::string(i % 3 == 0 ? "user:anne" : "user:zoe") +
            ", relation: viewer, object: document:1}\n";
  }
  const auto file = RunIn(store, {"query", "batch-check", "--file", File("checks.yaml", many)});
  const auto all = ListAt(file.value(), "result");
  ASSERT_EQ(all.size(), 120u) << file.err;
  for (int i = 0; i < 120; ++i) EXPECT_EQ(all[i].at("allowed"), i % 3 == 0) << i;

  EXPECT_EQ(RunIn(store, {"query", "list-relations", "user:anne", "document:1"}).out,
            "{\"relations\":[\"editor\",\"viewer\"]}\n");
  EXPECT_EQ(RunIn(store, {"query", "list-relations", "user:zoe", "document:1"}).out,
            "{\"relations\":[]}\n");
  EXPECT_EQ(
      RunIn(store, {"query", "list-relations", "user:anne", "document:1", "--relation", "viewer"})
          .out,
      "{\"relations\":[\"viewer\"]}\n");
  EXPECT_EQ(RunIn(store, {"query", "list-relations", "user:anne", "folder:1"}).code, 1);
}

TEST_F(Commands, ImportExportAndTestAgainstTheServer) {
  const auto imported =
      Run({"store", "import", "--file", PEMBA_SOURCE_DIR "/samples/workspace.fga.yaml"});
  ASSERT_EQ(imported.code, 0) << imported.out << imported.err;
  const auto result = imported.value();
  const auto store = TextOf(result.at("store"), "id");
  EXPECT_EQ(TextOf(result.at("store"), "name"), "workspace");
  EXPECT_EQ(result.at("tuples").at("failed_count"), 0);
  EXPECT_GT(result.at("assertions").to_number<int>(), 30);
  EXPECT_EQ(RunIn(store, {"query", "check", "user:anne", "viewer", "document:roadmap"}).out,
            "{\"allowed\":true,\"resolution\":\"\"}\n");

  // Into the same store again: nothing is written twice.
  const auto again = Run({"store", "import", "--store-id", store, "--file",
                          PEMBA_SOURCE_DIR "/samples/workspace.fga.yaml"});
  EXPECT_EQ(again.code, 0) << again.out << again.err;

  const auto path = (directory_->path() / "exported.fga.yaml").string();
  const auto exported = RunIn(store, {"store", "export", "--output-file", path});
  ASSERT_EQ(exported.code, 0) << exported.err;
  const auto loaded = cli::LoadStoreFile(path, cli::FileScope::Reach::kInside);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const auto original = cli::LoadStoreFile(PEMBA_SOURCE_DIR "/samples/workspace.fga.yaml",
                                           cli::FileScope::Reach::kInside);
  ASSERT_TRUE(original.ok());
  EXPECT_EQ(loaded->file.tuples.size(), original->file.tuples.size());
  EXPECT_EQ(loaded->file.tests.size(), 2u) << "assertions with and without contextual tuples";

  const auto tested = Run({"model", "test", "--tests", path});
  EXPECT_EQ(tested.code, 0) << tested.err;

  // Without a model the questions go to the server, tuples included.
  const auto remote = RunIn(
      store, {"model", "test", "--tests",
              File("remote.fga.yaml",
                   "tests:\n- name: t\n"
                   "  tuples: [{user: 'user:zoe', relation: editor, object: 'document:roadmap'}]\n"
                   "  check:\n"
                   "  - users: [user:anne, user:zoe]\n    object: document:roadmap\n"
                   "    assertions: {editor: true}\n")});
  EXPECT_EQ(remote.code, 0) << remote.err;
  EXPECT_EQ(remote.err, "# Test Summary #\nTests 1/1 passing\nChecks 2/2 passing\n");
}

TEST_F(Commands, ModelValidateTransformAndTestNeedNoServer) {
  EXPECT_EQ(Run({"model", "validate", kModel}).code, 0);
  const auto invalid = Run({"model", "validate",
                            "model\n  schema 1.1\ntype a\n  relations\n"
                            "    define b: c\n"});
  EXPECT_EQ(invalid.code, 1);
  EXPECT_EQ(invalid.value().at("is_valid"), false);
  EXPECT_EQ(TextOf(invalid.value(), "error"), "'a#c' relation is undefined");

  const auto transformed = Run({"model", "transform", kModel});
  ASSERT_EQ(transformed.code, 0) << transformed.err;
  EXPECT_EQ(Run({"model", "transform", transformed.out}).out, kModel) << "there and back";

  const auto file = File("failing.fga.yaml",
                         std::string("model: |\n") + "  model\n    schema 1.1\n  type user\n" +
                             "tests: [{name: t, check: [{user: 'user:a', object: 'user:b', "
                             "assertions: {x: true}}]}]\n");
  const auto failing = Run({"model", "test", "--tests", file, "--verbose"});
  EXPECT_EQ(failing.code, 1);
  EXPECT_NE(failing.err.find("(FAILING) t: Checks (0/1 passing)"), std::string::npos)
      << failing.err;
  EXPECT_EQ(failing.value().as_array().size(), 1u);
  EXPECT_EQ(Run({"model", "test", "--tests", "/nowhere/*.fga.yaml"}).code, 1);
}

TEST_F(Commands, VersionIsOneLine) {
  const auto ran = Run({"version"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out.substr(0, 6), "pemba ");
}

}  // namespace
}  // namespace pemba::e2e
