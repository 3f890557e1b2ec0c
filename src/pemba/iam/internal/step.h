// Step: what one transaction changes in tuples and in the model. See projector.h for the terms.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/iam/internal/reading.h"
#include "pemba/model/model.h"
#include "pemba/resource/transaction.h"

namespace pemba::iam::internal {

// What committed objects come to, as far as it is kept in memory.
struct ProjectedState {
  CatalogPtr catalog;
  std::shared_ptr<const RoleTable> platform_roles;
  std::shared_ptr<const model::Model> model;  // The managed types.
};

// What is declared in the transaction, read anew. O(kinds and platform roles).
ProjectedState ReadState(const ReadingScope& scope, const resource::Transaction& transaction);

// Used once, by one thread, while the transaction lives. Borrows everything.
class Step {
 public:
  Step(const ReadingScope& scope, const ProjectedState& before,
       const resource::Transaction& transaction);

  // Equal parts are the same pointers as before.
  const ProjectedState& after() const { return after_state_; }
  struct Tuples {
    std::vector<tuple::Tuple> writes, deletes;
  };
  Tuples Changes();

 private:
  // Whether what a role comes to on objects of a type differs; on all of them at once.
  struct Effect {
    bool on_objects = false, on_root = false;
  };

  resource::ObjectPtr FindBefore(const resource::ObjectKey& key) const;
  RoleGrantPtr KnownBefore(const RoleKey& key) const;
  RoleGrantPtr KnownAfter(const RoleKey& key) const;

  // What changed in kinds and roles, in this order.
  CatalogPtr NextCatalog() const;
  void CompareKinds();
  void CompareRoles();
  void AddInheritors(std::set<RoleKey>& roles) const;
  void NextState();

  // Which objects are concerned.
  void CollectSources();
  void AddBindingsOf(const RoleKey& role, bool role_itself);
  Effect EffectOn(const std::string& type, const RoleKey& role);
  void AddMembershipsOf(const resource::Transaction::Change& change);
  void AddObjectsWithOtherParents();
  void AddAll(const std::vector<resource::ObjectPtr>& objects);

  void ReadSource(const resource::ObjectKey& key, TupleSet& was, TupleSet& is);
  // What a role has no more, and what it has now.
  struct RoleDifference {
    RoleGrant lost, got;
  };
  const RoleDifference& DifferenceOf(const RoleKey& role);
  bool ReadOtherPermissions(const resource::ObjectKey& key, TupleSet& was, TupleSet& is);
  bool ReadSubjects(const resource::ObjectPtr& before, const resource::ObjectPtr& after,
                    TupleSet& was, TupleSet& is);
  void KeepWhatOthersWant(TupleSet& gone);
  void KeepForBindings(TupleSet& gone);
  void KeepForMembership(const resource::Object& membership, TupleSet& gone);
  void KeepForAccount(const resource::Object& account, TupleSet& gone);

  const ReadingScope& scope_;
  const ProjectedState& before_state_;
  const resource::Transaction& transaction_;
  const std::vector<resource::Transaction::Change> changes_;
  std::map<resource::ObjectKey, resource::ObjectPtr> was_;  // Changed objects, as they were.

  ProjectedState after_state_;
  std::set<std::string> types_;            // Registered before or after.
  std::set<std::string> changed_types_;    // With other hierarchical permissions.
  std::set<std::string> changed_parents_;  // With other registered parents.
  std::set<RoleKey> changed_roles_;        // And those that inherit them.
  std::set<RoleKey> concerned_roles_;      // Those, and roles whose permissions mean other kinds.
  std::optional<Reading> before_, after_;  // Set when their catalogs are known.
  std::map<RoleKey, RoleDifference> differences_;
  std::set<resource::ObjectKey> sources_;
  std::set<resource::ObjectKey> read_whole_;  // Of those: what they come to is all among `is`.
};

}  // namespace pemba::iam::internal
