#include "pemba/cli/command_line.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <utility>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "pemba/cli/file_scope.h"
#include "pemba/yaml/yaml.h"

namespace pemba::cli {
namespace {

constexpr const char* kFooter =
    "Every option may also come from the environment (--store-id: PEMBA_STORE_ID or\n"
    "FGA_STORE_ID) or from the configuration file (`store-id: ...`).\n\n"
    "Try:\n"
    "  pemba serve\n"
    "  pemba store import --file samples/workspace.fga.yaml\n"
    "  pemba model test --tests samples/workspace.fga.yaml";

// The name by which the environment and the configuration know an option; "" for positionals.
std::string LongName(const CLI::Option& option) {
  const auto& names = option.get_lnames();
  return option.get_positional() || names.empty() ? "" : names.front();
}

std::string EnvironmentName(std::string_view prefix, std::string_view option) {
  std::string name(prefix);
  for (const char c : option) {
    name.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return name;
}

// The command that the arguments came to, with those above it.
std::string NameOfInnermost(const CLI::App& root) {
  std::string name = root.get_name();
  for (auto found = root.get_subcommands(); !found.empty();
       found = found.front()->get_subcommands()) {
    name += " " + found.front()->get_name();
  }
  return name;
}

// The library's words do not name what was given where a command is unknown or an option is there
// twice.
std::string TextOf(const CLI::ParseError& error, const CLI::App& root, const std::string& name) {
  const std::string text = error.what();
  if (text == "A subcommand is required") {
    const auto rest = root.remaining(/*recurse=*/true);
    const bool unknown = !rest.empty() && !rest.front().starts_with('-');
    return "`" + name + "` " +
           (unknown ? "has no command `" + rest.front() + "`" : "takes a command");
  }
  const auto twice = text.find(": At Most 1 required");
  return twice == text.npos ? text : text.substr(0, twice) + " is given more than once";
}

}  // namespace

CommandLine::CommandLine(Environment environment, JsonStyle style, std::ostream& out,
                         std::ostream& err)
    : environment_(std::move(environment)),
      out_(out),
      err_(err),
      root_("Pemba decides who may do what. `pemba serve` answers; the other commands ask.",
            "pemba"),
      session_{.api = {}, .style = style, .out = out, .err = err} {
  root_.require_subcommand(1);
  root_.fallthrough();
  root_.set_version_flag("--version", "pemba " PEMBA_VERSION, "Print the version of this program");
  root_.option_defaults()->group("Global options");
  root_.add_option("--config", config_file_, "Configuration file; default $HOME/.fga.yaml");
  root_.add_option("--api-url,--server-url,--server", session_.api.url, "Where the server listens")
      ->capture_default_str();
  root_.add_option("--api-token", session_.api.token, "Bearer token");
  root_.add_option("--api-token-issuer", session_.api.token_issuer, "Who issues OAuth 2 tokens");
  root_.add_option("--api-audience", session_.api.audience, "Audience of OAuth 2 tokens");
  root_.add_option("--client-id", session_.api.client_id, "OAuth 2 client");
  root_.add_option("--client-secret", session_.api.client_secret, "Its secret");
  root_.add_option("--api-scopes", session_.api.scopes, "OAuth 2 scope (repeatable)")
      ->allow_extra_args(false);
  root_.add_option("--custom-headers", session_.api.headers, "`Name: value` (repeatable)")
      ->allow_extra_args(false);
  root_.add_flag("--debug", debug_, "Log every call to the server on stderr");
  root_.option_defaults()->group("Options");  // Commands take over their parent's defaults.
}

CLI::App& CommandLine::Group(const std::string& name, const std::string& description) {
  auto* group = root_.add_subcommand(name, description);
  group->require_subcommand(1);
  return *group;
}

CLI::App& CommandLine::Command(CLI::App& parent, const std::string& name,
                               const std::string& description, Action action) {
  auto* command = parent.add_subcommand(name, description);
  actions_.emplace(command, std::move(action));
  return *command;
}

void CommandLine::Require(CLI::Option* option) {
  option->description(option->get_description() + " (required)");
  required_.insert(option);
}

int CommandLine::Run(const std::vector<std::string>& arguments) {
  root_.footer(kFooter);  // Only now: commands take over their parent's when they are made.
  try {                   // The library reports by throwing, help included.
    // It takes the arguments from the back.
    root_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    const CLI::App* command = &root_;
    while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
    return actions_.contains(command) ? RunCommand(*command) : exit_code_;
  } catch (const CLI::Success& help) {
    return root_.exit(help, out_, err_);
  } catch (const CLI::ParseError& error) {
    const auto name = NameOfInnermost(root_);
    err_ << "error: " << TextOf(error, root_, name) << "\nRun `" << name << " --help`.\n";
    return 1;
  }
}

int CommandLine::RunCommand(const CLI::App& command) {
  const auto run = [&]() -> Result<int> {
    for (const CLI::App* app : {static_cast<const CLI::App*>(&root_), &command}) {
      PEMBA_TRY(std::ignore, Complete(*app, {}));
    }
    PEMBA_TRY(auto config, ReadConfig());
    for (const CLI::App* app : {static_cast<const CLI::App*>(&root_), &command}) {
      PEMBA_TRY(std::ignore, Complete(*app, config));
      PEMBA_TRY(std::ignore, CheckRequired(*app));
    }
    while (session_.api.url.ends_with('/')) session_.api.url.pop_back();
    if (debug_) session_.api.log_line = [this](const std::string& text) { err_ << text + "\n"; };
    return actions_.at(&command)(session_);
  };
  const auto code = run();
  if (code.ok()) return *code;
  err_ << "error: " << code.error().message << "\n";
  return 1;
}

Result<CommandLine::Config> CommandLine::ReadConfig() const {
  std::filesystem::path path = config_file_;
  if (path.empty()) {
    const char* home = environment_("HOME");
    if (home == nullptr || *home == '\0') return Config();
    path = std::filesystem::path(home) / ".fga.yaml";
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return Config();  // Nobody asked for it.
  }
  PEMBA_TRY(auto text, ReadFile(path));
  const auto in_file = [&](Error error) {
    error.message = path.string() + ": " + error.message;
    return error;
  };
  auto node = yaml::Parse(text);
  if (!node.ok()) return in_file(std::move(node).error());
  Config config;
  if (node->IsNull()) return config;
  if (!node->IsMap()) return in_file(yaml::ErrorAt(*node, "a configuration must be a mapping"));
  for (const auto& entry : *node) {
    auto key = yaml::TextOf(entry.first, "a key");
    if (!key.ok()) return in_file(std::move(key).error());
    auto& values = config[*key];
    if (entry.second.IsScalar()) values.push_back(entry.second.Scalar());
    if (!entry.second.IsSequence()) continue;
    for (const auto& item : entry.second) {
      auto value = yaml::TextOf(item, "an entry of `" + *key + "`");
      if (!value.ok()) return in_file(std::move(value).error());
      values.push_back(*std::move(value));
    }
  }
  return config;
}

Status CommandLine::Complete(const CLI::App& app, const Config& config) const {
  // The library gives out options of a const app as const, but they are ours to fill.
  for (auto* option : const_cast<CLI::App&>(app).get_options()) {
    const auto name = LongName(*option);
    if (name.empty() || name == "help" || option->count() > 0) continue;
    if (option == root_.get_version_ptr()) continue;  // Asked for on the command line, or not.
    std::vector<std::string> values;
    for (const char* const prefix : {"PEMBA_", "FGA_"}) {
      const char* value = environment_(EnvironmentName(prefix, name).c_str());
      if (values.empty() && value != nullptr && *value != '\0') values.emplace_back(value);
    }
    const auto found = config.find(name);
    if (values.empty() && found != config.end()) values = found->second;
    if (values.empty()) continue;
    try {
      option->add_result(values);
      option->run_callback();
    } catch (const CLI::ParseError& error) {
      return Error{ErrorCode::kInvalidArgument, error.what()};
    }
  }
  return Done{};
}

Status CommandLine::CheckRequired(const CLI::App& app) const {
  for (const auto* option : app.get_options()) {
    if (!required_.contains(option) || option->count() > 0) continue;
    const auto name = LongName(*option);
    return Error{ErrorCode::kInvalidArgument, "--" + name + " is required (or " +
                                                  EnvironmentName("PEMBA_", name) + ", " +
                                                  EnvironmentName("FGA_", name) + ")"};
  }
  return Done{};
}

}  // namespace pemba::cli
