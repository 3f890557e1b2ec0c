#include "pemba/api/openfga/internal/list_answers.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "pemba/base/hash.h"

namespace pemba::api::openfga {
namespace {

using Output = ListPageRequest::Output;
using Truncated = ListPageResponse::Truncated;

constexpr const char* kMemorySetting = " (list-memory-max-bytes)";

}  // namespace

Status ValidateKind(const model::Plan& plan, std::string_view type, std::string_view relation) {
  const auto found = plan.FindType(type);
  if (found == model::kNoIndex) {
    return Error{ErrorCode::kTypeNotFound, "type '" + std::string(type) + "' not found"};
  }
  if (relation.empty() || plan.FindRelation(found, relation) != model::kNoIndex) return Done{};
  return Error{ErrorCode::kRelationNotFound,
               "relation '" + std::string(type).append("#").append(relation) + "' not found"};
}

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

Pages::Pages(const store::Store& store, store::ListOf list,
             std::span<const std::string_view> question)
    : store_(store), list_(list) {
  for (const auto part : question) about_ = HashBytes(part, about_);
}

Result<engine::ListOptions> Pages::Start(const ListPageRequest& request,
                                         std::uint64_t results_max) {
  engine::ListOptions options;
  if (request.output == Output::kCountOnly) {
    options.output = engine::ListOutput::kCountOnly;
    results_max = 0;
  }
  options.count_max = PageMax(request.size.value_or(0), results_max);
  if (request.continuation_token.empty()) return options;
  PEMBA_TRY(last_, Open(request.continuation_token));
  if (last_.empty()) {
    return Error{ErrorCode::kInvalidContinuationToken, "Invalid continuation token"};
  }
  options.after = last_;
  return options;
}

ListPageResponse Pages::End(const ListPageRequest& request, const engine::ListSummary& summary,
                            std::string_view last) const {
  ListPageResponse page;
  if (request.output == Output::kCountOnly) page.count = summary.count;
  if (summary.end == engine::ListEnd::kCountMax) page.truncated = Truncated::kLimit;
  if (summary.end == engine::ListEnd::kDeadline) page.truncated = Truncated::kDeadline;
  if (page.truncated != Truncated::kNo && !last.empty()) page.continuation_token = TokenOf(last);
  return page;
}

Result<std::string> Pages::Open(std::string_view token) const {
  PEMBA_TRY(auto position, store_.OpenListToken(list_, token));
  std::uint64_t about = 0;
  if (position.size() >= sizeof about) std::memcpy(&about, position.data(), sizeof about);
  if (position.size() < sizeof about || about != about_) {
    return Error{ErrorCode::kInvalidContinuationToken,
                 "Invalid continuation token: it is of another list"};
  }
  position.erase(0, sizeof about);
  return position;
}

std::string Pages::TokenOf(std::string_view position) const {
  std::string text(reinterpret_cast<const char*>(&about_), sizeof about_);
  return store_.MakeListToken(list_, text.append(position));
}

std::uint64_t PageMax(std::uint64_t wanted, std::uint64_t results_max) {
  if (wanted == 0 || results_max == 0) return std::max(wanted, results_max);
  return std::min(wanted, results_max);
}

engine::SinkWants AnswerMemory::Count(std::size_t type_bytes,
                                      std::span<const std::string_view> ids) {
  constexpr std::size_t kBytesOfMessage = 64;  // Beside its text.
  for (const auto id : ids) bytes_ += kBytesOfMessage + type_bytes + id.size();
  return Spent().ok() ? engine::SinkWants::kMore : engine::SinkWants::kNoMore;
}

Status AnswerMemory::Spent() const {
  if (bytes_max_ == 0 || bytes_ <= bytes_max_) return Done{};
  return Error{ErrorCode::kResourceExhausted, "the answer needs more than " +
                                                  std::to_string(bytes_max_) + " bytes of memory" +
                                                  kMemorySetting};
}

Result<engine::ListSummary> WithSetting(Result<engine::ListSummary> summary) {
  if (summary.ok() || summary.error().code != ErrorCode::kResourceExhausted) return summary;
  return Error{ErrorCode::kResourceExhausted, summary.error().message + kMemorySetting};
}

}  // namespace pemba::api::openfga
