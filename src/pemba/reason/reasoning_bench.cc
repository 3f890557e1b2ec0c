// Figures of the reasoning room, in one run: recursive membership over chains, trees and random
// graphs, and all permissions of one subject among a million; beside them the same programs in
// SWI-Prolog (tabled), if `swipl` is there, and memory per fact.
//
//   reason_reasoning_bench [--edges-max=N] [--only=NAME] [--no-prolog]
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include "pemba/reason/database.h"
#include "pemba/reason/definition.h"
#include "pemba/reason/internal/change.h"
#include "pemba/reason/parser.h"

namespace pemba::reason {
namespace {

using internal::Change;
using Edges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

constexpr const char* kSchema = R"(define
code sub attribute, value long;
group sub entity, owns code, plays membership:parent, plays membership:member,
  plays grant:holder, plays permission:holder;
object sub entity, plays grant:object, plays permission:object;
membership sub relation, relates parent, relates member;
grant sub relation, relates holder, relates object;
permission sub relation, relates holder, relates object;
rule transitive-membership:
  when { (parent: $x, member: $y) isa membership; (parent: $y, member: $z) isa membership; }
  then { (parent: $x, member: $z) isa membership; };
rule direct: when { (holder: $s, object: $o) isa grant; }
  then { (holder: $s, object: $o) isa permission; };
rule inherited:
  when { (parent: $g, member: $s) isa membership; (holder: $g, object: $o) isa grant; }
  then { (holder: $s, object: $o) isa permission; };
)";

// Facts without the way through TypeQL: two records of a log.
class PreparedLog final : public TransactionLog {
 public:
  explicit PreparedLog(std::vector<std::string> records) : records_(std::move(records)) {}
  Status Read(const std::function<Status(std::string_view)>& see) override {
    for (const std::string& record : records_) {
      if (const Status seen = see(record); !seen.ok()) return seen;
    }
    records_.clear();
    return Done{};
  }
  Status Append(std::string_view) override { return Done{}; }
  Status Replace(std::string_view) override { return Done{}; }

 private:
  std::vector<std::string> records_;
};

double Seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

template <class T>
T Must(Result<T> result) {
  if (!result.ok()) {
    std::cerr << result.error().message << "\n";
    std::exit(1);
  }
  return *std::move(result);
}

struct Data {
  std::uint32_t groups = 0;
  Edges memberships;  // Parent and member.
  std::uint32_t objects = 0;
  Edges grants;  // Group and object.
};

std::unique_ptr<Database> Load(const Data& data) {
  const syntax::Query query = Must(ParseQuery(kSchema));
  const Schema schema = Must(Define(Schema(), std::get<syntax::Define>(query.node)));
  internal::Record record;
  record.revision = 2;
  ThingId next = 0;
  const auto type = [&](const char* label) { return schema.Find(label)->id; };
  for (std::uint32_t i = 0; i < data.groups; ++i) {
    record.changes.push_back({Change::Kind::kCreate, next++, kNoThing, type("group"), {}});
  }
  const ThingId first_object = next;
  for (std::uint32_t i = 0; i < data.objects; ++i) {
    record.changes.push_back({Change::Kind::kCreate, next++, kNoThing, type("object"), {}});
  }
  const auto relate = [&](const char* relation, const char* a, ThingId x, const char* b,
                          ThingId y) {
    const ThingId thing = next++;
    record.changes.push_back({Change::Kind::kCreate, thing, kNoThing, type(relation), {}});
    record.changes.push_back({Change::Kind::kPlay, thing, x, type(a), {}});
    record.changes.push_back({Change::Kind::kPlay, thing, y, type(b), {}});
  };
  for (const auto& [parent, member] : data.memberships) {
    relate("membership", "membership:parent", parent, "membership:member", member);
  }
  for (const auto& [group, object] : data.grants) {
    relate("grant", "grant:holder", group, "grant:object", first_object + object);
  }
  // The two ends that queries begin with are found by attribute.
  for (const ThingId end : {ThingId{0}, data.groups - 1}) {
    const ThingId attribute = next++;
    record.changes.push_back({Change::Kind::kPut, attribute, kNoThing, type("code"),
                              Value(static_cast<std::int64_t>(end == 0 ? 0 : 1))});
    record.changes.push_back({Change::Kind::kOwn, end, attribute, 0, {}});
  }
  std::vector<std::string> records{
      internal::Encode({internal::Record::Kind::kSchema, 1, kSchema, {}}, schema),
      internal::Encode(record, schema)};
  DatabaseOptions options;
  options.log = std::make_unique<PreparedLog>(std::move(records));
  return Must(Database::Open(std::move(options)));
}

struct Timed {
  double first = 1e9, streamed = 1e9, all = 1e9;  // Seconds.
  std::uint64_t answers = 0;
};

// The best of three, each in a transaction of its own: nothing inferred is reused. `all` counts the
// answers, as the Prolog goal does; `streamed` takes every one as a concept.
Timed Ask(Database& database, const std::string& query) {
  Timed best;
  const QueryOptions options{.inference = Inference::kOn};
  for (int round = 0; round < 3; ++round) {
    const double first = Seconds([&] {
      auto reading = Must(database.Begin(TransactionKind::kRead));
      auto answers = Must(reading->Run(query, options));
      Must(answers->Next());
    });
    const double streamed = Seconds([&] {
      auto reading = Must(database.Begin(TransactionKind::kRead));
      auto answers = Must(reading->Run(query, options));
      while (Must(answers->Next())) {
      }
    });
    const double all = Seconds([&] {
      auto reading = Must(database.Begin(TransactionKind::kRead));
      auto answers = Must(reading->Run(query + " count;", options));
      const Value count = *Must(answers->Next())->number;
      best.answers = static_cast<std::uint64_t>(std::get<std::int64_t>(count));
    });
    best.first = std::min(best.first, first);
    best.streamed = std::min(best.streamed, streamed);
    best.all = std::min(best.all, all);
  }
  return best;
}

bool HasProlog() { return std::system("command -v swipl >/dev/null 2>&1") == 0; }

// Seconds of the goal alone, loading excluded; negative if it failed. `count` gets its result.
double Prolog(const Data& data, const std::string& rules, const std::string& goal,
              std::uint64_t& count) {
  const std::string path = "/tmp/reasoning_bench_" + std::to_string(::getpid()) + ".pl";
  {
    std::ofstream file(path);
    file << ":- set_prolog_flag(table_space, 8000000000).\n:- set_prolog_flag(stack_limit, "
            "8000000000).\n:- initialization(main).\n"
         << rules;
    for (const auto& [parent, member] : data.memberships) {
      file << "edge(" << parent << "," << member << ").\n";
    }
    for (const auto& [group, object] : data.grants) {
      file << "grant(" << group << "," << object << ").\n";
    }
    file << "main :- statistics(walltime,[A|_]), aggregate_all(count," << goal
         << ",C), statistics(walltime,[B|_]), D is B-A, format(\"~w ~w~n\",[C,D]), halt.\n";
  }
  const std::string command = "timeout 120 swipl -O " + path + " 2>/dev/null";
  FILE* pipe = ::popen(command.c_str(), "r");
  unsigned long long answers = 0;
  double milliseconds = -1;
  const bool read = pipe != nullptr && std::fscanf(pipe, "%llu %lf", &answers, &milliseconds) == 2;
  if (pipe != nullptr) ::pclose(pipe);
  std::remove(path.c_str());
  count = answers;
  return read ? milliseconds / 1000 : -1;
}

void Row(const std::string& name, const Timed& timed, double prolog, std::uint64_t prolog_answers) {
  std::printf("%-30s %9llu answers: first %8.3f ms, all %9.3f ms, streamed %9.3f ms", name.c_str(),
              static_cast<unsigned long long>(timed.answers), timed.first * 1e3, timed.all * 1e3,
              timed.streamed * 1e3);
  if (prolog >= 0) {
    std::printf("; swipl %9.0f ms = x%.1f%s", prolog * 1e3, prolog / timed.all,
                prolog_answers == timed.answers ? "" : " WITH OTHER ANSWERS");
  }
  std::printf("\n");
  std::fflush(stdout);
}

Data Chain(std::uint32_t edges) {
  Data data{edges + 1, {}, 0, {}};
  for (std::uint32_t i = 0; i < edges; ++i) data.memberships.emplace_back(i, i + 1);
  return data;
}
Data Tree(std::uint32_t edges) {  // Four children each.
  Data data{edges + 1, {}, 0, {}};
  for (std::uint32_t i = 1; i <= edges; ++i) data.memberships.emplace_back((i - 1) / 4, i);
  return data;
}
Data Graph(std::uint32_t edges) {  // Two edges per group: most of it is one component.
  Data data{edges / 2, {}, 0, {}};
  std::mt19937 random(edges);
  data.memberships.emplace_back(0, 1);
  while (data.memberships.size() < edges) {
    data.memberships.emplace_back(random() % data.groups, random() % data.groups);
  }
  return data;
}
// A million grants; 100,000 groups in a tree, so that everybody has some ancestors.
Data Grants(std::uint32_t grants) {
  Data data = Tree(grants / 10);
  data.objects = grants / 10;
  std::mt19937 random(grants);
  while (data.grants.size() < grants) {
    data.grants.emplace_back(random() % data.groups, random() % data.objects);
  }
  return data;
}

constexpr const char* kDown =
    "match $g has code 0; (parent: $g, member: $m) isa membership; get $m;";
constexpr const char* kWhole = "match (parent: $g, member: $m) isa membership; get $g, $m;";
constexpr const char* kPermissions =
    "match $s has code 1; (holder: $s, object: $o) isa permission; get $o;";
constexpr const char* kPath =
    ":- table path/2.\npath(X,Y) :- edge(X,Y).\n"
    "path(X,Y) :- path(X,Z), edge(Z,Y).\n";
constexpr const char* kPermission =
    ":- table above/2.\nabove(Y,X) :- edge(X,Y).\nabove(Y,X) :- above(Y,Z), edge(X,Z).\n"
    ":- table permission/2.\npermission(S,O) :- grant(S,O).\n"
    "permission(S,O) :- above(S,G), grant(G,O).\n";

struct Question {
  const char* name;
  Data (*make)(std::uint32_t);
  const char* query;
  const char* rules;
  const char* goal;  // With `~` for the last group.
};
constexpr Question kQuestions[] = {
    {"chain", Chain, kDown, kPath, "path(0,_)"},
    {"tree", Tree, kDown, kPath, "path(0,_)"},
    {"graph", Graph, kDown, kPath, "path(0,_)"},
    {"closure of a tree", Tree, kWhole, kPath, "path(_,_)"},
    {"permissions", Grants, kPermissions, kPermission, "permission(~,_)"},
};

struct Options {
  std::uint32_t edges_max = 1'000'000;
  std::string only;  // A part of the names of what is asked.
  bool prolog = true;
};

void Run(const Options& options) {
  const bool prolog = options.prolog && HasProlog();
  if (!prolog) std::cout << "without SWI-Prolog: no comparison\n";
  for (const Question& question : kQuestions) {
    if (std::string_view(question.name).find(options.only) == std::string_view::npos) continue;
    for (std::uint32_t edges = 10'000; edges <= options.edges_max; edges *= 10) {
      const Data data = question.make(edges);
      auto database = Load(data);
      const Timed timed = Ask(*database, question.query);
      std::string goal = question.goal;
      if (const auto last = goal.find('~'); last != std::string::npos) {
        goal.replace(last, 1, std::to_string(data.groups - 1));
      }
      std::uint64_t count = 0;
      const double other = prolog ? Prolog(data, question.rules, goal, count) : -1;
      Row(std::string(question.name) + " " + std::to_string(edges), timed, other, count);
      if (edges != options.edges_max) continue;
      const DatabaseSize size = database->Size();
      std::printf("  %.1f bytes per persisted relation (%llu relations, %llu entities)\n",
                  static_cast<double>(size.bytes) / static_cast<double>(size.relations),
                  static_cast<unsigned long long>(size.relations),
                  static_cast<unsigned long long>(size.entities));
    }
  }
}

}  // namespace
}  // namespace pemba::reason

int main(int argc, char** argv) {
  pemba::reason::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--edges-max=")) {
      options.edges_max = static_cast<std::uint32_t>(std::strtoul(argv[i] + 12, nullptr, 10));
    } else if (argument.starts_with("--only=")) {
      options.only = argument.substr(7);
    } else if (argument == "--no-prolog") {
      options.prolog = false;
    } else {
      std::cerr << "reason_reasoning_bench [--edges-max=N] [--only=NAME] [--no-prolog]\n";
      return 1;
    }
  }
  pemba::reason::Run(options);
}
