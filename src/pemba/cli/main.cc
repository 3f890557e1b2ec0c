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

pemba::cli::JsonStyle StyleOfTerminal() {
  using pemba::cli::JsonStyle;
  if (::isatty(STDOUT_FILENO) == 0) return JsonStyle::kOneLine;
  const char* no_colour = std::getenv("NO_COLOR");
  return no_colour != nullptr && *no_colour != '\0' ? JsonStyle::kIndented : JsonStyle::kColoured;
}

}  // namespace

int main(int argc, char** argv) {
  // A peer that goes away is an error of that conversation, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  const auto environment = [](const char* name) -> const char* { return std::getenv(name); };
  pemba::cli::CommandLine line(environment, StyleOfTerminal(), std::cout, std::cerr);
  pemba::cli::AddServeCommand(line.root(), line.exit_code());
  pemba::cli::AddStoreCommands(line);
  pemba::cli::AddModelCommands(line);
  pemba::cli::AddTupleCommands(line);
  pemba::cli::AddQueryCommands(line);
  pemba::cli::AddVersionCommand(line);
  return line.Run(std::vector<std::string>(argv + 1, argv + argc));
}
