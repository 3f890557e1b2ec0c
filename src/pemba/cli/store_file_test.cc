#include "pemba/cli/store_file.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "pemba/base/testing/temporary_directory.h"

namespace pemba::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStore = R"(name: docs
model: |
  model
    schema 1.1
  type user
tuples:
  - user: user:anne
    relation: viewer
    object: doc:1
tests:
  - name: first
    description: what anne may
    tuples:
      - {user: 'user:bob', relation: viewer, object: 'doc:1', condition: {name: cc}}
    check:
      - users: [user:anne, user:bob]
        object: doc:1
        context: {n: 1, at: 2024-01-01T00:00:00Z}
        assertions:
          viewer: true
          editor: no
    list_objects:
      - user: user:anne
        type: doc
        assertions:
          viewer: [doc:1]
          editor:
    list_users:
      - object: doc:1
        user_filter: [{type: team, relation: member}]
        assertions:
          viewer: {users: [user:anne]}
)";

TEST(ParseStoreFile, ReadsEveryPart) {
  const auto file = ParseStoreFile(kStore);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->name, "docs");
  EXPECT_EQ(file->model, "model\n  schema 1.1\ntype user\n");
  ASSERT_EQ(file->tuples.size(), 1u);
  EXPECT_EQ(file->tuples[0].subject, "user:anne");
  ASSERT_EQ(file->tests.size(), 1u);
  const auto& test = file->tests[0];
  EXPECT_EQ(test.name, "first");
  EXPECT_EQ(test.description, "what anne may");
  ASSERT_EQ(test.tuples.size(), 1u);
  EXPECT_EQ(test.tuples[0].condition->name, "cc");
  ASSERT_EQ(test.checks.size(), 1u);
  const auto& check = test.checks[0];
  EXPECT_EQ(check.users, (std::vector<std::string>{"user:anne", "user:bob"}));
  EXPECT_EQ(check.objects, (std::vector<std::string>{"doc:1"}));
  EXPECT_TRUE(check.context.at("n").is_double());
  EXPECT_EQ(check.context.at("at").as_string(), "2024-01-01T00:00:00Z");
  ASSERT_EQ(check.assertions.size(), 2u);
  EXPECT_EQ(check.assertions[0], (std::pair<std::string, bool>{"viewer", true}));
  EXPECT_EQ(check.assertions[1], (std::pair<std::string, bool>{"editor", false}));
  ASSERT_EQ(test.list_objects.size(), 1u);
  EXPECT_EQ(test.list_objects[0].assertions[0].second, (std::vector<std::string>{"doc:1"}));
  EXPECT_TRUE(test.list_objects[0].assertions[1].second.empty());
  ASSERT_EQ(test.list_users.size(), 1u);
  EXPECT_EQ(test.list_users[0].filters[0].relation, "member");
  EXPECT_EQ(test.list_users[0].assertions[0].second, (std::vector<std::string>{"user:anne"}));
}

TEST(ParseStoreFile, FormatReadsBack) {
  const auto file = ParseStoreFile(kStore);
  ASSERT_TRUE(file.ok());
  const auto text = FormatStoreFile(*file);
  const auto again = ParseStoreFile(text);
  ASSERT_TRUE(again.ok()) << again.error().message << "\n" << text;
  EXPECT_EQ(again->name, file->name);
  EXPECT_EQ(again->model, file->model);
  EXPECT_EQ(again->tuples, file->tuples);
  ASSERT_EQ(again->tests.size(), 1u);
  EXPECT_EQ(again->tests[0].tuples, file->tests[0].tuples);
  EXPECT_EQ(again->tests[0].checks[0].users, file->tests[0].checks[0].users);
  EXPECT_EQ(again->tests[0].checks[0].context, file->tests[0].checks[0].context);
  EXPECT_EQ(again->tests[0].checks[0].assertions, file->tests[0].checks[0].assertions);
}

struct BadCase {
  const char* name;
  const char* text;
  const char* message;
};
constexpr BadCase kBad[] = {
    {"unknown key", "names: x", "line 1, column 1: unknown key `names` in a store file"},
    {"unknown key in a check", "tests:\n- check:\n  - user: u:1\n    colour: red",
     "line 4, column 5: unknown key `colour` in a check"},
    {"duplicate key", "name: a\nname: b", "line 2, column 1: duplicate key `name` in a store file"},
    {"user and users", "tests: [{name: t, check: [{user: 'u:1', users: ['u:2'], object: 'd:1'}]}]",
     "validation error - StoreFormat: test t check 0: cannot contain both 'user' and 'users'"},
    {"no user", "tests: [{name: t, check: [{object: 'd:1'}]}]",
     "validation error - StoreFormat: test t check 0: must specify 'user' or 'users'"},
    {"object and objects",
     "tests: [{name: t, check: [{user: 'u:1', object: 'd:1', objects: ['d:2']}]}]",
     "validation error - StoreFormat: test t check 0: cannot contain both 'object' and 'objects'"},
    {"no object", "tests: [{name: t, check: [{user: 'u:1'}]}]",
     "validation error - StoreFormat: test t check 0: must specify 'object' or 'objects'"},
    {"an answer that is neither",
     "tests: [{check: [{user: 'u:1', object: 'd:1', assertions: {r: maybe}}]}]",
     "line 1, column 63: an assertion of a check is `true` or `false`"},
    {"relation twice",
     "tests: [{check: [{user: 'u:1', object: 'd:1', assertions: {r: true, r: false}}]}]",
     "line 1, column 69: duplicate key `r` in `assertions`"},
    {"not a mapping", "[]", "line 1, column 1: a store file must be a mapping"},
};

TEST(ParseStoreFile, IsStrict) {
  for (const auto& c : kBad) {
    SCOPED_TRACE(c.name);
    const auto file = ParseStoreFile(c.text);
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.error().message, c.message);
  }
}

class StoreDirectory : public testing::Test {
 protected:
  StoreDirectory() {
    fs::create_directories(root_ / "store" / "more");
    Write("store/tuples.csv",
          "user_type,user_id,relation,object_type,object_id\nuser,csv,viewer,doc,1\n");
    Write("store/more/tuples.json", R"([{"user":"user:json","relation":"r","object":"doc:1"}])");
    Write("outside.yaml", "- {user: 'user:out', relation: r, object: 'doc:1'}\n");
    fs::create_symlink(root_ / "outside.yaml", root_ / "store" / "link.yaml");
  }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(root_ / name) << text;
  }
  Result<LoadedStoreFile> Load(const std::string& text, FileScope::Reach reach) {
    Write("store/store.fga.yaml", text);
    return LoadStoreFile(root_ / "store" / "store.fga.yaml", reach);
  }

  const TemporaryDirectory directory_;
  const fs::path root_ = directory_.path();
};

TEST_F(StoreDirectory, ConcatenatesAllSourcesOfTuples) {
  const auto loaded = Load(
      "tuples: [{user: 'user:inline', relation: r, object: 'doc:1'}]\n"
      "tuple_file: ./tuples.csv\ntuple_files: [more/tuples.json]\n"
      "tests: [{name: t, tuple_file: more/../more/tuples.json}]",
      FileScope::Reach::kInside);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  ASSERT_EQ(loaded->file.tuples.size(), 3u);
  EXPECT_EQ(loaded->file.tuples[0].subject, "user:inline");
  EXPECT_EQ(loaded->file.tuples[1].subject, "user:csv");
  EXPECT_EQ(loaded->file.tuples[2].subject, "user:json");
  ASSERT_EQ(loaded->file.tests[0].tuples.size(), 1u);
}

TEST_F(StoreDirectory, RefusesReferencesThatLeaveIt) {
  const std::string references[] = {"../outside.yaml", "link.yaml", "more/../../outside.yaml",
                                    (root_ / "outside.yaml").string(), "../absent.yaml"};
  for (const auto& reference : references) {
    SCOPED_TRACE(reference);
    const auto inside = Load("tuple_file: " + reference, FileScope::Reach::kInside);
    ASSERT_FALSE(inside.ok());
    EXPECT_NE(inside.error().message.find("is not accessible within"), std::string::npos)
        << inside.error().message;
    const auto anywhere = Load("tuple_file: " + reference, FileScope::Reach::kAnywhere);
    EXPECT_EQ(anywhere.ok(), reference != "../absent.yaml");
  }
}

TEST_F(StoreDirectory, RefusesWhatIsNoRegularFile) {
  ASSERT_EQ(::mkfifo((root_ / "store" / "pipe.yaml").c_str(), 0600), 0);
  for (const char* const reference : {"pipe.yaml", "more.yaml"}) {
    fs::create_directory(root_ / "store" / "more.yaml");
    const auto loaded = Load(std::string("tuple_file: ") + reference, FileScope::Reach::kInside);
    ASSERT_FALSE(loaded.ok());
    EXPECT_NE(loaded.error().message.find("is not a regular file"), std::string::npos)
        << loaded.error().message;
  }
}

TEST_F(StoreDirectory, GlobsSkipWhatIsNoFileAndMustMatch) {
  Write("store/a.fga.yaml", "");
  Write("store/b.fga.yaml", "");
  fs::create_directory(root_ / "store" / "c.fga.yaml");
  const auto files = FilesOf((root_ / "store" / "*.fga.yaml").string());
  ASSERT_TRUE(files.ok());
  ASSERT_EQ(files->size(), 2u);
  EXPECT_EQ((*files)[0].filename(), "a.fga.yaml");
  EXPECT_FALSE(FilesOf((root_ / "*.none").string()).ok());
}

}  // namespace
}  // namespace pemba::cli
