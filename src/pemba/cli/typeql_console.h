// The console of `pemba typeql`: lines with history, queries of several lines, settings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

namespace pemba::cli {

struct Line {
  enum class Kind : std::uint8_t {
    kText,
    kInterrupted,  // Ctrl-C: what was typed is given up.
    kEnd,
  } kind = Kind::kText;
  std::string text;  // Without its line break.
};
using ReadLine = std::function<Line(const std::string& prompt)>;

struct ConsoleActions {
  std::function<void(const std::string& text)> run;         // Queries.
  std::function<void(const std::string& command)> command;  // `infer on`, without the colon.
  std::function<void(const std::string& entry)> remember;   // For the history.
};

// Reads until the end of input or `:quit`. A query ends with an empty line; a line that begins with
// a colon is a command. An interruption gives up the query that is being typed.
void RunConsole(const std::string& prompt, const ReadLine& read_line,
                const ConsoleActions& actions);

// Lines from the terminal with editing and history, which is kept in `history_file` (empty: not at
// all). Ctrl-C interrupts the line or the query and not the program.
//
// One at a time: the library has one state for the whole process, and so have signals.
class TerminalLines {
 public:
  explicit TerminalLines(std::string history_file);
  ~TerminalLines();
  TerminalLines(const TerminalLines&) = delete;
  TerminalLines& operator=(const TerminalLines&) = delete;

  Line Read(const std::string& prompt);
  void Remember(const std::string& entry);  // Also on the disk: the console may end at any time.
  // Ctrl-C requests this stop from now on, until the next line is read.
  std::stop_token Interruptible();
  std::size_t columns() const;  // Of the screen; 0: unknown.

 private:
  const std::string history_file_;
  std::string last_;
};

}  // namespace pemba::cli
