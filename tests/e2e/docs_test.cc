// The examples of docs/cli.md and docs/explain.md do what the pages say.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server_process.h"

namespace pemba::e2e {
namespace {

namespace fs = std::filesystem;

struct Example {
  std::string command;
  std::string output;  // What must be printed; empty: anything.
};

// The commands of the `sh` blocks; `# =>` lines after a command are its output.
std::vector<Example> ExamplesOf(const fs::path& page) {
  constexpr std::string_view kOutput = "# =>";
  std::vector<Example> examples;
  std::ifstream in(page);
  bool in_block = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) {
      in_block = !in_block && line == "```sh";
    } else if (in_block && line.starts_with(kOutput)) {
      const auto text = line.substr(kOutput.size());
      examples.back().output += (text.empty() ? text : text.substr(1)) + "\n";
    } else if (in_block && !line.empty() && !line.starts_with("#")) {
      examples.push_back({line, ""});
    }
  }
  return examples;
}

constexpr const char* kModel = R"(model
  schema 1.1

type user

type team
  relations
    define member: [user]

type document
  relations
    define editor: [user]
    define viewer: [user, user with at_work, team#member] or editor

condition at_work(hour: int, open: int) {
  hour >= open
}
)";
constexpr const char* kTuples =
    "user_type,user_id,user_relation,relation,object_type,object_id\n"
    "user,carl,,viewer,document,menu\n"
    "team,kitchen,member,viewer,document,menu\n";

std::string Read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// At least `least` examples, one after the other against one server.
void RunExamplesOf(const char* page, std::size_t least) {
  const TemporaryDirectory directory;
  const ServerProcess server(directory.path() / "data");
  const auto work = directory.path() / "work";
  fs::create_directory(work);
  std::ofstream(work / "model.fga") << kModel;
  std::ofstream(work / "tuples.csv") << kTuples;
  fs::copy(PEMBA_SOURCE_DIR "/samples", work / "samples");

  const auto examples = ExamplesOf(fs::path(PEMBA_SOURCE_DIR "/docs") / page);
  ASSERT_GE(examples.size(), least);
  // One shell for all, because they build upon each other.
  std::ofstream script(work / "script");
  script << "pemba() { '" << PEMBA_BUILT_BINARY << "' \"$@\"; }\n"
         << "export HOME=/nonexistent PEMBA_API_URL=" << server.url() << "\n";
  for (std::size_t i = 0; i < examples.size(); ++i) {
    script << "{ " << examples[i].command << "\n} >" << i << ".out 2>" << i << ".err; echo $? >"
           << i << ".code\n";
  }
  script.close();
  ASSERT_EQ(std::system(("cd '" + work.string() + "' && bash script").c_str()), 0);

  for (std::size_t i = 0; i < examples.size(); ++i) {
    SCOPED_TRACE(examples[i].command);
    const auto number = std::to_string(i);
    EXPECT_EQ(Read(work / (number + ".code")), "0\n") << Read(work / (number + ".err"));
    if (!examples[i].output.empty()) {
      EXPECT_EQ(Read(work / (number + ".out")), examples[i].output);
    }
  }
}

TEST(Docs, TheExamplesWork) { RunExamplesOf("cli.md", 20); }
TEST(Docs, TheExplanationsAreAsShown) { RunExamplesOf("explain.md", 8); }

}  // namespace
}  // namespace pemba::e2e
