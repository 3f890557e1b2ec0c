#include "pemba/cli/typeql_console.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <editline/readline.h>

namespace pemba::cli {
namespace {

constexpr int kHistoryMax = 1000;

bool IsBlank(const std::string& line) { return line.find_first_not_of(" \t\r") == line.npos; }

}  // namespace

void RunConsole(const std::string& prompt, const ReadLine& read_line,
                const ConsoleActions& actions) {
  std::string text;
  const std::string more(prompt.size() > 5 ? prompt.size() - 5 : 0, ' ');
  while (true) {
    const auto line = read_line(text.empty() ? prompt : more + "...> ");
    if (!line) break;
    if (text.empty() && line->starts_with(':')) {
      if (*line == ":quit" || *line == ":exit" || *line == ":q") return;
      actions.remember(*line);
      actions.command(line->substr(1));
      continue;
    }
    if (!IsBlank(*line)) {
      text += *line + "\n";
      continue;
    }
    if (text.empty()) continue;
    std::string entry = text.substr(0, text.size() - 1);
    std::replace(entry.begin(), entry.end(), '\n', ' ');
    actions.remember(entry);
    actions.run(text);
    text.clear();
  }
  if (!text.empty()) actions.run(text);  // The last query needs no empty line.
}

TerminalLines::TerminalLines(std::string history_file) : history_file_(std::move(history_file)) {
  using_history();
  stifle_history(kHistoryMax);
  if (!history_file_.empty()) read_history(history_file_.c_str());
}

TerminalLines::~TerminalLines() {
  if (!history_file_.empty()) write_history(history_file_.c_str());
}

std::optional<std::string> TerminalLines::Read(const std::string& prompt) {
  const std::unique_ptr<char, decltype(&std::free)> line(::readline(prompt.c_str()), &std::free);
  if (!line) return std::nullopt;
  return std::string(line.get());
}

void TerminalLines::Remember(const std::string& entry) { add_history(entry.c_str()); }

}  // namespace pemba::cli
