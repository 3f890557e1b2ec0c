#include "pemba/engine/testing/list_runner.h"

#include <algorithm>
#include <set>

namespace pemba::engine::testing {
namespace {

using Names = std::set<std::string>;

ListSink SinkTo(Listed& listed) {
  return [&listed](std::span<const std::string_view> ids) {
    listed.ids.insert(listed.ids.end(), ids.begin(), ids.end());
    return SinkWants::kMore;
  };
}

// Every object of a type that some tuple names, on either side.
Names NamesOf(const std::string& type, const std::vector<tuple::Tuple>& tuples,
              const Oracle::Question& question) {
  Names names;
  const auto add = [&](std::string_view text) {
    const auto object = tuple::SplitObject(text.substr(0, text.rfind('#')));
    if (object.type == type && object.id != "*") names.insert(std::string(object.id));
  };
  for (const auto* source : {&tuples, &question.contextual_tuples}) {
    for (const auto& tuple : *source) {
      add(tuple.object);
      add(tuple.subject);
    }
  }
  add(question.tuple.object);
  add(question.tuple.subject);
  return names;
}

bool Allowed(WorldRunner& runner, const Oracle::Question& question) {
  const auto answer = runner.Check(question);
  return answer.ok() && *answer == Decision::kAllowed;
}

std::string Join(const Names& names) {
  std::string text;
  for (const auto& name : names) text += " " + name;
  return text;
}

Names Minus(const Names& a, const Names& b) {
  Names result;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::inserter(result, result.end()));
  return result;
}

std::string Compare(const Names& wanted, const Names& optional, const Listed& listed) {
  const Names got(listed.ids.begin(), listed.ids.end());
  if (got.size() != listed.ids.size()) return "duplicates in" + Join(got);
  const auto missing = Minus(wanted, got);
  const auto wrong = Minus(Minus(got, wanted), optional);
  if (missing.empty() && wrong.empty()) return "";
  return "missing:" + Join(missing) + ", wrong:" + Join(wrong);
}

}  // namespace

Result<Listed> ListRunner::Objects(const Oracle::Question& question, const ListOptions& options) {
  Arena arena;
  const auto snapshot = runner_.graph().Pin();
  Listed listed;
  const ObjectsQuery query{tuple::SplitObject(question.tuple.object).type,
                           question.tuple.relation,
                           question.tuple.subject,
                           question.contextual_tuples,
                           &question.context,
                           {}};
  const auto summary =
      Lister({.resolve_node_limit = question.hops_max}, clock_)
          .ListObjects(snapshot, runner_.model(), query, options, arena, SinkTo(listed));
  if (!summary.ok()) return summary.error();
  if (options.output == ListOutput::kCountOnly) listed.ids.resize(summary->count);
  if (summary->count != listed.ids.size()) return Error{ErrorCode::kInternal, "wrong count"};
  listed.end = summary->end;
  return listed;
}

Result<Listed> ListRunner::Users(const Oracle::Question& question, const UserKind& kind,
                                 const ListOptions& options) {
  Arena arena;
  const auto snapshot = runner_.graph().Pin();
  Listed listed;
  const UsersQuery query{
      question.tuple.object,      question.tuple.relation, kind.type, kind.relation,
      question.contextual_tuples, &question.context,       {}};
  const auto summary =
      Lister({.resolve_node_limit = question.hops_max}, clock_)
          .ListUsers(snapshot, runner_.model(), query, options, arena, SinkTo(listed));
  if (!summary.ok()) return summary.error();
  if (options.output == ListOutput::kCountOnly) listed.ids.resize(summary->count);
  if (summary->count != listed.ids.size()) return Error{ErrorCode::kInternal, "wrong count"};
  listed.end = summary->end;
  return listed;
}

std::string WrongObjects(WorldRunner& runner, const std::vector<tuple::Tuple>& tuples,
                         const Oracle::Question& question, const Listed& listed) {
  auto asked = question;
  asked.hops_max = 0;
  const std::string type(tuple::SplitObject(question.tuple.object).type);
  Names wanted;
  for (const auto& id : NamesOf(type, tuples, question)) {
    asked.tuple.object = type + ":" + id;
    if (Allowed(runner, asked)) wanted.insert(id);
  }
  return Compare(wanted, {}, listed);
}

std::string WrongUsers(WorldRunner& runner, const std::vector<tuple::Tuple>& tuples,
                       const Oracle::Question& question, const UserKind& kind,
                       const Listed& listed) {
  auto asked = question;
  asked.hops_max = 0;
  const auto suffix = kind.relation.empty() ? "" : "#" + kind.relation;
  Names allowed;
  for (const auto& id : NamesOf(kind.type, tuples, question)) {
    asked.tuple.subject = kind.type + ":" + id + suffix;
    if (Allowed(runner, asked)) allowed.insert(id);
  }
  if (!kind.relation.empty()) return Compare(allowed, {}, listed);
  asked.tuple.subject = kind.type + ":somebody whom no tuple names";
  const bool everybody = Allowed(runner, asked);
  asked.tuple.subject = kind.type + ":*";
  const bool wildcard = Allowed(runner, asked);
  // Who is covered by a wildcard need not be named.
  auto wanted = everybody ? Names{} : allowed;
  if (wildcard) wanted.insert("*");
  if (!listed.ids.empty() && wildcard && listed.ids[0] != "*") return "the wildcard is not first";
  return Compare(wanted, allowed, listed);
}

std::string ToText(const Result<Listed>& listed) {
  if (!listed.ok()) return "error: " + listed.error().message;
  std::string text = "[";
  for (const auto& id : listed->ids) text += " " + id;
  return text + " ]";
}

}  // namespace pemba::engine::testing
