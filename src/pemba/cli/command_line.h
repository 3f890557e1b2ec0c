// CommandLine: the tree of commands, where their options come from, and how they end.
//
// An option that the command line does not give is taken from the environment (PEMBA_STORE_ID, then
// FGA_STORE_ID for --store-id), then from the configuration file (YAML, `store-id: ...`).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>
#include <boost/json/value.hpp>

#include "pemba/base/result.h"
#include "pemba/cli/api_client.h"
#include "pemba/cli/json_text.h"

namespace pemba::cli {

using Environment = std::function<const char*(const char* name)>;  // As getenv.

// What a command works with. Results go to `out`, all else to `err`.
struct Session {
  ApiOptions api;
  JsonStyle style = JsonStyle::kOneLine;
  std::ostream& out;
  std::ostream& err;

  Result<ApiClient> Connect() const { return ApiClient::Connect(api); }
  void Print(const boost::json::value& value) const { out << JsonText(value, style) << "\n"; }
};

// The exit code of a command that was carried out: 0, or 1 if its answer is "no" (a failed test).
using Action = std::function<Result<int>(Session&)>;

class CommandLine {
 public:
  CommandLine(Environment environment, JsonStyle style, std::ostream& out, std::ostream& err);

  CLI::App& root() { return root_; }
  // A command that has only commands under it.
  CLI::App& Group(const std::string& name, const std::string& description);
  CLI::App& Command(CLI::App& parent, const std::string& name, const std::string& description,
                    Action action);
  // The option must be given, wherever it comes from.
  void Require(CLI::Option* option);
  // The exit code for commands that were added to root() directly; they run inside Run().
  int& exit_code() { return exit_code_; }

  // `arguments` are those after the program's name. Returns the exit code: 0 or 1 for the commands
  // of Command(). Errors are printed to `err` as one line.
  int Run(const std::vector<std::string>& arguments);

 private:
  using Config = std::map<std::string, std::vector<std::string>, std::less<>>;

  int RunCommand(const CLI::App& command);
  Result<Config> ReadConfig() const;
  // Gives options that were not on the command line a value from the other two places.
  Status Complete(const CLI::App& app, const Config& config) const;
  Status CheckRequired(const CLI::App& app) const;

  Environment environment_;
  std::ostream& out_;
  std::ostream& err_;
  CLI::App root_;
  Session session_;
  std::string config_file_;
  bool debug_ = false;
  int exit_code_ = 0;
  std::map<const CLI::App*, Action> actions_;
  std::set<const CLI::Option*> required_;
};

// The commands of this room, each group in its own file.
void AddStoreCommands(CommandLine& line);
void AddModelCommands(CommandLine& line);
void AddTupleCommands(CommandLine& line);
void AddWriteCommands(CommandLine& line, CLI::App& tuple_group);  // Part of the tuple commands.
void AddQueryCommands(CommandLine& line);
void AddObjectCommands(CommandLine& line);
void AddAccessCommands(CommandLine& line);
void AddBenchCommands(CommandLine& line);
void AddTypeqlCommand(CommandLine& line);
void AddVersionCommand(CommandLine& line);

}  // namespace pemba::cli
