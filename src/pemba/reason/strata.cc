#include "pemba/reason/strata.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "pemba/reason/internal/visit.h"

namespace pemba::reason {
namespace {

using internal::Overloaded;

std::string Quoted(const std::string& text) { return "`" + text + "`"; }

// ---- What a rule concludes ----

const TypeSet& TrunkDomain(const Rule& rule, VariableId variable) {
  static const TypeSet kNothing;
  const TypeSet* domain = rule.when.trunk.DomainOf(variable);
  return domain ? *domain : kNothing;
}

TypeSet ConcludedTypes(const Rule& rule) {
  return std::visit(
      Overloaded{[&](const ConcludedRelation& r) {
                   return r.type_variable ? TrunkDomain(rule, *r.type_variable) : TypeSet{r.type};
                 },
                 [&](const ConcludedOwnership& o) {
                   const auto* put = std::get_if<ConcludedOwnership::Put>(&o.attribute);
                   return put ? TypeSet{put->type}
                              : TrunkDomain(rule, std::get<VariableId>(o.attribute));
                 }},
      rule.then);
}

const Value* ConcludedValue(const ConcludedOwnership& ownership) {
  const auto* put = std::get_if<ConcludedOwnership::Put>(&ownership.attribute);
  return put ? std::get_if<Value>(&put->value) : nullptr;
}

// Whether a value can satisfy a comparison with a constant. Texts are not looked into.
bool CanSatisfy(const Value& value, const CompareAtom& compare) {
  const auto* constant = std::get_if<Value>(&compare.right);
  if (!constant) return true;
  const auto order = Compare(value, *constant);
  switch (compare.comparator) {
    case syntax::Comparator::kEqual:
      return order == 0;
    case syntax::Comparator::kNotEqual:
      return order != 0;
    case syntax::Comparator::kLess:
      return order < 0;
    case syntax::Comparator::kLessEqual:
      return order <= 0;
    case syntax::Comparator::kGreater:
      return order > 0;
    case syntax::Comparator::kGreaterEqual:
      return order >= 0;
    case syntax::Comparator::kContains:
    case syntax::Comparator::kLike:
      return true;
  }
  return true;
}

// ---- What a condition needs ----

enum class Sign : std::uint8_t { kNone, kPositive, kNegative };

// Whether the conclusion of one rule can feed the condition of another, conjunction by conjunction.
class Feeding {
 public:
  explicit Feeding(const Rule& from) : from_(from), types_(ConcludedTypes(from)) {}

  // The sign of the strictest way in which `to` depends on the rule.
  Sign Into(const Rule& to) const { return Into(to.when.trunk, {}); }

 private:
  // The conjunctions around the one that is looked at, outermost first.
  using Path = std::vector<const Conjunction*>;

  Sign Into(const Conjunction& conjunction, const Path& around) const {
    Sign sign = FeedsAtoms(conjunction, around) ? Sign::kPositive : Sign::kNone;
    Path inside = around;
    inside.push_back(&conjunction);
    for (const auto& branches : conjunction.disjunctions) {
      for (const Conjunction& branch : branches) sign = std::max(sign, Into(branch, inside));
    }
    for (const Conjunction& negation : conjunction.negations) {
      if (Into(negation, inside) != Sign::kNone) sign = Sign::kNegative;
    }
    return sign;
  }

  static bool BoundAround(VariableId variable, const Path& around) {
    return std::any_of(around.begin(), around.end(), [&](const Conjunction* conjunction) {
      return conjunction->DomainOf(variable) != nullptr;
    });
  }

  bool FeedsAtoms(const Conjunction& conjunction, const Path& around) const {
    if (!conjunction.answerable) return false;
    for (const Atom& atom : conjunction.atoms) {
      if (const auto* has = std::get_if<HasAtom>(&atom)) {
        if (FeedsHas(*has, conjunction, around)) return true;
      } else if (const auto* relation = std::get_if<RelationAtom>(&atom)) {
        if (FeedsRelation(*relation, conjunction, around)) return true;
      }
    }
    // Things that are only said to exist: `$p isa permission`, `$n isa name`.
    for (const Domain& domain : conjunction.domains) {
      if (domain.types.Intersects(types_) && !BoundAround(domain.variable, around) &&
          FeedsExistence(domain.variable, conjunction)) {
        return true;
      }
    }
    return false;
  }

  bool FeedsHas(const HasAtom& has, const Conjunction& conjunction, const Path& around) const {
    const auto* ownership = std::get_if<ConcludedOwnership>(&from_.then);
    if (!ownership || !conjunction.DomainOf(has.attribute)->Intersects(types_) ||
        !conjunction.DomainOf(has.owner)->Intersects(TrunkDomain(from_, ownership->owner))) {
      return false;
    }
    const Value* value = ConcludedValue(*ownership);
    return !value || FitsComparisons(*value, has.attribute, conjunction, around);
  }

  static bool FitsComparisons(const Value& value, VariableId attribute,
                              const Conjunction& conjunction, const Path& around) {
    const auto fits = [&](const Conjunction& where) {
      return std::all_of(where.atoms.begin(), where.atoms.end(), [&](const Atom& atom) {
        const auto* compare = std::get_if<CompareAtom>(&atom);
        return !compare || compare->left != attribute || CanSatisfy(value, *compare);
      });
    };
    return fits(conjunction) && std::all_of(around.begin(), around.end(),
                                            [&](const auto* outer) { return fits(*outer); });
  }

  bool FeedsRelation(const RelationAtom& atom, const Conjunction& conjunction,
                     const Path& around) const {
    const auto* concluded = std::get_if<ConcludedRelation>(&from_.then);
    // A relation that is bound further out is there already, with all its players.
    if (!concluded || BoundAround(atom.relation, around) ||
        !conjunction.DomainOf(atom.relation)->Intersects(types_)) {
      return false;
    }
    return std::all_of(atom.players.begin(), atom.players.end(), [&](const PlayerAtom& wanted) {
      const TypeSet& types = *conjunction.DomainOf(wanted.player);
      return std::any_of(concluded->players.begin(), concluded->players.end(),
                         [&](const PlayerAtom& player) {
                           return player.roles.Intersects(wanted.roles) &&
                                  TrunkDomain(from_, player.player).Intersects(types);
                         });
    });
  }

  // Relation and ownership patterns name what they need more precisely; here stands what has none.
  bool FeedsExistence(VariableId variable, const Conjunction& conjunction) const {
    for (const Atom& atom : conjunction.atoms) {
      const auto* relation = std::get_if<RelationAtom>(&atom);
      if (relation && relation->relation == variable) return false;
      if (relation && std::any_of(relation->players.begin(), relation->players.end(),
                                  [&](const PlayerAtom& p) { return p.player == variable; })) {
        return false;  // It exists because the relation does.
      }
      const auto* has = std::get_if<HasAtom>(&atom);
      if (has && has->attribute == variable) return false;
    }
    const auto* ownership = std::get_if<ConcludedOwnership>(&from_.then);
    if (!ownership) return true;
    // Only `has type value` makes an attribute; and that value must be one that is asked for.
    if (std::holds_alternative<VariableId>(ownership->attribute)) return false;
    const Value* value = ConcludedValue(*ownership);
    return !value || FitsComparisons(*value, variable, conjunction, {});
  }

  const Rule& from_;
  TypeSet types_;
};

// ---- Components ----

// edges[i]: what i depends on. Tarjan, "Depth-First Search and Linear Graph Algorithms", SIAM J.
// Comput. 1(2), 1972, with an explicit stack. Components come out after all that they depend on.
std::vector<std::vector<std::size_t>> Components(
    const std::vector<std::vector<std::size_t>>& edges) {
  constexpr std::size_t kUnseen = ~std::size_t{0};
  std::vector<std::size_t> number(edges.size(), kUnseen), low(edges.size());
  std::vector<char> open(edges.size(), 0);
  std::vector<std::size_t> path;
  std::vector<std::vector<std::size_t>> components;
  std::size_t next = 0;
  struct Frame {
    std::size_t node, edge;
  };
  for (std::size_t root = 0; root < edges.size(); ++root) {
    if (number[root] != kUnseen) continue;
    std::vector<Frame> frames = {{root, 0}};
    while (!frames.empty()) {
      auto& [node, edge] = frames.back();
      if (edge == 0 && number[node] == kUnseen) {
        number[node] = low[node] = next++;
        path.push_back(node);
        open[node] = 1;
      }
      if (edge < edges[node].size()) {
        const std::size_t to = edges[node][edge++];
        if (number[to] == kUnseen) {
          frames.push_back({to, 0});
        } else if (open[to] != 0) {
          low[node] = std::min(low[node], number[to]);
        }
        continue;
      }
      if (low[node] == number[node]) {
        std::vector<std::size_t> component;
        do {
          component.push_back(path.back());
          open[path.back()] = 0;
          path.pop_back();
        } while (component.back() != node);
        std::sort(component.begin(), component.end());
        components.push_back(std::move(component));
      }
      const std::size_t done = node;
      frames.pop_back();
      if (!frames.empty()) {
        low[frames.back().node] = std::min(low[frames.back().node], low[done]);
      }
    }
  }
  return components;
}

// The shortest way from `from` to `to` along the edges, both included.
std::vector<std::size_t> Way(const std::vector<std::vector<std::size_t>>& edges, std::size_t from,
                             std::size_t to) {
  std::vector<std::optional<std::size_t>> before(edges.size());
  std::vector<std::size_t> queue = {from};
  before[from] = from;
  for (std::size_t i = 0; i < queue.size() && !before[to]; ++i) {
    for (const std::size_t next : edges[queue[i]]) {
      if (before[next]) continue;
      before[next] = queue[i];
      queue.push_back(next);
    }
  }
  std::vector<std::size_t> way = {to};
  while (way.back() != from) way.push_back(*before[way.back()]);
  std::reverse(way.begin(), way.end());
  return way;
}

// ---- Termination ----

// The attribute variables that a value variable is computed from.
TypeSet ComputedFrom(const Rule& rule, VariableId value) {
  TypeSet types;
  for (const Atom& atom : rule.when.trunk.atoms) {
    const auto* assign = std::get_if<AssignAtom>(&atom);
    if (!assign || assign->variable != value) continue;
    internal::VisitExpression(assign->expression,
                              [&](const syntax::Variable& variable, internal::Role) {
                                const VariableId id = *rule.when.Find(variable.name);
                                if (variable.sigil == syntax::Sigil::kValue) {
                                  types |= ComputedFrom(rule, id);
                                } else {
                                  types |= TrunkDomain(rule, id);
                                }
                              });
  }
  return types;
}

// The types that the conclusion's new thing is made from: the relation's players, or the attributes
// that a value is computed from.
TypeSet MadeFrom(const Rule& rule) {
  TypeSet types;
  if (const auto* relation = std::get_if<ConcludedRelation>(&rule.then)) {
    for (const PlayerAtom& player : relation->players) types |= TrunkDomain(rule, player.player);
    return types;
  }
  const auto& ownership = std::get<ConcludedOwnership>(rule.then);
  const auto* put = std::get_if<ConcludedOwnership::Put>(&ownership.attribute);
  const auto* value = put ? std::get_if<VariableId>(&put->value) : nullptr;
  return value ? ComputedFrom(rule, *value) : types;
}

}  // namespace

Result<Strata> Stratify(const Schema& schema) {
  const auto rules = schema.rules();
  std::vector<std::vector<std::size_t>> depends(rules.size());
  std::vector<std::pair<std::size_t, std::size_t>> negative;
  for (std::size_t from = 0; from < rules.size(); ++from) {
    const Feeding feeding(rules[from]);
    for (std::size_t to = 0; to < rules.size(); ++to) {
      const Sign sign = feeding.Into(rules[to]);
      if (sign != Sign::kNone) depends[to].push_back(from);
      if (sign == Sign::kNegative) negative.emplace_back(to, from);
    }
  }
  Strata strata{Components(depends)};
  std::vector<std::size_t> group(rules.size());
  for (std::size_t i = 0; i < strata.groups.size(); ++i) {
    for (const std::size_t rule : strata.groups[i]) group[rule] = i;
  }
  for (const auto& [to, from] : negative) {
    if (group[to] != group[from]) continue;
    std::string circle =
        Quoted(rules[to].label) + " negates what " + Quoted(rules[from].label) + " concludes";
    const auto way = Way(depends, from, to);
    for (std::size_t i = 1; i < way.size(); ++i) {
      circle += ", which depends on " + Quoted(rules[way[i]].label);
    }
    return MakeError(Problem::kNegationCycle, rules[to].definition->label.at,
                     "the rules cannot be ordered: " + circle);
  }
  return strata;
}

Status CheckTermination(const Schema& schema) {
  TypeSet made;  // What rules make new instances of.
  for (const Rule& rule : schema.rules()) {
    if (!MadeFrom(rule).empty()) made |= ConcludedTypes(rule);
  }
  std::vector<std::vector<std::size_t>> from(schema.type_limit());
  std::vector<std::vector<const Rule*>> by(schema.type_limit());
  for (const Rule& rule : schema.rules()) {
    const TypeSet sources = MadeFrom(rule) & made;
    if (sources.empty()) continue;
    for (const TypeId type : ConcludedTypes(rule)) {
      by[type].push_back(&rule);
      for (const TypeId source : sources) from[type].push_back(source);
    }
  }
  for (const auto& component : Components(from)) {
    const std::size_t type = component.front();
    const bool circle = component.size() > 1 ||
                        std::find(from[type].begin(), from[type].end(), type) != from[type].end();
    if (!circle) continue;
    std::string rules;
    for (const std::size_t member : component) {
      for (const Rule* rule : by[member]) {
        rules.append(rules.empty() ? "" : ", ").append(Quoted(rule->label));
      }
    }
    const bool relation = schema.Get(static_cast<TypeId>(type)).kind == Kind::kRelation;
    return MakeError(
        Problem::kNonTermination, by[type].front()->definition->label.at,
        "there may be no end to what is inferred: " +
            Quoted(schema.Get(static_cast<TypeId>(type)).label) +
            (relation ? " can be a player of its own kind" : " is computed from itself") +
            " by the rules " + rules);
  }
  return Done{};
}

}  // namespace pemba::reason
