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
    return InQuiet(resources, [&](const Transaction& transaction) -> Result<Drift> {
      Publish(internal::ReadState(scope_, transaction));
      if (shared()) return Compare(transaction, Repair::kFix, Tuples::kEach);
      PEMBA_TRY(const auto left, FindWhatWasLeft(resources.inventory()));
      settled_ = left == Left::kSettled;
      PEMBA_TRY(const auto drift,
                Compare(transaction, Repair::kFix, settled_ ? Tuples::kAsTheyAre : Tuples::kEach));
      if (!drift.none()) last_.tuples = internal::SumOfManaged(store_.Pin().snapshot());
      keeps_record_ = true;
      return drift;
    });
  }

  bool settled() const { return settled_; }

  Status Settle(ResourceStore& resources) {
    PEMBA_TRY(std::ignore, InQuiet(resources, [&](const Transaction&) -> Result<Drift> {
                if (!keeps_record_) return Drift{};
                settled_ = true;
                const auto value = Encode(Signed(last_));
                const storage::RecordChange record{internal::kSettledKey, value};
                PEMBA_TRY(std::ignore, store_.Write({.records = {&record, 1}}));
                return Drift{};
              }));
    return Done{};
  }

  Result<Drift> Audit(ResourceStore& resources, Repair repair) {
    return InQuiet(resources, [&](const Transaction& transaction) {
      return Compare(transaction, repair, Tuples::kEach);
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
    if (!keeps_record_) return {};
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
    return {{std::string(internal::kSettledKey), Encode(Signed(next_record_))}};
  }

  void Written() { last_ = next_record_; }

  void Committed() {
    if (next_) Publish(*std::move(next_));
    next_.reset();
  }

  void Abandoned() { next_.reset(); }

  CatalogPtr catalog() const {
    const std::lock_guard lock(mutex_);
    return catalog_;
  }

  const ProjectionOptions& projection() const { return options_.projection; }

 private:
  // Runs `body` while nobody writes, on everything that is committed.
  template <class Body>
  static Result<Drift> InQuiet(ResourceStore& resources, const Body& body) {
    Result<Drift> result = Drift{};
    resource::WriteOptions options;
    options.dry_run = true;
    const auto ran = resources.Transact(options, [&](Transaction& transaction) -> Outcome<Done> {
      result = body(transaction);
      return Done{};
    });
    if (!ran.ok()) return ToError(ran.error());
    return result;
  }

  bool shared() const { return store_.writers() == store::Store::Writers::kOthersToo; }

  // What the record says once it is written.
  internal::Settled Signed(internal::Settled record) const {
    record.by = settled_ ? options_.fingerprint : "";
    return record;
  }

  // Whether the store is just as one like this has left it; what is there is counted either way.
  enum class Left : std::uint8_t { kUnsettled, kSettled };
  Result<Left> FindWhatWasLeft(const resource::Inventory& inventory) {
    PEMBA_TRY(const auto record, internal::ReadSettled(store_));
    last_.tuples = internal::SumOfManaged(store_.Pin().snapshot());
    last_.objects = inventory.objects;
    const bool same = record && !record->by.empty() && record->by == options_.fingerprint &&
                      record->tuples == last_.tuples && record->objects == last_.objects &&
                      inventory.newest <= record->revision;
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
  Result<Drift> Compare(const Transaction& transaction, Repair repair, Tuples tuples) const {
    internal::Audit audit(scope_, state_, transaction, store_);
    Drift drift;
    if (tuples == Tuples::kEach) {
      drift = audit.Compare();
    } else {
      drift.compared = false;
    }
    PEMBA_TRY(const auto newest, NewestModel());
    const auto wanted = provider::MergeModels(newest, *state_.model);
    drift.model_differs = !provider::SameModels(newest, wanted);
    if (repair == Repair::kReport || drift.none()) return drift;
    if (drift.model_differs && drift.missing != 0) {
      PEMBA_TRY(std::ignore, store_.WriteModel(Accepting(newest, wanted)));
    }
    if (drift.missing + drift.extra != 0) {
      PEMBA_TRY(std::ignore, audit.Repair());
    }
    if (drift.model_differs) {
      PEMBA_TRY(std::ignore, store_.WriteModel(wanted));
    }
    return drift;
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
  std::optional<ProjectedState> next_;  // Of what was projected and is not committed yet.
  bool settled_ = false;
  bool keeps_record_ = false;             // From Start on, where nobody else writes.
  internal::Settled last_, next_record_;  // As of the newest commit, and of what is being written.

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
void Projector::Committed(resource::Revision) { impl_->Committed(); }
void Projector::Abandoned() { impl_->Abandoned(); }
CatalogPtr Projector::catalog() const { return impl_->catalog(); }
const ProjectionOptions& Projector::projection() const { return impl_->projection(); }

}  // namespace pemba::iam
