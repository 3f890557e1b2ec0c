// Writer: insert and delete clauses, carried out on a transaction's own facts.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "pemba/base/result.h"
#include "pemba/reason/internal/change.h"
#include "pemba/reason/internal/execution.h"
#include "pemba/reason/internal/facts.h"
#include "pemba/reason/schema.h"
#include "pemba/reason/syntax.h"

namespace pemba::reason::internal {

// What the variables of a writing clause are bound to by the match before it.
struct MatchedVariable {
  std::string name;
  VariableKind kind = VariableKind::kThing;
};
using MatchedRow = std::vector<Slot>;

// The variables that statements use, in order of appearance, anonymous ones left out.
std::vector<std::string> VariablesOf(const std::vector<syntax::ThingStatement>& statements);

// Does the changes at once and keeps a list of them. Borrows all.
class Writer {
 public:
  Writer(const Schema& schema, Facts& facts, ValuePool& values,
         const std::function<Result<ThingId>()>& new_thing, std::vector<Change>& changes)
      : schema_(schema), facts_(facts), values_(values), new_thing_(new_thing), changes_(changes) {}

  // What does not depend on data: labels, statements that cannot be inserted or deleted.
  Status CheckInsert(const std::vector<syntax::ThingStatement>& statements) const;
  Status CheckDelete(const std::vector<syntax::ThingStatement>& statements) const;

  // One row. `created` gets the thing of every named variable of the clause.
  struct Created {
    std::string name;
    ThingId thing = kNoThing;
  };
  Status Insert(const std::vector<syntax::ThingStatement>& statements,
                const std::vector<MatchedVariable>& matched, const MatchedRow& row,
                std::vector<Created>& created);
  // All rows.
  Status Delete(const std::vector<syntax::ThingStatement>& statements,
                const std::vector<MatchedVariable>& matched, const std::vector<MatchedRow>& rows);

 private:
  struct NewThing;
  class InsertRow;

  void Do(Change change);
  Status Own(ThingId owner, ThingId attribute, Position at);
  Result<ThingId> Put(TypeId type, const Value& value, Position at);
  Result<TypeId> ConcreteType(const syntax::Label& label) const;
  Result<TypeId> RoleFor(TypeId relation, const syntax::Player& player, ThingId thing,
                         std::optional<TypeId> matched_role) const;

  const Schema& schema_;
  Facts& facts_;
  ValuePool& values_;
  const std::function<Result<ThingId>()>& new_thing_;
  std::vector<Change>& changes_;
};

// Relations among `things` that have no players any more are deleted. What must hold at commit:
// every instance of a type with a key has exactly one, keys and unique values are not shared.
void DeleteEmptyRelations(const std::vector<ThingId>& things, Facts& facts,
                          std::vector<Change>& changes);
Status CheckKeys(const std::vector<ThingId>& things, const Schema& schema, const Facts& facts);

}  // namespace pemba::reason::internal
