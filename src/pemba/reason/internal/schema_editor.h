// A schema while it is being changed: declarations in, a new Schema out.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/reason/internal/schema_tables.h"
#include "pemba/reason/schema.h"
#include "pemba/reason/syntax.h"

namespace pemba::reason {

// Works on a copy; the schema that it was made of stays as it is. Lookups see the changes only
// after Refresh().
class SchemaEditor {
 public:
  explicit SchemaEditor(const Schema& schema)
      : tables_(std::make_shared<Schema::Tables>(*schema.tables_)), view_(schema) {}

  // The schema as of the last Refresh().
  const Schema& view() const { return view_; }
  // Makes the changes visible in view().
  void Refresh();

  // What is declared, to be changed. The type must exist.
  Type& Edit(TypeId id) { return *tables_->types[id]; }
  // A new type with nothing but a label, a kind and a supertype. Visible at once to Exists().
  TypeId Add(Kind kind, std::string name, TypeId supertype);
  TypeId AddRole(TypeId relation, std::string name);
  // Forgets a type, what it declares and what others declared of it. Roles of a relation go with
  // it.
  void Remove(TypeId id);
  // Gives a type another number. `to` must be free. For reading what was stored.
  void Renumber(const std::vector<std::pair<std::string, TypeId>>& numbers, TypeId type_limit);

  std::vector<Rule>& rules() { return tables_->rules; }

  Schema Finish() &&;

 private:
  std::shared_ptr<Schema::Tables> tables_;
  Schema view_;
};

}  // namespace pemba::reason
