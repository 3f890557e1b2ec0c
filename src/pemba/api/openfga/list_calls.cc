// ListObjects, StreamedListObjects, ListUsers.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/api/openfga/internal/list_answers.h"
#include "pemba/api/openfga/internal/list_body.h"
#include "pemba/api/openfga/internal/question_parts.h"
#include "pemba/api/openfga/service.h"
#include "pemba/base/assert.h"
#include "pemba/base/text.h"

namespace pemba::api::openfga {
std::optional<SteadyTime> Service::ListDeadline(const RequestContext& context,
                                                const ServiceOptions::ListLimits& limits) const {
  if (limits.deadline.count() == 0) return context.deadline;
  const auto own = clock_.Steady() + limits.deadline;
  return context.deadline ? std::min(own, *context.deadline) : own;
}

template <class Request>
Result<engine::ListSummary> Service::FindObjects(RequestContext& context,
                                                 const store::StoreHandle& store,
                                                 const Request& request,
                                                 engine::ListOptions options,
                                                 std::optional<SteadyTime> deadline,
                                                 const engine::ListSink& sink) const {
  PEMBA_TRY(const auto view, Pin(context, store));
  PEMBA_TRY(const auto* model, Resolve(context, view, request.authorization_model_id()));
  const auto& plan = model->plan();
  PEMBA_TRY(const auto contextual_tuples, ContextualTuples(request.contextual_tuples().tuple_keys(),
                                                           plan, ErrorCode::kValidation));
  PEMBA_TRY(std::ignore, ValidateKind(plan, request.type(), request.relation()));
  if (const auto valid = model::ValidateSubject(plan, request.user()); !valid.ok()) {
    return Error{valid.error().code, "invalid 'user' value: " + valid.error().message};
  }
  PEMBA_TRY(const auto question_context, QuestionContext(request.context()));
  auto summary = WithSetting(lister_.ListObjects(view.snapshot(), *model,
                                                 {.type = request.type(),
                                                  .relation = request.relation(),
                                                  .subject = request.user(),
                                                  .contextual_tuples = contextual_tuples,
                                                  .context = &question_context,
                                                  .deadline = deadline},
                                                 options, ThreadArena(), sink));
  if (summary.ok()) {
    context.list_found = summary->count;
    context.list_confirmed = summary->confirmed;
  }
  return summary;
}

Status Service::ListObjects(RequestContext& context, const wire::ListObjectsRequest& request,
                            wire::ListObjectsResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kListObjects, request.store_id()));
  const auto deadline = ListDeadline(context, options_.list_objects);
  PEMBA_TRY(const auto store, Open(request.store_id()));
  const std::string_view question[] = {request.type(), request.relation(), request.user()};
  Pages pages(*store, store::ListOf::kObjects, question);
  PEMBA_TRY(const auto options, pages.Start(context.list, options_.list_objects.results_max));
  std::string last(options.after);
  AnswerMemory memory(options_.list_memory_bytes_max);
  PEMBA_TRY(const auto summary,
            FindObjects(context, store, request, options, deadline, [&](auto ids) {
              if (context.list_body != nullptr) {
                context.list_body->AddObjects(request.type(), ids);
              } else {
                for (const auto id : ids) response.add_objects(ObjectText(request.type(), id));
              }
              if (!ids.empty()) last = ids.back();
              return memory.Count(request.type().size(), ids);
            }));
  PEMBA_TRY(std::ignore, memory.Spent());
  context.listed = pages.End(context.list, summary, last);
  return Done{};
}

Status Service::StreamedListObjects(RequestContext& context,
                                    const wire::StreamedListObjectsRequest& request,
                                    wire::StreamedListObjectsResponse&) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kListObjects, request.store_id()));
  const auto deadline = ListDeadline(context, options_.list_objects);
  PEMBA_TRY(const auto store, Open(request.store_id()));
  PEMBA_CHECK(context.send_objects);
  // The end of a stream that was cut by its deadline looks like any other: so the contract has it.
  PEMBA_TRY(std::ignore, FindObjects(context, store, request, {}, deadline, [&](auto ids) {
              // The lister is done long before a slow reader is.
              if (deadline && clock_.Steady() >= *deadline) return engine::SinkWants::kNoMore;
              const auto sent = context.send_objects(request.type(), ids);
              return sent == RequestContext::Sent::kYes ? engine::SinkWants::kMore
                                                        : engine::SinkWants::kNoMore;
            }));
  return Done{};
}

Status Service::ListUsers(RequestContext& context, const wire::ListUsersRequest& request,
                          wire::ListUsersResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kListUsers, request.store_id()));
  const auto deadline = ListDeadline(context, options_.list_users);
  PEMBA_TRY(const auto store, Open(request.store_id()));
  PEMBA_TRY(const auto view, Pin(context, store));
  PEMBA_TRY(const auto* model, Resolve(context, view, request.authorization_model_id()));
  const auto& plan = model->plan();
  PEMBA_TRY(const auto contextual_tuples,
            ContextualTuples(request.contextual_tuples(), plan, ErrorCode::kValidation));
  const auto& filter = request.user_filters(0);  // The field rules ask for exactly one.
  PEMBA_TRY(std::ignore, ValidateKind(plan, filter.type(), filter.relation()));
  PEMBA_TRY(std::ignore, ValidateKind(plan, request.object().type(), request.relation()));
  PEMBA_TRY(const auto question_context, QuestionContext(request.context()));

  const auto object = ObjectText(request.object().type(), request.object().id());
  if (HasControlCharacter(object)) {
    return Error{ErrorCode::kValidation, "invalid 'object' value: forbidden characters"};
  }
  const std::string_view question[] = {object, request.relation(), filter.type(),
                                       filter.relation()};
  Pages pages(*store, store::ListOf::kUsers, question);
  PEMBA_TRY(const auto options, pages.Start(context.list, options_.list_users.results_max));
  std::string last(options.after);
  AnswerMemory memory(options_.list_memory_bytes_max);
  PEMBA_TRY(const auto summary,
            WithSetting(lister_.ListUsers(view.snapshot(), *model,
                                          {.object = object,
                                           .relation = request.relation(),
                                           .user_type = filter.type(),
                                           .user_relation = filter.relation(),
                                           .contextual_tuples = contextual_tuples,
                                           .context = &question_context,
                                           .deadline = deadline},
                                          options, ThreadArena(), [&](auto ids) {
                                            if (context.list_body != nullptr) {
                                              context.list_body->AddUsers(filter, ids);
                                            } else {
                                              for (const auto id : ids) {
                                                AddUser(filter, id, *response.add_users());
                                              }
                                            }
                                            if (!ids.empty()) last = ids.back();
                                            return memory.Count(filter.type().size(), ids);
                                          })));
  PEMBA_TRY(std::ignore, memory.Spent());
  context.listed = pages.End(context.list, summary, last);
  return Done{};
}

Result<std::vector<std::string>> Service::RelationsOf(RequestContext& context,
                                                      const std::string& store_id,
                                                      const std::string& model_id,
                                                      std::string_view type) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kCheck, store_id));
  PEMBA_TRY(const auto store, Open(store_id));
  PEMBA_TRY(const auto view, Pin(context, store));
  PEMBA_TRY(const auto* model, Resolve(context, view, model_id));
  const auto found = model->plan().FindType(type);
  if (found == model::kNoIndex) {
    return Error{ErrorCode::kInvalidArgument, "type '" + std::string(type) + "' not found"};
  }
  std::vector<std::string> names;
  for (const auto& [name, relation] : model->plan().types()[found].relations) {
    names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace pemba::api::openfga
