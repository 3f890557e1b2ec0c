#include "pemba/reason/internal/writer.h"

#include <algorithm>
#include <map>
#include <set>

#include <re2/re2.h>

#include "pemba/base/assert.h"
#include "pemba/reason/problem.h"

namespace pemba::reason::internal {
namespace {

using syntax::ThingStatement;
using syntax::Variable;

Error Fail(Problem problem, Position at, std::string text) {
  return MakeError(problem, at, std::move(text));
}

template <class See>
void ForEachVariable(const ThingStatement& statement, See see) {
  see(statement.subject);
  if (statement.isa) {
    if (const auto* type = std::get_if<Variable>(&statement.isa->type)) see(*type);
  }
  for (const auto& player : statement.players) {
    if (player.role) {
      if (const auto* role = std::get_if<Variable>(&*player.role)) see(*role);
    }
    see(player.player);
  }
  if (statement.predicate) {
    if (const auto* operand = std::get_if<Variable>(&statement.predicate->operand)) see(*operand);
  }
  for (const auto& has : statement.has) {
    if (const auto* attribute = std::get_if<Variable>(&has.attribute)) {
      see(*attribute);
    } else if (const auto* operand =
                   std::get_if<Variable>(&std::get<syntax::Predicate>(has.attribute).operand)) {
      see(*operand);
    }
  }
}

bool IsExclusive(const Ownership& ownership) {
  return ownership.annotation != syntax::Annotation::kNone;
}

// Another instance of exactly the owner's type that owns the attribute.
bool IsTakenByAnother(const Facts& facts, ThingId owner, ThingId attribute) {
  const IdList* owners = facts.Owners(attribute, facts.TypeOf(owner));
  return owners != nullptr &&
         (owners->size() > 1 || (owners->size() == 1 && (*owners)[0] != owner));
}

}  // namespace

std::vector<std::string> VariablesOf(const std::vector<ThingStatement>& statements) {
  std::vector<std::string> names;
  for (const ThingStatement& statement : statements) {
    ForEachVariable(statement, [&](const Variable& variable) {
      if (!variable.anonymous() &&
          std::find(names.begin(), names.end(), variable.name) == names.end()) {
        names.push_back(variable.name);
      }
    });
  }
  return names;
}

// ---- Changes ----

void Writer::Do(Change change) {
  Apply(change, facts_);
  changes_.push_back(std::move(change));
}

Result<TypeId> Writer::ConcreteType(const syntax::Label& label) const {
  const Type* type = schema_.Find(ToText(label));
  if (type == nullptr) {
    return Fail(Problem::kTypeNotFound, label.at,
                "the type `" + ToText(label) + "` is not defined");
  }
  if (type->kind == Kind::kRole) {
    return Fail(Problem::kKindMismatch, label.at, "`" + type->label + "` is a role");
  }
  if (schema_.AbstractTypes().Contains(type->id)) {
    return Fail(Problem::kAbstractWrite, label.at,
                "the type `" + type->label + "` is abstract and has no instances");
  }
  return type->id;
}

Result<ThingId> Writer::Put(TypeId type_id, const Value& value, Position at) {
  const Type& type = schema_.Get(type_id);
  if (type.kind != Kind::kAttribute || !type.value_type) {
    return Fail(Problem::kInvalidInsert, at, "`" + type.label + "` is not an attribute type");
  }
  std::optional<Value> converted;
  if (TypeOf(value) == *type.value_type ||
      (TypeOf(value) == ValueType::kLong && *type.value_type == ValueType::kDouble)) {
    converted = Convert(value, *type.value_type);
  }
  if (!converted) {
    return Fail(Problem::kValueTypeWrong, at,
                "`" + type.label + "` has values of type " + std::string(Name(*type.value_type)) +
                    ", which " + ToText(value) + " is not");
  }
  if (!type.regex.empty() && !re2::RE2::FullMatch(std::get<std::string>(*converted), type.regex)) {
    return Fail(Problem::kRegexViolation, at,
                ToText(value) + " does not match the regex of `" + type.label + "`");
  }
  const ThingId known = facts_.Find(type_id, *converted);
  if (known != kNoThing) return known;
  PEMBA_TRY(const ThingId attribute, new_thing_());
  Do({Change::Kind::kPut, attribute, kNoThing, type_id, std::move(converted)});
  return attribute;
}

Status Writer::Own(ThingId owner, ThingId attribute, Position at) {
  const Type& owner_type = schema_.Get(facts_.TypeOf(owner));
  const Type& attribute_type = schema_.Get(facts_.TypeOf(attribute));
  const Ownership* found = nullptr;
  for (const Ownership& ownership : schema_.Owns(owner_type.id)) {
    if (ownership.attribute == attribute_type.id) found = &ownership;
  }
  if (found == nullptr) {
    return Fail(Problem::kCannotOwn, at,
                "a `" + owner_type.label + "` cannot own a `" + attribute_type.label + "`");
  }
  if (facts_.Owns(owner, attribute)) return Done{};
  if (IsExclusive(*found)) {
    const IdList* owned = facts_.Owned(owner, attribute_type.id);
    if (found->annotation == syntax::Annotation::kKey && owned != nullptr && !owned->empty()) {
      return Fail(Problem::kKeySecond, at,
                  "the `" + owner_type.label + "` has a `" + attribute_type.label +
                      "` already, which is its key");
    }
    if (IsTakenByAnother(facts_, owner, attribute)) {
      return Fail(found->annotation == syntax::Annotation::kKey ? Problem::kKeyTaken
                                                                : Problem::kUniqueTaken,
                  at,
                  "another `" + owner_type.label + "` has the `" + attribute_type.label + "` " +
                      ToText(facts_.ValueOf(attribute)));
    }
  }
  Do({Change::Kind::kOwn, owner, attribute, 0, {}});
  return Done{};
}

Result<TypeId> Writer::RoleFor(TypeId relation, const syntax::Player& player, ThingId thing,
                               std::optional<TypeId> matched_role) const {
  const Type& relation_type = schema_.Get(relation);
  const Type& player_type = schema_.Get(facts_.TypeOf(thing));
  TypeId role = 0;
  if (matched_role) {
    role = *matched_role;
    if (!schema_.Relates(relation).Contains(role)) {
      return Fail(
          Problem::kRoleNotRelated, player.at,
          "`" + relation_type.label + "` does not relate `" + schema_.Get(role).label + "`");
    }
  } else if (player.role) {
    const auto& label = std::get<syntax::Label>(*player.role);
    const Type* found =
        label.scope.empty() ? schema_.FindRole(relation, label.name) : schema_.Find(ToText(label));
    if (found == nullptr || !schema_.Relates(relation).Contains(found->id)) {
      return Fail(Problem::kRoleNotRelated, player.at,
                  "`" + relation_type.label + "` does not relate `" + ToText(label) + "`");
    }
    role = found->id;
  } else {
    int candidates = 0;
    for (const TypeId one : schema_.Plays(player_type.id)) {
      if (schema_.Get(one).relation != relation || !schema_.Relates(relation).Contains(one)) {
        continue;
      }
      role = one;
      ++candidates;
    }
    if (candidates != 1) {
      return Fail(
          candidates == 0 ? Problem::kRoleMissing : Problem::kRoleAmbiguous, player.at,
          "a `" + player_type.label + "` can play " +
              (candidates == 0 ? std::string("no role") : std::to_string(candidates) + " roles") +
              " that `" + relation_type.label + "` declares; name the role");
    }
  }
  if (!schema_.Plays(player_type.id).Contains(role)) {
    return Fail(Problem::kCannotPlay, player.at,
                "a `" + player_type.label + "` cannot play `" + schema_.Get(role).label + "`");
  }
  return role;
}

// ---- Insert ----

Status Writer::CheckInsert(const std::vector<ThingStatement>& statements) const {
  for (const ThingStatement& statement : statements) {
    if (statement.iid) {
      return Fail(Problem::kIidInsert, statement.at, "an iid cannot be inserted");
    }
    if (statement.isa) {
      if (const auto* label = std::get_if<syntax::Label>(&statement.isa->type)) {
        const Type* type = schema_.Find(ToText(*label));
        if (type == nullptr) {
          return Fail(Problem::kTypeNotFound, label->at,
                      "the type `" + ToText(*label) + "` is not defined");
        }
      }
    }
    if (statement.predicate && statement.predicate->comparator != syntax::Comparator::kEqual) {
      return Fail(Problem::kInvalidInsert, statement.predicate->at,
                  "only a value can be inserted, not a comparison");
    }
    for (const auto& has : statement.has) {
      if (has.type && schema_.Find(ToText(*has.type)) == nullptr) {
        return Fail(Problem::kTypeNotFound, has.type->at,
                    "the type `" + ToText(*has.type) + "` is not defined");
      }
      const auto* predicate = std::get_if<syntax::Predicate>(&has.attribute);
      if (predicate != nullptr && predicate->comparator != syntax::Comparator::kEqual) {
        return Fail(Problem::kInvalidInsert, predicate->at,
                    "only a value can be inserted, not a comparison");
      }
    }
  }
  return Done{};
}

// One row of an insert clause: first all things, then what connects them.
class Writer::InsertRow {
 public:
  InsertRow(Writer& writer, const std::vector<ThingStatement>& statements,
            const std::vector<MatchedVariable>& matched, const MatchedRow& row)
      : writer_(writer),
        schema_(writer.schema_),
        statements_(statements),
        matched_(matched),
        row_(row) {}

  Status Run(std::vector<Created>& created) {
    PEMBA_TRY(std::ignore, Gather());
    for (const std::string& name : order_) {
      PEMBA_TRY(std::ignore, Make(name));
    }
    for (const ThingStatement& statement : statements_) {
      PEMBA_TRY(std::ignore, Connect(statement));
    }
    for (const std::string& name : order_) {
      if (!name.starts_with('_')) created.push_back({name, things_.at(name)});
    }
    return Done{};
  }

 private:
  struct Wanted {
    std::optional<TypeId> type;
    Position at;
    std::optional<Value> value;
    bool is_subject = false;
    bool has_players = false;
  };

  std::optional<Slot> MatchOf(const std::string& name, VariableKind kind) const {
    for (std::size_t i = 0; i < matched_.size(); ++i) {
      if (matched_[i].name == name && matched_[i].kind == kind) return row_[i];
    }
    return std::nullopt;
  }

  Result<Value> ValueOf(const syntax::Predicate& predicate) const {
    if (const auto* literal = std::get_if<Value>(&predicate.operand)) return *literal;
    const auto& variable = std::get<Variable>(predicate.operand);
    if (const auto value = MatchOf(variable.name, VariableKind::kValue)) {
      return writer_.values_.Get(*value);
    }
    if (const auto attribute = MatchOf(variable.name, VariableKind::kThing)) {
      return writer_.facts_.ValueOf(*attribute);
    }
    return Fail(Problem::kAttributeWithoutValue, variable.at,
                "`" + variable.name + "` has no value");
  }

  Wanted& Want(const Variable& variable) {
    auto [found, fresh] = wanted_.try_emplace(variable.name);
    if (fresh) {
      order_.push_back(variable.name);
      found->second.at = variable.at;
    }
    return found->second;
  }

  Status SetValue(Wanted& wanted, Value value, Position at) {
    if (wanted.value && *wanted.value != value) {
      return Fail(Problem::kAttributeWithSeveralValues, at, "an attribute has one value");
    }
    wanted.value = std::move(value);
    return Done{};
  }

  // What each variable is to be.
  Status Gather() {
    for (const ThingStatement& statement : statements_) {
      Wanted& subject = Want(statement.subject);
      subject.is_subject = true;
      subject.has_players = subject.has_players || !statement.players.empty();
      if (statement.isa) {
        TypeId type = 0;
        if (const auto* label = std::get_if<syntax::Label>(&statement.isa->type)) {
          PEMBA_TRY(type, writer_.ConcreteType(*label));
        } else {
          const auto& variable = std::get<Variable>(statement.isa->type);
          const auto bound = MatchOf(variable.name, VariableKind::kType);
          if (!bound) {
            return Fail(Problem::kInvalidInsert, variable.at,
                        "the type `$" + variable.name + "` is not matched");
          }
          if (schema_.AbstractTypes().Contains(*bound)) {
            return Fail(Problem::kAbstractWrite, variable.at,
                        "the type `" + schema_.Get(*bound).label + "` is abstract");
          }
          type = *bound;
        }
        if (subject.type && *subject.type != type) {
          return Fail(Problem::kReinsertWithOtherType, statement.isa->at,
                      "`$" + statement.subject.name + "` is given two types");
        }
        subject.type = type;
      }
      if (statement.predicate) {
        PEMBA_TRY(Value value, ValueOf(*statement.predicate));
        PEMBA_TRY(std::ignore, SetValue(subject, std::move(value), statement.predicate->at));
      }
      for (const auto& player : statement.players) Want(player.player);
      for (const auto& has : statement.has) {
        const auto* attribute = std::get_if<Variable>(&has.attribute);
        if (attribute == nullptr || attribute->sigil == syntax::Sigil::kValue) continue;
        Wanted& wanted = Want(*attribute);
        // `has name $n; $n "x";` names the type of a new `$n` here.
        if (has.type && !wanted.type && !MatchOf(attribute->name, VariableKind::kThing)) {
          PEMBA_TRY(wanted.type, writer_.ConcreteType(*has.type));
        }
      }
    }
    return Done{};
  }

  Status Make(const std::string& name) {
    const Wanted& wanted = wanted_.at(name);
    if (const auto matched = MatchOf(name, VariableKind::kThing)) {
      const TypeId type = writer_.facts_.TypeOf(*matched);
      if (wanted.type && *wanted.type != type) {
        return Fail(Problem::kReinsertWithOtherType, wanted.at,
                    "`$" + name + "` is a `" + schema_.Get(type).label + "`, not a `" +
                        schema_.Get(*wanted.type).label + "`");
      }
      things_[name] = *matched;
      return Done{};
    }
    if (!wanted.type) {
      return Fail(Problem::kMissingIsa, wanted.at,
                  name.starts_with('_') ? "a new thing needs `isa` and its type"
                                        : "`$" + name + "` is new and needs `isa` and its type");
    }
    const Type& type = schema_.Get(*wanted.type);
    if (type.kind == Kind::kAttribute) {
      if (!wanted.value) {
        return Fail(Problem::kAttributeWithoutValue, wanted.at,
                    "a new `" + type.label + "` needs a value");
      }
      PEMBA_TRY(things_[name], writer_.Put(type.id, *wanted.value, wanted.at));
      return Done{};
    }
    if (wanted.value || (wanted.has_players && type.kind != Kind::kRelation)) {
      return Fail(Problem::kInvalidInsert, wanted.at,
                  "a `" + type.label + "` has neither a value nor players");
    }
    if (type.kind == Kind::kRelation && !wanted.has_players) {
      return Fail(Problem::kRelationWithoutPlayers, wanted.at,
                  "a new `" + type.label + "` needs at least one player");
    }
    PEMBA_TRY(const ThingId thing, writer_.new_thing_());
    writer_.Do({Change::Kind::kCreate, thing, kNoThing, type.id, {}});
    things_[name] = thing;
    return Done{};
  }

  Status Connect(const ThingStatement& statement) {
    const ThingId subject = things_.at(statement.subject.name);
    for (const auto& player : statement.players) {
      const ThingId thing = things_.at(player.player.name);
      std::optional<TypeId> matched_role;
      if (player.role) {
        if (const auto* variable = std::get_if<Variable>(&*player.role)) {
          matched_role = MatchOf(variable->name, VariableKind::kType);
          if (!matched_role) {
            return Fail(Problem::kInvalidInsert, variable->at,
                        "the role `$" + variable->name + "` is not matched");
          }
        }
      }
      const TypeId relation = writer_.facts_.TypeOf(subject);
      if (schema_.Get(relation).kind != Kind::kRelation) {
        return Fail(Problem::kInvalidInsert, player.at,
                    "a `" + schema_.Get(relation).label + "` has no players");
      }
      PEMBA_TRY(const TypeId role, writer_.RoleFor(relation, player, thing, matched_role));
      writer_.Do({Change::Kind::kPlay, subject, thing, role, {}});
    }
    for (const auto& has : statement.has) {
      const auto* variable = std::get_if<Variable>(&has.attribute);
      ThingId attribute = kNoThing;
      if (variable != nullptr && variable->sigil == syntax::Sigil::kConcept) {
        attribute = things_.at(variable->name);
        if (schema_.Get(writer_.facts_.TypeOf(attribute)).kind != Kind::kAttribute) {
          return Fail(Problem::kInvalidInsert, has.at, "only attributes are owned");
        }
        if (has.type) {
          const TypeId type = schema_.Find(ToText(*has.type))->id;
          if (!schema_.Subtypes(type).Contains(writer_.facts_.TypeOf(attribute))) {
            return Fail(Problem::kReinsertWithOtherType, has.at,
                        "`$" + variable->name + "` is not a `" + ToText(*has.type) + "`");
          }
        }
      } else {
        PEMBA_TRY(const TypeId type, writer_.ConcreteType(*has.type));
        // Whether it can be owned is told before the value is judged.
        const TypeId owner_type = writer_.facts_.TypeOf(subject);
        if (!schema_.OwnedBy(owner_type).Contains(type)) {
          return Fail(Problem::kCannotOwn, has.at,
                      "a `" + schema_.Get(owner_type).label + "` cannot own a `" +
                          schema_.Get(type).label + "`");
        }
        const syntax::Predicate predicate =
            variable != nullptr ? syntax::Predicate{syntax::Comparator::kEqual, *variable, has.at}
                                : std::get<syntax::Predicate>(has.attribute);
        PEMBA_TRY(const Value value, ValueOf(predicate));
        PEMBA_TRY(attribute, writer_.Put(type, value, has.at));
      }
      PEMBA_TRY(std::ignore, writer_.Own(subject, attribute, has.at));
    }
    return Done{};
  }

  Writer& writer_;
  const Schema& schema_;
  const std::vector<ThingStatement>& statements_;
  const std::vector<MatchedVariable>& matched_;
  const MatchedRow& row_;
  std::map<std::string, Wanted> wanted_;
  std::vector<std::string> order_;
  std::map<std::string, ThingId> things_;
};

Status Writer::Insert(const std::vector<ThingStatement>& statements,
                      const std::vector<MatchedVariable>& matched, const MatchedRow& row,
                      std::vector<Created>& created) {
  return InsertRow(*this, statements, matched, row).Run(created);
}

// ---- Delete ----

Status Writer::CheckDelete(const std::vector<ThingStatement>& statements) const {
  for (const ThingStatement& statement : statements) {
    if (statement.iid || statement.predicate) {
      return Fail(Problem::kInvalidDelete, statement.at,
                  "things, ownerships and players can be deleted");
    }
    if (statement.isa) {
      const auto* label = std::get_if<syntax::Label>(&statement.isa->type);
      if (label == nullptr) {
        return Fail(Problem::kInvalidDelete, statement.isa->at,
                    "the type of what is deleted is named by its label");
      }
      if (schema_.Find(ToText(*label)) == nullptr) {
        return Fail(Problem::kTypeNotFound, label->at,
                    "the type `" + ToText(*label) + "` is not defined");
      }
    }
    for (const auto& has : statement.has) {
      if (has.type || !std::holds_alternative<Variable>(has.attribute)) {
        return Fail(Problem::kInvalidDelete, has.at,
                    "an ownership is deleted as `has $a`, with a matched `$a`");
      }
    }
    for (const auto& player : statement.players) {
      const auto* label = player.role ? std::get_if<syntax::Label>(&*player.role) : nullptr;
      if (label != nullptr && label->name != "role" && schema_.RolesNamed(label->name).empty()) {
        return Fail(Problem::kRoleNotFound, label->at,
                    "the role `" + ToText(*label) + "` is not defined");
      }
    }
  }
  return Done{};
}

Status Writer::Delete(const std::vector<ThingStatement>& statements,
                      const std::vector<MatchedVariable>& matched,
                      const std::vector<MatchedRow>& rows) {
  std::set<ThingId> doomed;
  std::set<ThingId> thinned;  // Relations that lost a player.
  std::set<std::pair<ThingId, ThingId>> disowned;
  // By relation, role and player: how many edges one row asks to delete. Rows that say the same
  // mean the same edges.
  std::map<std::tuple<ThingId, std::vector<TypeId>, ThingId>, int> edges;

  const auto thing_of = [&](const MatchedRow& row, const Variable& variable) -> ThingId {
    for (std::size_t i = 0; i < matched.size(); ++i) {
      if (matched[i].name == variable.name) return row[i];
    }
    return kNoThing;  // Scopes were checked by the parser; anonymous ones are not deleted.
  };
  for (const MatchedRow& row : rows) {
    std::map<std::tuple<ThingId, std::vector<TypeId>, ThingId>, int> of_row;
    for (const ThingStatement& statement : statements) {
      const ThingId subject = thing_of(row, statement.subject);
      if (subject == kNoThing) {
        return Fail(Problem::kInvalidDelete, statement.at, "what is deleted must be matched");
      }
      const TypeId type = facts_.TypeOf(subject);
      if (statement.isa) {
        const auto& label = std::get<syntax::Label>(statement.isa->type);
        const TypeId named = schema_.Find(ToText(label))->id;
        const bool fits = statement.isa->exactness == syntax::Exactness::kExact
                              ? named == type
                              : schema_.Subtypes(named).Contains(type);
        if (!fits) {
          return Fail(Problem::kDeleteTypeMismatch, statement.isa->at,
                      "`$" + statement.subject.name + "` is a `" + schema_.Get(type).label +
                          "`, not a `" + ToText(label) + "`");
        }
        if (statement.players.empty()) doomed.insert(subject);
      }
      for (const auto& has : statement.has) {
        const ThingId attribute = thing_of(row, std::get<Variable>(has.attribute));
        if (attribute == kNoThing || !facts_.Owns(subject, attribute)) {
          return Fail(Problem::kDeleteMissingOwnership, has.at,
                      "there is no such ownership to delete");
        }
        disowned.emplace(subject, attribute);
      }
      for (const auto& player : statement.players) {
        std::vector<TypeId> roles;
        if (player.role) {
          if (const auto* label = std::get_if<syntax::Label>(&*player.role)) {
            TypeSet all;
            for (const TypeId role : schema_.RolesNamed(label->name)) all |= schema_.Subtypes(role);
            if (label->name == "role") all |= schema_.Subtypes(kRootRole);
            for (const TypeId role : all) roles.push_back(role);
          } else {
            for (std::size_t i = 0; i < matched.size(); ++i) {
              if (matched[i].name != std::get<Variable>(*player.role).name) continue;
              for (const TypeId role : schema_.Subtypes(row[i])) roles.push_back(role);
            }
          }
        } else {
          for (const TypeId role : schema_.Subtypes(kRootRole)) roles.push_back(role);
        }
        ++of_row[{subject, std::move(roles), thing_of(row, player.player)}];
      }
    }
    for (const auto& [edge, count] : of_row) edges[edge] = std::max(edges[edge], count);
  }

  for (const auto& [owner, attribute] : disowned) {
    Do({Change::Kind::kDisown, owner, attribute, 0, {}});
  }
  for (const auto& [edge, wanted] : edges) {
    const auto& [relation, roles, player] = edge;
    for (int i = 0; i < wanted; ++i) {
      std::optional<TypeId> found;
      if (facts_.Exists(relation)) {
        facts_.ForEachPlayer(relation, [&, &p = player, &rs = roles](TypeId role, ThingId thing) {
          if (thing == p && std::find(rs.begin(), rs.end(), role) != rs.end()) found = role;
        });
      }
      if (!found) {
        return Fail(Problem::kDeleteMissingPlayer, {}, "there is no such role player to delete");
      }
      Do({Change::Kind::kUnplay, relation, player, *found, {}});
      thinned.insert(relation);
    }
  }
  for (const ThingId thing : doomed) {
    for (const TypeId role : schema_.Plays(facts_.TypeOf(thing))) {
      const IdList* relations = facts_.Playing(thing, role);
      for (std::uint32_t i = 0; relations != nullptr && i < relations->size(); ++i) {
        thinned.insert((*relations)[i]);
      }
    }
    Do({Change::Kind::kDelete, thing, kNoThing, 0, {}});
  }
  DeleteEmptyRelations({thinned.begin(), thinned.end()}, facts_, changes_);
  return Done{};
}

void DeleteEmptyRelations(const std::vector<ThingId>& things, Facts& facts,
                          std::vector<Change>& changes) {
  std::vector<ThingId> todo = things;
  while (!todo.empty()) {
    const ThingId relation = todo.back();
    todo.pop_back();
    if (!facts.Exists(relation)) continue;
    const TypeTable& table = *facts.Table(facts.TypeOf(relation));
    bool empty = true;
    facts.ForEachPlayer(relation, [&](TypeId, ThingId) { empty = false; });
    if (!empty) continue;
    for (const ListColumn& column : table.playing) {
      const IdList& list = column.lists[facts.SlotOf(relation)];
      for (std::uint32_t i = 0; i < list.size(); ++i) todo.push_back(list[i]);
    }
    changes.push_back({Change::Kind::kDelete, relation, kNoThing, 0, {}});
    Apply(changes.back(), facts);
  }
}

Status CheckKeys(const std::vector<ThingId>& things, const Schema& schema, const Facts& facts) {
  for (const ThingId thing : things) {
    if (!facts.Exists(thing)) continue;
    const TypeId type = facts.TypeOf(thing);
    for (const Ownership& ownership : schema.Owns(type)) {
      if (!IsExclusive(ownership)) continue;
      const IdList* owned = facts.Owned(thing, ownership.attribute);
      const std::uint32_t count = owned == nullptr ? 0 : owned->size();
      const bool is_key = ownership.annotation == syntax::Annotation::kKey;
      const std::string& attribute = schema.Get(ownership.attribute).label;
      if (is_key && count != 1) {
        return Fail(count == 0 ? Problem::kKeyMissing : Problem::kKeySecond, {},
                    "a `" + schema.Get(type).label + "` has " + std::to_string(count) + " `" +
                        attribute + "`, which is its key");
      }
      for (std::uint32_t i = 0; i < count; ++i) {
        if (!IsTakenByAnother(facts, thing, (*owned)[i])) continue;
        return Fail(is_key ? Problem::kKeyTaken : Problem::kUniqueTaken, {},
                    "another `" + schema.Get(type).label + "` has the `" + attribute + "` " +
                        ToText(facts.ValueOf((*owned)[i])));
      }
    }
  }
  return Done{};
}

}  // namespace pemba::reason::internal
