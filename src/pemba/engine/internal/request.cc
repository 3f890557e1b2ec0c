#include "pemba/engine/internal/request.h"

#include <algorithm>
#include <string>
#include <tuple>

namespace pemba::engine::internal {
namespace {

using model::kNoIndex;
using tuple::SubjectKind;

// How many steps pass between two looks at the clock. A step is some 50 ns.
constexpr std::uint32_t kStepsPerLook = 512;

constexpr std::string_view kTooDeepText =
    "Authorization Model resolution required too many rewrite rules to be resolved. Check your "
    "authorization model for infinite recursion or too much nesting";

auto OrderOf(const ContextualEdge& edge) {
  return std::make_tuple(edge.entry, edge.object, edge.subject, edge.position);
}

Error NotFound(const std::string& what) { return {ErrorCode::kValidation, what + " not found"}; }

}  // namespace

Request::Request(const CheckLimits& limits, const Clock& clock, const graph::Snapshot& snapshot,
                 const BoundModel& model, const CheckQuery& query, Arena& arena)
    : limits_(limits),
      clock_(clock),
      snapshot_(snapshot),
      model_(model),
      plan_(model.plan()),
      query_(query),
      arena_(arena),
      hops_max_(limits.resolve_node_limit),
      now_(TimeOf(plan_, clock)),
      local_names_(arena),
      contextual_(arena),
      visit_steps_(arena),
      steps_to_check_(kStepsPerLook) {}

Request::Request(const Request& other, Arena& arena)
    : limits_(other.limits_),
      clock_(other.clock_),
      snapshot_(other.snapshot_),
      model_(other.model_),
      plan_(other.plan_),
      query_(other.query_),
      arena_(arena),
      hops_max_(other.hops_max_),
      now_(other.now_),
      subject_(other.subject_),
      subject_kind_(other.subject_kind_),
      wildcard_kind_(other.wildcard_kind_),
      relation_(other.relation_),
      object_(other.object_),
      local_names_(other.local_names_),
      contextual_(other.contextual_),
      visit_steps_(arena),
      steps_to_check_(kStepsPerLook),
      also_(&other.arena_) {}

Status Request::ResolveSubject() {
  PEMBA_TRY(const auto id, NameSubject(query_.tuple.subject));
  subject_.node = subject_.kind == SubjectKind::kWildcard ? 0 : NodeOf(subject_.type, id);
  ResolveContextual();
  return Done{};
}

void Request::ResolveContextual() {
  std::uint32_t position = 0;
  for (const auto& tuple : query_.contextual_tuples) AddContextual(tuple, position++);
  // At most a hundred.
  std::sort(contextual_.begin(), contextual_.end(),
            [](const auto& a, const auto& b) { return OrderOf(a) < OrderOf(b); });
}

Status Request::ResolveTarget(const CheckQuery& query) {
  PEMBA_TRY(const auto id, NameTarget(query));
  object_ = NodeOf(plan_.relations()[relation_].type, id);
  return Done{};
}

std::span<Request::Target> Request::FindTargets(std::span<const CheckQuery> queries,
                                                std::span<const std::uint32_t> chosen) {
  const auto targets = arena_.NewArray<Target>(chosen.size());
  const auto names = arena_.NewArray<graph::Snapshot::NodeQuery>(chosen.size());
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const auto& tuple = queries[chosen[i]].tuple;
    const auto object = tuple::SplitObject(tuple.object);
    const auto type = model_.FindType(object.type);
    if (type == kNoIndex) continue;
    targets[i].relation = model_.FindRelation(type, tuple.relation);
    names[i] = {model_.type(type), object.id, graph::kNoNode};
  }
  snapshot_.FindNodes(names);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (targets[i].relation == kNoIndex) continue;
    const auto type = plan_.relations()[targets[i].relation].type;
    targets[i].object = NodeOr(names[i].node, type, names[i].text);
  }
  return targets;
}

void Request::TurnTo(const CheckQuery& query, const Target& target) {
  Restart(query);
  relation_ = target.relation;
  object_ = target.object;
}

Status Request::Resolve() {
  PEMBA_TRY(const auto subject, NameSubject(query_.tuple.subject));
  PEMBA_TRY(const auto object, NameTarget(query_));
  const auto type = plan_.relations()[relation_].type;
  graph::Snapshot::NodeQuery ends[] = {{model_.type(type), object},
                                       {model_.type(subject_.type), subject}};
  const bool wildcard = subject_.kind == SubjectKind::kWildcard;
  snapshot_.FindBoth(ends[0], ends[1]);
  subject_.node = wildcard ? 0 : NodeOr(ends[1].node, subject_.type, subject);
  ResolveContextual();
  object_ = NodeOr(ends[0].node, type, object);
  return Done{};
}

void Request::Restart(const CheckQuery& query) {
  query_.tuple = query.tuple;
  query_.deadline = query.deadline;
  stopped_ = nullptr;
  steps_ = 0;
  steps_to_check_ = kStepsPerLook;
  hops_max_ = limits_.resolve_node_limit;
}

Result<std::string_view> Request::NameTarget(const CheckQuery& query) {
  Restart(query);
  const auto object = tuple::SplitObject(query.tuple.object);
  const auto type = model_.FindType(object.type);
  if (type == kNoIndex) return NotFound("type '" + std::string(object.type) + "'");
  relation_ = model_.FindRelation(type, query.tuple.relation);
  if (relation_ == kNoIndex) {
    return NotFound("relation '" + std::string(object.type) + "#" +
                    std::string(query.tuple.relation) + "'");
  }
  return object.id;
}

Result<std::string_view> Request::NameSubject(std::string_view text) {
  const auto parts = tuple::SplitSubject(text);
  subject_.kind = parts.kind;
  subject_.type = model_.FindType(parts.type);
  if (subject_.type == kNoIndex) return NotFound("type '" + std::string(parts.type) + "'");
  switch (parts.kind) {
    case SubjectKind::kObject:
      subject_kind_ = plan_.ObjectKind(subject_.type);
      wildcard_kind_ = plan_.WildcardKind(subject_.type);
      break;
    case SubjectKind::kWildcard:
      subject_kind_ = plan_.WildcardKind(subject_.type);
      break;
    case SubjectKind::kUserset:
      subject_.relation = model_.FindRelation(subject_.type, parts.relation);
      if (subject_.relation == kNoIndex) {
        return NotFound("relation '" + std::string(parts.type) + "#" + std::string(parts.relation) +
                        "'");
      }
      subject_kind_ = plan_.UsersetKind(subject_.relation);
      break;
  }
  return parts.id;
}

// The tuple has been validated; one that fits no entry would not be seen if it were stored, so it
// is not seen here either.
void Request::AddContextual(const tuple::Tuple& tuple, std::uint32_t position) {
  const auto object = tuple::SplitObject(tuple.object);
  const auto subject = tuple::SplitSubject(tuple.subject);
  const auto type = model_.FindType(object.type);
  const auto subject_type = model_.FindType(subject.type);
  if (type == kNoIndex || subject_type == kNoIndex) return;
  const auto relation = model_.FindRelation(type, tuple.relation);
  if (relation == kNoIndex) return;
  model::DirectEntry wanted{relation, subject_type, kNoIndex,
                            subject.kind == SubjectKind::kWildcard, kNoIndex};
  if (subject.kind == SubjectKind::kUserset) {
    wanted.userset = model_.FindRelation(subject_type, subject.relation);
    if (wanted.userset == kNoIndex) return;
  }
  if (tuple.condition) {
    wanted.condition = plan_.FindCondition(tuple.condition->name);
    if (wanted.condition == kNoIndex) return;
  }
  const auto& planned = plan_.relations()[relation];
  const auto entries = plan_.EntriesOf(planned);
  auto found = std::find(entries.begin(), entries.end(), wanted);
  if (found == entries.end() && Mutated(Mutation::kAnyContextualCondition)) {
    wanted.condition = kNoIndex;
    found = std::find(entries.begin(), entries.end(), wanted);
  }
  if (found == entries.end()) return;
  const auto entry = planned.first_entry + static_cast<std::uint32_t>(found - entries.begin());
  const auto node = wanted.wildcard ? 0 : NodeOf(subject_type, subject.id);
  contextual_.push_back({entry, NodeOf(type, object.id), node, position});
}

graph::NodeId Request::FindNode(model::TypeIndex type, std::string_view id) const {
  const auto node = snapshot_.FindNode(model_.type(type), id);
  return node == graph::kNoNode ? FindLocal(type, id) : node;
}

graph::NodeId Request::NodeOf(model::TypeIndex type, std::string_view id) {
  return NodeOr(snapshot_.FindNode(model_.type(type), id), type, id);
}

graph::NodeId Request::NodeOr(graph::NodeId stored, model::TypeIndex type, std::string_view id) {
  if (stored != graph::kNoNode) return stored;
  const auto local = FindLocal(type, id);
  return local == graph::kNoNode ? LocalNode(type, id) : local;
}

graph::NodeId Request::FindLocal(model::TypeIndex type, std::string_view text) const {
  for (std::uint32_t i = 0; i < local_names_.size(); ++i) {
    if (local_names_[i].type == type && local_names_[i].text == text) {
      return graph::kLocalNodes + i;
    }
  }
  return graph::kNoNode;
}

graph::NodeId Request::LocalNode(model::TypeIndex type, std::string_view text) {
  local_names_.push_back({type, arena_.Copy(text)});
  return graph::kLocalNodes + local_names_.size() - 1;
}

std::string_view Request::IdOf(model::TypeIndex type, graph::NodeId node) const {
  return node >= graph::kLocalNodes ? local_names_[node - graph::kLocalNodes].text
                                    : snapshot_.NodeText(model_.type(type), node);
}

std::string Request::NodeName(model::TypeIndex type, graph::NodeId node) const {
  return plan_.types()[type].name + ":" + std::string(IdOf(type, node));
}

Outcome Request::ReadDirect(model::RelationIndex relation, graph::NodeId object) {
  const auto exact = ReadExact(relation, object);
  if (exact.truth == Truth::kTrue || Mutated(Mutation::kForgetWildcards)) return exact;
  const bool userset = subject_.kind == SubjectKind::kUserset;
  if (userset && !Mutated(Mutation::kWildcardForUsersets)) return exact;
  const auto wildcard = ReadWildcard(relation, object);
  if (wildcard.truth == Truth::kTrue || exact.truth == Truth::kFalse) return wildcard;
  return Outcome::Failed(Least(exact.failure, wildcard.failure));
}

std::optional<graph::Edge> Request::FindSubject(model::EntryIndex entry, graph::NodeId object,
                                                graph::NodeId node) {
  auto& asked = asked_[entry % asked_.size()];
  if (asked.entry != entry) {
    asked = {entry, Asked::kOnce};
    return View(entry).Find(object, node);
  }
  if (asked.state == Asked::kNothing) return std::nullopt;
  const auto view = View(entry);
  if (asked.state == Asked::kOnce) {
    asked.state = view.ObjectDegree(node) == 0 ? Asked::kNothing : Asked::kSomething;
    if (asked.state == Asked::kNothing) return std::nullopt;
  }
  return view.Find(object, node);
}

Outcome Request::ReadExact(model::RelationIndex relation, graph::NodeId object) {
  const bool wildcard = subject_.kind == SubjectKind::kWildcard;
  // A wildcard as the subject is read exactly only where its plain type is allowed too.
  if (wildcard && !plan_.AllowsObjects(relation, subject_.type)) return Outcome::False();
  const auto& planned = plan_.relations()[relation];
  const auto entries = plan_.EntriesOf(planned);
  const auto same_kind = [&](const model::DirectEntry& entry) {
    return entry.type == subject_.type && entry.userset == subject_.relation &&
           entry.wildcard == wildcard;
  };
  if (has_contextual()) {
    const ContextualEdge* first = nullptr;
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
      if (!same_kind(entries[i])) continue;
      for (const auto& edge : Contextual(planned.first_entry + i, object)) {
        if (edge.subject != subject_.node) continue;
        if (first == nullptr || edge.position < first->position) first = &edge;
      }
    }
    if (first != nullptr) {
      const auto held = Holds(first->entry, object, subject_.node, 0, first);
      if (!Mutated(Mutation::kForgetContextualShadow) || held.truth == Truth::kTrue) return held;
    }
  }
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    if (!same_kind(entries[i])) continue;
    const auto entry = planned.first_entry + i;
    if (const auto edge = FindSubject(entry, object, subject_.node)) {
      return Holds(entry, object, subject_.node, edge->context, nullptr);
    }
  }
  return Outcome::False();
}

Outcome Request::ReadWildcard(model::RelationIndex relation, graph::NodeId object) {
  const auto& planned = plan_.relations()[relation];
  const auto entries = plan_.EntriesOf(planned);
  const Failure* failure = nullptr;
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    if (!entries[i].wildcard || entries[i].type != subject_.type) continue;
    const auto entry = planned.first_entry + i;
    for (const auto& edge : Contextual(entry, object)) {
      const auto held = Holds(entry, object, edge.subject, 0, &edge);
      if (held.truth == Truth::kTrue) return held;
      failure = Least(failure, held.failure);
    }
    if (const auto edge = FindSubject(entry, object, 0)) {
      const auto held = Holds(entry, object, 0, edge->context, nullptr);
      if (held.truth == Truth::kTrue) return held;
      failure = Least(failure, held.failure);
    }
  }
  return failure == nullptr ? Outcome::False() : Outcome::Failed(failure);
}

std::span<const ContextualEdge> Request::Contextual(model::EntryIndex entry,
                                                    graph::NodeId object) const {
  if (contextual_.empty()) return {};
  const auto begin =
      std::lower_bound(contextual_.begin(), contextual_.end(), std::make_tuple(entry, object),
                       [](const auto& edge, const auto& key) {
                         return std::make_tuple(edge.entry, edge.object) < key;
                       });
  auto end = begin;
  while (end != contextual_.end() && end->entry == entry && end->object == object) ++end;
  return {begin, end};
}

bool Request::IsSeen(model::EntryIndex entry, graph::ContextId context) const {
  const auto condition = plan_.entries()[entry].condition;
  if (condition == kNoIndex || context == 0) return true;
  if (model::Expires(condition)) {
    const auto parts = graph::SplitExpiringContext(snapshot_.ContextText(context));
    if (parts.expires_at <= now_) return false;
    if (condition == model::kExpiresOnly || parts.context.empty()) return true;
  }
  std::shared_ptr<const condition::Bindings> spare;
  return model_.BindingsOf(snapshot_, condition, context, spare) != nullptr;
}

Outcome Request::Evaluate(model::EntryIndex entry, graph::NodeId object, graph::NodeId subject,
                          graph::ContextId context, const ContextualEdge* contextual) {
  const auto& planned = plan_.entries()[entry];
  const auto condition = model::Underlying(planned.condition);
  bool has_context = context != 0;
  if (model::Expires(planned.condition)) {
    // Expired is not there: nothing else about the tuple matters.
    const auto parts = graph::SplitExpiringContext(snapshot_.ContextText(context));
    if (parts.expires_at <= now_ && !Mutated(Mutation::kForgetExpiry)) return Outcome::False();
    if (condition == kNoIndex) return Outcome::True();
    has_context = !parts.context.empty();
  }
  const auto& program = *plan_.conditions()[condition];
  std::shared_ptr<const condition::Bindings> spare;
  const condition::Bindings* own = nullptr;
  if (contextual != nullptr) {
    own = ContextualBindings(*contextual, condition);
  } else if (has_context) {
    own = model_.BindingsOf(snapshot_, planned.condition, context, spare);
    if (own == nullptr) return Outcome::False();
  }
  const auto* given = RequestBindings(condition);
  auto verdict = program.Evaluate(given, own, {}, arena_);
  if (verdict.ok()) {
    return *verdict == condition::Verdict::kMet ? Outcome::True() : Outcome::False();
  }
  // Errors may name the tuple; its text is made only now.
  const auto& relation = plan_.relations()[planned.relation];
  const auto object_name = NodeName(relation.type, object);
  std::string subject_name =
      planned.wildcard ? plan_.types()[planned.type].name + ":*" : NodeName(planned.type, subject);
  if (planned.userset != kNoIndex) {
    subject_name += "#" + plan_.relations()[planned.userset].name;
  }
  verdict = program.Reevaluate(given, own, {object_name, relation.name, subject_name}, arena_);
  if (verdict.ok()) return Outcome::False();
  return Outcome::Failed(
      MakeFailure(verdict.error().code,
                  "failed to evaluate relationship condition: " + verdict.error().message));
}

const condition::Bindings* Request::RequestBindings(model::ConditionIndex condition) {
  if (query_.context == nullptr || query_.context->empty()) return nullptr;
  if (Mutated(Mutation::kForgetContext)) return nullptr;
  if (request_bindings_.empty()) {
    request_bindings_ = arena_.NewArray<const condition::Bindings*>(plan_.conditions().size());
  }
  const auto*& bound = request_bindings_[condition];
  if (bound == nullptr) bound = plan_.conditions()[condition]->BindIn(*query_.context, arena_);
  return bound;
}

const condition::Bindings* Request::ContextualBindings(const ContextualEdge& edge,
                                                       model::ConditionIndex condition) {
  const auto& tuple = query_.contextual_tuples[edge.position];
  if (tuple.condition->context.empty()) return nullptr;
  if (contextual_bindings_.empty()) {
    contextual_bindings_ =
        arena_.NewArray<const condition::Bindings*>(query_.contextual_tuples.size());
  }
  const auto*& bound = contextual_bindings_[edge.position];
  if (bound == nullptr) {
    bound = plan_.conditions()[condition]->BindIn(tuple.condition->context, arena_);
  }
  return bound;
}

const Failure* Request::MakeFailure(ErrorCode code, std::string_view message) {
  return arena_.New<Failure>(code, arena_.Copy(message));
}

const Failure* Request::TooDeep() {
  if (too_deep_ == nullptr) too_deep_ = MakeFailure(ErrorCode::kTooComplex, kTooDeepText);
  return too_deep_;
}

bool Request::CheckBudget() {
  if (stopped_ != nullptr) {
    steps_to_check_ = 1;  // Every further step ends here too.
    return false;
  }
  steps_to_check_ = kStepsPerLook;
  steps_ += kStepsPerLook;
  if (limits_.steps_max != 0 && steps_ > limits_.steps_max) {
    stopped_ = MakeFailure(ErrorCode::kTooComplex, "the check needs more work than is allowed");
  } else if (const auto used = arena_.used_bytes() + (also_ == nullptr ? 0 : also_->used_bytes());
             limits_.memory_bytes_max != 0 && used > limits_.memory_bytes_max) {
    stopped_ = MakeFailure(ErrorCode::kResourceExhausted,
                           "the request needs more than " +
                               std::to_string(limits_.memory_bytes_max) + " bytes of memory");
  } else if (query_.deadline && clock_.Steady() >= *query_.deadline) {
    stopped_ = MakeFailure(ErrorCode::kDeadlineExceeded, "Request Deadline Exceeded");
  }
  if (stopped_ != nullptr) steps_to_check_ = 1;
  return stopped_ == nullptr;
}

HopCursor::HopCursor(const Request& request, const model::PlanNode& leaf, graph::NodeId object,
                     Part part, bool all)
    : leaf_(&leaf),
      relation_(&request.plan().relations()[leaf.relation]),
      object_(object),
      part_(part),
      all_(all),
      plain_(!request.has_contextual()) {
  const bool direct = leaf.op == model::PlanOp::kDirect;
  for (const auto& entry : request.plan().EntriesOf(*relation_)) {
    if (direct && entry.userset == kNoIndex) continue;
    plain_ = plain_ && entry.condition == kNoIndex;
  }
}

bool HopCursor::Next(Request& request, Set& set, Hop& hop) {
  // Rows of tuples that are not satisfied count too: they may be long.
  const bool parents = leaf_->op == model::PlanOp::kTupleToUserset;
  if (Mutated(Mutation::kFirstParentOnly) && parents && set.satisfied) return false;
  while (request.Step()) {
    graph::NodeId node;
    Outcome held;
    const auto entry = relation_->first_entry + entry_ - 1;
    if (contextual_ != contextual_end_) {
      node = contextual_->subject;
      held = request.Holds(entry, object_, node, 0, contextual_);
      ++contextual_;
    } else if (!row_.done()) {
      node = row_.node();
      held = request.Holds(entry, object_, node, row_.context(), nullptr);
      row_.Next();
    } else {
      if (!NextEntry(request)) return false;
      continue;
    }
    if (held.truth == Truth::kFailed) set.failure = Least(set.failure, held.failure);
    if (held.truth != Truth::kTrue) continue;
    set.satisfied = true;
    // A type that lacks the relation leads nowhere; where the subject cannot go is "no" unless the
    // limit comes first.
    if (target_ == kNoIndex || (!all_ && !request.Reaches(target_))) continue;
    hop = {target_, node};
    return true;
  }
  return false;
}

bool HopCursor::NextEntry(Request& request) {
  const auto& plan = request.plan();
  const bool direct = leaf_->op == model::PlanOp::kDirect;
  for (; entry_ < relation_->entry_count; ++entry_) {
    const auto index = relation_->first_entry + entry_;
    const auto& entry = plan.entries()[index];
    if (direct && entry.userset == kNoIndex) continue;
    target_ = direct ? entry.userset : plan.LinksOf(*leaf_)[entry_];
    const bool unions = target_ == kNoIndex || plan.relations()[target_].unions_only;
    if (unions != (part_ == Part::kUnionTargets)) continue;
    if (target_ == kNoIndex && Mutated(Mutation::kSkipParentsWithoutRelation)) continue;
    if (direct && entry_ > 0 && Mutated(Mutation::kFirstUsersetOnly)) continue;
    const bool useless = target_ == kNoIndex || (!all_ && !request.Reaches(target_));
    if (plain_ && useless) continue;
    const auto contextual = request.Contextual(index, object_);
    contextual_ = contextual.data();
    contextual_end_ = contextual.data() + contextual.size();
    row_ = request.View(index).Subjects(object_);
    ++entry_;
    return true;
  }
  return false;
}

}  // namespace pemba::engine::internal
