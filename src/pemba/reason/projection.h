// Projection: a database of facts as an authorization model and relationship tuples.
//
// What a relationship engine can carry goes over: groups, collections and sets of actions that
// nest, accesses, permissions, and the rules that spread them. For every subject, action and
// object, a Check of `can_ACTION` on the projection answers as the inferred permissions do. What
// quantifies over policies (segregation) and what negates (validity, roots) stays behind; `left`
// names it.
//
// Types: `user`, `group`, and each concrete type of object under its own name. For each action:
// `granted_ACTION` (who was given it, directly or not), `valid_ACTION` (it can be done to the
// object at all) and `can_ACTION`, which is both. Sets of actions are known when the model is made:
// after a change of them, project again.
#pragma once

#include <string>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/reason/database.h"

namespace pemba::reason {

// What a database calls things: queries that answer stored facts, in these variables. The defaults
// are those of the `iam` sample.
struct ProjectionSource {
  std::string user_type = "user", group_type = "user-group", object_type = "object";
  std::string group_members =  // $whole, $part
      "match (parent-group: $whole, group-member: $part) isa group-membership; get $whole, $part;";
  std::string collection_members =  // $whole, $part
      "match (parent-collection: $whole, collection-member: $part) isa collection-membership; "
      "get $whole, $part;";
  std::string set_members =  // $whole, $part
      "match (parent-set: $whole, set-member: $part) isa set-membership; get $whole, $part;";
  std::string accesses =  // $access, $object, $action
      "match $access (accessed-object: $object, valid-action: $action) isa access; "
      "get $access, $object, $action;";
  std::string permissions =  // $subject, $access
      "match (permitted-subject: $subject, permitted-access: $access) isa permission; "
      "get $subject, $access;";
  std::string ids = "match $thing has id $id; get $thing, $id;";  // $thing, $id
  std::string action_names =                                      // $action, $name
      "match $action isa action, has action-name $name; get $action, $name;";
  // Who may do the first may do the second to the same object, where both are valid.
  std::string modify = "modify_file", view = "view_file";
};

struct ProjectedTuple {
  std::string object, relation, user;
  friend auto operator<=>(const ProjectedTuple&, const ProjectedTuple&) = default;
};

struct Projection {
  std::string model;                       // In the DSL of authorization models.
  std::vector<ProjectedTuple> tuples;      // Sorted, each once.
  std::vector<std::string> carried, left;  // Rules by label.
};

// What subjects, objects and actions are called in a projection: `user:anne%40example.com`,
// `group:business-unit/Core`, `file:README.md`, `can_submit_order`. Things are named by their id,
// else by their iid; of two of a type with one id, the second has its iid appended.
struct ProjectedNames {
  static std::string Escape(const std::string& id);  // What may not stand in an id becomes %XX.
  // The id in a name, as it was before it was escaped: `Core` of `group:business-unit/Core`.
  static std::string IdOf(const std::string& name);
  // What may not stand in a relation becomes `_`.
  static std::string Relation(const std::string& prefix, const std::string& action_name);
};

// Reads a read transaction. Errors: kValidation (two actions have one name in the model, a name is
// too long for a relation, a type of the source is not defined), and those of the queries.
Result<Projection> Project(Transaction& transaction, const ProjectionSource& source = {});

}  // namespace pemba::reason
