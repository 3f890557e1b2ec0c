// ListObjects, StreamedListObjects, ListUsers.
#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/api/openfga/internal/question_parts.h"
#include "pemba/api/openfga/service.h"
#include "pemba/base/assert.h"
#include "pemba/base/hash.h"
#include "pemba/base/text.h"

namespace pemba::api::openfga {
namespace {

using Output = ListPageRequest::Output;
using Truncated = ListPageResponse::Truncated;

// Type and relation of what a list is about, or of whom it names; the latter may have none.
Status ValidateKind(const model::Plan& plan, std::string_view type, std::string_view relation) {
  const auto found = plan.FindType(type);
  if (found == model::kNoIndex) {
    return Error{ErrorCode::kTypeNotFound, "type '" + std::string(type) + "' not found"};
  }
  if (relation.empty() || plan.FindRelation(found, relation) != model::kNoIndex) return Done{};
  return Error{ErrorCode::kRelationNotFound,
               "relation '" + std::string(type).append("#").append(relation) + "' not found"};
}

// One list, page by page: what the pages ask of the lister, and what is said of them.
//
// The position of a token is a hash of what the list is about, then the last id. The token is
// authenticated, so the hash need only tell honest callers that they mixed up two lists.
class Pages {
 public:
  Pages(const store::Store& store, store::ListOf list, std::span<const std::string_view> question)
      : store_(store), list_(list) {
    for (const auto part : question) about_ = HashBytes(part, about_);
  }

  Result<engine::ListOptions> Start(const ListPageRequest& request, std::uint64_t results_max) {
    engine::ListOptions options;
    if (request.output == Output::kCountOnly) {
      options.output = engine::ListOutput::kCountOnly;
      results_max = 0;
    }
    options.count_max = request.size.value_or(results_max);
    if (results_max > 0) options.count_max = std::min(options.count_max, results_max);
    if (request.continuation_token.empty()) return options;
    PEMBA_TRY(last_, store_.OpenListToken(list_, request.continuation_token));
    std::uint64_t about = 0;
    if (last_.size() > sizeof about) std::memcpy(&about, last_.data(), sizeof about);
    if (last_.size() <= sizeof about || about != about_) {
      return Error{ErrorCode::kInvalidContinuationToken,
                   "Invalid continuation token: it is of another list"};
    }
    last_.erase(0, sizeof about);
    options.after = last_;
    return options;
  }

  ListPageResponse End(const ListPageRequest& request, const engine::ListSummary& summary,
                       std::string_view last) const {
    ListPageResponse page;
    if (request.output == Output::kCountOnly) page.count = summary.count;
    if (summary.end == engine::ListEnd::kCountMax) page.truncated = Truncated::kLimit;
    if (summary.end == engine::ListEnd::kDeadline) page.truncated = Truncated::kDeadline;
    if (page.truncated != Truncated::kNo && !last.empty()) {
      std::string position(reinterpret_cast<const char*>(&about_), sizeof about_);
      page.continuation_token = store_.MakeListToken(list_, position.append(last));
    }
    return page;
  }

 private:
  const store::Store& store_;
  const store::ListOf list_;
  std::uint64_t about_ = 0;
  std::string last_;  // Of the page before; the options borrow it.
};

std::string ObjectText(std::string_view type, std::string_view id) {
  std::string text;
  text.reserve(type.size() + 1 + id.size());
  return text.append(type).append(":").append(id);
}

void AddUser(const wire::UserTypeFilter& filter, std::string_view id, wire::User& out) {
  if (!filter.relation().empty()) {
    auto& userset = *out.mutable_userset();
    userset.set_type(filter.type());
    userset.set_id(std::string(id));
    userset.set_relation(filter.relation());
  } else if (id == engine::kWildcardId) {
    out.mutable_wildcard()->set_type(filter.type());
  } else {
    out.mutable_object()->set_type(filter.type());
    out.mutable_object()->set_id(std::string(id));
  }
}

}  // namespace

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
  PEMBA_TRY(const auto summary, lister_.ListObjects(view.snapshot(), *model,
                                                    {.type = request.type(),
                                                     .relation = request.relation(),
                                                     .subject = request.user(),
                                                     .contextual_tuples = contextual_tuples,
                                                     .context = &question_context,
                                                     .deadline = deadline},
                                                    options, ThreadArena(), sink));
  context.list_found = summary.count;
  context.list_confirmed = summary.confirmed;
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
  PEMBA_TRY(const auto summary,
            FindObjects(context, store, request, options, deadline, [&](auto ids) {
              for (const auto id : ids) response.add_objects(ObjectText(request.type(), id));
              if (!ids.empty()) last = ids.back();
              return engine::SinkWants::kMore;
            }));
  context.listed = pages.End(context.list, summary, last);
  return Done{};
}

Status Service::StreamedListObjects(RequestContext& context,
                                    const wire::StreamedListObjectsRequest& request,
                                    wire::StreamedListObjectsResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kListObjects, request.store_id()));
  const auto deadline = ListDeadline(context, options_.list_objects);
  PEMBA_TRY(const auto store, Open(request.store_id()));
  PEMBA_CHECK(context.send);
  // The end of a stream that was cut by its deadline looks like any other: so the contract has it.
  PEMBA_TRY(std::ignore, FindObjects(context, store, request, {}, deadline, [&](auto ids) {
              // The lister is done long before a slow reader is.
              if (deadline && clock_.Steady() >= *deadline) return engine::SinkWants::kNoMore;
              for (const auto id : ids) {
                response.set_object(ObjectText(request.type(), id));
                if (context.send(response) == RequestContext::Sent::kNobodyReads) {
                  return engine::SinkWants::kNoMore;
                }
              }
              return engine::SinkWants::kMore;
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
  PEMBA_TRY(const auto summary, lister_.ListUsers(view.snapshot(), *model,
                                                  {.object = object,
                                                   .relation = request.relation(),
                                                   .user_type = filter.type(),
                                                   .user_relation = filter.relation(),
                                                   .contextual_tuples = contextual_tuples,
                                                   .context = &question_context,
                                                   .deadline = deadline},
                                                  options, ThreadArena(), [&](auto ids) {
                                                    for (const auto id : ids) {
                                                      AddUser(filter, id, *response.add_users());
                                                    }
                                                    if (!ids.empty()) last = ids.back();
                                                    return engine::SinkWants::kMore;
                                                  }));
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
