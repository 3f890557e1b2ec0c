// What the calls that list have in common: what they ask about, pages and tokens, and memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <openfga/v1/openfga.pb.h>

#include "pemba/api/openfga/convert.h"
#include "pemba/api/openfga/list_page.h"
#include "pemba/base/result.h"
#include "pemba/engine/lister.h"
#include "pemba/model/plan.h"
#include "pemba/store/store.h"

namespace pemba::api::openfga {

// Type and relation of what a list is about, or of whom it names; the latter may have none.
// Errors: kTypeNotFound, kRelationNotFound.
Status ValidateKind(const model::Plan& plan, std::string_view type, std::string_view relation);

std::string ObjectText(std::string_view type, std::string_view id);
void AddUser(const wire::UserTypeFilter& filter, std::string_view id, wire::User& out);

// One list, page by page: what the pages ask of the lister, and what is said of them.
//
// The position of a token is a hash of what the list is about, then the last id. The token is
// authenticated, so the hash need only tell honest callers that they mixed up two lists.
class Pages {
 public:
  Pages(const store::Store& store, store::ListOf list, std::span<const std::string_view> question);

  // Of one list. Errors: kInvalidContinuationToken. The options borrow from this.
  Result<engine::ListOptions> Start(const ListPageRequest& request, std::uint64_t results_max);
  ListPageResponse End(const ListPageRequest& request, const engine::ListSummary& summary,
                       std::string_view last) const;

  // What a token says beside what it is about, and a token that says it.
  Result<std::string> Open(std::string_view token) const;
  std::string TokenOf(std::string_view position) const;

 private:
  const store::Store& store_;
  const store::ListOf list_;
  std::uint64_t about_ = 0;
  std::string last_;  // Of the page before.
};

// How many answers a page may have; 0: no limit.
std::uint64_t PageMax(std::uint64_t wanted, std::uint64_t results_max);

// The memory of the answers that a call gathers before it sends them.
class AnswerMemory {
 public:
  explicit AnswerMemory(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}  // 0: no limit.

  engine::SinkWants Count(std::size_t type_bytes, std::span<const std::string_view> ids);
  // Errors: kResourceExhausted.
  Status Spent() const;

 private:
  const std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
};

// Says which setting bounds the memory of lists, where that was the error.
Result<engine::ListSummary> WithSetting(Result<engine::ListSummary> summary);

}  // namespace pemba::api::openfga
