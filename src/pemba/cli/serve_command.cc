#include "pemba/cli/serve_command.h"

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "pemba/base/clock.h"
#include "pemba/server/server.h"
#include "pemba/server/setting_reference.h"
#include "pemba/server/settings.h"
#include "pemba/server/settings_together.h"

namespace pemba::cli {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);  // The terminal is closed.
  return signals;
}

int Fail(const Error& error) {
  std::fprintf(stderr, "pemba serve: %s\n", error.message.c_str());
  return 1;
}

void PrintAddress(const char* protocol, const std::string& address) {
  if (!address.empty()) std::printf("%s listening on %s\n", protocol, address.c_str());
  std::fflush(stdout);
}

// The variables that the commands of this program read beside the settings: PEMBA_STORE_ID.
void AddVariablesOf(const CLI::App& app, std::vector<std::string>& names) {
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back(server::EnvironmentName(name));
  }
  for (const auto* command : app.get_subcommands({})) AddVariablesOf(*command, names);
}

std::vector<std::string> EnvironmentNames() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    names.emplace_back(text.substr(0, text.find('=')));
  }
  return names;
}

Result<server::LoadedConfig> Load(const server::SettingValues& flags, const CLI::App& root) {
  std::vector<std::string> known;
  AddVariablesOf(root, known);
  PEMBA_TRY(std::ignore, server::CheckVariables(EnvironmentNames(), known));
  PEMBA_TRY(auto sources, SettingSourcesOf(flags));
  return server::LoadConfig(sources);
}

int RunServe(const server::SettingValues& flags, const CLI::App& root) {
  const auto loaded = Load(flags, root);
  if (!loaded.ok()) return Fail(loaded.error());
  // What the server keeps, tuples and keys, is its owner's to read.
  umask(umask(0) | 077);
  // A limit on file sizes is an error of the write that meets it.
  std::signal(SIGXFSZ, SIG_IGN);
  // Threads inherit the mask, so the signals wait for sigwait below.
  const auto signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const SystemClock clock;
  const auto server = server::Server::Start(*loaded, clock);
  if (!server.ok()) return Fail(server.error());
  PrintAddress("admin", (*server)->admin_address());
  PrintAddress("metrics", (*server)->metrics_address());
  PrintAddress("grpc", (*server)->grpc_address());
  PrintAddress("http", (*server)->http_address());
  int signal = 0;
  sigwait(&signals, &signal);
  // A second signal ends the process at once.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  (*server)->Shutdown();
  return 0;
}

void AddFlag(CLI::App& command, const server::Setting& setting, server::SettingValues& flags) {
  const std::string flag(setting.flag);
  const auto store = [&flags, flag](const std::string& value) { flags[flag] = value; };
  const auto* reference = server::FindReference(setting.flag);
  auto* option =
      command.add_option_function<std::string>("--" + flag, store, std::string(setting.help));
  if (setting.kind == server::Setting::Kind::kBool) option->expected(0, 1)->default_str("true");
  constexpr const char* kTypes[] = {"BOOL", "TEXT", "NUMBER", "DURATION"};
  option->type_name(kTypes[static_cast<std::size_t>(setting.kind)]);
  // Those without effect are not in --help; the documentation has them.
  option->group(setting.apply == nullptr || reference == nullptr ? ""
                                                                 : std::string(reference->section));
}

}  // namespace

Result<server::SettingSources> SettingSourcesOf(const server::SettingValues& flags) {
  PEMBA_TRY(auto file,
            server::ReadConfigFile(server::ConfigCandidates(server::ProcessEnvironment("HOME"))));
  return server::SettingSources{
      .flags = flags, .environment = server::ProcessEnvironment, .file = std::move(file)};
}

void AddServeCommand(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("serve", "Run the server");
  command->alias("run");
  command->footer(
      "Every flag may also come from PEMBA_<FLAG> or OPENFGA_<FLAG> (PEMBA_GRPC_ADDR) or from\n"
      "pemba.yaml. Settings of caches, pools and throttles are accepted and have no effect:\n"
      "`pemba serve --print-settings markdown` lists all.");
  const auto flags = std::make_shared<server::SettingValues>();
  // In the order of the documentation, which is by section.
  for (const auto& reference : server::SettingReferences()) {
    const auto* setting = server::FindSetting(reference.flag);
    if (setting != nullptr) AddFlag(*command, *setting, *flags);
  }
  for (const auto& setting : server::Settings()) {
    if (server::FindReference(setting.flag) == nullptr) AddFlag(*command, setting, *flags);
  }
  const auto print = std::make_shared<std::string>();
  command->add_option("--print-settings", *print, "print all settings, as markdown, and end")
      ->check(CLI::IsMember({"markdown"}));
  command->callback([flags, print, &app, &exit_code] {
    if (!print->empty()) {
      std::fputs(server::SettingsAsMarkdown().c_str(), stdout);
    } else {
      exit_code = RunServe(*flags, app);
    }
  });
}

}  // namespace pemba::cli
