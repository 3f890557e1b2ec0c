// tuple write | delete | read | changes | watch; those of writes.md are in write_commands.cc
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pemba/cli/command_line.h"
#include "pemba/cli/file_scope.h"
#include "pemba/cli/paging.h"
#include "pemba/cli/tuple_file.h"
#include "pemba/cli/tuple_sender.h"
#include "pemba/tuple/context.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

struct ChangeOptions {
  TupleJob job;
  std::string user, relation, object, file;
  std::string condition_name, condition_context, expires_at;
  std::uint32_t tuples_per_write = 0, parallel_requests = 0, rps_max = 0, ramp_up_seconds = 0;
  std::size_t skip = 0;
  bool hide_imported = false;
  bool progress = false;
};

Result<std::vector<tuple::Tuple>> TuplesOf(const ChangeOptions& options) {
  const bool positional = !options.user.empty();
  if (!options.file.empty()) {
    if (positional) return Invalid("give either `user relation object` or --file, not both");
    PEMBA_TRY(auto format, TupleFormatOf(options.file));
    PEMBA_TRY(auto text, ReadFile(options.file));
    auto tuples = ParseTuples(format, text);
    if (!tuples.ok()) return Invalid(options.file + ": " + tuples.error().message);
    return tuples;
  }
  if (options.object.empty()) return Invalid("give `user relation object`, or --file");
  tuple::Tuple one{options.object, options.relation, options.user, std::nullopt};
  if (!options.condition_name.empty()) {
    auto context = tuple::ParseContext(options.condition_context);
    if (!context.ok()) return Invalid("--condition-context: " + context.error().message);
    one.condition = tuple::Condition{options.condition_name, *std::move(context)};
  } else if (!options.condition_context.empty()) {
    return Invalid("--condition-context needs --condition-name");
  }
  if (!options.expires_at.empty()) {
    PEMBA_TRY(one.expires_at, ParseTime("--expires-at", options.expires_at));
  }
  return std::vector<tuple::Tuple>{std::move(one)};
}

// Fills in what depends on other options: the defaults of the reference's command.
TupleJob JobOf(const ChangeOptions& options) {
  TupleJob job = options.job;
  if (job.tolerance.empty()) job.tolerance = options.file.empty() ? "error" : "ignore";
  const bool paced = options.rps_max > 0;
  const auto given_or = [](std::uint32_t given, std::uint32_t otherwise) {
    return given > 0 ? given : otherwise;
  };
  job.tuples_per_write = given_or(options.tuples_per_write, paced ? 40 : 1);
  job.parallel_requests =
      given_or(options.parallel_requests, paced ? std::max(options.rps_max / 5, 1u) : 10);
  job.pace =
      RequestPace(options.rps_max,
                  std::chrono::seconds(given_or(options.ramp_up_seconds, options.rps_max * 2)));
  return job;
}

// "120000 of 1000000 tuples, 41000/s; to go on from here: --skip 120000"
std::string ProgressLine(const TupleProgress& progress, std::size_t skipped) {
  const auto seconds = std::max(progress.elapsed.count(), 0.001);
  const auto rate = static_cast<std::size_t>(static_cast<double>(progress.finished) / seconds);
  return std::to_string(skipped + progress.finished) + " of " +
         std::to_string(skipped + progress.total) + " tuples, " + std::to_string(rate) +
         "/s; to go on from here: --skip " + std::to_string(skipped + progress.finished) + "\n";
}

Result<int> Change(Session& session, const ChangeOptions& options) {
  PEMBA_TRY(auto tuples, TuplesOf(options));
  const auto skipped = std::min(options.skip, tuples.size());
  tuples.erase(tuples.begin(), tuples.begin() + static_cast<std::ptrdiff_t>(skipped));
  PEMBA_TRY(auto client, session.Connect());  // One token for all connections.
  auto job = JobOf(options);
  if (options.progress) {
    job.progress = [&](const TupleProgress& progress) {
      session.err << ProgressLine(progress, skipped) << std::flush;
    };
  }
  const auto report = SendTuples(client.options(), job, tuples);
  if (report.stopped_at) {
    session.err << "error: the server does not answer any more; go on with --skip "
                << skipped + *report.stopped_at << "\n";
  }
  json::object result;
  if (!options.hide_imported) {
    auto& successful = result["successful"].emplace_array();
    for (const auto& tuple : report.successful) successful.push_back(TupleToJson(tuple));
  }
  auto& failed = result["failed"].emplace_array();
  for (const auto& [tuple, reason] : report.failed) {
    failed.push_back({{"tuple_key", TupleToJson(tuple)}, {"reason", reason}});
  }
  result["total_count"] = tuples.size();
  result["successful_count"] = report.successful.size();
  result["failed_count"] = report.failed.size();
  session.Print(result);
  return report.failed.empty() && !report.stopped_at ? 0 : 1;
}

std::shared_ptr<ChangeOptions> AddChangeOptions(CommandLine& line, CLI::App& command,
                                                std::shared_ptr<ChangeOptions> options) {
  const bool writes = options->job.operation == TupleJob::Operation::kWrite;
  command.add_option("user", options->user, "Subject: user:anne, group:eng#member, user:*");
  command.add_option("relation", options->relation, "Relation");
  command.add_option("object", options->object, "Object: document:plan");
  command.add_option("--file", options->file, "Tuples as .yaml, .json, .jsonl or .csv");
  line.Require(command.add_option("--store-id", options->job.store_id, "Store"));
  command.add_option("--model-id", options->job.model_id, "Authorization model; default: latest");
  if (writes) {
    command.add_option("--condition-name", options->condition_name, "Condition of the tuple");
    command.add_option("--condition-context", options->condition_context, "Its context, JSON");
    command.add_option("--expires-at", options->expires_at,
                       "When the tuple ends, RFC 3339 (servers other than Pemba do not know it)");
  }
  command
      .add_option(writes ? "--on-duplicate" : "--on-missing", options->job.tolerance,
                  writes
                      ? "ignore, error, or replace (Pemba only); default: ignore with --file, else "
                        "error"
                      : "ignore or error; default: ignore with --file, else error")
      ->check(CLI::IsMember(writes ? std::vector<std::string>{"ignore", "error", "replace"}
                                   : std::vector<std::string>{"ignore", "error"}));
  command.add_option("--max-tuples-per-write", options->tuples_per_write,
                     "Tuples in one request; default 1, with --max-rps 40");
  command.add_option("--max-parallel-requests", options->parallel_requests,
                     "Requests at a time; default 10, with --max-rps a fifth of it");
  command.add_option("--max-rps", options->rps_max, "Requests per second; default: no limit");
  command.add_option("--rampup-period-in-sec", options->ramp_up_seconds,
                     "Time to reach --max-rps; default twice its number");
  command.add_option("--skip", options->skip, "Leave out so many tuples at the file's beginning");
  command.add_flag("--progress", options->progress, "Say on stderr every second how far it is");
  command.add_flag("--hide-imported-tuples", options->hide_imported,
                   "Print only what failed, and the counts");
  return options;
}

void AddChange(CommandLine& line, CLI::App& group, const std::string& name,
               const std::string& description, TupleJob::Operation operation) {
  auto options = std::make_shared<ChangeOptions>();
  options->job.operation = operation;
  auto& command = line.Command(group, name, description,
                               [options](Session& session) { return Change(session, *options); });
  if (operation == TupleJob::Operation::kWrite) command.alias("import");
  AddChangeOptions(line, command, options);
}

struct ReadOptions {
  std::string store_id, user, relation, object, consistency;
  std::string output_format = "json";
  std::uint32_t pages_max = 20, page_size = 0;
};

// The tuple of one entry of Read's answer.
Result<tuple::Tuple> TupleOfEntry(const json::value& entry) {
  const auto* object = entry.if_object();
  const auto* key = object == nullptr ? nullptr : object->if_contains("key");
  if (key == nullptr) return Error{ErrorCode::kInternal, "the server's answer has no tuple key"};
  return TupleFromJson(*key);
}

Result<int> PrintTuples(Session& session, const std::string& format, const json::object& answer) {
  if (format == "json") {
    session.Print(answer);
    return 0;
  }
  std::vector<tuple::Tuple> tuples;
  for (const auto& entry : ListAt(answer, "tuples")) {
    PEMBA_TRY(auto tuple, TupleOfEntry(entry));
    tuples.push_back(std::move(tuple));
  }
  if (format == "simple-json") {
    json::array list;
    for (const auto& tuple : tuples) list.push_back(TupleToJson(tuple));
    session.Print(list);
  } else {
    session.out << FormatTuples(format == "csv" ? TupleFormat::kCsv : TupleFormat::kYaml, tuples);
  }
  return 0;
}

Result<int> Read(Session& session, const ReadOptions& options) {
  PEMBA_TRY(auto client, session.Connect());
  json::object body;
  if (!options.user.empty() || !options.relation.empty() || !options.object.empty()) {
    auto& key = body["tuple_key"].emplace_object();
    if (!options.user.empty()) key["user"] = options.user;
    if (!options.relation.empty()) key["relation"] = options.relation;
    if (!options.object.empty()) key["object"] = options.object;
  }
  const std::uint32_t page_size_default = options.pages_max == 0 ? 100 : 50;
  body["page_size"] = options.page_size > 0 ? options.page_size : page_size_default;
  if (!options.consistency.empty()) body["consistency"] = options.consistency;
  PEMBA_TRY(auto answer, ReadPages("tuples", options.pages_max, "", [&](const std::string& token) {
              if (!token.empty()) body["continuation_token"] = token;
              return client.Post(StorePath(options.store_id, "/read"), body);
            }));
  return PrintTuples(session, options.output_format, answer);
}

void AddRead(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ReadOptions>();
  auto& command = line.Command(group, "read", "Read the tuples of a store",
                               [options](Session& session) { return Read(session, *options); });
  line.Require(command.add_option("--store-id", options->store_id, "Store"));
  command.add_option("--user", options->user, "Only with this subject");
  command.add_option("--relation", options->relation, "Only with this relation");
  command.add_option("--object", options->object, "Only of this object, or `type:` with --user");
  command.add_option("--max-pages", options->pages_max, "Pages to read; 0: all")
      ->capture_default_str();
  command.add_option("--page-size", options->page_size, "Tuples per page, at most 100")
      ->check(CLI::Range(1, 100));
  command.add_option("--output-format", options->output_format, "json, simple-json, csv or yaml")
      ->check(CLI::IsMember({"json", "simple-json", "csv", "yaml"}))
      ->capture_default_str();
  command
      .add_option("--consistency", options->consistency, "HIGHER_CONSISTENCY or MINIMIZE_LATENCY")
      ->transform(CLI::IsMember({"HIGHER_CONSISTENCY", "MINIMIZE_LATENCY"}, CLI::ignore_case));
}

struct ChangesOptions {
  std::string store_id, type, start_time, token;
  std::uint32_t pages_max = 20;
};

Result<int> Changes(Session& session, const ChangesOptions& options) {
  PEMBA_TRY(auto client, session.Connect());
  PEMBA_TRY(auto answer,
            ReadPages("changes", options.pages_max, options.token, [&](const std::string& token) {
              return client.Get(StorePath(options.store_id, "/changes"),
                                {{"type", options.type},
                                 {"start_time", options.start_time},
                                 {"continuation_token", token}});
            }));
  session.Print(answer);
  return 0;
}

void AddChanges(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<ChangesOptions>();
  auto& command = line.Command(group, "changes", "Read what was written and deleted, oldest first",
                               [options](Session& session) { return Changes(session, *options); });
  line.Require(command.add_option("--store-id", options->store_id, "Store"));
  command.add_option("--type", options->type, "Only of objects of this type");
  command.add_option("--start-time", options->start_time, "Only after this time, RFC 3339");
  command.add_option("--max-pages", options->pages_max, "Pages to read")->capture_default_str();
  command.add_option("--continuation-token", options->token, "Go on after an earlier answer");
}

struct WatchOptions {
  std::string store_id, type, token, after_revision;
  std::uint32_t heartbeat_seconds = 30;
  std::uint64_t count_max = 0;
  bool heartbeats = false;
};

bool IsHeartbeat(const json::value& message) {
  const auto* object = message.if_object();
  const auto* changes = object == nullptr ? nullptr : object->if_contains("changes");
  return changes == nullptr || !changes->is_array() || changes->get_array().empty();
}

Result<int> Watch(Session& session, const WatchOptions& options) {
  PEMBA_TRY(auto client, session.Connect());
  std::uint64_t count = 0;
  PEMBA_TRY(std::ignore,
            client.GetStream(StorePath(options.store_id, "/watch"),
                             {{"type", options.type},
                              {"after_revision", options.after_revision},
                              {"continuation_token", options.token},
                              {"heartbeat_seconds", std::to_string(options.heartbeat_seconds)}},
                             [&](const json::value& message) {
                               using Lines = HttpClient::Lines;
                               const bool heartbeat = IsHeartbeat(message);
                               if (heartbeat && !options.heartbeats) return Lines::kMore;
                               session.Print(message);
                               session.out << std::flush;
                               if (!heartbeat) ++count;
                               return options.count_max != 0 && count == options.count_max
                                          ? Lines::kNoMore
                                          : Lines::kMore;
                             }));
  return 0;
}

void AddWatch(CommandLine& line, CLI::App& group) {
  auto options = std::make_shared<WatchOptions>();
  auto& command = line.Command(group, "watch", "Print what is written and deleted, as it happens",
                               [options](Session& session) { return Watch(session, *options); });
  line.Require(command.add_option("--store-id", options->store_id, "Store"));
  command.add_option("--type", options->type, "Only of objects of this type");
  command.add_option("--after-revision", options->after_revision,
                     "Start after this revision; 0: with everything; default: from now on");
  command.add_option("--continuation-token", options->token, "Go on after an earlier message");
  command
      .add_option("--heartbeat-seconds", options->heartbeat_seconds,
                  "How often the server at least says something")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  command.add_flag("--heartbeats", options->heartbeats, "Print heartbeats too");
  command.add_option("--count", options->count_max, "End after so many writes; default: never");
}

}  // namespace

void AddTupleCommands(CommandLine& line) {
  auto& group = line.Group("tuple", "Write, delete and read relationship tuples");
  AddChange(line, group, "write", "Write one tuple, or those of a file",
            TupleJob::Operation::kWrite);
  AddChange(line, group, "delete", "Delete one tuple, or those of a file",
            TupleJob::Operation::kDelete);
  AddRead(line, group);
  AddChanges(line, group);
  AddWatch(line, group);
  AddWriteCommands(line, group);
}

}  // namespace pemba::cli
