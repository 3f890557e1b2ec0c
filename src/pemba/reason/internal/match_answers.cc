#include "pemba/reason/internal/match_answers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <boost/unordered/unordered_flat_set.hpp>

#include "pemba/base/assert.h"
#include "pemba/base/hash.h"
#include "pemba/reason/inference.h"
#include "pemba/reason/internal/mutation.h"
#include "pemba/reason/problem.h"

namespace pemba::reason::internal {
namespace {

using MatchRow = std::vector<Slot>;  // By position in the projection.

struct RowHash {
  using is_avalanching = void;
  std::uint64_t operator()(const MatchRow& row) const {
    return HashBytes({reinterpret_cast<const char*>(row.data()), row.size() * sizeof(Slot)});
  }
};

// A set of slots: bits by page of 32,768, so that the things of a database take a bit each.
class SlotSet {
 public:
  bool Insert(Slot slot) {
    const std::uint32_t page = slot >> 15;
    std::unique_ptr<Page>& bits = pages_[page];
    if (bits == nullptr) bits = std::make_unique<Page>();
    std::uint64_t& word = (*bits)[(slot >> 6) & 511];
    const std::uint64_t bit = std::uint64_t{1} << (slot & 63);
    if ((word & bit) != 0) return false;
    word |= bit;
    return true;
  }
  std::size_t bytes() const { return pages_.size() * sizeof(Page); }

 private:
  using Page = std::array<std::uint64_t, 512>;
  boost::unordered_flat_map<std::uint32_t, std::unique_ptr<Page>> pages_;
};

// The rows that were answered already. Rows of one or two variables, which most are, need no memory
// of their own.
class DistinctRows {
 public:
  bool IsNew(const MatchRow& row) {
    if (row.size() == 1) return single_.Insert(row[0]);
    if (row.size() == 2) {
      return pairs_.insert(static_cast<std::uint64_t>(row[0]) << 32 | row[1]).second;
    }
    return wide_.insert(row).second;
  }
  std::size_t bytes() const {
    const std::size_t wide = wide_.empty() ? 0 : wide_.begin()->size() * sizeof(Slot);
    return single_.bytes() + pairs_.bucket_count() * (sizeof(std::uint64_t) + 1) +
           wide_.size() * (sizeof(MatchRow) + wide + 16);
  }

 private:
  SlotSet single_;
  boost::unordered_flat_set<std::uint64_t> pairs_;
  boost::unordered_flat_set<MatchRow, RowHash> wide_;
};

std::set<VariableId> MentionedIn(const Conjunction& conjunction) {
  std::set<VariableId> mentioned;
  for (const Domain& domain : conjunction.domains) mentioned.insert(domain.variable);
  for (const Atom& atom : conjunction.atoms) {
    if (const auto* assign = std::get_if<AssignAtom>(&atom)) mentioned.insert(assign->variable);
  }
  return mentioned;
}

// The variables that every match binds.
std::set<VariableId> BoundBy(const Conjunction& conjunction) {
  std::set<VariableId> bound = MentionedIn(conjunction);
  for (const auto& branches : conjunction.disjunctions) {
    std::optional<std::set<VariableId>> all;
    for (const Conjunction& branch : branches) {
      const std::set<VariableId> one = BoundBy(branch);
      if (!all) {
        all = one;
        continue;
      }
      std::erase_if(*all, [&](VariableId variable) { return one.count(variable) == 0; });
    }
    if (all) bound.insert(all->begin(), all->end());
  }
  return bound;
}

// Whether two matches can agree on all that is projected.
bool CanRepeat(const Plan& plan, const std::vector<VariableId>& projection, const Facts& facts) {
  const auto projected = [&](VariableId variable) {
    return std::find(projection.begin(), projection.end(), variable) != projection.end();
  };
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    for (const VariableId variable : plan.binds[i]) {
      if (!projected(variable)) return true;
    }
    if (std::holds_alternative<DisjunctionStep>(plan.steps[i])) return true;
    const auto* relation = std::get_if<RelationStep>(&plan.steps[i]);
    if (relation == nullptr) continue;
    for (const auto& entry : relation->entries) {
      if (entry.role_list.size() != 1) return true;
      for (const TypeId type : relation->type_list) {
        const TypeTable* table = facts.Table(type);
        const PlayerColumn* column =
            table == nullptr ? nullptr : table->FindPlayers(entry.role_list[0]);
        if (column != nullptr && column->repeated) return true;
      }
      if (!relation->predicates.empty() && relation->entries.size() > 1) {
        // Rules may conclude relations with one player twice in one role.
        for (const auto& other : relation->entries) {
          if (&other != &entry && other.role_list == entry.role_list) return true;
        }
      }
    }
  }
  return false;
}

int LastStepThatBinds(const Plan& plan, const std::vector<VariableId>& variables) {
  for (int step = static_cast<int>(plan.steps.size()) - 1; step >= 0; --step) {
    for (const VariableId variable : plan.binds[static_cast<std::size_t>(step)]) {
      if (std::find(variables.begin(), variables.end(), variable) != variables.end()) return step;
    }
  }
  return -1;
}

Error Incomplete() {
  return MakeError(Problem::kInvalidPattern, {},
                   "a part of the pattern compares variables that nothing binds");
}

bool IsNumeric(ValueType type) { return type == ValueType::kLong || type == ValueType::kDouble; }
double AsDouble(const Value& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number != nullptr ? static_cast<double>(*number) : std::get<double>(value);
}

Value Sum(const std::vector<Value>& values) {
  std::int64_t exact = 0;
  bool fits = true;
  double total = 0;
  for (const Value& value : values) {
    const auto* number = std::get_if<std::int64_t>(&value);
    fits = fits && number != nullptr && !__builtin_add_overflow(exact, *number, &exact);
    total += AsDouble(value);
  }
  if (fits) return exact;
  return total;
}

// Nothing: not a number.
std::optional<Value> AggregateOf(syntax::AggregateKind kind, std::vector<Value> values) {
  if (values.empty()) return std::nullopt;
  const auto less = [](const Value& a, const Value& b) { return Compare(a, b) < 0; };
  const auto count = static_cast<double>(values.size());
  switch (kind) {
    case syntax::AggregateKind::kCount:
      return static_cast<std::int64_t>(values.size());
    case syntax::AggregateKind::kSum:
      return Sum(values);
    case syntax::AggregateKind::kMin:
      return *std::min_element(values.begin(), values.end(), less);
    case syntax::AggregateKind::kMax:
      return *std::max_element(values.begin(), values.end(), less);
    case syntax::AggregateKind::kMean:
      return AsDouble(Sum(values)) / count;
    case syntax::AggregateKind::kMedian: {
      std::sort(values.begin(), values.end(), less);
      const std::size_t middle = values.size() / 2;
      if (values.size() % 2 == 1) return values[middle];
      return (AsDouble(values[middle - 1]) + AsDouble(values[middle])) / 2;
    }
    case syntax::AggregateKind::kStd: {
      if (values.size() == 1) return std::nullopt;
      const double mean = AsDouble(Sum(values)) / count;
      double squares = 0;
      for (const Value& value : values) squares += std::pow(AsDouble(value) - mean, 2);
      return std::sqrt(squares / (count - 1));
    }
  }
  return std::nullopt;
}

class MatchAnswers final : public Answers {
 public:
  MatchAnswers(const syntax::Match& match, Source source, ResolvedPattern pattern,
               std::vector<VariableId> projection, const QueryOptions& options, const Clock& clock)
      : match_(match),
        source_(std::move(source)),
        pattern_(std::move(pattern)),
        projection_(std::move(projection)),
        options_(options),
        clock_(clock),
        budget_(clock, std::nullopt, options.cancelled),
        time_left_(options.limits.time_max),
        frame_(pattern_.variables.size(), kNoThing) {
    for (const VariableId variable : projection_) {
      names_.push_back(pattern_.variables[variable].name);
    }
    kind_ = AnswerKind::kMaps;
    if (match.aggregate) kind_ = match.group ? AnswerKind::kGroupNumbers : AnswerKind::kNumber;
    if (match.group && !match.aggregate) kind_ = AnswerKind::kGroups;
    if (kind_ == AnswerKind::kNumber || kind_ == AnswerKind::kGroupNumbers) names_.clear();
  }

  AnswerKind kind() const override { return kind_; }
  const std::vector<std::string>& variables() const override { return names_; }

  Result<std::optional<Answer>> Next() override {
    if (error_) return *error_;
    const bool timed = options_.limits.time_max.count() != 0;
    const SteadyTime begin = timed ? clock_.Steady() : SteadyTime();
    if (timed) budget_.set_deadline(begin + time_left_);
    Attach();
    auto answer = Produce();
    if (answer.ok() && !budget_.ok()) answer = budget_.error();
    if (answer.ok() && *answer && options_.limits.answers_max != 0 &&
        ++produced_ > options_.limits.answers_max) {
      answer = Error{ErrorCode::kLimitExceeded,
                     "more than " + std::to_string(options_.limits.answers_max) + " answers"};
    }
    if (!answer.ok()) {
      error_ = answer.error();
      // What was being inferred is half done.
      if (!budget_.ok() && source_.inference != nullptr) source_.inference->interrupted = true;
    }
    if (timed) time_left_ -= clock_.Steady() - begin;
    return answer;
  }

  // Errors that only planning can tell.
  Status Prepare() {
    if (!pattern_.trunk.answerable) {
      done_ = true;
      return Done{};
    }
    Attach();
    const Planner planner(
        *source_.schema, source_.facts,
        source_.inference != nullptr ? &source_.inference->reasoner->derivable() : nullptr);
    plan_ = planner.MakeForAnswers(pattern_, projection_);
    if (plan_.incomplete) return Incomplete();
    VariableMask bound(pattern_.variables.size(), 0);
    for (const auto& binds : plan_.binds) {
      for (const VariableId variable : binds) bound[variable] = 1;
    }
    for (const VariableId variable : projection_) {
      if (bound[variable] != 0) continue;
      return MakeError(Problem::kInvalidPattern, pattern_.variables[variable].at,
                       "nothing says what `" + pattern_.variables[variable].name + "` can be");
    }
    repeats_ = CanRepeat(plan_, projection_, source_.facts);
    resume_after_ = LastStepThatBinds(plan_, projection_);
    if (Mutated(Mutation::kResumeTooEarly)) resume_after_ = std::max(resume_after_ - 1, 0);
    execution_.emplace(plan_, *world_, frame_);
    if (resume_after_ >= 0) execution_->set_resume_after(static_cast<std::size_t>(resume_after_));
    return Done{};
  }

 private:
  // Several queries of one transaction share what is inferred; each has its own budget.
  void Attach() {
    if (source_.inference != nullptr) {
      if (source_.inference->interrupted && !error_) {
        error_ = Error{ErrorCode::kFailedPrecondition,
                       "another query of this transaction was stopped while it inferred"};
      }
      world_ = &source_.inference->world;
      world_->budget = &budget_;
      source_.inference->reasoner->set_limits(
          {options_.limits.inferred_facts_max, options_.limits.memory_bytes_max});
      return;
    }
    own_world_.schema = source_.schema.get();
    own_world_.facts = &source_.facts;
    own_world_.values = source_.values.get();
    own_world_.budget = &budget_;
    world_ = &own_world_;
  }

  // The next distinct row, into `row`. False at the end.
  bool NextRow(MatchRow& row) {
    while (!done_ && execution_->Next()) {
      if (resume_after_ < 0) done_ = true;  // All that is projected was bound before.
      row.clear();
      for (const VariableId variable : projection_) row.push_back(frame_[variable]);
      if (!repeats_) return true;
      if (!seen_.IsNew(row) && !Mutated(Mutation::kForgetDistinct)) continue;
      if (options_.limits.memory_bytes_max != 0 &&
          seen_.bytes() > options_.limits.memory_bytes_max) {
        budget_.Fail(
            {ErrorCode::kResourceExhausted, "the answers take more memory than the query may use"});
        return false;
      }
      return true;
    }
    return false;
  }

  // After sort, offset and limit.
  bool NextInOrder(MatchRow& row) {
    if (!match_.sort.empty() && !sorted_) Sort();
    if (error_) return false;
    const std::uint64_t offset = match_.offset.value_or(0);
    const std::uint64_t limit = match_.limit.value_or(UINT64_MAX);
    while (true) {
      if (passed_ >= offset && passed_ - offset >= limit) return false;
      if (sorted_) {
        if (passed_ >= rows_.size()) return false;
        row = rows_[passed_];
      } else if (!NextRow(row)) {
        return false;
      }
      if (passed_++ >= offset) return true;
    }
  }

  std::size_t PositionOf(const syntax::Variable& variable) const {
    for (std::size_t i = 0; i < projection_.size(); ++i) {
      if (pattern_.variables[projection_[i]].name == variable.name) return i;
    }
    return 0;  // The parser has checked the scope.
  }
  std::optional<Value> ValueAt(const MatchRow& row, std::size_t position) const {
    const VariableKind kind = pattern_.variables[projection_[position]].kind;
    if (kind == VariableKind::kValue) return world_->values->Get(row[position]);
    if (kind != VariableKind::kThing) return std::nullopt;
    const TypeId type = world_->TypeOf(row[position]);
    if (source_.schema->Get(type).kind != Kind::kAttribute) return std::nullopt;
    return world_->ValueOf(row[position]);
  }

  void Sort() {
    sorted_ = true;
    struct Keyed {
      std::vector<Value> keys;
      MatchRow row;
    };
    std::vector<Keyed> all;
    MatchRow row;
    while (NextRow(row)) {
      Keyed keyed;
      for (const auto& key : match_.sort) {
        auto value = ValueAt(row, PositionOf(key.variable));
        if (!value || (!all.empty() &&
                       !Comparable(TypeOf(*value), TypeOf(all.front().keys[keyed.keys.size()])))) {
          error_ = MakeError(Problem::kSortNotComparable, key.variable.at,
                             "the values of `$" + key.variable.name + "` have no common order");
          return;
        }
        keyed.keys.push_back(*std::move(value));
      }
      keyed.row = row;
      all.push_back(std::move(keyed));
    }
    std::stable_sort(all.begin(), all.end(), [this](const Keyed& a, const Keyed& b) {
      for (std::size_t i = 0; i < a.keys.size(); ++i) {
        const auto order = Compare(a.keys[i], b.keys[i]);
        if (order != 0) {
          return match_.sort[i].order == syntax::SortOrder::kAscending ? order < 0 : order > 0;
        }
      }
      return false;
    });
    for (Keyed& keyed : all) rows_.push_back(std::move(keyed.row));
  }

  Result<std::optional<Answer>> Produce() {
    if (error_) return *error_;
    if (kind_ != AnswerKind::kMaps) return ProduceGathered();
    MatchRow row;
    const bool found = NextInOrder(row);
    if (error_) return *error_;
    if (!found) return std::optional<Answer>();
    Answer answer;
    FillConcepts(row, answer);
    return std::optional<Answer>(std::move(answer));
  }

  void FillConcepts(const MatchRow& row, Answer& answer) const {
    answer.concepts.reserve(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
      answer.concepts.push_back(
          MakeConcept(*world_, pattern_.variables[projection_[i]].kind, row[i]));
    }
    if (options_.explaining == Explaining::kOn && world_->inferred != nullptr) {
      FillExplainables(row, answer);
    }
  }

  void FillExplainables(const MatchRow& row, Answer& answer) const {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const VariableInfo& info = pattern_.variables[projection_[i]];
      if (info.kind == VariableKind::kThing && IsInferred(row[i])) {
        answer.explainables.push_back({info.name, {}, {row[i], kNoThing}});
      }
    }
    // After sorting the frame is of another match: only what is projected is known.
    const auto slot_of = [&](VariableId variable) -> Slot {
      for (std::size_t i = 0; i < projection_.size(); ++i) {
        if (projection_[i] == variable) return row[i];
      }
      return sorted_ ? kNoThing : frame_[variable];
    };
    for (const Atom& atom : pattern_.trunk.atoms) {
      const auto* has = std::get_if<HasAtom>(&atom);
      if (has == nullptr) continue;
      const ThingId owner = slot_of(has->owner), attribute = slot_of(has->attribute);
      if (owner == kNoThing || attribute == kNoThing || !world_->inferred->Owns(owner, attribute)) {
        continue;
      }
      answer.explainables.push_back({pattern_.variables[has->owner].name,
                                     pattern_.variables[has->attribute].name,
                                     {owner, attribute}});
    }
  }

  // Groups and aggregates need all rows.
  Result<std::optional<Answer>> ProduceGathered() {
    if (!gathered_) {
      gathered_ = true;
      if (const Status status = Gather(); !status.ok()) return status.error();
    }
    if (next_ == answers_.size()) return std::optional<Answer>();
    return std::optional<Answer>(std::move(answers_[next_++]));
  }

  Status Gather() {
    if (kind_ == AnswerKind::kNumber) {
      // `count` needs no rows in memory.
      std::vector<Value> values;
      std::int64_t count = 0;
      MatchRow row;
      while (NextInOrder(row)) {
        ++count;
        PEMBA_TRY(std::ignore, AddValue(row, values));
      }
      if (error_) return *error_;
      answers_.push_back(Number(count, std::move(values)));
      return Done{};
    }
    const std::size_t position = PositionOf(*match_.group);
    std::vector<std::vector<MatchRow>> groups;
    boost::unordered_flat_map<Slot, std::size_t> index;
    MatchRow next;
    while (NextInOrder(next)) {
      const auto [found, fresh] = index.try_emplace(next[position], groups.size());
      if (fresh) groups.emplace_back();
      groups[found->second].push_back(next);
    }
    if (error_) return *error_;
    for (const auto& rows : groups) {
      const Concept owner = MakeConcept(*world_, pattern_.variables[projection_[position]].kind,
                                        rows.front()[position]);
      if (kind_ == AnswerKind::kGroupNumbers) {
        std::vector<Value> values;
        for (const MatchRow& row : rows) {
          PEMBA_TRY(std::ignore, AddValue(row, values));
        }
        answers_.push_back(Number(static_cast<std::int64_t>(rows.size()), std::move(values)));
        answers_.back().owner = owner;
        continue;
      }
      for (const MatchRow& row : rows) {
        answers_.emplace_back().owner = owner;
        FillConcepts(row, answers_.back());
      }
    }
    return Done{};
  }

  Status AddValue(const MatchRow& row, std::vector<Value>& values) const {
    if (!match_.aggregate->variable) return Done{};
    auto value = ValueAt(row, PositionOf(*match_.aggregate->variable));
    if (!value || !IsNumeric(TypeOf(*value))) {
      return MakeError(
          Problem::kAggregateNotNumeric, match_.aggregate->at,
          "`$" + match_.aggregate->variable->name + "` has values that are no numbers");
    }
    values.push_back(*std::move(value));
    return Done{};
  }

  Answer Number(std::int64_t count, std::vector<Value> values) const {
    Answer answer;
    if (match_.aggregate->kind == syntax::AggregateKind::kCount) {
      answer.number = count;
    } else {
      answer.number = AggregateOf(match_.aggregate->kind, std::move(values));
    }
    return answer;
  }

  const syntax::Match match_;
  Source source_;
  const ResolvedPattern pattern_;
  const std::vector<VariableId> projection_;
  const QueryOptions options_;
  const Clock& clock_;
  AnswerKind kind_ = AnswerKind::kMaps;
  std::vector<std::string> names_;
  Budget budget_;
  SteadyTime::duration time_left_;
  World own_world_;
  World* world_ = nullptr;
  Plan plan_;
  Frame frame_;
  std::optional<Execution> execution_;
  bool repeats_ = true;
  int resume_after_ = -1;
  bool done_ = false;
  DistinctRows seen_;
  bool sorted_ = false;
  std::vector<MatchRow> rows_;  // Sorted.
  std::uint64_t passed_ = 0;
  std::uint64_t produced_ = 0;
  bool gathered_ = false;
  std::vector<Answer> answers_;  // Gathered.
  std::size_t next_ = 0;
  std::optional<Error> error_;
};

}  // namespace

InferenceState::InferenceState(const std::shared_ptr<const Snapshot>& of, ValuePool& values,
                               Budget& budget)
    : snapshot(of) {
  world.schema = snapshot->schema.get();
  world.facts = &snapshot->facts;
  world.values = &values;
  world.budget = &budget;
  reasoner.emplace(snapshot->program, world, inferred);
}

Concept MakeConcept(const World& world, VariableKind kind, Slot slot) {
  Concept made;
  if (kind == VariableKind::kValue) {
    made.form = Concept::Form::kValue;
    made.value = world.values->Get(slot);
    return made;
  }
  made.form = kind == VariableKind::kThing ? Concept::Form::kThing : Concept::Form::kType;
  made.type = kind == VariableKind::kThing ? world.TypeOf(slot) : slot;
  const Type& type = world.schema->Get(made.type);
  made.kind = type.kind;
  made.label = type.label;
  if (kind == VariableKind::kThing) {
    made.thing = slot;
    if (type.kind == Kind::kAttribute) made.value = world.ValueOf(slot);
  }
  return made;
}

Result<std::unique_ptr<Answers>> MakeMatchAnswers(const syntax::Match& match, Source source,
                                                  const QueryOptions& options, const Clock& clock) {
  PEMBA_TRY(ResolvedPattern pattern, Resolve(match.patterns, *source.schema));
  std::vector<VariableId> projection;
  const std::set<VariableId> bound = BoundBy(pattern.trunk);
  if (match.get.empty()) {
    for (const std::set<VariableId>& candidates : {MentionedIn(pattern.trunk), bound}) {
      for (const VariableId variable : candidates) {
        if (!pattern.variables[variable].anonymous()) projection.push_back(variable);
      }
      if (!projection.empty()) break;
    }
  }
  for (const syntax::Variable& variable : match.get) {
    const auto id = pattern.Find(variable.name);
    if (!id || bound.count(*id) == 0) {
      return MakeError(Problem::kVariableOutOfScope, variable.at,
                       "`$" + variable.name + "` is not bound by every match");
    }
    if (std::find(projection.begin(), projection.end(), *id) == projection.end()) {
      projection.push_back(*id);
    }
  }
  std::vector<syntax::Variable> needed;
  for (const auto& key : match.sort) needed.push_back(key.variable);
  if (match.group) needed.push_back(*match.group);
  if (match.aggregate && match.aggregate->variable) needed.push_back(*match.aggregate->variable);
  for (const syntax::Variable& variable : needed) {
    const auto id = pattern.Find(variable.name);
    if (!id || std::find(projection.begin(), projection.end(), *id) == projection.end()) {
      return MakeError(Problem::kVariableOutOfScope, variable.at,
                       "`$" + variable.name + "` is not among the answers");
    }
  }
  if (match.aggregate && match.aggregate->variable) {
    const VariableId id = *pattern.Find(match.aggregate->variable->name);
    const TypeSet* types = pattern.trunk.DomainOf(id);
    bool numeric = types == nullptr || types->empty();
    for (const TypeId type : types == nullptr ? TypeSet() : *types) {
      const auto value_type = source.schema->Get(type).value_type;
      numeric = numeric || (value_type && IsNumeric(*value_type));
    }
    if (!numeric) {
      return MakeError(Problem::kAggregateNotNumeric, match.aggregate->at,
                       "`$" + match.aggregate->variable->name + "` has values that are no numbers");
    }
  }
  auto answers = std::make_unique<MatchAnswers>(match, std::move(source), std::move(pattern),
                                                std::move(projection), options, clock);
  PEMBA_TRY(std::ignore, answers->Prepare());
  return std::unique_ptr<Answers>(std::move(answers));
}

Result<MatchedRows> CollectRows(const syntax::Patterns& patterns,
                                const std::vector<std::string>& names, const World& world) {
  MatchedRows result;
  if (patterns.empty()) {
    result.rows.emplace_back();
    return result;
  }
  PEMBA_TRY(const ResolvedPattern pattern, Resolve(patterns, *world.schema));
  const std::set<VariableId> bound = BoundBy(pattern.trunk);
  std::vector<VariableId> projection;
  for (const std::string& name : names) {
    const auto id = pattern.Find(name);
    if (!id || bound.count(*id) == 0) continue;
    projection.push_back(*id);
    result.names.push_back(name);
    result.kinds.push_back(pattern.variables[*id].kind);
  }
  if (!pattern.trunk.answerable) return result;
  const Planner planner(*world.schema, *world.facts, nullptr);
  const Plan plan = planner.Make(pattern, pattern.trunk, VariableMask(pattern.variables.size(), 0));
  if (plan.incomplete) return Incomplete();
  Frame frame(pattern.variables.size(), kNoThing);
  Execution execution(plan, world, frame);
  const int resume_after = LastStepThatBinds(plan, projection);
  if (resume_after >= 0) execution.set_resume_after(static_cast<std::size_t>(resume_after));
  DistinctRows seen;
  while (execution.Next()) {
    MatchRow row;
    for (const VariableId variable : projection) row.push_back(frame[variable]);
    if (projection.empty() || seen.IsNew(row)) result.rows.push_back(std::move(row));
    if (resume_after < 0) break;
  }
  if (!world.budget->ok()) return world.budget->error();
  return result;
}

}  // namespace pemba::reason::internal
