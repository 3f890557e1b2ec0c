#include "pemba/engine/testing/oracle.h"

#include <algorithm>

#include "pemba/tuple/context.h"

namespace pemba::engine::testing {
namespace {

using model::RewriteKind;
using tuple::SubjectKind;

// Which of two errors is reported is ours to define: conditions before limits, then by text.
const Verdict& LeastError(const Verdict& a, const Verdict& b) {
  const auto key = [](const Verdict& v) { return std::pair(v.error->code, v.error->message); };
  return key(b) < key(a) ? b : a;
}

Verdict Union(const std::vector<Verdict>& branches) {
  Verdict result;
  for (const auto& branch : branches) {
    if (branch.truth == Truth::kTrue) return branch;
  }
  for (const auto& branch : branches) {
    if (branch.truth == Truth::kFailed) {
      result = result.truth == Truth::kFailed ? LeastError(result, branch) : branch;
    } else if (branch.truth == Truth::kCycle && result.truth == Truth::kFalse) {
      result = branch;
    }
  }
  return result;
}

Verdict Intersection(const std::vector<Verdict>& branches) {
  Verdict result{Truth::kTrue, {}};
  for (const auto& branch : branches) {
    if (branch.truth == Truth::kFalse) return branch;
  }
  for (const auto& branch : branches) {
    if (branch.truth == Truth::kCycle) return branch;
    if (branch.truth != Truth::kFailed) continue;
    result = result.truth == Truth::kFailed ? LeastError(result, branch) : branch;
  }
  return result;
}

Verdict Difference(const Verdict& base, const Verdict& subtract) {
  if (base.truth == Truth::kFalse || subtract.truth == Truth::kTrue) return {Truth::kFalse, {}};
  if (base.truth == Truth::kCycle || subtract.truth == Truth::kCycle) return {Truth::kCycle, {}};
  if (base.truth == Truth::kFailed) return base;
  if (subtract.truth == Truth::kFailed) return subtract;
  return {Truth::kTrue, {}};
}

std::string TypeOf(const std::string& object) {
  return std::string(tuple::SplitObject(object).type);
}

}  // namespace

Oracle::Oracle(const model::Model& model, std::vector<tuple::Tuple> tuples)
    : model_(model), tuples_(std::move(tuples)) {
  for (const auto& [name, c] : model.conditions) {
    programs_[name] = *condition::Program::Compile({name, c.expression, c.parameters});
  }
  std::erase_if(tuples_, [this](const auto& tuple) { return !Fits(tuple); });
}

void Oracle::Ask(const Question& question) {
  question_ = &question;
  met_cycle_ = met_limit_ = false;
  can_reach_.clear();
}

std::optional<Verdict> Oracle::Check(const Question& question, std::uint64_t steps_max) {
  Ask(question);
  steps_left_ = steps_max;
  const auto verdict = Check(question.tuple.object, question.tuple.relation, 0, {});
  if (steps_left_ == 0) return std::nullopt;
  return verdict;
}

Verdict Oracle::Check(const std::string& object, const std::string& relation, std::uint32_t depth,
                      Path path) {
  if (steps_left_ == 0 || --steps_left_ == 0) return {};
  if (question_->hops_max != 0 && depth == question_->hops_max) {
    met_limit_ = true;
    return {Truth::kFailed, Error{ErrorCode::kTooComplex, "too deep"}};
  }
  if (!path.emplace(object, relation).second) {
    met_cycle_ = true;
    return {Truth::kCycle, {}};
  }
  if (question_->tuple.subject == object + "#" + relation) return {Truth::kTrue, {}};
  if (!CanReach(TypeOf(object), relation)) return {Truth::kFalse, {}};
  return Evaluate(*RewriteOf(TypeOf(object), relation), relation, {object, depth, path});
}

Verdict Oracle::Evaluate(const model::Rewrite& rewrite, const std::string& relation, const At& at) {
  std::vector<Verdict> branches;
  for (const auto& child : rewrite.children) branches.push_back(Evaluate(child, relation, at));
  switch (rewrite.kind) {
    case RewriteKind::kThis:
      return Direct(relation, at);
    case RewriteKind::kComputedUserset:
      return Check(at.object, rewrite.relation, at.depth, at.path);
    case RewriteKind::kTupleToUserset:
      return TupleToUserset(rewrite, at);
    case RewriteKind::kUnion:
      return Union(branches);
    case RewriteKind::kIntersection:
      return Intersection(branches);
    case RewriteKind::kDifference:
      return Difference(branches[0], branches[1]);
    case RewriteKind::kUnset:
      break;
  }
  return {};
}

Verdict Oracle::Direct(const std::string& relation, const At& at) {
  const auto user = tuple::SplitSubject(question_->tuple.subject);
  const auto restrictions = RestrictionsOf(TypeOf(at.object), relation);
  const auto allows = [&](const auto& matches) {
    return std::any_of(restrictions.begin(), restrictions.end(), matches);
  };
  const auto all = Read(at.object, relation);
  std::vector<Verdict> branches;
  std::vector<tuple::Tuple> met;

  if (allows([&](const auto& r) {
        return !r.wildcard && r.type == user.type && r.relation == user.relation;
      })) {
    // Contextual tuples come first: the first match shadows the stored one.
    const auto exact = std::find_if(all.begin(), all.end(), [&](const auto& tuple) {
      return tuple.subject == question_->tuple.subject;
    });
    if (exact != all.end()) branches.push_back(Holds(*exact));
  }
  if (user.kind != SubjectKind::kUserset &&
      allows([&](const auto& r) { return r.wildcard && r.type == user.type; })) {
    std::vector<tuple::Tuple> wildcards;
    for (const auto& tuple : all) {
      if (tuple.subject == std::string(user.type) + ":*") wildcards.push_back(tuple);
    }
    branches.push_back(Satisfied(wildcards, met));
    if (!met.empty()) branches.push_back({Truth::kTrue, {}});
  }
  std::vector<tuple::Tuple> usersets;
  for (const auto& tuple : all) {
    if (tuple::SplitSubject(tuple.subject).kind == SubjectKind::kUserset) usersets.push_back(tuple);
  }
  met.clear();
  branches.push_back(Satisfied(usersets, met));
  for (const auto& tuple : met) {
    const auto userset = tuple::SplitSubject(tuple.subject);
    branches.push_back(Check(tuple.subject.substr(0, tuple.subject.rfind('#')),
                             std::string(userset.relation), at.depth + 1, at.path));
  }
  return Union(branches);
}

Verdict Oracle::TupleToUserset(const model::Rewrite& rewrite, const At& at) {
  std::vector<tuple::Tuple> met;
  std::vector<Verdict> branches{Satisfied(Read(at.object, rewrite.tupleset), met)};
  for (const auto& tuple : met) {
    if (RewriteOf(TypeOf(tuple.subject), rewrite.relation) == nullptr) continue;
    branches.push_back(Check(tuple.subject, rewrite.relation, at.depth + 1, at.path));
  }
  return Union(branches);
}

// Contextual tuples, then stored ones. All of them fit the model.
std::vector<tuple::Tuple> Oracle::Read(const std::string& object,
                                       const std::string& relation) const {
  std::vector<tuple::Tuple> found;
  for (const auto* source : {&question_->contextual_tuples, &tuples_}) {
    for (const auto& tuple : *source) {
      if (tuple.object == object && tuple.relation == relation) {
        found.push_back(tuple);
      }
    }
  }
  return found;
}

Verdict Oracle::Satisfied(const std::vector<tuple::Tuple>& candidates,
                          std::vector<tuple::Tuple>& met) {
  std::vector<Verdict> errors;
  for (const auto& tuple : candidates) {
    const auto holds = Holds(tuple);
    if (holds.truth == Truth::kTrue) met.push_back(tuple);
    if (holds.truth == Truth::kFailed) errors.push_back(holds);
  }
  return met.empty() ? Union(errors) : Verdict{};
}

Verdict Oracle::Holds(const tuple::Tuple& tuple) {
  if (!tuple.condition) return {Truth::kTrue, {}};
  const auto& program = *programs_.at(tuple.condition->name);
  const auto request = program.Bind(question_->context);
  const auto own = program.Bind(tuple.condition->context);
  const auto met = program.Evaluate(request.get(), own.get(),
                                    {tuple.object, tuple.relation, tuple.subject}, arena_);
  if (met.ok()) return {*met == condition::Verdict::kMet ? Truth::kTrue : Truth::kFalse, {}};
  return {Truth::kFailed, Error{met.error().code, "failed to evaluate relationship condition: " +
                                                      met.error().message}};
}

bool Oracle::SomeConditionFails(const Question& question) {
  question_ = &question;
  const auto fails = [this](const auto& tuple) { return Holds(tuple).truth == Truth::kFailed; };
  return std::any_of(tuples_.begin(), tuples_.end(), fails) ||
         std::any_of(question.contextual_tuples.begin(), question.contextual_tuples.end(), fails);
}

bool Oracle::Fits(const tuple::Tuple& tuple) const {
  if (tuple.expires_at && *tuple.expires_at <= kAskedAt) return false;
  const auto type = TypeOf(tuple.object);
  const auto user = tuple::SplitSubject(tuple.subject);
  if (RewriteOf(type, tuple.relation) == nullptr) return false;
  if (IsTupleset(type, tuple.relation) && user.kind != SubjectKind::kObject) return false;
  bool kind_allowed = false, unconditional = false, condition_named = false;
  for (const auto& r : RestrictionsOf(type, tuple.relation)) {
    if (r.type != user.type) continue;
    const bool same =
        r.relation == user.relation && r.wildcard == (user.kind == SubjectKind::kWildcard);
    kind_allowed = kind_allowed || same;
    unconditional = unconditional || (same && r.condition.empty());
    condition_named = condition_named || (tuple.condition && r.condition == tuple.condition->name);
  }
  if (!tuple.condition) return kind_allowed && unconditional;
  return kind_allowed && condition_named &&
         programs_.at(tuple.condition->name)->ValidateContext(tuple.condition->context).ok();
}

const model::Rewrite* Oracle::RewriteOf(std::string_view type, std::string_view relation) const {
  for (const auto& definition : model_.types) {
    if (definition.type != type) continue;
    const auto found = definition.relations.find(relation);
    if (found != definition.relations.end()) return &found->second;
  }
  return nullptr;
}

std::vector<model::RelationReference> Oracle::RestrictionsOf(std::string_view type,
                                                             std::string_view relation) const {
  for (const auto& definition : model_.types) {
    if (definition.type != type || !definition.metadata) continue;
    const auto found = definition.metadata->relations.find(relation);
    if (found != definition.metadata->relations.end()) {
      return found->second.directly_related_user_types;
    }
  }
  return {};
}

bool Oracle::IsTupleset(std::string_view type, std::string_view relation) const {
  const auto mentions = [&](const auto& self, const model::Rewrite& rewrite) -> bool {
    if (rewrite.kind == RewriteKind::kTupleToUserset && rewrite.tupleset == relation) return true;
    return std::any_of(rewrite.children.begin(), rewrite.children.end(),
                       [&](const auto& child) { return self(self, child); });
  };
  for (const auto& definition : model_.types) {
    if (definition.type != type) continue;
    for (const auto& [name, rewrite] : definition.relations) {
      if (mentions(mentions, rewrite)) return true;
    }
  }
  return false;
}

bool Oracle::CanReach(const std::string& type, const std::string& relation) {
  const auto [known, is_new] = can_reach_.try_emplace({type, relation});
  if (is_new) known->second = FindWhetherReaches(type, relation);
  return known->second;
}

bool Oracle::FindWhetherReaches(const std::string& type, const std::string& relation) const {
  const auto user = tuple::SplitSubject(question_->tuple.subject);
  const std::string user_type(user.type);
  std::set<std::string> seen;
  switch (user.kind) {
    case SubjectKind::kUserset:
      return PathExists(user_type + "#" + std::string(user.relation), type, relation, seen);
    case SubjectKind::kWildcard:
      return PathExists(user_type + ":*", type, relation, seen);
    case SubjectKind::kObject:
      break;
  }
  if (PathExists(user_type, type, relation, seen)) return true;
  seen.clear();
  return PathExists(user_type + ":*", type, relation, seen);
}

bool Oracle::PathExists(const std::string& from, const std::string& type,
                        const std::string& relation, std::set<std::string>& seen) const {
  const auto name = type + "#" + relation;
  if (from == name) return true;
  if (!seen.insert(name).second) return false;
  const auto* rewrite = RewriteOf(type, relation);
  return rewrite != nullptr && PathExists(from, *rewrite, type, relation, seen);
}

bool Oracle::PathExists(const std::string& from, const model::Rewrite& rewrite,
                        const std::string& type, const std::string& relation,
                        std::set<std::string>& seen) const {
  for (const auto& child : rewrite.children) {
    if (PathExists(from, child, type, relation, seen)) return true;
  }
  if (rewrite.kind == RewriteKind::kComputedUserset) {
    return PathExists(from, type, rewrite.relation, seen);
  }
  if (rewrite.kind == RewriteKind::kTupleToUserset) {
    for (const auto& r : RestrictionsOf(type, rewrite.tupleset)) {
      if (PathExists(from, r.type, rewrite.relation, seen)) return true;
    }
  }
  if (rewrite.kind == RewriteKind::kThis) {
    for (const auto& r : RestrictionsOf(type, relation)) {
      if (!r.relation.empty()) {
        if (PathExists(from, r.type, r.relation, seen)) return true;
      } else if (from == r.type + (r.wildcard ? ":*" : "")) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace pemba::engine::testing
