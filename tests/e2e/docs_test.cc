// The examples of the documentation do what the pages say.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
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

// At least `least` examples of a page, against one server.
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
  ExpectToWork(examples, work,
               "pemba() { '" + std::string(PEMBA_BUILT_BINARY) +
                   "' \"$@\"; }\nexport HOME=/nonexistent PEMBA_API_URL=" + server.url());
}

TEST(Docs, TheExamplesWork) { RunExamplesOf("cli.md", 20); }
TEST(Docs, TheWritesAreAsShown) { RunExamplesOf("writes.md", 10); }
TEST(Docs, TheExplanationsAreAsShown) { RunExamplesOf("explain.md", 8); }

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
      if (const auto at = example.command.find(documented); at != std::string::npos) {
        example.command.replace(at, std::string_view(documented).size(), "localhost:" + port);
      }
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
