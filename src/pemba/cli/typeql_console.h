// The console of `pemba typeql`: lines with history, queries of several lines, settings.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace pemba::cli {

// One line of input without its line break; nothing at the end.
using ReadLine = std::function<std::optional<std::string>(const std::string& prompt)>;

struct ConsoleActions {
  std::function<void(const std::string& text)> run;         // Queries.
  std::function<void(const std::string& command)> command;  // `infer on`, without the colon.
  std::function<void(const std::string& entry)> remember;   // For the history.
};

// Reads until the end of input or `:quit`. A query ends with an empty line; a line that begins with
// a colon is a command.
void RunConsole(const std::string& prompt, const ReadLine& read_line,
                const ConsoleActions& actions);

// Lines from the terminal with editing and history, which is kept in `history_file` (empty: not at
// all). One at a time: the library has one state for the whole process.
class TerminalLines {
 public:
  explicit TerminalLines(std::string history_file);
  ~TerminalLines();
  TerminalLines(const TerminalLines&) = delete;
  TerminalLines& operator=(const TerminalLines&) = delete;

  std::optional<std::string> Read(const std::string& prompt);
  void Remember(const std::string& entry);

 private:
  const std::string history_file_;
};

}  // namespace pemba::cli
