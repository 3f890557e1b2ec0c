#include "pemba/store/store.h"

#include "pemba/base/assert.h"
#include "pemba/model/validation.h"
#include "pemba/store/internal/core.h"

namespace pemba::store {
namespace {

internal::TokenUse UseOf(ListOf list) {
  switch (list) {
    case ListOf::kObjects:
      return internal::TokenUse::kListObjects;
    case ListOf::kUsers:
      return internal::TokenUse::kListUsers;
    case ListOf::kObjectsOfKinds:
      return internal::TokenUse::kListObjectsOfKinds;
    case ListOf::kUsersOfKinds:
      return internal::TokenUse::kListUsersOfKinds;
  }
  PEMBA_CHECK(false);
}

}  // namespace

std::uint64_t View::generation() const { return state_->generation; }

Result<ResolvedModel> View::ResolveModel(std::string_view id) const {
  return core_->ResolveModel(*state_, id, revision());
}

bool View::KnowsModel(std::string_view id) const { return core_->KnowsModel(*state_, id); }

Store::Store(std::unique_ptr<internal::StoreCore> core)
    : core_(std::move(core)), current_(core_.get()) {}
Store::~Store() = default;

const StoreId& Store::id() const { return core().id(); }

View Store::Pin() const { return core().Pin(); }

Result<View> Store::PinNewest(SteadyTime deadline) const { return core().PinNewest(deadline); }

Result<View> Store::PinAtLeast(Revision revision, std::optional<SteadyTime> deadline) const {
  return core().PinAtLeast(revision, deadline);
}

Result<Revision> Store::Write(const WriteRequest& request) {
  PEMBA_TRY(const auto result, core().Write(request));
  return result.revision;
}

Result<WriteResult> Store::WriteTuples(const WriteRequest& request) {
  return core().Write(request);
}

Result<std::unique_ptr<Turn>> Store::TakeTurn() { return core().TakeTurn(); }

Result<Revision> Store::ReadRecords(
    std::string_view prefix,
    const std::function<storage::Visit(const storage::Record&)>& visit) const {
  return core().ReadRecords(prefix, visit);
}

Status Store::ReadWrites(Revision after,
                         const std::function<storage::Visit(const storage::Write&)>& visit) const {
  return core().ReadWrites(after, visit);
}

Store::Writers Store::writers() const {
  return core().shares_its_log() ? Writers::kOthersToo : Writers::kOnlyUs;
}

Result<TuplePage> Store::Read(const ReadRequest& request) const { return core().Read(request); }

Result<ChangePage> Store::ReadChanges(const ReadChangesRequest& request) const {
  return core().ReadChanges(request);
}

Result<FeedPosition> Store::StartFeed(const FeedRequest& request) const {
  return core().StartFeed(request);
}

Result<FeedBatch> Store::ReadFeed(const FeedPosition& from, std::string_view type,
                                  std::size_t changes_max) const {
  return core().ReadFeed(from, type, changes_max);
}

std::string Store::MakeFeedToken(const FeedPosition& position, std::string_view type) const {
  return core().MakeFeedToken(position, type);
}

Result<ModelId> Store::WriteModel(model::Model model) {
  // First, so that what cannot be stored makes no store of an id without data.
  PEMBA_TRY(std::ignore, model::ValidateModel(model));
  PEMBA_TRY(auto plan, this->core().Compile(model));
  PEMBA_TRY(internal::StoreCore* const core, this->core().Adopted());
  current_.store(core, std::memory_order_release);
  return core->WriteModel(std::move(model), std::move(plan));
}

Result<model::Model> Store::ReadModel(std::string_view id) const { return core().ReadModel(id); }

Result<ModelPage> Store::ListModels(std::size_t page_size,
                                    std::string_view continuation_token) const {
  return core().ListModels(page_size, continuation_token);
}

Status Store::WriteAssertions(const WriteAssertionsRequest& request) {
  return core().WriteAssertions(request);
}

Result<std::vector<Assertion>> Store::ReadAssertions(std::string_view model_id) const {
  return core().ReadAssertions(model_id);
}

std::string Store::MakeListToken(ListOf list, std::string_view position) const {
  return core().tokens().Make(UseOf(list), id().value, position);
}

Result<std::string> Store::OpenListToken(ListOf list, std::string_view token) const {
  return core().tokens().Open(UseOf(list), id().value, token);
}

}  // namespace pemba::store
