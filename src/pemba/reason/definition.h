// Changes of a schema: define and undefine as functions from schema to schema, and what must hold
// before a change is committed.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "pemba/base/result.h"
#include "pemba/reason/schema.h"
#include "pemba/reason/syntax.h"

namespace pemba::reason {

// Adds what is missing, removes nothing; a rule of the same label is replaced. The order inside one
// query is free. The result obeys every rule that holds for one statement; CheckForCommit has those
// that hold for the whole.
Result<Schema> Define(const Schema& schema, const syntax::Define& query);
// `undefine person sub user` removes the type, `undefine person owns email` the ownership.
Result<Schema> Undefine(const Schema& schema, const syntax::Undefine& query);

// A schema from Schema::ToText, each label with the number that it had: for reading what was
// stored. `type_limit` is the one that it had.
Result<Schema> Restore(std::string_view text,
                       std::span<const std::pair<std::string, TypeId>> numbers, TypeId type_limit);

// What a change of schema asks the data. Types are exact.
class DataProbe {
 public:
  virtual ~DataProbe() = default;
  virtual bool HasInstances(TypeId type) const = 0;
  virtual bool HasOwnerships(TypeId owner, TypeId attribute) const = 0;
  virtual bool HasPlayers(TypeId player, TypeId role) const = 0;
  virtual bool HasEdges(TypeId relation, TypeId role) const = 0;
  // Every instance of `owner` once, with all its values of `attribute`.
  virtual void ForEachOwner(TypeId owner, TypeId attribute,
                            const std::function<void(std::span<const Value>)>& see) const = 0;
  // Every instance of an attribute type.
  virtual void ForEachValue(TypeId attribute,
                            const std::function<void(const Value&)>& see) const = 0;
};

// What must hold at commit: the schema as a whole, its rules (resolved anew by every change), and
// the data that is there.
Status CheckForCommit(const Schema& before, const Schema& after, const DataProbe& data);

}  // namespace pemba::reason
