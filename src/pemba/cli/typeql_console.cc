#include "pemba/cli/typeql_console.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include <editline/readline.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace pemba::cli {
namespace {

constexpr int kHistoryMax = 1000;

bool IsBlank(const std::string& line) { return line.find_first_not_of(" \t\r") == line.npos; }

// One line of it all, as the history has it. Comments would swallow what follows them.
std::string EntryOf(const std::string& text) {
  std::string entry;
  char quote = 0;
  bool comment = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') comment = false;
    if (quote == 0 && c == '#') comment = true;
    if (comment) continue;
    if (quote != 0 && c == '\\' && i + 1 < text.size()) {
      entry.append(1, c).append(1, text[++i]);
      continue;
    }
    if (quote == 0 ? c == '"' || c == '\'' : c == quote) quote = quote == 0 ? c : 0;
    entry.push_back(c == '\n' ? ' ' : c);
  }
  const auto last = entry.find_last_not_of(" \t\r");
  return last == entry.npos ? "" : entry.substr(0, last + 1);
}

// What SIGINT does. The handler touches lock-free atomics only: nobody registers callbacks on the
// source, and it is not changed while `running` points to it.
std::atomic<bool> interrupted{false};
std::optional<std::stop_source> source;
std::atomic<std::stop_source*> running{nullptr};

void OnInterrupt(int) {
  interrupted = true;
  if (auto* stop = running.load()) stop->request_stop();
}

}  // namespace

void RunConsole(const std::string& prompt, const ReadLine& read_line,
                const ConsoleActions& actions) {
  std::string text;
  const std::string more(prompt.size() > 5 ? prompt.size() - 5 : 0, ' ');
  while (true) {
    const auto [kind, line] = read_line(text.empty() ? prompt : more + "...> ");
    if (kind == Line::Kind::kEnd) break;
    if (kind == Line::Kind::kInterrupted) {
      text.clear();
      continue;
    }
    if (text.empty() && line.starts_with(':')) {
      if (line == ":quit" || line == ":exit" || line == ":q") return;
      actions.remember(line);
      actions.command(line.substr(1));
      continue;
    }
    if (!IsBlank(line)) {
      text += line + "\n";
      continue;
    }
    if (text.empty()) continue;
    actions.remember(EntryOf(text));
    actions.run(text);
    text.clear();
  }
  if (!text.empty()) actions.run(text);  // The last query needs no empty line.
}

TerminalLines::TerminalLines(std::string history_file) : history_file_(std::move(history_file)) {
  using_history();
  stifle_history(kHistoryMax);
  if (!history_file_.empty()) read_history(history_file_.c_str());
  struct sigaction action {};
  action.sa_handler = OnInterrupt;  // Without SA_RESTART: reading a line must end.
  ::sigaction(SIGINT, &action, nullptr);
}

TerminalLines::~TerminalLines() {
  std::signal(SIGINT, SIG_DFL);
  running = nullptr;
}

Line TerminalLines::Read(const std::string& prompt) {
  // Of a query that has ended; otherwise it came between two lines.
  if (running.exchange(nullptr) != nullptr) interrupted = false;
  if (interrupted.exchange(false)) return {Line::Kind::kInterrupted, {}};
  const std::unique_ptr<char, decltype(&std::free)> line(::readline(prompt.c_str()), &std::free);
  const bool given_up = interrupted.exchange(false);
  if (line && !given_up) return {Line::Kind::kText, line.get()};
  [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, "\n", 1);  // The line has ended.
  return {given_up ? Line::Kind::kInterrupted : Line::Kind::kEnd, {}};
}

void TerminalLines::Remember(const std::string& entry) {
  if (entry.empty() || entry == last_) return;
  last_ = entry;
  add_history(entry.c_str());
  if (!history_file_.empty()) write_history(history_file_.c_str());
}

std::stop_token TerminalLines::Interruptible() {
  source.emplace();
  running = &*source;
  if (interrupted) source->request_stop();  // It came before.
  return source->get_token();
}

std::size_t TerminalLines::columns() const {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace pemba::cli
