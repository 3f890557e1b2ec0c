#include "pemba/iam/projector.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "pemba/iam/internal/audit.h"
#include "pemba/iam/internal/mutation.h"
#include "pemba/iam/internal/settled.h"
#include "pemba/iam/internal/step.h"
#include "pemba/provider/model_merge.h"

namespace pemba::iam {
namespace {

using internal::FactKinds;
using internal::ProjectedState;
using internal::ReadingScope;
using internal::Step;
using resource::Consequences;
using resource::Failure;
using resource::Outcome;
using resource::ResourceStore;
using resource::Transaction;

// So often is everything compared again because another server wrote meanwhile.
constexpr int kAttemptsMax = 20;

Error ToError(const Failure& failure) {
  if (failure.reason == Failure::Reason::kStorage) return failure.error;
  return {ErrorCode::kFailedPrecondition, failure.message};
}

}  // namespace

class Projector::Impl {
 public:
  Impl(store::Store& store, const resource::Registry& registry, ProjectorOptions options)
      : store_(store),
        kinds_(FactKinds::In(registry)),
        options_(std::move(options)),
        scope_{registry, kinds_, options_.projection} {
    state_.catalog = std::make_shared<const Catalog>();
    state_.platform_roles = std::make_shared<const internal::RoleTable>();
    state_.model = std::make_shared<const model::Model>();
  }

  Result<Drift> Start(ResourceStore& resources) {
    Drift repaired;
    auto left = Left::kSettled;
    const auto look = [&](const Transaction& transaction, store::View view) -> Result<Drift> {
      Publish(internal::ReadState(scope_, transaction));
      left = std::min(left, FindWhatWasLeft(resources.inventory(), view.snapshot()));
      settled_ = left == Left::kSettled;
      looking_ = !settled_;
      keeps_record_ = true;
      PEMBA_TRY(auto drift, Compare(transaction, std::move(view), Repair::kFix,
                                    settled_ ? Tuples::kAsTheyAre : Tuples::kEach));
      if (drift.none()) return drift;
      repaired = std::move(drift);
      if (shared()) return Error{ErrorCode::kConflict, "it is another revision now"};
      CountAnew(resources.inventory(), store_.Pin().snapshot());
      return repaired;
    };
    PEMBA_TRY(auto drift, InQuiet(resources, look));
    return repaired.none() ? drift : repaired;
  }

  bool settled() const { return settled_; }

  // Added up anew: what others have written past all rules is repaired by now.
  Status Settle(ResourceStore& resources) {
    std::optional<store::View> view;
    resource::WriteOptions options;
    options.view = &view;
    const auto ran = resources.Transact(options, [&](Transaction&) -> Outcome<Done> {
      CountAnew(resources.inventory(), view->snapshot());
      view.reset();
      signing_ = true;
      return Done{};
    });
    if (!ran.ok()) return ToError(ran.error());
    settled_ = true;
    return Done{};
  }

  Result<Drift> Audit(ResourceStore& resources, Repair repair) {
    return InQuiet(resources, [&](const Transaction& transaction, store::View view) {
      return Compare(transaction, std::move(view), repair, Tuples::kEach);
    });
  }

  Outcome<Consequences> Project(const Transaction& transaction) {
    // Transactions that are written together follow one another.
    const ProjectedState before = next_ ? *next_ : state_;
    Step step(scope_, before, transaction);
    auto tuples = step.Changes();
    Consequences consequences;
    consequences.writes = std::move(tuples.writes);
    consequences.deletes = std::move(tuples.deletes);
    if (step.after().model != before.model) {
      PEMBA_TRY(std::ignore, AddModels(*step.after().model, consequences));
    }
    next_ = step.after();
    if (internal::Mutated(internal::Mutation::kKeepAbandonedState)) Publish(*next_);
    return consequences;
  }

  // What is stored is looked at, not only what is written: that is what the sum changes by. If
  // others write the same tuples, it is right about neither, and the next start looks at them all.
  std::vector<resource::OwnRecord> RecordsBeside(std::span<const Transaction::Change> changes,
                                                 const Consequences& consequences) {
    if (!keeps_record_ || (changes.empty() && !signing_)) return {};
    next_record_ = last_;
    for (const auto& change : changes) {
      next_record_.objects += (change.after == nullptr ? 0u : 1u);
      next_record_.objects -= (change.before == nullptr ? 0u : 1u);
    }
    const auto view = store_.Pin();
    for (const auto& tuple : consequences.writes) {
      if (!IsStored(view, tuple)) next_record_.tuples.Add(tuple.view());
    }
    for (const auto& tuple : consequences.deletes) {
      if (IsStored(view, tuple)) next_record_.tuples.Remove(tuple.view());
    }
    // Whoever signs goes on from a state that one like this has signed for, or has looked itself.
    const bool settled = signing_ || (!looking_ && last_.by == options_.fingerprint);
    next_record_.by = settled ? options_.fingerprint : "";
    return {{std::string(internal::kSettledKey), Encode(next_record_)}};
  }

  void Written() {
    last_ = next_record_;
    if (std::exchange(signing_, false)) looking_ = false;
  }

  // Of a server that shares the store, the newest says what all have come to.
  void FollowedRecord(const storage::Record& record) {
    if (record.key == internal::kSettledKey) last_ = told_ = internal::Decode(record);
  }

  void Committed() {
    if (next_) Publish(*std::move(next_));
    next_.reset();
  }

  void Abandoned() {
    next_.reset();
    signing_ = false;
  }

  void Followed(const Transaction& now, std::span<const resource::ObjectKey> changed) {
    const bool concerned = std::ranges::any_of(changed, [&](const resource::ObjectKey& key) {
      if (key.kind == kinds_.role) {
        return !internal::Mutated(internal::Mutation::kForgetFollowedRoles);
      }
      return kinds_.IsRegistration(key.kind);
    });
    if (internal::Mutated(internal::Mutation::kForgetFollowed)) return;
    if (concerned) Publish(internal::ReadState(scope_, now));
  }

  CatalogPtr catalog() const {
    const std::lock_guard lock(mutex_);
    return catalog_;
  }

  const ProjectionOptions& projection() const { return options_.projection; }

 private:
  // Runs `body` while nobody here writes, on everything that is committed: objects and tuples of
  // one revision. Again, if it finds that others have written meanwhile.
  template <class Body>
  static Result<Drift> InQuiet(ResourceStore& resources, const Body& body) {
    Result<Drift> result = Drift{};
    std::optional<store::View> view;
    resource::WriteOptions options;
    options.dry_run = true;
    options.view = &view;
    for (int attempt = 1; attempt <= kAttemptsMax; ++attempt) {
      const auto ran = resources.Transact(options, [&](Transaction& transaction) -> Outcome<Done> {
        auto now = *std::move(view);
        view.reset();
        result = body(transaction, std::move(now));
        return Done{};
      });
      if (!ran.ok()) return ToError(ran.error());
      if (result.ok() || result.error().code != ErrorCode::kConflict) break;
    }
    return result;
  }

  bool shared() const { return store_.writers() == store::Store::Writers::kOthersToo; }

  void CountAnew(const resource::Inventory& inventory, const graph::Snapshot& snapshot) {
    last_.tuples = internal::SumOfManaged(snapshot);
    last_.objects = inventory.objects;
  }

  // Whether the store is just as one like this has left it; what is there is counted either way.
  enum class Left : std::uint8_t { kUnsettled, kSettled };
  Left FindWhatWasLeft(const resource::Inventory& inventory, const graph::Snapshot& snapshot) {
    CountAnew(inventory, snapshot);
    const bool same = !told_.by.empty() && told_.by == options_.fingerprint &&
                      told_.tuples == last_.tuples && told_.objects == last_.objects &&
                      inventory.newest <= told_.revision;
    return same ? Left::kSettled : Left::kUnsettled;
  }

  static bool IsStored(const store::View& view, const tuple::Tuple& tuple) {
    const auto parts = tuple::SplitObject(tuple.object);
    const graph::ScanFilter filter{.object_type = parts.type,
                                   .object_id = parts.id,
                                   .relation = tuple.relation,
                                   .subject = tuple.subject};
    bool stored = false;
    view.snapshot().Scan(filter, nullptr, 1, [&](const graph::StoredTuple&) { stored = true; });
    return stored;
  }

  enum class Tuples : std::uint8_t { kEach, kAsTheyAre };
  Result<Drift> Compare(const Transaction& transaction, store::View view, Repair repair,
                        Tuples tuples) const {
    internal::Audit audit(scope_, state_, transaction, store_, std::move(view));
    Drift drift;
    if (tuples == Tuples::kEach) {
      drift = audit.Compare();
    } else {
      drift.compared = false;
    }
    PEMBA_TRY(const auto newest, NewestModel(audit.view()));
    const auto wanted = provider::MergeModels(newest, *state_.model);
    drift.model_differs = !provider::SameModels(newest, wanted);
    if (repair == Repair::kReport || drift.none()) return drift;
    PEMBA_TRY(std::ignore, shared() ? RepairShared(audit, drift, newest, wanted)
                                    : RepairAlone(audit, drift, newest, wanted));
    return drift;
  }

  Status RepairAlone(internal::Audit& audit, const Drift& drift, const model::Model& newest,
                     const model::Model& wanted) const {
    if (drift.model_differs && drift.missing != 0) {
      PEMBA_TRY(std::ignore, store_.WriteModel(Accepting(newest, wanted)));
    }
    if (drift.missing + drift.extra != 0) {
      PEMBA_TRY(std::ignore, audit.Repair());
    }
    if (drift.model_differs) {
      PEMBA_TRY(std::ignore, store_.WriteModel(wanted));
    }
    return Done{};
  }

  // Only if nobody has written since: what another server revokes meanwhile must not come back.
  static Status RepairShared(internal::Audit& audit, const Drift& drift, const model::Model& newest,
                             const model::Model& wanted) {
    return audit.Repair({.revision = audit.view().revision(),
                         .model = drift.model_differs ? &wanted : nullptr,
                         .base = newest.id});
  }

  // Others may keep types of their own in the store.
  Outcome<Done> AddModels(const model::Model& managed, Consequences& consequences) const {
    auto newest = NewestModel();
    if (!newest.ok()) return newest.error();
    auto wanted = provider::MergeModels(*newest, managed);
    if (provider::SameModels(*newest, wanted)) return Done{};
    PEMBA_TRY(std::ignore, CheckSize(*newest, wanted));
    const bool fits = std::ranges::all_of(consequences.writes, [&](const tuple::Tuple& tuple) {
      return provider::AcceptsTuple(*newest, tuple.view());
    });
    if (!fits) consequences.model_before = Accepting(*newest, wanted);
    consequences.model_base = newest->id;
    consequences.model_after = std::move(wanted);
    return Done{};
  }

  // What shrinks is welcome, however large it still is.
  Outcome<Done> CheckSize(const model::Model& newest, const model::Model& wanted) const {
    const auto types = wanted.types.size();
    if (options_.model_types_max != 0 && types > options_.model_types_max &&
        types > newest.types.size()) {
      return Failure(Failure::Reason::kInvalid,
                     fmt::format("the authorization model would have {} types, and the provider "
                                 "takes {}",
                                 types, options_.model_types_max));
    }
    if (options_.model_bytes_max == 0) return Done{};
    const auto bytes = ModelWireBytes(wanted);
    if (bytes > options_.model_bytes_max && bytes > ModelWireBytes(newest)) {
      return Failure(Failure::Reason::kInvalid,
                     fmt::format("the authorization model would be {} bytes long, and the provider "
                                 "takes {}",
                                 bytes, options_.model_bytes_max));
    }
    return Done{};
  }

  // As of the view, where others write, too.
  Result<model::Model> NewestModel(const store::View& view) const {
    if (!shared()) return NewestModel();
    PEMBA_TRY(const auto latest, view.ResolveModel(""));
    return store_.ReadModel(latest.id);
  }

  // Empty if there is none.
  Result<model::Model> NewestModel() const {
    PEMBA_TRY(auto page, store_.ListModels(1, ""));
    return page.models.empty() ? model::Model() : std::move(page.models.front());
  }

  void Publish(ProjectedState state) {
    state_ = std::move(state);
    const std::lock_guard lock(mutex_);
    catalog_ = state_.catalog;
  }

  store::Store& store_;
  const FactKinds kinds_;
  const ProjectorOptions options_;
  const ReadingScope scope_;

  // The writer's.
  ProjectedState state_;
  std::optional<ProjectedState> next_;    // Of what was projected and is not committed yet.
  bool keeps_record_ = false;             // From Start on.
  bool looking_ = true;                   // Objects are yet to be looked at, by this server.
  bool signing_ = false;                  // They were: what is written next says so.
  internal::Settled last_, next_record_;  // As of the newest commit, and of what is being written.
  internal::Settled told_;                // As it was found, or as another server left it.

  bool settled_ = false;  // Of who starts it.

  mutable std::mutex mutex_;
  CatalogPtr catalog_ = std::make_shared<const Catalog>();  // Guarded by mutex_.
};

Projector::Projector(store::Store& store, const resource::Registry& registry,
                     ProjectorOptions options)
    : impl_(std::make_unique<Impl>(store, registry, std::move(options))) {}
Projector::~Projector() = default;

Result<Drift> Projector::Start(ResourceStore& resources) { return impl_->Start(resources); }
Result<Drift> Projector::Audit(ResourceStore& resources, Repair repair) {
  return impl_->Audit(resources, repair);
}
Outcome<Consequences> Projector::Project(const Transaction& transaction) {
  return impl_->Project(transaction);
}
bool Projector::settled() const { return impl_->settled(); }
Status Projector::Settle(ResourceStore& resources) { return impl_->Settle(resources); }
std::vector<resource::OwnRecord> Projector::RecordsBeside(
    std::span<const Transaction::Change> changes, const Consequences& consequences) {
  return impl_->RecordsBeside(changes, consequences);
}
void Projector::Written() { impl_->Written(); }
void Projector::FollowedRecord(const storage::Record& record) { impl_->FollowedRecord(record); }
void Projector::Committed(resource::Revision) { impl_->Committed(); }
void Projector::Abandoned() { impl_->Abandoned(); }
void Projector::Followed(const resource::Transaction& now,
                         std::span<const resource::ObjectKey> changed) {
  impl_->Followed(now, changed);
}
CatalogPtr Projector::catalog() const { return impl_->catalog(); }
const ProjectionOptions& Projector::projection() const { return impl_->projection(); }

}  // namespace pemba::iam
