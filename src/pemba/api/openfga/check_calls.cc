// Check, BatchCheck and Explain.
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/api/errors.h"
#include "pemba/api/openfga/convert.h"
#include "pemba/api/openfga/explanation.h"
#include "pemba/api/openfga/internal/question_kinds.h"
#include "pemba/api/openfga/internal/question_parts.h"
#include "pemba/api/openfga/service.h"
#include "pemba/base/hash.h"
#include "pemba/model/tuple_validation.h"

namespace pemba::api::openfga {
namespace {

// A question with everything that it borrows: the parts that had to be converted.
struct Question {
  std::vector<tuple::Tuple> contextual_tuples;
  std::optional<boost::json::object> context;
  engine::CheckQuery query;
};

Status ValidateQuestion(const model::Plan& plan, const engine::CheckQuery& query) {
  auto valid = model::ValidateQuery(plan, query.tuple);
  if (valid.ok()) return valid;
  return Error{valid.error().code, "invalid relation: " + valid.error().message};
}

// `wire` is a CheckRequest or a BatchCheckItem and must outlive the question.
template <class Wire>
Status Prepare(const Wire& wire, const model::Plan& plan, std::optional<SteadyTime> deadline,
               Question& out) {
  out.query.tuple = ViewOf(wire.tuple_key());
  out.query.deadline = deadline;
  PEMBA_TRY(std::ignore, ValidateQuestion(plan, out.query));
  if (wire.has_context()) {
    PEMBA_TRY(out.context, QuestionContext(wire.context()));
    out.query.context = &*out.context;
  }
  if (wire.contextual_tuples().tuple_keys_size() > 0) {
    PEMBA_TRY(out.contextual_tuples, ContextualTuples(wire.contextual_tuples().tuple_keys(), plan,
                                                      ErrorCode::kInvalidTuple));
    out.query.contextual_tuples = out.contextual_tuples;
  }
  return Done{};
}

void SetItemError(const Error& error, wire::CheckError& out) {
  switch (error.code) {
    case ErrorCode::kValidation:
    case ErrorCode::kThrottled:
      out.set_input_error(wire::validation_error);
      break;
    case ErrorCode::kInvalidTuple:
      out.set_input_error(wire::invalid_tuple);
      break;
    case ErrorCode::kTooComplex:
      out.set_input_error(wire::authorization_model_resolution_too_complex);
      break;
    case ErrorCode::kDeadlineExceeded:
      out.set_internal_error(wire::deadline_exceeded);
      break;
    default:
      out.set_internal_error(wire::internal_error);
  }
  out.set_message(ToGrpc(error).message);
}

Status CheckCorrelationIds(const wire::BatchCheckRequest& request) {
  StringViewMap<bool> seen;
  seen.reserve(static_cast<std::size_t>(request.checks_size()));
  for (const auto& item : request.checks()) {
    if (seen.emplace(item.correlation_id(), true).second) continue;
    return Error{ErrorCode::kValidation,
                 "received duplicate correlation id: " + item.correlation_id()};
  }
  return Done{};
}

}  // namespace

Status Service::Check(RequestContext& context, const wire::CheckRequest& request,
                      wire::CheckResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kCheck, request.store_id()));
  PEMBA_TRY(const auto store, Open(context, request.store_id()));
  PEMBA_TRY(const auto view, Pin(context, store));
  PEMBA_TRY(const auto* model, Resolve(context, view, request.authorization_model_id()));
  Question question;
  PEMBA_TRY(std::ignore, Prepare(request, model->plan(), AnswerBy(context), question));
  const auto answer = checker_.Check(view.snapshot(), *model, question.query, ThreadArena());
  if (ShouldMove(context, answer)) return MustWait(context);
  PEMBA_TRY(const auto decision, answer);
  response.set_allowed(decision == engine::Decision::kAllowed);
  return Done{};
}

Result<engine::Decision> Service::Check(RequestContext& context, const PlainCheck& question) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kCheck, question.store_id));
  PEMBA_TRY(const auto store, Open(context, question.store_id));
  PEMBA_TRY(const auto view, Pin(context, store));
  PEMBA_TRY(const auto* model, Resolve(context, view, question.model_id));
  engine::CheckQuery query;
  query.tuple = {question.object, question.relation, question.user};
  query.deadline = AnswerBy(context);
  if (question.kind == nullptr || question.kind->model.view() != context.model_id) {
    PEMBA_TRY(std::ignore, ValidateQuestion(model->plan(), query));
    internal::QuestionKinds::OfThisThread().Remember(query.tuple, context.model_id);
  }
  auto answer = checker_.Check(view.snapshot(), *model, query, ThreadArena());
  if (ShouldMove(context, answer)) return MustWait(context);
  return answer;
}

Status Service::Explain(RequestContext& context, const ::pemba::v1::ExplainRequest& request,
                        ::pemba::v1::ExplainResponse& response) {
  // Who is told the reasons sees tuples.
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kCheck, request.store_id()));
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kRead, request.store_id()));
  PEMBA_TRY(const auto store, Open(context, request.store_id()));
  PEMBA_TRY(const auto view, Pin(context, store));
  PEMBA_TRY(const auto* model, Resolve(context, view, request.authorization_model_id()));
  Question question;
  PEMBA_TRY(std::ignore, Prepare(request, model->plan(), context.deadline, question));
  PEMBA_TRY(const auto explanation,
            explainer_.Explain(view.snapshot(), *model, question.query, ThreadArena()));
  ToWire(explanation, request.tuple_key().user(), response);
  return Done{};
}

Status Service::BatchCheck(RequestContext& context, const wire::BatchCheckRequest& request,
                           wire::BatchCheckResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kCheck, request.store_id()));
  PEMBA_TRY(const auto store, Open(context, request.store_id()));
  PEMBA_TRY(const auto view, Pin(context, store));
  PEMBA_TRY(const auto* model, Resolve(context, view, request.authorization_model_id()));
  const auto size = static_cast<std::size_t>(request.checks_size());
  if (size > options_.checks_per_batch_max) {
    return Error{ErrorCode::kValidation, "batchCheck received " + std::to_string(size) +
                                             " checks, the maximum allowed is " +
                                             std::to_string(options_.checks_per_batch_max)};
  }
  PEMBA_TRY(std::ignore, CheckCorrelationIds(request));

  std::vector<Question> questions(size);  // Their queries borrow from them, so they stay put.
  std::vector<engine::CheckQuery> queries;
  std::vector<const wire::BatchCheckItem*> asked;
  queries.reserve(size);
  asked.reserve(size);
  auto& results = *response.mutable_result();
  for (std::size_t i = 0; i < size; ++i) {
    const auto& item = request.checks(static_cast<int>(i));
    const auto prepared = Prepare(item, model->plan(), AnswerBy(context), questions[i]);
    if (!prepared.ok()) {
      SetItemError(prepared.error(), *results[item.correlation_id()].mutable_error());
      continue;
    }
    queries.push_back(questions[i].query);
    asked.push_back(&item);
  }
  const auto decisions = checker_.BatchCheck(view.snapshot(), *model, queries, ThreadArena());
  for (const auto& decision : decisions) {
    if (ShouldMove(context, decision)) return MustWait(context);
  }
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    auto& result = results[asked[i]->correlation_id()];
    if (decisions[i].ok()) {
      result.set_allowed(*decisions[i] == engine::Decision::kAllowed);
    } else {
      SetItemError(decisions[i].error(), *result.mutable_error());
    }
  }
  return Done{};
}

}  // namespace pemba::api::openfga
