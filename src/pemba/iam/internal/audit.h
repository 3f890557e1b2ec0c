// Audit: the tuples of a store beside what declared objects come to.
#pragma once

#include <functional>

#include "pemba/iam/internal/step.h"
#include "pemba/iam/projector.h"
#include "pemba/store/store.h"

namespace pemba::iam::internal {

class Audit {
 public:
  // Borrows everything; `transaction` stages nothing, and is of the view's revision.
  Audit(const ReadingScope& scope, const ProjectedState& state,
        const resource::Transaction& transaction, store::Store& store, store::View view);

  // O(objects + tuples); memory is 16 bytes for each tuple that is wanted.
  Drift Compare();
  // After Compare: deletes what is too much, then writes what is missing. Errors: those of
  // Store::WriteTuples.
  Status Repair() { return Repair({}); }
  // The same where other servers write, too: nobody has written since the revision, nor a model
  // since `base`. With what is missing comes the model, if it is not null. Errors also: kConflict.
  struct Ground {
    std::optional<store::Revision> revision = {};
    const model::Model* model = nullptr;
    std::string_view base = {};
  };
  Status Repair(const Ground& ground);

  const store::View& view() const { return view_; }  // Of what was compared.

 private:
  using Visit = std::function<Status(tuple::Tuple)>;
  Status ForEachWanted(const Visit& visit);
  Status ForEachExtra(const Visit& visit) const;
  bool IsStored(const tuple::Tuple& tuple) const;

  const ReadingScope& scope_;
  const resource::Transaction& transaction_;
  store::Store& store_;
  Reading reading_;
  store::View view_;

  struct Hash {
    std::uint64_t low, high;
    friend bool operator==(const Hash&, const Hash&) = default;
  };
  struct HashOfHash {
    using is_avalanching = void;
    std::size_t operator()(const Hash& hash) const { return hash.low; }
  };
  static Hash HashOf(const tuple::TupleView& tuple);
  boost::unordered_flat_set<Hash, HashOfHash> wanted_;
};

}  // namespace pemba::iam::internal
