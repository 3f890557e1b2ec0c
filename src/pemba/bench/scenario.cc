#include "pemba/bench/scenario.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench {
namespace {

using namespace internal;

constexpr ScenarioInfo kScenarios[] = {
    {"S1", "direct", "documents shared with users directly: a stored tuple, or a near miss",
     MakeDirect},
    {"S2", "drive", "documents in 8 nested folders; owners, viewers, groups of groups", MakeDrive},
    {"S3", "group chain", "groups within groups, 1 to 200 deep, also with cycles", MakeGroupChain},
    {"S4", "or of recursive ors", "30 projects a site, 6 deep; one page asks about all",
     MakeProjects},
    {"S5", "two-way recursion", "a relation that recurses through parents and children at once",
     MakeTwoWay},
    {"S6", "denial among strangers", "2,700 organizations that know nothing of each other",
     MakeStrangers},
    {"S7", "block list", "members but not the blocked, lists of 1 to 100,000", MakeBlockList},
    {"S8", "wide parents", "documents in 200 folders each", MakeWideParents},
    {"S9", "shared teams", "users in 1,000 teams, documents shared with 1,000 others",
     MakeSharedTeams},
    {"S10", "giant group", "a group of 1,000,000, a user in 10,000 groups, 10,000 grantees",
     MakeGiants},
    {"S11", "conditions everywhere", "every tuple expires; half of the requests come too late",
     MakeExpiry},
    {"S12", "batch", "batches of 50 that share most of what they need", MakeSharedBatch},
    {"S13", "listing", "lists of 10 to 1,000,000 through or, and, but not, conditions",
     MakeListing},
    {"S14", "mixed load", "checks, lists and writes at once, with bursts", MakeMixed},
    {"S15", "kitchen sink", "one model with every feature", MakeKitchenSink},
};

char Lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool SameName(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, Lower, Lower);
}

Result<const ScenarioInfo*> FindScenario(std::string_view name) {
  for (const auto& info : Scenarios()) {
    if (SameName(info.name, name)) return &info;
  }
  std::string known;
  for (const auto& info : Scenarios()) known.append(known.empty() ? "" : ", ").append(info.name);
  return Error{ErrorCode::kInvalidArgument,
               "there is no scenario `" + std::string(name) + "`; there are " + known};
}

}  // namespace

std::span<const ScenarioInfo> Scenarios() { return kScenarios; }

Result<std::vector<const ScenarioInfo*>> FindScenarios(std::string_view names) {
  std::vector<const ScenarioInfo*> found;
  if (SameName(names, "all")) {
    for (const auto& info : Scenarios()) found.push_back(&info);
    return found;
  }
  while (true) {
    const auto comma = std::min(names.find(','), names.size());
    PEMBA_TRY(const auto* info, FindScenario(names.substr(0, comma)));
    found.push_back(info);
    if (comma == names.size()) return found;
    names.remove_prefix(comma + 1);
  }
}

Result<std::uint64_t> ParseSize(std::string_view text) {
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  const std::string_view unit(end, text.data() + text.size());
  const std::uint64_t factor = SameName(unit, "k")   ? 1'000
                               : SameName(unit, "m") ? 1'000'000
                               : unit.empty()        ? 1
                                                     : 0;
  if (error != std::errc() || factor == 0 || size == 0 || size > 1'000'000'000 / factor) {
    return Error{ErrorCode::kInvalidArgument,
                 "`" + std::string(text) + "` is no number of tuples such as 10k, 1m or 2500"};
  }
  return size * factor;
}

std::string SizeText(std::uint64_t size) {
  if (size > 0 && size % 1'000'000 == 0) return std::to_string(size / 1'000'000) + "m";
  if (size > 0 && size % 1'000 == 0) return std::to_string(size / 1'000) + "k";
  return std::to_string(size);
}

std::string ToText(const Question& question) {
  switch (question.ask) {
    case Ask::kCheck:
      return "check " + question.object + "#" + question.relation + "@" + question.subject +
             (question.context.empty() ? "" : " with " + question.context);
    case Ask::kBatchCheck:
      return "batch of " + std::to_string(question.batch.size()) + ", first " +
             (question.batch.empty() ? "none" : ToText(question.batch.front()));
    case Ask::kListObjects:
      return "list of " + question.object + "#" + question.relation + " for " + question.subject;
    case Ask::kListUsers:
      return "list of " + question.subject + " with " + question.object + "#" + question.relation;
  }
  return "";
}

}  // namespace pemba::bench
