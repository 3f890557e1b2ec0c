#include "pemba/cli/serve_command.h"

#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "pemba/base/clock.h"
#include "pemba/server/server.h"
#include "pemba/server/settings.h"

namespace pemba::cli {
namespace {

using Flags = std::map<std::string, std::string, std::less<>>;

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
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

int RunServe(const Flags& flags) {
  const auto loaded = server::LoadConfig(flags, server::ProcessEnvironment);
  if (!loaded.ok()) return Fail(loaded.error());
  // Threads inherit the mask, so the signals wait for sigwait below.
  const auto signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const SystemClock clock;
  const auto server = server::Server::Start(*loaded, clock);
  if (!server.ok()) return Fail(server.error());
  PrintAddress("grpc", (*server)->grpc_address());
  PrintAddress("http", (*server)->http_address());
  PrintAddress("metrics", (*server)->metrics_address());
  int signal = 0;
  sigwait(&signals, &signal);
  // A second signal ends the process at once.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  (*server)->Shutdown();
  return 0;
}

}  // namespace

void AddServeCommand(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("serve", "Run the server");
  command->alias("run");
  const auto flags = std::make_shared<Flags>();
  for (const auto& setting : server::Settings()) {
    const std::string flag(setting.flag);
    const std::string help =
        setting.help.empty() ? "accepted, without effect" : std::string(setting.help);
    const auto store = [flags, flag](const std::string& value) { (*flags)[flag] = value; };
    auto* option =
        setting.kind == server::Setting::Kind::kBool
            ? command->add_option_function<std::string>("--" + flag, store, help)->expected(0, 1)
            : command->add_option_function<std::string>("--" + flag, store, help);
    if (setting.kind == server::Setting::Kind::kBool) option->default_str("true");
    if (setting.apply == nullptr) option->group("");  // Not in --help.
  }
  command->callback([flags, &exit_code] { exit_code = RunServe(*flags); });
}

}  // namespace pemba::cli
