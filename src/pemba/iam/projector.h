// Projector: keeps the tuples and the model of a store what declared objects come to.
//
// With every transaction it works out what changes: what the objects concerned came to before, what
// they come to now, and what others that were not touched still want. Objects are concerned if they
// changed, or if what they refer to did: bindings of a changed role and of those that inherit it,
// bindings on kinds whose permissions changed, memberships of a group that is another now. All of
// them are found by indexes, so the cost is proportional to the change and what depends on it.
//
// INVARIANT: after every commit the store's managed tuples are exactly the union of what the
// committed objects come to, and its managed types those of their kinds and roles.
//
// If other servers write to the store, too, each has a projector of its own, which follows what the
// others commit: kinds, roles and the model are read anew when those were changed elsewhere.
//
// What it overrides of Projection is called by the one writer of a ResourceStore.
// catalog() is for any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pemba/iam/catalog.h"
#include "pemba/iam/projection.h"
#include "pemba/resource/resource_store.h"
#include "pemba/store/store.h"

namespace pemba::iam {

struct ProjectorOptions {
  ProjectionOptions projection = {};
  // A registration or role with which the model has more types, or takes more bytes on the wire, is
  // refused; 0: no limit.
  std::size_t model_types_max = 0, model_bytes_max = 0;
  // Stands for what the objects' state depends on (internal/settled.h); empty: nothing is ever
  // settled.
  std::string fingerprint = {};
};

// How the store differs from what the objects come to.
struct Drift {
  std::size_t missing = 0, extra = 0;  // Tuples. One with a condition or an end is an extra one.
  bool model_differs = false;
  bool compared = true;  // False: tuples were found as they were left, and not looked at singly.
  std::vector<std::string> examples = {};  // "missing document:1#viewer@user:anne"; a few.
  bool none() const { return missing == 0 && extra == 0 && !model_differs; }
};

class Projector final : public resource::Projection {
 public:
  // `registry` has the kinds of kinds.h and the resource store the indexes of indexes.h. Borrows
  // everything.
  Projector(store::Store& store, const resource::Registry& registry, ProjectorOptions options);
  ~Projector() override;

  // Reads what is declared and repairs the store: what it lacks or has too much after an upgrade,
  // under another projection, or because somebody else wrote to it. To be called before the first
  // transaction of `resources`. O(objects + tuples); O(tuples), and little of that, where all is
  // settled. Errors: those of reading and writing, kConflict (other servers write all the time).
  Result<Drift> Start(resource::ResourceStore& resources);

  // Whether all objects are where this program, set up like this, wants them: from when Settle says
  // so, and after a start that finds what was left by one that had. Kept in the store.
  bool settled() const;
  Status Settle(resource::ResourceStore& resources);  // Errors: those of writing.

  // Compares everything. Writers of `resources` wait meanwhile. O(objects + tuples).
  enum class Repair : std::uint8_t { kReport, kFix };
  Result<Drift> Audit(resource::ResourceStore& resources, Repair repair);

  resource::Outcome<resource::Consequences> Project(
      const resource::Transaction& transaction) override;
  std::vector<resource::OwnRecord> RecordsBeside(
      std::span<const resource::Transaction::Change> changes,
      const resource::Consequences& consequences) override;
  void Written() override;
  void Committed(resource::Revision revision) override;
  void Abandoned() override;
  void FollowedRecord(const storage::Record& record) override;
  void Followed(const resource::Transaction& now,
                std::span<const resource::ObjectKey> changed) override;

  // The registered kinds as of the newest commit.
  CatalogPtr catalog() const;
  const ProjectionOptions& projection() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pemba::iam
