// Models and assertions of one store.
#include <optional>

#include "pemba/base/ulid.h"
#include "pemba/model/json.h"
#include "pemba/model/plan.h"
#include "pemba/model/tuple_validation.h"
#include "pemba/store/internal/assertions.h"
#include "pemba/store/internal/core.h"

namespace pemba::store::internal {
namespace {

Result<model::Model> ModelFrom(const storage::ModelRecord& record) {
  auto model = model::ModelFromJson(record.text);
  if (!model.ok()) {
    return Error{ErrorCode::kDataLoss,
                 "model '" + record.id.value + "' cannot be read: " + model.error().message};
  }
  model->id = record.id.value;
  return model;
}

}  // namespace

Result<std::shared_ptr<const model::Plan>> StoreCore::Compile(const model::Model& model) const {
  return model::Plan::Compile(model, {}, shared_.options.conditions);
}

Result<ModelId> StoreCore::WriteModel(model::Model model, std::shared_ptr<const model::Plan> plan) {
  std::unique_lock lock(model_mutex_);
  if (sealed_ == Sealed::kYes) {
    lock.unlock();
    PEMBA_TRY(StoreCore* const now, shared_.maintenance.Reopen(id_));
    return now->WriteModel(std::move(model), std::move(plan));
  }
  PEMBA_TRY(auto id, NextModelId());
  model.id = id.value;
  PEMBA_TRY(std::ignore, shared_.datastore.WriteModel(id_, {id, model::ModelToJson(model)}));
  const View view = Pin();  // Keeps the state while its cache takes the model.
  PEMBA_TRY(std::ignore, state_.load()->models.AddLatest(model, std::move(plan)));
  return id;
}

// The latest model is the one with the greatest id, also if the clock went back since the last one
// was written.
Result<ModelId> StoreCore::NextModelId() const {
  const auto latest = shared_.datastore.ReadLatestModel(id_);
  if (!latest.ok() && latest.error().code != ErrorCode::kLatestModelNotFound) return latest.error();
  return ModelIdAfter(latest.ok() ? latest->id.value : "");
}

ModelId StoreCore::ModelIdAfter(std::string_view latest) const {
  Ulid id = shared_.ulids.Next();
  const auto last = ParseUlid(latest);
  if (last && id <= *last) {
    id = *last;
    if (++id.low == 0) ++id.high;
  }
  return ModelId{ToText(id)};
}

Result<model::Model> StoreCore::ReadModel(std::string_view id) const {
  if (!ParseUlid(id)) return ModelNotFound(id);
  PEMBA_TRY(const auto record, shared_.datastore.ReadModel(id_, {std::string(id)}));
  return ModelFrom(record);
}

Result<ModelPage> StoreCore::ListModels(std::size_t page_size,
                                        std::string_view continuation_token) const {
  std::string before;
  if (!continuation_token.empty()) {
    PEMBA_TRY(before, shared_.tokens.Open(TokenUse::kListModels, id_.value, continuation_token));
  }
  // One more than asked for tells whether this page is the last.
  PEMBA_TRY(auto records,
            shared_.datastore.ListModels(id_, {.before = before, .count_max = page_size + 1}));
  ModelPage page;
  const bool more = records.size() > page_size;
  if (more) records.resize(page_size);
  for (const auto& record : records) {
    PEMBA_TRY(auto model, ModelFrom(record));
    page.models.push_back(std::move(model));
  }
  if (more) {
    page.continuation_token =
        shared_.tokens.Make(TokenUse::kListModels, id_.value, records.back().id.value);
  }
  return page;
}

Status StoreCore::WriteAssertions(const WriteAssertionsRequest& request) {
  const View view = Pin();
  PEMBA_TRY(const auto model, view.ResolveModel(request.model_id));
  if (request.wire_bytes > shared_.options.assertions_bytes_max) {
    return Error{ErrorCode::kLimitExceeded,
                 "The number of bytes exceeds the allowed limit of " +
                     std::to_string(shared_.options.assertions_bytes_max)};
  }
  const auto& plan = model.bound->plan();
  for (const auto& assertion : request.assertions) {
    PEMBA_TRY(std::ignore, model::ValidateQuery(plan, assertion.tuple.view()));
    for (const auto& t : assertion.contextual_tuples) {
      const auto valid = model::ValidateContextual(plan, t, ErrorCode::kValidation);
      if (!valid.ok()) return Error{ErrorCode::kValidation, valid.error().message};
    }
  }
  return shared_.datastore.WriteAssertions(id_, {std::string(model.id)},
                                           EncodeAssertions(request.assertions));
}

Result<std::vector<Assertion>> StoreCore::ReadAssertions(std::string_view model_id) const {
  const View view = Pin();
  PEMBA_TRY(const auto model, view.ResolveModel(model_id));
  PEMBA_TRY(const auto text, shared_.datastore.ReadAssertions(id_, {std::string(model.id)}));
  if (!text) return std::vector<Assertion>();
  return DecodeAssertions(*text);
}

}  // namespace pemba::store::internal
