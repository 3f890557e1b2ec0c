// ListObjectsOfKinds, ListUsersOfKinds: several lists in one request, one after the other, on one
// revision and within one budget.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <pemba/v1/pemba_service.pb.h>

#include "pemba/api/openfga/internal/list_answers.h"
#include "pemba/api/openfga/internal/question_parts.h"
#include "pemba/api/openfga/service.h"
#include "pemba/base/text.h"

namespace pemba::api::openfga {
namespace {

// Where a page starts: a list, and the last one that was given of it; empty: none.
struct Position {
  std::uint8_t list = 0;
  std::string last;

  std::string ToText() const { return static_cast<char>(list) + last; }
  static Result<Position> FromText(const std::string& text, std::size_t lists) {
    const auto list = text.empty() ? lists : static_cast<std::uint8_t>(text[0]);
    if (list >= lists) {
      return Error{ErrorCode::kInvalidContinuationToken, "Invalid continuation token"};
    }
    return Position{static_cast<std::uint8_t>(list), text.substr(1)};
  }
};

struct Page {
  engine::ListEnd end = engine::ListEnd::kComplete;
  Position next;  // Unless kComplete.
};

// Runs the lists from `at` on until `count_max` (0: no limit) answers have been given.
// `list_one(list, options, sink)` is one list; `give(list, ids)` takes its answers.
template <class ListOne, class Give>
Result<Page> ListInTurn(std::size_t lists, Position at, std::uint64_t count_max,
                        const ListOne& list_one, const Give& give) {
  auto left = count_max;
  for (; at.list < lists; ++at.list, at.last.clear()) {
    const auto after = at.last;
    engine::ListOptions options{.count_max = left, .after = after};
    const bool full = count_max != 0 && left == 0;
    if (full) options = {.count_max = 1, .output = engine::ListOutput::kCountOnly};
    PEMBA_TRY(const engine::ListSummary summary, list_one(at.list, options, [&](auto ids) {
                if (!ids.empty()) at.last = ids.back();
                return give(at.list, ids);
              }));
    if (full && summary.count > 0) return Page{engine::ListEnd::kCountMax, at};
    if (summary.end != engine::ListEnd::kComplete) return Page{summary.end, at};
    if (!full) left -= std::min(left, summary.count);
  }
  return Page{};
}

template <class Response>
void SetEnd(const Pages& pages, const Page& page, Response& response) {
  if (page.end == engine::ListEnd::kComplete) return;
  response.set_truncated(page.end == engine::ListEnd::kDeadline ? ::pemba::v1::TRUNCATED_DEADLINE
                                                                : ::pemba::v1::TRUNCATED_LIMIT);
  response.set_continuation_token(pages.TokenOf(page.next.ToText()));
}

Result<Position> StartOf(const Pages& pages, const std::string& token, std::size_t lists) {
  if (token.empty()) return Position{};
  PEMBA_TRY(const auto text, pages.Open(token));
  return Position::FromText(text, lists);
}

}  // namespace

Status Service::ListObjectsOfKinds(RequestContext& context,
                                   const ::pemba::v1::ListObjectsOfKindsRequest& request,
                                   ::pemba::v1::ListObjectsOfKindsResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kListObjects, request.store_id()));
  const auto deadline = ListDeadline(context, options_.list_objects);
  PEMBA_TRY(const auto store, Open(request.store_id()));
  PEMBA_TRY(const auto view, Pin(context, store));
  PEMBA_TRY(const auto* model, Resolve(context, view, request.authorization_model_id()));
  const auto& plan = model->plan();
  PEMBA_TRY(const auto contextual_tuples, ContextualTuples(request.contextual_tuples().tuple_keys(),
                                                           plan, ErrorCode::kValidation));
  std::vector<std::string_view> question{request.user()};
  for (const auto& kind : request.kinds()) {
    PEMBA_TRY(std::ignore, ValidateKind(plan, kind.type(), kind.relation()));
    question.insert(question.end(), {kind.type(), kind.relation()});
  }
  if (const auto valid = model::ValidateSubject(plan, request.user()); !valid.ok()) {
    return Error{valid.error().code, "invalid 'user' value: " + valid.error().message};
  }
  PEMBA_TRY(const auto question_context, QuestionContext(request.context()));

  const Pages pages(*store, store::ListOf::kObjectsOfKinds, question);
  const auto lists = static_cast<std::size_t>(request.kinds_size());
  PEMBA_TRY(const auto start, StartOf(pages, request.continuation_token(), lists));
  auto& arena = ThreadArena();
  AnswerMemory memory(options_.list_memory_bytes_max);
  const auto list_one = [&](std::uint8_t list, const engine::ListOptions& options,
                            const engine::ListSink& sink) {
    const auto& kind = request.kinds(list);
    return WithSetting(lister_.ListObjects(view.snapshot(), *model,
                                           {.type = kind.type(),
                                            .relation = kind.relation(),
                                            .subject = request.user(),
                                            .contextual_tuples = contextual_tuples,
                                            .context = &question_context,
                                            .deadline = deadline},
                                           options, arena, sink));
  };
  const auto give = [&](std::uint8_t list, auto ids) {
    const auto& kind = request.kinds(list);
    for (const auto id : ids) {
      auto& found = *response.add_objects();
      found.set_object(ObjectText(kind.type(), id));
      found.set_relation(kind.relation());
    }
    return memory.Count(kind.type().size() + kind.relation().size(), ids);
  };
  const auto count_max = PageMax(static_cast<std::uint64_t>(request.page_size().value()),
                                 options_.list_objects.results_max);
  PEMBA_TRY(const auto page, ListInTurn(lists, start, count_max, list_one, give));
  PEMBA_TRY(std::ignore, memory.Spent());
  SetEnd(pages, page, response);
  return Done{};
}

Status Service::ListUsersOfKinds(RequestContext& context,
                                 const ::pemba::v1::ListUsersOfKindsRequest& request,
                                 ::pemba::v1::ListUsersOfKindsResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kListUsers, request.store_id()));
  const auto deadline = ListDeadline(context, options_.list_users);
  PEMBA_TRY(const auto store, Open(request.store_id()));
  PEMBA_TRY(const auto view, Pin(context, store));
  PEMBA_TRY(const auto* model, Resolve(context, view, request.authorization_model_id()));
  const auto& plan = model->plan();
  PEMBA_TRY(const auto contextual_tuples, ContextualTuples(request.contextual_tuples().tuple_keys(),
                                                           plan, ErrorCode::kValidation));
  const auto object = ObjectText(request.object().type(), request.object().id());
  std::vector<std::string_view> question{object, request.relation()};
  for (const auto& filter : request.user_filters()) {
    PEMBA_TRY(std::ignore, ValidateKind(plan, filter.type(), filter.relation()));
    question.insert(question.end(), {filter.type(), filter.relation()});
  }
  PEMBA_TRY(std::ignore, ValidateKind(plan, request.object().type(), request.relation()));
  if (HasControlCharacter(object)) {
    return Error{ErrorCode::kValidation, "invalid 'object' value: forbidden characters"};
  }
  PEMBA_TRY(const auto question_context, QuestionContext(request.context()));

  const Pages pages(*store, store::ListOf::kUsersOfKinds, question);
  const auto lists = static_cast<std::size_t>(request.user_filters_size());
  PEMBA_TRY(const auto start, StartOf(pages, request.continuation_token(), lists));
  auto& arena = ThreadArena();
  AnswerMemory memory(options_.list_memory_bytes_max);
  const auto list_one = [&](std::uint8_t list, const engine::ListOptions& options,
                            const engine::ListSink& sink) {
    const auto& filter = request.user_filters(list);
    return WithSetting(lister_.ListUsers(view.snapshot(), *model,
                                         {.object = object,
                                          .relation = request.relation(),
                                          .user_type = filter.type(),
                                          .user_relation = filter.relation(),
                                          .contextual_tuples = contextual_tuples,
                                          .context = &question_context,
                                          .deadline = deadline},
                                         options, arena, sink));
  };
  const auto give = [&](std::uint8_t list, auto ids) {
    const auto& filter = request.user_filters(list);
    for (const auto id : ids) AddUser(filter, id, *response.add_users());
    return memory.Count(filter.type().size() + filter.relation().size(), ids);
  };
  const auto count_max = PageMax(static_cast<std::uint64_t>(request.page_size().value()),
                                 options_.list_users.results_max);
  PEMBA_TRY(const auto page, ListInTurn(lists, start, count_max, list_one, give));
  PEMBA_TRY(std::ignore, memory.Spent());
  SetEnd(pages, page, response);
  return Done{};
}

}  // namespace pemba::api::openfga
