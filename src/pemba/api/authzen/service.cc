#include "pemba/api/authzen/service.h"

#include <cstdint>
#include <utility>

#include <google/protobuf/struct.pb.h>

#include "pemba/api/errors.h"

namespace pemba::api::authzen {
namespace {

namespace fga = ::openfga::v1;
using google::protobuf::Struct;

// The context of conditions: properties under prefixed names, then the request's own entries, which
// win.
class ContextBuilder {
 public:
  // Of a subject, a resource or an action.
  template <class Entity>
  ContextBuilder& Properties(const char* prefix, const Entity& entity) {
    if (!entity.has_properties()) return *this;
    present_ = true;
    for (const auto& [key, value] : entity.properties().fields()) {
      (*context_.mutable_fields())[prefix + key] = value;
    }
    return *this;
  }

  template <class Request>
  ContextBuilder& ContextOf(const Request& request) {
    if (!request.has_context()) return *this;
    present_ = true;
    for (const auto& [key, value] : request.context().fields()) {
      (*context_.mutable_fields())[key] = value;
    }
    return *this;
  }

  template <class Request>
  void SetOn(Request& request) {
    if (present_) *request.mutable_context() = std::move(context_);
  }

 private:
  Struct context_;
  bool present_ = false;
};

// Of a subject, a resource or a filter with both.
template <class Entity>
std::string NameOf(const Entity& entity) {
  return entity.type() + ":" + entity.id();
}

// `question` is a CheckRequest or a BatchCheckItem, `request` an EvaluationRequest or likewise.
template <class Request, class Question>
void SetQuestion(const Request& request, Question& question) {
  auto& key = *question.mutable_tuple_key();
  key.set_user(NameOf(request.subject()));
  key.set_relation(request.action().name());
  key.set_object(NameOf(request.resource()));
  ContextBuilder()
      .Properties("subject_", request.subject())
      .Properties("resource_", request.resource())
      .Properties("action_", request.action())
      .ContextOf(request)
      .SetOn(question);
}

void SetUndecided(int http_status, const std::string& message, wire::EvaluationResponse& out) {
  out.set_decision(false);
  auto& fields = *out.mutable_context()->mutable_fields();
  auto& error = *fields["error"].mutable_struct_value()->mutable_fields();
  error["status"].set_number_value(http_status);
  error["message"].set_string_value(message);
}

void SetUndecided(const Error& error, wire::EvaluationResponse& out) {
  const auto http = ToHttp(error);
  SetUndecided(http.status, http.message, out);
}

std::uint32_t NumberOf(const fga::CheckError& error) {
  if (error.has_internal_error()) return static_cast<std::uint32_t>(error.internal_error());
  return static_cast<std::uint32_t>(error.input_error());
}

// An item with what it inherits. Its own members replace the request's whole.
wire::EvaluationsItemRequest Inherited(const wire::EvaluationsRequest& request,
                                       const wire::EvaluationsItemRequest& item) {
  wire::EvaluationsItemRequest whole = item;
  if (!whole.has_subject() && request.has_subject()) *whole.mutable_subject() = request.subject();
  if (!whole.has_resource() && request.has_resource()) {
    *whole.mutable_resource() = request.resource();
  }
  if (!whole.has_action() && request.has_action()) *whole.mutable_action() = request.action();
  if (!whole.has_context() && request.has_context()) *whole.mutable_context() = request.context();
  return whole;
}

Status CheckComplete(int index, const wire::EvaluationsItemRequest& item) {
  const char* missing = !item.has_subject()    ? "subject"
                        : !item.has_resource() ? "resource"
                        : !item.has_action()   ? "action"
                                               : nullptr;
  if (missing == nullptr) return Done{};
  return Error{ErrorCode::kInvalidArgument,
               "evaluation " + std::to_string(index) + ": missing " + missing};
}

Status ExecuteAll(openfga::Service& relationships, RequestContext& context,
                  const wire::EvaluationsRequest& request, wire::EvaluationsResponse& response) {
  fga::BatchCheckRequest batch;
  batch.set_store_id(request.store_id());
  batch.set_authorization_model_id(context.wanted_model_id);
  for (int i = 0; i < request.evaluations_size(); ++i) {
    const auto item = Inherited(request, request.evaluations(i));
    PEMBA_TRY(std::ignore, CheckComplete(i, item));
    auto& check = *batch.add_checks();
    check.set_correlation_id(std::to_string(i));
    SetQuestion(item, check);
  }
  fga::BatchCheckResponse answers;
  PEMBA_TRY(std::ignore, relationships.BatchCheck(context, batch, answers));
  for (int i = 0; i < request.evaluations_size(); ++i) {
    const auto& answer = answers.result().at(std::to_string(i));
    auto& out = *response.add_evaluations();
    if (answer.has_error()) {
      const rpc::GrpcStatus status{NumberOf(answer.error()), answer.error().message()};
      SetUndecided(ToHttp(status).status, status.message, out);
    } else {
      out.set_decision(answer.allowed());
    }
  }
  return Done{};
}

// Item by item, until one decides the whole.
Status ExecuteInTurn(openfga::Service& relationships, RequestContext& context,
                     const wire::EvaluationsRequest& request, wire::EvaluationsResponse& response) {
  const bool stop_at = request.options().evaluations_semantic() == wire::permit_on_first_permit;
  for (int i = 0; i < request.evaluations_size(); ++i) {
    const auto item = Inherited(request, request.evaluations(i));
    auto& out = *response.add_evaluations();
    auto outcome = CheckComplete(i, item);
    if (outcome.ok()) {
      fga::CheckRequest check;
      check.set_store_id(request.store_id());
      // All items are judged by one model, also if a newer one is written meanwhile.
      check.set_authorization_model_id(context.model_id.empty() ? context.wanted_model_id
                                                                : context.model_id);
      SetQuestion(item, check);
      fga::CheckResponse answer;
      outcome = relationships.Check(context, check, answer);
      out.set_decision(answer.allowed());
    }
    if (!outcome.ok()) SetUndecided(outcome.error(), out);
    if (out.decision() == stop_at) break;
  }
  return Done{};
}

}  // namespace

Status Service::CheckOffered() const {
  if (options_.offered == ServiceOptions::Offered::kYes) return Done{};
  return Error{ErrorCode::kUnimplemented,
               "AuthZEN endpoints are experimental. Enable with --experimentals=authzen"};
}

Status Service::Evaluation(RequestContext& context, const wire::EvaluationRequest& request,
                           wire::EvaluationResponse& response) {
  PEMBA_TRY(std::ignore, CheckOffered());
  fga::CheckRequest check;
  check.set_store_id(request.store_id());
  check.set_authorization_model_id(context.wanted_model_id);
  SetQuestion(request, check);
  fga::CheckResponse answer;
  PEMBA_TRY(std::ignore, relationships_.Check(context, check, answer));
  response.set_decision(answer.allowed());
  return Done{};
}

Status Service::Evaluations(RequestContext& context, const wire::EvaluationsRequest& request,
                            wire::EvaluationsResponse& response) {
  PEMBA_TRY(std::ignore, CheckOffered());
  if (request.evaluations().empty()) {
    const auto item = Inherited(request, {});
    PEMBA_TRY(std::ignore, CheckComplete(0, item));
    wire::EvaluationRequest one;
    one.set_store_id(request.store_id());
    *one.mutable_subject() = item.subject();
    *one.mutable_resource() = item.resource();
    *one.mutable_action() = item.action();
    if (item.has_context()) *one.mutable_context() = item.context();
    return Evaluation(context, one, *response.add_evaluations());
  }
  return request.options().evaluations_semantic() == wire::execute_all
             ? ExecuteAll(relationships_, context, request, response)
             : ExecuteInTurn(relationships_, context, request, response);
}

Status Service::SubjectSearch(RequestContext& context, const wire::SubjectSearchRequest& request,
                              wire::SubjectSearchResponse& response) {
  PEMBA_TRY(std::ignore, CheckOffered());
  fga::ListUsersRequest list;
  list.set_store_id(request.store_id());
  list.set_authorization_model_id(context.wanted_model_id);
  list.mutable_object()->set_type(request.resource().type());
  list.mutable_object()->set_id(request.resource().id());
  list.set_relation(request.action().name());
  list.add_user_filters()->set_type(request.subject().type());
  ContextBuilder()
      .Properties("subject_", request.subject())
      .Properties("resource_", request.resource())
      .Properties("action_", request.action())
      .ContextOf(request)
      .SetOn(list);
  fga::ListUsersResponse users;
  PEMBA_TRY(std::ignore, relationships_.ListUsers(context, list, users));
  for (const auto& user : users.users()) {
    if (user.has_userset()) continue;  // Not a subject.
    auto& subject = *response.add_results();
    subject.set_type(user.has_wildcard() ? user.wildcard().type() : user.object().type());
    subject.set_id(user.has_wildcard() ? "*" : user.object().id());
  }
  return Done{};
}

Status Service::ResourceSearch(RequestContext& context, const wire::ResourceSearchRequest& request,
                               wire::ResourceSearchResponse& response) {
  PEMBA_TRY(std::ignore, CheckOffered());
  fga::StreamedListObjectsRequest list;
  list.set_store_id(request.store_id());
  list.set_authorization_model_id(context.wanted_model_id);
  list.set_type(request.resource().type());
  list.set_relation(request.action().name());
  list.set_user(NameOf(request.subject()));
  ContextBuilder()
      .Properties("subject_", request.subject())
      .Properties("resource_", request.resource())
      .Properties("action_", request.action())
      .ContextOf(request)
      .SetOn(list);
  context.send_objects = [&](std::string_view type, RequestContext::Ids ids) {
    for (const auto id : ids) {
      auto& resource = *response.add_results();
      resource.set_type(std::string(type));
      resource.set_id(std::string(id));
    }
    return RequestContext::Sent::kYes;
  };
  fga::StreamedListObjectsResponse unused;
  auto outcome = relationships_.StreamedListObjects(context, list, unused);
  context.send_objects = nullptr;
  return outcome;
}

Status Service::ActionSearch(RequestContext& context, const wire::ActionSearchRequest& request,
                             wire::ActionSearchResponse& response) {
  PEMBA_TRY(std::ignore, CheckOffered());
  PEMBA_TRY(const auto relations,
            relationships_.RelationsOf(context, request.store_id(), context.wanted_model_id,
                                       request.resource().type()));
  if (relations.empty()) return Done{};
  fga::BatchCheckRequest batch;
  batch.set_store_id(request.store_id());
  batch.set_authorization_model_id(context.model_id);
  for (std::size_t i = 0; i < relations.size(); ++i) {
    auto& check = *batch.add_checks();
    check.set_correlation_id(std::to_string(i));
    auto& key = *check.mutable_tuple_key();
    key.set_user(NameOf(request.subject()));
    key.set_relation(relations[i]);
    key.set_object(NameOf(request.resource()));
    ContextBuilder()
        .Properties("subject_", request.subject())
        .Properties("resource_", request.resource())
        .ContextOf(request)
        .SetOn(check);
  }
  fga::BatchCheckResponse answers;
  PEMBA_TRY(std::ignore, relationships_.BatchCheck(context, batch, answers));
  for (std::size_t i = 0; i < relations.size(); ++i) {
    const auto& answer = answers.result().at(std::to_string(i));
    if (answer.has_error()) {
      context.undecided.push_back(relations[i]);
    } else if (answer.allowed()) {
      response.add_results()->set_name(relations[i]);
    }
  }
  return Done{};
}

Status Service::GetConfiguration(RequestContext&, const wire::GetConfigurationRequest& request,
                                 wire::GetConfigurationResponse& response) {
  PEMBA_TRY(std::ignore, CheckOffered());
  return SetConfiguration("/stores/" + request.store_id(), response);
}

Status Service::GetDefaultConfiguration(RequestContext&, const wire::GetConfigurationRequest&,
                                        wire::GetConfigurationResponse& response) {
  PEMBA_TRY(std::ignore, CheckOffered());
  return SetConfiguration({}, response);
}

Status Service::SetConfiguration(const std::string& path,
                                 wire::GetConfigurationResponse& response) const {
  // Headers of the request say where somebody claims to have sent it, not where we are.
  if (options_.base_url.empty()) {
    return Error{ErrorCode::kFailedPrecondition, "authzen.baseURL is not set"};
  }
  const auto point = options_.base_url + path;
  response.set_policy_decision_point(point);
  response.set_access_evaluation_endpoint(point + "/access/v1/evaluation");
  response.set_access_evaluations_endpoint(point + "/access/v1/evaluations");
  response.set_search_subject_endpoint(point + "/access/v1/search/subject");
  response.set_search_resource_endpoint(point + "/access/v1/search/resource");
  response.set_search_action_endpoint(point + "/access/v1/search/action");
  return Done{};
}

}  // namespace pemba::api::authzen
