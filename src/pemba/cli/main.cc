// The `pemba` command.
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "pemba/cli/command_line.h"
#include "pemba/cli/data_commands.h"
#include "pemba/cli/health_probe.h"
#include "pemba/cli/serve_command.h"

namespace {

const char* EnvironmentVariable(const char* name) {
  return std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes the environment.
}

pemba::cli::JsonStyle StyleOfTerminal() {
  using pemba::cli::JsonStyle;
  if (::isatty(STDOUT_FILENO) == 0) return JsonStyle::kOneLine;
  const char* no_colour = EnvironmentVariable("NO_COLOR");
  return no_colour != nullptr && *no_colour != '\0' ? JsonStyle::kIndented : JsonStyle::kColoured;
}

}  // namespace

int main(int argc, char** argv) {
  // A peer that goes away is an error of that conversation, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  // Under the name of the tool that orchestrators call, the program is that tool.
  const std::string_view program = argc > 0 ? argv[0] : "";
  if (program.substr(program.rfind('/') + 1) == "grpc_health_probe") {
    return pemba::cli::RunHealthProbe(arguments, std::cout, std::cerr);
  }
  if (!arguments.empty() && arguments.front() == "health-probe") {
    return pemba::cli::RunHealthProbe({arguments.begin() + 1, arguments.end()}, std::cout,
                                      std::cerr);
  }
  pemba::cli::CommandLine line(EnvironmentVariable, StyleOfTerminal(), std::cout, std::cerr);
  pemba::cli::AddServeCommand(line.root(), line.exit_code());
  pemba::cli::AddDataCommands(line);
  pemba::cli::AddStoreCommands(line);
  pemba::cli::AddModelCommands(line);
  pemba::cli::AddTupleCommands(line);
  pemba::cli::AddQueryCommands(line);
  pemba::cli::AddObjectCommands(line);
  pemba::cli::AddAccessCommands(line);
  pemba::cli::AddBenchCommands(line);
  pemba::cli::AddNodesBench(line);
  pemba::cli::AddTypeqlCommand(line);
  pemba::cli::AddVersionCommand(line);
  // For --help; the command itself was recognized above, because its flags are of another kind.
  line.root()
      .add_subcommand("health-probe", "Ask a server for its health over gRPC")
      ->callback([&line] {
        std::cerr << "error: health-probe must be the first argument\n";
        line.exit_code() = 1;
      });
  return line.Run(arguments);
}
