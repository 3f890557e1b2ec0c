// The examples of the documentation do what the pages say.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

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
  bool in_block = false, line_goes_on = false;
  for (std::string line; std::getline(in, line);) {
    const bool goes_on = line_goes_on;
    line_goes_on = in_block && line.ends_with('\\');
    if (line.starts_with("```")) {
      in_block = !in_block && line == "```sh";
    } else if (in_block && line.starts_with(kOutput)) {
      const auto text = line.substr(kOutput.size());
      examples.back().output += (text.empty() ? text : text.substr(1)) + "\n";
    } else if (in_block && goes_on) {
      examples.back().command += "\n" + line;
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

// Runs the examples in `work`, in one shell because they build upon each other.
void ExpectToWork(const std::vector<Example>& examples, const fs::path& work,
                  const std::string& preparation) {
  std::ofstream script(work / "script");
  script << preparation << "\n";
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
      auto printed = Read(work / (number + ".out"));
      if (!printed.ends_with('\n')) printed += '\n';  // A response body need not end its line.
      EXPECT_EQ(printed, examples[i].output);
    }
  }
}

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// The examples of a page against one server, which stands for the one at its usual addresses.
class Page {
 public:
  explicit Page(const fs::path& page, const std::vector<std::string>& flags = {})
      : server_(directory_.path() / "data", flags),
        examples_(ExamplesOf(fs::path(PEMBA_SOURCE_DIR) / page)) {
    fs::create_directory(work());
    std::ofstream(work() / "model.fga") << kModel;
    std::ofstream(work() / "tuples.csv") << kTuples;
    fs::copy(PEMBA_SOURCE_DIR "/samples", work() / "samples", fs::copy_options::recursive);
    for (auto& example : examples_) {
      example.command = Replaced(example.command, "http://localhost:8080", server_.url());
      example.command = Replaced(example.command, "localhost:8081", server_.grpc_address());
    }
  }

  // At least `least` examples: a page whose blocks are not found would pass.
  void Run(std::size_t least, const std::string& preparation = "") {
    ASSERT_GE(examples_.size(), least);
    ExpectToWork(examples_, work(),
                 "pemba() { '" + std::string(PEMBA_BUILT_BINARY) +
                     "' \"$@\"; }\nexport HOME=/nonexistent PEMBA_API_URL=" + server_.url() +
                     " PEMBA_ADMIN_URL=" + server_.admin_url() + "\n" + preparation);
  }
  fs::path work() const { return directory_.path() / "work"; }

 private:
  const TemporaryDirectory directory_;
  const ServerProcess server_;
  std::vector<Example> examples_;
};

TEST(Docs, TheExamplesWork) { Page("docs/cli.md").Run(20); }
TEST(Docs, TheBenchmarksRun) { Page("docs/benchmarks.md").Run(4); }
TEST(Docs, TheWritesAreAsShown) { Page("docs/writes.md").Run(10); }
TEST(Docs, TheExplanationsAreAsShown) { Page("docs/explain.md").Run(8); }
TEST(Docs, TheQueriesOfFactsAreAsShown) { Page("docs/typeql.md").Run(10); }
TEST(Docs, AccessIsDeclaredAsShown) { Page("docs/iam.md", {"--iam-enabled"}).Run(14); }
TEST(Docs, TheListsOfTheApiAreAsShown) { Page("docs/api.md").Run(9); }

TEST(Docs, TheExamplesOfOperationsWork) {
  Page page("docs/operations.md", {"--admin-addr", "127.0.0.1:0"});
  std::ofstream(page.work() / "tuples.jsonl")
      << R"({"user":"user:carl","relation":"editor","object":"document:menu"})"
      << "\n";
  fs::create_directory_symlink("../data", page.work() / "data");
  page.Run(5,
           "export PEMBA_STORE_ID=$(pemba store create --name sizes --model model.fga | "
           "sed 's/.*\"store\":{[^}]*\"id\":\"\\([^\"]*\\)\".*/\\1/')");
}

// Every page, README.md first.
std::vector<fs::path> Pages() {
  std::vector<fs::path> pages{"README.md", "ARCHITECTURE.md", "deploy/README.md"};
  for (const auto& entry : fs::recursive_directory_iterator(PEMBA_SOURCE_DIR "/docs")) {
    if (entry.path().extension() == ".md") {
      pages.push_back(entry.path().lexically_relative(PEMBA_SOURCE_DIR));
    }
  }
  return pages;
}

// Blocks of a language: "fga", "yaml".
std::vector<std::string> BlocksOf(const fs::path& page, const std::string& language) {
  std::vector<std::string> blocks;
  std::ifstream in(fs::path(PEMBA_SOURCE_DIR) / page);
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) {
      inside = line == "```" + language;
      if (inside) blocks.emplace_back();
    } else if (inside) {
      blocks.back() += line + "\n";
    }
  }
  return blocks;
}

TEST(Docs, CommandsAreInPagesWhoseExamplesAreRun) {
  for (const auto& page : Pages()) {
    const bool is_run = page == "docs/cli.md" || page == "docs/explain.md" ||
                        page == "docs/api.md" || page == "docs/operations.md" ||
                        page == "docs/authentication.md" || page == "docs/telemetry.md" ||
                        page == "docs/writes.md" || page == "docs/typeql.md" ||
                        page == "docs/benchmarks.md" || page == "docs/iam.md";
    for (const auto& block : BlocksOf(page, "sh")) {
      // `./run` and `./test` are what runs this.
      EXPECT_TRUE(is_run || block == "./run\n" || block == "./test\n") << page << ":\n" << block;
    }
  }
}

TEST(Docs, TheModelsShownAreValid) {
  const TemporaryDirectory directory;
  int models = 0;
  for (const auto& page : Pages()) {
    for (const auto& block : BlocksOf(page, "fga")) {
      ++models;
      const auto file = directory.path() / "model.fga";
      std::ofstream(file) << (block.starts_with("model") ? "" : "model\n  schema 1.1\ntype user\n")
                          << block;
      const auto command = "'" + std::string(PEMBA_BUILT_BINARY) + "' model validate --file '" +
                           file.string() + "' >/dev/null";
      EXPECT_EQ(std::system(command.c_str()), 0) << page << ":\n" << block;
    }
  }
  EXPECT_GE(models, 2);
}

TEST(Docs, TheConfigurationFileShownIsAccepted) {
  const auto blocks = BlocksOf("docs/configuration.md", "yaml");
  ASSERT_EQ(blocks.size(), 1u);
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "pemba.yaml")
      << Replaced(blocks[0], "0.0.0.0:8081", "127.0.0.1:0");
  std::ofstream(directory.path() / "script")
      << R"(
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout server.key -out server.crt 2>openssl.log || exit 1
    )" << PEMBA_BUILT_BINARY
      << R"( serve --data-dir data --http-addr 127.0.0.1:0 --metrics-addr 127.0.0.1:0 >out 2>log &
    for i in $(seq 150); do grep -q 'http listening' out && break; sleep 0.2; done
    kill $! && wait $! || { cat log; exit 1; }
  )";
  EXPECT_EQ(
      std::system(("cd '" + directory.path().string() + "' && touch out && bash script").c_str()),
      0);
}

TEST(Docs, LinksLeadSomewhere) {
  static const std::regex kLink(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  int links = 0;
  for (const auto& page : Pages()) {
    const auto text = Read(fs::path(PEMBA_SOURCE_DIR) / page);
    for (auto at = std::sregex_iterator(text.begin(), text.end(), kLink);
         at != std::sregex_iterator(); ++at) {
      ++links;
      EXPECT_TRUE(fs::exists(fs::path(PEMBA_SOURCE_DIR) / page.parent_path() / (*at)[1].str()))
          << page << ": " << (*at)[1];
    }
  }
  EXPECT_GT(links, 15);
}

// A port that was free a moment ago.
std::string FreePort() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(socket);
  return std::to_string(ntohs(address.sin_port));
}

// Examples of a page that start servers themselves, on the ports of the documentation there and on
// free ones here.
void RunExamplesThatServe(const char* page, std::size_t least) {
  const TemporaryDirectory directory;
  fs::copy(PEMBA_SOURCE_DIR "/samples", directory.path() / "samples");
  const auto http = FreePort(), metrics = FreePort();
  auto examples = ExamplesOf(fs::path(PEMBA_SOURCE_DIR "/docs") / page);
  ASSERT_GE(examples.size(), least);
  for (auto& example : examples) {
    for (const auto& [documented, port] :
         {std::pair{"localhost:8080", http}, {"localhost:2112", metrics}}) {
      example.command = Replaced(example.command, documented, "localhost:" + port);
    }
  }
  // The servers are children of the shell, so that `$!` is theirs.
  ExpectToWork(examples, directory.path(),
               "PATH=" + fs::path(PEMBA_BUILT_BINARY).parent_path().string() +
                   ":$PATH\nexport HOME=/nonexistent PEMBA_API_URL=http://localhost:" + http +
                   " PEMBA_HTTP_ADDR=127.0.0.1:" + http + " PEMBA_GRPC_ADDR=127.0.0.1:0" +
                   " PEMBA_METRICS_ADDR=127.0.0.1:" + metrics);
}

TEST(Docs, TheExamplesOfAuthenticationWork) { RunExamplesThatServe("authentication.md", 16); }
TEST(Docs, WhatTheServerTellsIsAsShown) { RunExamplesThatServe("telemetry.md", 14); }

}  // namespace
}  // namespace pemba::e2e
