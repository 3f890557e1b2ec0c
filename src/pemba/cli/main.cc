// The `pemba` command.
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <unistd.h>

#include "pemba/cli/command_line.h"
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
  pemba::cli::CommandLine line(EnvironmentVariable, StyleOfTerminal(), std::cout, std::cerr);
  pemba::cli::AddServeCommand(line.root(), line.exit_code());
  pemba::cli::AddStoreCommands(line);
  pemba::cli::AddModelCommands(line);
  pemba::cli::AddTupleCommands(line);
  pemba::cli::AddQueryCommands(line);
  pemba::cli::AddVersionCommand(line);
  return line.Run(std::vector<std::string>(argv + 1, argv + argc));
}
