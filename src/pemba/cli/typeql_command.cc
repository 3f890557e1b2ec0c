// typeql: queries in TypeQL, from the command line, from files or in a console
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>
#include <unistd.h>

#include "pemba/api/json_writer.h"
#include "pemba/cli/command_line.h"
#include "pemba/cli/file_scope.h"
#include "pemba/cli/typeql_console.h"
#include "pemba/cli/typeql_target.h"
#include "pemba/cli/typeql_text.h"
#include "pemba/reason/samples.h"

namespace pemba::cli {
namespace {

constexpr const char* kHelp =
    "A query ends with an empty line. Commands:\n"
    "  :infer on|off      apply the rules to what is read\n"
    "  :explain on|off    show how inferred facts follow\n"
    "  :output table|json\n"
    "  :timing on|off\n"
    "  :load FILE         run the queries of a file\n"
    "  :schema            show types and rules\n"
    "  :quit\n";

struct TypeqlOptions {
  std::string database, sample, output = "table";
  std::vector<std::string> files, queries;
  bool infer = false, explain = false, timing = false;
  std::uint32_t answers_max = 0;
};

class Runner {
 public:
  Runner(Session& session, TypeqlOptions options, std::unique_ptr<TypeqlTarget> target)
      : session_(session), options_(std::move(options)), target_(std::move(target)) {}

  // All queries of a text, up to the first that fails.
  Status Run(const std::string& text) {
    auto ran = RunSteps(text);
    if (ran.ok()) return Done{};
    return Error{ran.error().code, ran.error().message + PlaceOf(ran.error().message, text)};
  }

  Status RunSteps(const std::string& text) {
    PEMBA_TRY(const auto steps, SplitTypeql(text));
    for (const auto& step : steps) {
      const auto begin = std::chrono::steady_clock::now();
      PEMBA_TRY(const auto response, target_->Run({.text = step,
                                                   .infer = options_.infer || options_.explain,
                                                   .explain = options_.explain,
                                                   .answers_max = options_.answers_max,
                                                   .cancelled = cancelled_}));
      Show(response);
      if (options_.timing) ShowTime(response, std::chrono::steady_clock::now() - begin);
    }
    return Done{};
  }

  Status RunFile(const std::string& path) {
    PEMBA_TRY(const auto text, ReadFile(path));
    auto ran = Run(text);
    if (ran.ok()) return Done{};
    return Error{ran.error().code, path + ": " + ran.error().message};
  }

  int RunInteractively() {
    session_.err << "An empty line runs a query; :help says more.\n";
    options_.timing = true;
    TerminalLines lines(HistoryFile());
    RunConsole(target_->name() + "> ", [&](const auto& prompt) { return lines.Read(prompt); },
               {.run =
                    [&](const auto& text) {
                      cancelled_ = lines.Interruptible();
                      columns_ = lines.columns();
                      Report(Run(text));
                    },
                .command = [&](const auto& command) { Report(Obey(command)); },
                .remember = [&](const auto& entry) { lines.Remember(entry); }});
    return 0;
  }

 private:
  static std::string HistoryFile() {
    const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): nobody changes it.
    return home == nullptr ? "" : std::string(home) + "/.pemba_typeql_history";
  }

  void Report(const Status& status) {
    if (!status.ok()) session_.err << "error: " << status.error().message << "\n";
  }

  void Show(const ::pemba::reason::v1::QueryResponse& response) {
    if (options_.output == "json") {
      session_.Print(boost::json::parse(api::ToJson(response)));
      return;
    }
    session_.out << AnswersText(response, columns_);
    if (response.truncated())
      session_.err << "There are more answers; --answers-max asks for more.\n";
  }

  void ShowTime(const ::pemba::reason::v1::QueryResponse& response,
                std::chrono::nanoseconds duration) {
    char time[32];
    std::snprintf(time, sizeof time, "%.1f ms", static_cast<double>(duration.count()) / 1e6);
    const auto count = CountText(response);
    session_.err << (count.empty() ? "done" : count) << " in " << time << "\n";
  }

  Status Obey(const std::string& command) {
    const auto space = command.find(' ');
    const std::string word = command.substr(0, space);
    const std::string rest = space == command.npos ? "" : command.substr(space + 1);
    if (word == "help" || word == "?") {
      session_.err << kHelp;
      return Done{};
    }
    if (word == "infer") return Switch(rest, options_.infer);
    if (word == "explain") return Switch(rest, options_.explain);
    if (word == "timing") return Switch(rest, options_.timing);
    if (word == "output" && (rest == "table" || rest == "json")) {
      options_.output = rest;
      return Done{};
    }
    if (word == "load" && !rest.empty()) return RunFile(rest);
    if (word == "schema") {
      PEMBA_TRY(const auto schema, target_->Schema());
      session_.out << schema;
      return Done{};
    }
    return Error{ErrorCode::kInvalidArgument, "no such command; :help lists them"};
  }

  static Status Switch(const std::string& word, bool& setting) {
    if (word != "on" && word != "off") {
      return Error{ErrorCode::kInvalidArgument, "say `on` or `off`"};
    }
    setting = word == "on";
    return Done{};
  }

  Session& session_;
  TypeqlOptions options_;
  std::unique_ptr<TypeqlTarget> target_;
  std::stop_token cancelled_;
  std::size_t columns_ = 0;  // Of the terminal; 0: as many as a table needs.
};

Result<std::unique_ptr<TypeqlTarget>> TargetOf(Session& session, const TypeqlOptions& options) {
  if (options.database.empty()) return NewLocalTarget(options.sample);
  PEMBA_TRY(auto client, session.Connect());
  return NewServerTarget(std::move(client), options.database, options.sample);
}

Result<int> Typeql(Session& session, const TypeqlOptions& options) {
  PEMBA_TRY(auto target, TargetOf(session, options));
  Runner runner(session, options, std::move(target));
  for (const auto& file : options.files) {
    PEMBA_TRY(std::ignore, runner.RunFile(file));
  }
  for (const auto& query : options.queries) {
    PEMBA_TRY(std::ignore, runner.Run(query));
  }
  const bool asked = !options.files.empty() || !options.queries.empty();
  const bool terminal = ::isatty(STDIN_FILENO) != 0;
  if (asked || (!options.sample.empty() && !options.database.empty() && !terminal)) return 0;
  if (terminal) return runner.RunInteractively();
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  PEMBA_TRY(std::ignore, runner.Run(text));
  return 0;
}

}  // namespace

void AddTypeqlCommand(CommandLine& line) {
  auto options = std::make_shared<TypeqlOptions>();
  auto& command =
      line.Command(line.root(), "typeql", "Query databases of facts and rules in TypeQL",
                   [options](Session& session) { return Typeql(session, *options); });
  command.add_option("--database", options->database,
                     "Database of the server; default: an empty one in memory");
  std::string samples;
  for (const auto& sample : pemba::reason::Samples()) {
    samples.append(samples.empty() ? "" : ", ").append(sample.name);
  }
  command.add_option("--sample", options->sample,
                     "Begin with this schema and data (" + samples +
                         "); on a server, the database is made with it");
  command.add_option("-f,--file", options->files, "Run the queries of this file (repeatable)")
      ->allow_extra_args(false);
  command.add_option("-e,--execute", options->queries, "Run these queries (repeatable)")
      ->allow_extra_args(false);
  command.add_flag("--infer", options->infer, "Apply the rules to what is read");
  command.add_flag("--explain", options->explain, "Infer, and show how inferred facts follow");
  command.add_option("-o,--output", options->output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
  command.add_option("--answers-max", options->answers_max, "No more answers than these");
  command.add_flag("--timing", options->timing, "Tell the time that queries take");
}

}  // namespace pemba::cli
