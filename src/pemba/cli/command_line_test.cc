#include "pemba/cli/command_line.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/base/testing/temporary_directory.h"

namespace pemba::cli {
namespace {

namespace fs = std::filesystem;

struct Ran {
  int code;
  std::string out, err;
};

// A command line of one command, `thing show [--store-id] [--tag]*`, that prints what it was given.
Ran RunShow(const std::vector<std::string>& arguments,
            const std::map<std::string, std::string>& environment) {
  std::ostringstream out, err;
  CommandLine line(
      [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? nullptr : found->second.c_str();
      },
      JsonStyle::kOneLine, out, err);
  std::string store;
  std::vector<std::string> tags;
  auto& group = line.Group("thing", "Things");
  auto& command = line.Command(group, "show", "Show it", [&](Session& session) -> Result<int> {
    session.out << session.api.url << " " << store;
    for (const auto& tag : tags) session.out << " " << tag;
    return store == "bad" ? Result<int>(Error{ErrorCode::kValidation, "no such store"}) : 7;
  });
  line.Require(command.add_option("--store-id", store, "Store"));
  command.add_option("--tag", tags, "Tag")->allow_extra_args(false);
  const int code = line.Run(arguments);
  return {code, out.str(), err.str()};
}

TEST(CommandLine, TakesOptionsWhereverTheyStand) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--api-url", "http://x", "thing", "show", "--store-id", "s"},
        {"thing", "--api-url", "http://x", "show", "--store-id", "s"},
        {"thing", "show", "--store-id", "s", "--server-url", "http://x/"}}) {
    const auto ran = RunShow(arguments, {});
    EXPECT_EQ(ran.code, 7) << ran.err;
    EXPECT_EQ(ran.out, "http://x s");
  }
}

struct SourceCase {
  const char* name;
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  const char* config;
  const char* out;
};

TEST(CommandLine, PrefersArgumentsThenEnvironmentThenConfiguration) {
  const SourceCase cases[] = {
      {"the default", {"--store-id", "s"}, {}, "", "http://localhost:8080 s"},
      {"FGA_ names", {}, {{"FGA_STORE_ID", "f"}}, "", "http://localhost:8080 f"},
      {"PEMBA_ wins over FGA_",
       {},
       {{"FGA_STORE_ID", "f"}, {"PEMBA_STORE_ID", "p"}},
       "",
       "http://localhost:8080 p"},
      {"arguments win over the environment",
       {"--store-id", "a"},
       {{"PEMBA_STORE_ID", "p"}},
       "",
       "http://localhost:8080 a"},
      {"the configuration file",
       {},
       {},
       "store-id: c\napi-url: http://c\ntag: [x, y]\n",
       "http://c c x y"},
      {"the environment wins over the configuration",
       {},
       {{"FGA_STORE_ID", "f"}},
       "store-id: c\napi-url: http://c\n",
       "http://c f"},
      {"an empty variable is none",
       {},
       {{"FGA_STORE_ID", ""}},
       "store-id: c\n",
       "http://localhost:8080 c"},
      {"repeated options",
       {"--store-id", "s", "--tag", "1", "--tag", "2"},
       {},
       "tag: 3\n",
       "http://localhost:8080 s 1 2"},
  };
  const TemporaryDirectory directory;
  const auto& home = directory.path();
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    std::ofstream(home / ".fga.yaml") << c.config;
    std::ofstream(home / "named.yaml") << c.config;
    std::vector<std::string> arguments = {"thing", "show"};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    auto environment = c.environment;
    environment["HOME"] = home.string();
    auto ran = RunShow(arguments, environment);
    EXPECT_EQ(ran.code, 7) << ran.err;
    EXPECT_EQ(ran.out, c.out);

    arguments.insert(arguments.end(), {"--config", (home / "named.yaml").string()});
    ran = RunShow(arguments, c.environment);
    EXPECT_EQ(ran.out, c.out) << ran.err;
  }
}

struct FailureCase {
  const char* name;
  std::vector<std::string> arguments;
  const char* err;
};

TEST(CommandLine, FailsAndNamesWhatIsWrong) {
  const FailureCase cases[] = {
      {"a command that fails", {"thing", "show", "--store-id", "bad"}, "error: no such store\n"},
      {"a missing option",
       {"thing", "show"},
       "error: --store-id is required (or PEMBA_STORE_ID, FGA_STORE_ID)\n"},
      {"a configuration that is not there",
       {"thing", "show", "--config", "/nonexistent/fga.yaml"},
       "error: `/nonexistent/fga.yaml`: No such file or directory\n"},
      {"no command", {}, "error: `pemba` takes a command\nRun `pemba --help`.\n"},
      {"half a command",
       {"thing"},
       "error: `pemba thing` takes a command\nRun `pemba thing --help`.\n"},
      {"an unknown command",
       {"nothing"},
       "error: `pemba` has no command `nothing`\nRun `pemba --help`.\n"},
      {"an unknown command of a group",
       {"thing", "hide", "now"},
       "error: `pemba thing` has no command `hide`\nRun `pemba thing --help`.\n"},
      {"an option that is there twice",
       {"thing", "show", "--store-id", "a", "--store-id", "b"},
       "error: --store-id is given more than once\nRun `pemba thing show --help`.\n"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto ran = RunShow(c.arguments, {});
    EXPECT_EQ(ran.code, 1);
    EXPECT_EQ(ran.err, c.err);
  }
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"thing", "show", "--colour", "red"},
        {"thing", "show", "surplus"}}) {
    const auto ran = RunShow(arguments, {});
    EXPECT_EQ(ran.code, 1);
    EXPECT_EQ(ran.err.substr(0, 7), "error: ") << ran.err;
    EXPECT_EQ(ran.out, "");
  }
}

TEST(CommandLine, HelpIsNoFailure) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--help"}, {"thing", "--help"}, {"thing", "show", "--help"}}) {
    const auto ran = RunShow(arguments, {});
    EXPECT_EQ(ran.code, 0);
    EXPECT_FALSE(ran.out.empty());
    EXPECT_EQ(ran.err, "");
  }
}

TEST(CommandLine, TheVersionNeedsNoCommand) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--version"}, {"thing", "--version"}}) {
    const auto ran = RunShow(arguments, {});
    EXPECT_EQ(ran.code, 0);
    EXPECT_EQ(ran.out, "pemba " PEMBA_VERSION "\n");
    EXPECT_EQ(ran.err, "");
  }
  // A variable of this name is somebody else's, and no question.
  EXPECT_EQ(RunShow({"thing", "show", "--store-id", "s"}, {{"PEMBA_VERSION", "1"}}).code, 7);
}

}  // namespace
}  // namespace pemba::cli
