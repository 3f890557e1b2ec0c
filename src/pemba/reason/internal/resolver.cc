#include "pemba/reason/internal/resolver.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include <re2/re2.h>

#include "pemba/base/assert.h"
#include "pemba/reason/internal/visit.h"

namespace pemba::reason::internal {

using syntax::Comparator;
using syntax::Exactness;
using syntax::Label;
using syntax::Sigil;
using syntax::TypeRef;
using syntax::Variable;

namespace {

std::string Quoted(const std::string& text) { return "`" + text + "`"; }

VariableKind KindOf(const Variable& variable, Role role) {
  if (variable.sigil == Sigil::kValue) return VariableKind::kValue;
  return role == Role::kType ? VariableKind::kType : VariableKind::kThing;
}

// A block in braces says the same as without them.
void Flatten(const syntax::Patterns& patterns, std::vector<const syntax::Pattern*>& flat) {
  for (const auto& pattern : patterns) {
    const auto* disjunction = std::get_if<syntax::Disjunction>(&pattern.node);
    if (disjunction && disjunction->branches.size() == 1) {
      Flatten(disjunction->branches.front(), flat);
    } else {
      flat.push_back(&pattern);
    }
  }
}

// A variable that every branch mentions can be no more than the branches together allow.
void NarrowByBranches(Conjunction& conjunction, ConjunctionProblem& out) {
  ConjunctionProblem narrowed = out;
  bool possible = true;
  for (const auto& branches : conjunction.disjunctions) {
    bool any_answerable = false;
    for (const Conjunction& branch : branches) any_answerable |= branch.answerable;
    possible &= any_answerable;
    for (const auto& [variable, node] : out.nodes) {
      TypeSet allowed;
      bool everywhere = true;
      for (const Conjunction& branch : branches) {
        const TypeSet* domain = branch.DomainOf(variable);
        everywhere &= domain != nullptr;
        if (domain && branch.answerable) allowed |= *domain;
      }
      if (everywhere) narrowed.problem.Restrict(node, allowed);
    }
  }
  if (!possible || narrowed.problem.Propagate() == Outcome::kImpossible) {
    conjunction.answerable = false;
  } else {
    out = std::move(narrowed);
  }
}

void Clamp(Conjunction& conjunction, const Conjunction& around) {
  for (Domain& domain : conjunction.domains) {
    const TypeSet* outer = around.DomainOf(domain.variable);
    if (!outer || domain.types.empty()) continue;
    domain.types &= *outer;
    if (domain.types.empty()) conjunction.answerable = false;
  }
}

}  // namespace

// Collects the atoms and the type problem of one conjunction, statement by statement.
class ConjunctionBuilder {
 public:
  ConjunctionBuilder(Resolver& resolver, const Scope& around, ConjunctionProblem& problem)
      : resolver_(resolver), schema_(resolver.schema_), around_(around), out_(problem) {}

  Status Add(const syntax::Pattern& pattern) {
    return std::visit(Overloaded{[&](const syntax::ThingStatement& s) { return AddThing(s); },
                                 [&](const syntax::TypeStatement& s) { return AddType(s); },
                                 [&](const syntax::Is& s) { return AddIs(s); },
                                 [&](const syntax::Assignment& s) { return AddAssignment(s); },
                                 [](const auto&) -> Status { return Done{}; }},
                      pattern.node);
  }

  // Narrows in three steps, so that each mistake gets the error that names it: who owns, plays and
  // relates what; role labels, by the relations that are left; comparisons.
  Status Solve() {
    if (problem().Propagate() == Outcome::kImpossible) return Incoherent();
    PEMBA_TRY(std::ignore, ResolveRoleLabels());
    if (problem().Propagate() == Outcome::kImpossible) return Incoherent();
    for (const auto& [node, types, at] : comparisons_) problem().Restrict(node, types);
    for (const auto& [left, right, at] : compared_) {
      problem().Connect(Link::kComparable, left, right);
    }
    if (problem().Propagate() == Outcome::kImpossible) return Incomparable();
    if (problem().Satisfiable() == Outcome::kImpossible) {
      return MakeError(Problem::kIncoherentPattern, at_,
                       "no combination of types satisfies the whole pattern");
    }
    return Done{};
  }

  // Takes abstract types from things. Without them nothing may be left: then nothing can match, but
  // the pattern is no mistake.
  void DropAbstract(Conjunction& conjunction) {
    ConjunctionProblem concrete = out_;
    for (const auto& [variable, node] : concrete.nodes) {
      if (InfoOf(variable).kind == VariableKind::kThing) {
        concrete.problem.Forbid(node, schema_.AbstractTypes());
      }
    }
    if (concrete.problem.Propagate() == Outcome::kImpossible) {
      conjunction.answerable = false;
    } else {
      out_ = std::move(concrete);
    }
  }

  void Emit(Conjunction& conjunction) {
    if (!constants_hold_) conjunction.answerable = false;
    for (RelationDraft& draft : relations_) {
      for (std::size_t i = 0; i < draft.atom.players.size(); ++i) {
        draft.atom.players[i].roles = problem().DomainOf(draft.edges[i]);
      }
      atoms_[draft.index] = std::move(draft.atom);
    }
    conjunction.atoms = std::move(atoms_);
    for (const VariableId variable : mentioned_) {
      conjunction.domains.push_back({variable, InfoOf(variable).kind == VariableKind::kValue
                                                   ? TypeSet()
                                                   : DomainOf(variable)});
    }
    std::sort(conjunction.domains.begin(), conjunction.domains.end(),
              [](const Domain& a, const Domain& b) { return a.variable < b.variable; });
  }

 private:
  struct RelationDraft {
    std::size_t index;  // Into atoms_.
    RelationAtom atom;
    std::vector<Node> edges;  // The role of each player's edge.
    std::vector<std::optional<Label>> labels;
  };
  struct Restriction {
    Node node;
    TypeSet types;
    Position at;
  };
  struct Pair {
    Node left, right;
    Position at;
  };

  TypeProblem& problem() { return out_.problem; }
  const VariableInfo& InfoOf(VariableId id) const { return resolver_.result_.variables[id]; }
  const TypeSet& DomainOf(VariableId id) { return problem().DomainOf(out_.nodes.at(id)); }

  VariableId Mention(const Variable& variable) {
    return Mention(resolver_.ids_.at(variable.name), variable.at);
  }
  VariableId Mention(VariableId id, Position at) {
    if (std::find(mentioned_.begin(), mentioned_.end(), id) != mentioned_.end()) return id;
    mentioned_.push_back(id);
    if (at_.line == 0) at_ = at;
    const VariableKind kind = InfoOf(id).kind;
    if (kind == VariableKind::kValue) return id;
    const auto outside = around_.find(id);
    TypeSet domain = outside != around_.end() ? outside->second : schema_.Subtypes(kRootThing);
    if (outside == around_.end() && kind == VariableKind::kType) {
      domain |= schema_.Subtypes(kRootRole);
    }
    out_.nodes.emplace(id, problem().Add(std::move(domain)));
    return id;
  }
  Node NodeOf(VariableId id) const { return out_.nodes.at(id); }

  // ---- Labels ----

  Result<TypeId> ThingType(const Label& label, std::optional<Kind> kind = {}) {
    const Type* type = label.scope.empty() ? schema_.Find(label.name) : nullptr;
    if (!type) {
      if (!label.scope.empty() && schema_.Find(ToText(label))) {
        return MakeError(Problem::kKindMismatch, label.at,
                         Quoted(ToText(label)) + " is a role, which has no instances");
      }
      return MakeError(Problem::kTypeNotFound, label.at,
                       "the type " + Quoted(ToText(label)) + " is not defined");
    }
    if (kind && type->kind != *kind) {
      return MakeError(Problem::kKindMismatch, label.at,
                       Quoted(label.name) + (kind == Kind::kAttribute ? " is not an attribute type"
                                                                      : " is not a relation type"));
    }
    return type->id;
  }

  Result<TypeId> AnyType(const Label& label) {
    if (label.scope.empty()) return ThingType(label);
    return ScopedRole(label);
  }

  Result<TypeId> ScopedRole(const Label& label) {
    PEMBA_TRY(std::ignore, ThingType(Label{"", label.scope, label.at}, Kind::kRelation));
    const Type* role = schema_.Find(ToText(label));
    if (!role) {
      return MakeError(
          Problem::kRoleNotFound, label.at,
          "the relation type " + Quoted(label.scope) + " relates no role " + Quoted(label.name));
    }
    return role->id;
  }

  // A type in a statement about types: a variable's node, or one that stands for the label.
  struct Term {
    Node node;
    std::optional<VariableId> variable;  // A named one; labels and `$_` are met by domains alone.
  };
  Result<Term> TermOf(const TypeRef& type,
                      Result<TypeId> (ConjunctionBuilder::*find)(const Label&)) {
    if (const auto* variable = std::get_if<Variable>(&type)) {
      const VariableId id = Mention(*variable);
      return Term{NodeOf(id), variable->anonymous() ? std::nullopt : std::optional(id)};
    }
    PEMBA_TRY(const TypeId id, (this->*find)(std::get<Label>(type)));
    return Term{problem().Add({id}), std::nullopt};
  }
  Result<TypeId> AttributeType(const Label& label) { return ThingType(label, Kind::kAttribute); }

  // `relates parent` matches by name, so one label can stand for several roles.
  Result<Term> RelatedRole(const TypeRef& type) {
    const auto* label = std::get_if<Label>(&type);
    if (!label || !label->scope.empty()) return TermOf(type, &ConjunctionBuilder::AnyType);
    const TypeSet& roles = schema_.RolesNamed(label->name);
    if (roles.empty()) {
      return MakeError(Problem::kRoleNotFound, label->at,
                       "there is no role " + Quoted(label->name));
    }
    return Term{problem().Add(roles), std::nullopt};
  }

  // ---- Statements about things ----

  Status AddThing(const syntax::ThingStatement& statement) {
    const VariableId subject = Mention(statement.subject);
    if (statement.iid) atoms_.emplace_back(IidAtom{subject, *statement.iid});
    if (!statement.players.empty()) {
      PEMBA_TRY(std::ignore, AddRelation(subject, statement));
    }
    if (statement.isa) {
      PEMBA_TRY(std::ignore, AddIsa(subject, *statement.isa));
    }
    if (statement.predicate) {
      PEMBA_TRY(std::ignore, AddPredicate(subject, *statement.predicate));
    }
    for (const auto& has : statement.has) {
      PEMBA_TRY(std::ignore, AddHas(subject, has));
    }
    return Done{};
  }

  Status AddIsa(VariableId thing, const syntax::Isa& isa) {
    const bool exact = isa.exactness == Exactness::kExact;
    if (const auto* label = std::get_if<Label>(&isa.type)) {
      PEMBA_TRY(const TypeId type, ThingType(*label));
      problem().Restrict(NodeOf(thing), exact ? TypeSet{type} : schema_.Subtypes(type));
      return Done{};
    }
    const auto& variable = std::get<Variable>(isa.type);
    const VariableId type = Mention(variable);
    problem().Connect(exact ? Link::kSame : Link::kSub, NodeOf(thing), NodeOf(type));
    if (!variable.anonymous()) atoms_.emplace_back(IsaAtom{thing, type, isa.exactness});
    return Done{};
  }

  Status AddRelation(VariableId relation, const syntax::ThingStatement& statement) {
    problem().Restrict(NodeOf(relation), schema_.OfKind(Kind::kRelation));
    RelationDraft draft;
    draft.index = atoms_.size();
    draft.atom.relation = relation;
    atoms_.emplace_back(RelationAtom{});  // Comes here when its roles are known.
    for (const auto& listed : statement.players) {
      PlayerAtom player;
      const Node edge = problem().Add(schema_.OfKind(Kind::kRole));
      std::optional<Label> label;
      if (listed.role) {
        if (const auto* variable = std::get_if<Variable>(&*listed.role)) {
          const VariableId role = Mention(*variable);
          problem().Connect(Link::kSub, edge, NodeOf(role));
          if (!variable->anonymous()) player.role = role;
        } else {
          label = std::get<Label>(*listed.role);
        }
      }
      player.player = Mention(listed.player);
      problem().Connect(Link::kRelates, NodeOf(relation), edge);
      problem().Connect(Link::kPlays, NodeOf(player.player), edge);
      draft.atom.players.push_back(std::move(player));
      draft.edges.push_back(edge);
      draft.labels.push_back(std::move(label));
    }
    relations_.push_back(std::move(draft));
    return Done{};
  }

  Status ResolveRoleLabels() {
    for (const RelationDraft& draft : relations_) {
      for (std::size_t i = 0; i < draft.labels.size(); ++i) {
        if (!draft.labels[i]) continue;
        PEMBA_TRY(const TypeSet roles, RolesOf(*draft.labels[i], DomainOf(draft.atom.relation)));
        problem().Restrict(draft.edges[i], roles);
      }
    }
    return Done{};
  }

  // The roles that a label can mean in a relation of one of these types: those of that name that
  // the types or their supertypes declare, with their sub-roles.
  Result<TypeSet> RolesOf(const Label& label, const TypeSet& relations) {
    TypeSet roles;
    if (!label.scope.empty()) {
      PEMBA_TRY(const TypeId role, ScopedRole(label));
      return schema_.Subtypes(role);
    }
    TypeSet family;
    for (const TypeId relation : relations) family |= schema_.Supertypes(relation);
    for (const TypeId role : schema_.RolesNamed(label.name)) {
      if (family.Contains(schema_.Get(role).relation)) roles |= schema_.Subtypes(role);
    }
    if (roles.empty()) {
      std::string where;
      if (relations.size() <= 3) {
        for (const TypeId relation : relations) {
          where.append(where.empty() ? " in " : " or ").append(Quoted(schema_.Get(relation).label));
        }
      }
      return MakeError(Problem::kRoleNotFound, label.at,
                       "there is no role " + Quoted(label.name) + where);
    }
    return roles;
  }

  Status AddHas(VariableId owner, const syntax::Has& has) {
    const auto* variable = std::get_if<Variable>(&has.attribute);
    const bool concept_variable = variable && variable->sigil == Sigil::kConcept;
    const VariableId attribute =
        concept_variable ? Mention(*variable) : Mention(resolver_.Fresh(has.at), has.at);
    problem().Restrict(NodeOf(attribute), schema_.OfKind(Kind::kAttribute));
    if (has.type) {
      PEMBA_TRY(const TypeId type, ThingType(*has.type, Kind::kAttribute));
      problem().Restrict(NodeOf(attribute), schema_.Subtypes(type));
    }
    problem().Connect(Link::kOwns, NodeOf(owner), NodeOf(attribute));
    atoms_.emplace_back(HasAtom{owner, attribute});
    if (concept_variable) return Done{};
    if (variable) {
      atoms_.emplace_back(CompareAtom{attribute, Comparator::kEqual, Mention(*variable)});
      return Done{};
    }
    return AddPredicate(attribute, std::get<syntax::Predicate>(has.attribute));
  }

  Status AddPredicate(VariableId left, const syntax::Predicate& predicate) {
    const bool left_is_value = InfoOf(left).kind == VariableKind::kValue;
    if (!left_is_value) problem().Restrict(NodeOf(left), schema_.OfKind(Kind::kAttribute));
    if (const auto* value = std::get_if<Value>(&predicate.operand)) {
      if (predicate.comparator == Comparator::kLike) {
        const re2::RE2 compiled(std::get<std::string>(*value), re2::RE2::Quiet);
        if (!compiled.ok()) {
          return MakeError(Problem::kRegexInvalid, predicate.at,
                           "this is not a regular expression: " + compiled.error());
        }
      }
      if (!left_is_value) {
        comparisons_.push_back({NodeOf(left), ComparableTypes(TypeOf(*value)), predicate.at});
      }
      atoms_.emplace_back(CompareAtom{left, predicate.comparator, *value});
      return Done{};
    }
    const VariableId right = Mention(std::get<Variable>(predicate.operand));
    if (InfoOf(right).kind != VariableKind::kValue) {
      problem().Restrict(NodeOf(right), schema_.OfKind(Kind::kAttribute));
      if (!left_is_value) compared_.push_back({NodeOf(left), NodeOf(right), predicate.at});
    }
    atoms_.emplace_back(CompareAtom{left, predicate.comparator, right});
    return Done{};
  }

  TypeSet ComparableTypes(ValueType type) const {
    TypeSet types{kRootAttribute};  // May stand for any.
    for (const TypeId id : schema_.OfKind(Kind::kAttribute)) {
      const auto& value_type = schema_.Get(id).value_type;
      if (value_type && Comparable(*value_type, type)) types.Add(id);
    }
    return types;
  }

  // ---- Statements about types ----

  Status AddType(const syntax::TypeStatement& statement) {
    bool has_variables = false;
    VisitStatement(statement, [&](const Variable&, Role) { has_variables = true; });
    if (has_variables) return AddTypeConstraints(statement);
    // Of labels alone, a statement is true or false of the schema. False is no mistake: nothing
    // matches, that is all. It touches no node of others, so it is tried and taken back.
    const TypeProblem before = problem();
    problem() = TypeProblem(schema_);
    const Status added = AddTypeConstraints(statement);
    if (added.ok() && problem().Propagate() == Outcome::kImpossible) constants_hold_ = false;
    problem() = before;
    return added;
  }

  Status AddTypeConstraints(const syntax::TypeStatement& statement) {
    PEMBA_TRY(const Term subject, TermOf(statement.subject, &ConjunctionBuilder::AnyType));
    for (const auto& constraint : statement.constraints) {
      PEMBA_TRY(std::ignore,
                std::visit([&](const auto& c) { return AddConstraint(subject, c); }, constraint));
    }
    return Done{};
  }

  Status AddConstraint(const Term& subject, const syntax::Sub& sub) {
    PEMBA_TRY(const Term above, TermOf(sub.type, &ConjunctionBuilder::AnyType));
    const bool exact = sub.exactness == Exactness::kExact;
    problem().Connect(exact ? Link::kSubExact : Link::kSub, subject.node, above.node);
    if (subject.variable && above.variable) {
      atoms_.emplace_back(SubAtom{*subject.variable, *above.variable, sub.exactness});
    }
    return Done{};
  }

  Status AddConstraint(const Term& subject, const syntax::TypeIs& is) {
    PEMBA_TRY(const TypeId type, AnyType(is.label));
    problem().Restrict(subject.node, {type});
    return Done{};
  }

  Status AddConstraint(const Term& subject, const syntax::Abstract&) {
    problem().Restrict(subject.node, schema_.AbstractTypes());
    return Done{};
  }

  Status AddConstraint(const Term& subject, const syntax::Owns& owns) {
    PEMBA_TRY(const Term attribute, TermOf(owns.attribute, &ConjunctionBuilder::AttributeType));
    problem().Connect(Link::kOwns, subject.node, attribute.node, owns.annotation);
    if (subject.variable && attribute.variable) {
      atoms_.emplace_back(OwnsAtom{*subject.variable, *attribute.variable, owns.annotation});
    }
    if (owns.overridden) {
      return MakeError(Problem::kInvalidPattern, owns.at,
                       "`owns ... as` defines an override; it cannot be asked for");
    }
    return Done{};
  }

  Status AddConstraint(const Term& subject, const syntax::Relates& relates) {
    PEMBA_TRY(const Term role, RelatedRole(relates.role));
    problem().Connect(Link::kRelates, subject.node, role.node);
    if (subject.variable && role.variable) {
      atoms_.emplace_back(RelatesAtom{*subject.variable, *role.variable});
    }
    if (relates.overridden) {
      PEMBA_TRY(const Term overridden, RelatedRole(*relates.overridden));
      problem().Connect(Link::kSubExact, role.node, overridden.node);
      if (role.variable && overridden.variable) {
        atoms_.emplace_back(SubAtom{*role.variable, *overridden.variable, Exactness::kExact});
      }
    }
    return Done{};
  }

  Status AddConstraint(const Term& subject, const syntax::Plays& plays) {
    PEMBA_TRY(const Term role, TermOf(plays.role, &ConjunctionBuilder::AnyType));
    problem().Connect(Link::kPlays, subject.node, role.node);
    if (subject.variable && role.variable) {
      atoms_.emplace_back(PlaysAtom{*subject.variable, *role.variable});
    }
    if (plays.overridden) {
      return MakeError(Problem::kInvalidPattern, plays.at,
                       "`plays ... as` defines an override; it cannot be asked for");
    }
    return Done{};
  }

  Status AddConstraint(const Term& subject, const syntax::ValueIs& value) {
    TypeSet types;
    for (const TypeId id : schema_.OfKind(Kind::kAttribute)) {
      if (schema_.Get(id).value_type == value.type) types.Add(id);
    }
    problem().Restrict(subject.node, types);
    return Done{};
  }

  Status AddConstraint(const Term& subject, const syntax::Regex& regex) {
    TypeSet types;
    for (const TypeId id : schema_.OfKind(Kind::kAttribute)) {
      if (schema_.Get(id).regex == regex.pattern) types.Add(id);
    }
    problem().Restrict(subject.node, types);
    return Done{};
  }

  // ---- Other statements ----

  Status AddIs(const syntax::Is& is) {
    const VariableId left = Mention(is.left);
    const VariableId right = Mention(is.right);
    if (InfoOf(left).kind != InfoOf(right).kind) {
      return MakeError(Problem::kVariableKindConflict, is.at,
                       "`$" + is.left.name + "` and `$" + is.right.name +
                           "` are a thing and a type, which are never the same");
    }
    problem().Connect(Link::kSame, NodeOf(left), NodeOf(right));
    atoms_.emplace_back(IsAtom{left, right});
    return Done{};
  }

  Status AddAssignment(const syntax::Assignment& assignment) {
    VisitExpression(assignment.expression, [&](const Variable& variable, Role) {
      const VariableId id = Mention(variable);
      if (InfoOf(id).kind == VariableKind::kThing) {
        problem().Restrict(NodeOf(id), schema_.OfKind(Kind::kAttribute));
      }
    });
    atoms_.emplace_back(AssignAtom{Mention(assignment.variable), assignment.expression});
    return Done{};
  }

  // ---- Errors ----

  std::string NameOfNode(Node node) const {
    for (const auto& [variable, own] : out_.nodes) {
      if (own == node && !InfoOf(variable).anonymous()) return "`$" + InfoOf(variable).name + "`";
    }
    return {};
  }
  Position PositionOfNode(Node node) const {
    for (const auto& [variable, own] : out_.nodes) {
      if (own == node) return InfoOf(variable).at;
    }
    for (const RelationDraft& draft : relations_) {
      for (const Node edge : draft.edges) {
        if (edge == node) return InfoOf(draft.atom.relation).at;
      }
    }
    return at_;
  }

  Status Incoherent() {
    const Node culprit = problem().culprit();
    const std::string name = NameOfNode(culprit);
    return MakeError(Problem::kIncoherentPattern, PositionOfNode(culprit),
                     name.empty() ? "no types satisfy the statements that meet here"
                                  : "no type of " + name +
                                        " satisfies all that is said of it: who owns, plays and "
                                        "relates what leaves nothing");
  }

  Status Incomparable() {
    const Position at = !comparisons_.empty() ? comparisons_.front().at
                        : !compared_.empty()  ? compared_.front().at
                                              : at_;
    return MakeError(Problem::kIncomparable, at,
                     "values of these types can never be compared with each other");
  }

  Resolver& resolver_;
  const Schema& schema_;
  const Scope& around_;
  ConjunctionProblem& out_;
  std::vector<Atom> atoms_;
  std::vector<RelationDraft> relations_;
  std::vector<Restriction> comparisons_;
  std::vector<Pair> compared_;
  std::vector<VariableId> mentioned_;
  bool constants_hold_ = true;
  Position at_;  // Of the first statement.
};

// ---- Resolver ----

VariableId Resolver::Fresh(Position at) {
  const auto id = static_cast<VariableId>(result_.variables.size());
  result_.variables.push_back({"_v" + std::to_string(id), VariableKind::kThing, at});
  return id;
}

Status Resolver::Collect(const syntax::Patterns& patterns) {
  for (const auto& pattern : patterns) {
    Status seen = Done{};
    VisitPattern(pattern, [&](const Variable& variable, Role role) {
      if (!seen.ok() || role == Role::kEither) return;
      const VariableKind kind = KindOf(variable, role);
      const auto [found, added] =
          ids_.emplace(variable.name, static_cast<VariableId>(result_.variables.size()));
      if (added) {
        result_.variables.push_back({variable.name, kind, variable.at});
      } else if (result_.variables[found->second].kind != kind) {
        seen =
            MakeError(Problem::kVariableKindConflict, variable.at,
                      Quoted(variable.name) + " is used as a thing and as a type, or as a value");
      }
    });
    PEMBA_TRY(std::ignore, std::move(seen));
    if (const auto* disjunction = std::get_if<syntax::Disjunction>(&pattern.node)) {
      for (const auto& branch : disjunction->branches) {
        PEMBA_TRY(std::ignore, Collect(branch));
      }
    } else if (const auto* negation = std::get_if<syntax::Negation>(&pattern.node)) {
      PEMBA_TRY(std::ignore, Collect(negation->body));
    }
  }
  return Done{};
}

Result<Conjunction> Resolver::ResolveConjunction(const syntax::Patterns& patterns,
                                                 const Scope& around, ConjunctionProblem& out) {
  std::vector<const syntax::Pattern*> flat;
  Flatten(patterns, flat);
  ConjunctionBuilder builder(*this, around, out);
  for (const auto* pattern : flat) {
    PEMBA_TRY(std::ignore, builder.Add(*pattern));
  }
  PEMBA_TRY(std::ignore, builder.Solve());
  // Nested patterns see abstract types, too: one that fits nothing else is unanswerable, no
  // mistake.
  Scope inside = around;
  for (const auto& [variable, node] : out.nodes) inside[variable] = out.problem.DomainOf(node);
  Conjunction conjunction;
  builder.DropAbstract(conjunction);
  for (const auto* pattern : flat) {
    if (const auto* disjunction = std::get_if<syntax::Disjunction>(&pattern->node)) {
      std::vector<Conjunction> branches;
      for (const auto& branch : disjunction->branches) {
        ConjunctionProblem nested(schema_);
        PEMBA_TRY(auto resolved, ResolveConjunction(branch, inside, nested));
        branches.push_back(std::move(resolved));
      }
      conjunction.disjunctions.push_back(std::move(branches));
    } else if (const auto* negation = std::get_if<syntax::Negation>(&pattern->node)) {
      ConjunctionProblem nested(schema_);
      PEMBA_TRY(auto resolved, ResolveConjunction(negation->body, inside, nested));
      conjunction.negations.push_back(std::move(resolved));
    }
  }
  NarrowByBranches(conjunction, out);
  builder.Emit(conjunction);
  for (auto& branches : conjunction.disjunctions) {
    for (Conjunction& branch : branches) Clamp(branch, conjunction);
  }
  for (Conjunction& negation : conjunction.negations) Clamp(negation, conjunction);
  return conjunction;
}

Result<ResolvedPattern> Resolver::Run(const syntax::Patterns& patterns) {
  PEMBA_TRY(std::ignore, Collect(patterns));
  PEMBA_TRY(result_.trunk, ResolveConjunction(patterns, {}, trunk_problem_));
  return std::move(result_);
}

}  // namespace pemba::reason::internal
