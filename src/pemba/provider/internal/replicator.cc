#include "pemba/provider/internal/replicator.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "pemba/provider/drift.h"
#include "pemba/provider/internal/tuples.h"
#include "pemba/provider/model_merge.h"

namespace pemba::provider::internal {
namespace {

// Whether another tuple might be taken: what is refused is this one.
bool IsOfTheTuple(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kValidation:
    case ErrorCode::kInvalidTuple:
    case ErrorCode::kLimitExceeded:
    case ErrorCode::kTooComplex:
    case ErrorCode::kTupleStateMismatch:
    case ErrorCode::kTypeNotFound:
    case ErrorCode::kRelationNotFound:
      return true;
    default:
      return false;
  }
}

// Whether it is this model that the provider does not take.
bool IsOfTheModel(ErrorCode code) {
  return code == ErrorCode::kInvalidModel || code == ErrorCode::kLimitExceeded ||
         code == ErrorCode::kInvalidArgument || code == ErrorCode::kValidation;
}

// The managed tuples that were changed, each once.
std::vector<tuple::Tuple> Touched(const std::vector<store::CommittedWrite>& writes) {
  std::vector<tuple::Tuple> touched;
  std::set<std::string> seen;
  for (const auto& write : writes) {
    for (const auto& change : write.changes) {
      const auto view = change.tuple.view();
      if (IsManagedTuple(view) && seen.insert(tuple::ToText(view)).second) {
        touched.push_back(change.tuple);
      }
    }
  }
  return touched;
}

}  // namespace

Replicator::Replicator(const store::Store& store, Provider& provider, const Clock& clock,
                       ReplicatorOptions options)
    : store_(store), provider_(provider), clock_(clock), options_(std::move(options)) {}

Status Replicator::Resume(Revision applied) {
  PEMBA_TRY(position_, store_.StartFeed({.after_revision = applied}));
  has_model_ = true;
  return Done{};
}

Status Replicator::Resync() {
  const auto from = store_.Pin().revision();
  lost_ = has_model_ = false;
  PEMBA_TRY(std::ignore, PublishBeside());
  for (bool complete = false; !complete;) {
    PEMBA_TRY(const auto found, CompareTuples(store_, provider_, clock_, {.pace = options_.pace}));
    for (const auto* tuples : {&found.extra, &found.changed, &found.missing}) {
      for (const auto& part : StepsOf({}, *tuples, options_.changes_per_step)) {
        PEMBA_TRY(std::ignore, Converge(part.adds));
      }
    }
    complete = found.complete;
  }
  position_ = {from, 0};
  return Done{};
}

Result<Replicator::Step> Replicator::Follow() {
  PEMBA_TRY(const auto batch, store_.ReadFeed(position_, "", options_.changes_per_step));
  const auto touched = Touched(batch.writes);
  PEMBA_TRY(std::ignore, Converge(touched));
  Step step{.applied = batch.next.revision, .more = batch.next != position_};
  for (const auto& write : batch.writes) step.committed.push_back(write.time);
  position_ = batch.next;
  return step;
}

Status Replicator::Converge(std::span<const tuple::Tuple> tuples) {
  if (tuples.empty()) return Done{};
  PEMBA_TRY(auto wanted, Look(tuples));
  for (const auto& t : tuples) rejected_.erase(tuple::ToText(t.view()));
  if (!ModelAccepts(wanted.adds)) {
    const auto published = PublishBeside();
    if (!published.ok() && !IsOfTheModel(published.error().code)) return published;
    // What is removed must go, whatever the model.
    if (!published.ok()) RejectUnknown(wanted.adds, published.error());
  }
  return Apply(wanted.removes, wanted.adds);
}

void Replicator::RejectUnknown(std::vector<tuple::Tuple>& adds, const Error& error) {
  std::erase_if(adds, [&](const auto& t) {
    if (AcceptsTuple(model_, t.view())) return false;
    rejected_.insert_or_assign(tuple::ToText(t.view()), Rejection{t, error});
    return true;
  });
}

Result<Replicator::Wanted> Replicator::Look(std::span<const tuple::Tuple> tuples) const {
  const auto view = store_.Pin();
  const auto now = clock_.Now();
  Wanted wanted;
  for (const auto& t : tuples) {
    PEMBA_TRY(auto found, FindTuple(view.snapshot(), t.view(), now));
    if (found) {
      wanted.adds.push_back(*std::move(found));
    } else {
      wanted.removes.push_back(t);
    }
  }
  return wanted;
}

Status Replicator::Apply(std::span<const tuple::Tuple> removes,
                         std::span<const tuple::Tuple> adds) {
  auto status = provider_.Apply(removes, adds);
  if (!status.ok() && ClassOf(status.error().code) == FailureClass::kStaleModel) {
    // Somebody else's model took the place of ours, or the server forgot it. Once.
    PEMBA_TRY(std::ignore, PublishBeside());
    status = provider_.Apply(removes, adds);
  }
  if (status.ok() || !IsOfTheTuple(status.error().code)) return status;
  PEMBA_TRY(std::ignore, EachAlone(removes, {}));
  return EachAlone({}, adds);
}

// In halves, until those that are refused are alone; one of both is empty.
Status Replicator::EachAlone(std::span<const tuple::Tuple> removes,
                             std::span<const tuple::Tuple> adds) {
  const auto size = removes.size() + adds.size();
  if (size == 0) return Done{};
  const auto status = provider_.Apply(removes, adds);
  if (status.ok() || !IsOfTheTuple(status.error().code)) return status;
  if (size == 1) {
    // What the provider cannot even name is not there.
    if (!adds.empty()) {
      const auto text = tuple::ToText(adds[0].view());
      rejected_.insert_or_assign(text, Rejection{adds[0], status.error()});
    }
    return Done{};
  }
  for (const auto& part : StepsOf(removes, adds, (size + 1) / 2)) {
    PEMBA_TRY(std::ignore, EachAlone(part.removes, part.adds));
  }
  return Done{};
}

Status Replicator::RetryRejected() {
  std::vector<tuple::Tuple> tuples;
  for (const auto& [text, rejection] : rejected_) tuples.push_back(rejection.tuple);
  return Converge(tuples);
}

bool Replicator::ModelAccepts(std::span<const tuple::Tuple> adds) const {
  return std::all_of(adds.begin(), adds.end(),
                     [&](const auto& t) { return AcceptsTuple(model_, t.view()); });
}

std::string Replicator::StoreModel() const {
  const auto view = store_.Pin();
  const auto model = view.ResolveModel("");
  return model.ok() ? std::string(model->id) : "";
}

Result<model::Model> Replicator::ProviderModel() {
  PEMBA_TRY(auto current, provider_.ReadModel());
  if (!current.id.empty() || !has_model_) return current;
  lost_ = true;
  return Error{ErrorCode::kUnavailable, "the provider has lost what it had"};
}

Status Replicator::Publish(const model::Model& managed) {
  PEMBA_TRY(auto published, PublishModel(provider_, managed));
  model_ = std::move(published.model);
  has_model_ = true;
  return Done{};
}

Status Replicator::PublishBeside() {
  PEMBA_TRY(const auto page, store_.ListModels(1, ""));
  if (page.models.empty()) return Done{};
  const auto wanted = ManagedPart(page.models.front());
  PEMBA_TRY(const auto current, ProviderModel());
  const auto both = Publish(UnionOfModels(ManagedPart(current), wanted));
  if (both.ok() || !IsOfTheModel(both.error().code)) return both;
  // Together they are too large, or do not fit together: the new one alone.
  return Publish(wanted);
}

Status Replicator::PublishInstead(std::string_view store_model) {
  if (store_model.empty()) return Done{};
  PEMBA_TRY(const auto wanted, store_.ReadModel(store_model));
  PEMBA_TRY(std::ignore, ProviderModel());
  return Publish(ManagedPart(wanted));
}

}  // namespace pemba::provider::internal
