#include "pemba/api/openfga/list_page.h"

#include <charconv>
#include <string_view>

namespace pemba::api::openfga {
namespace {

constexpr const char* kPageSize = "pemba-page-size";
constexpr const char* kContinuationToken = "pemba-continuation-token";
constexpr const char* kCountOnly = "pemba-count-only";

Error Invalid(std::string text) { return {ErrorCode::kInvalidArgument, std::move(text)}; }

}  // namespace

Result<ListPageRequest> ReadListPage(const rpc::Call& call) {
  ListPageRequest page;
  if (const auto text = call.header(kPageSize)) {
    std::uint64_t size = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), size);
    if (error != std::errc() || end != text->data() + text->size() || size == 0) {
      return Invalid("invalid Pemba-Page-Size: value must be a number greater than 0");
    }
    page.size = size;
  }
  if (const auto token = call.header(kContinuationToken)) page.continuation_token = *token;
  if (const auto text = call.header(kCountOnly)) {
    if (*text != "true" && *text != "false") {
      return Invalid("invalid Pemba-Count-Only: value must be true or false");
    }
    if (*text == "true") page.output = ListPageRequest::Output::kCountOnly;
  }
  return page;
}

void SetListPageHeaders(const ListPageResponse& page, rpc::Call& call) {
  using Truncated = ListPageResponse::Truncated;
  if (page.truncated != Truncated::kNo) {
    call.SetHeader("pemba-truncated", page.truncated == Truncated::kLimit ? "limit" : "deadline");
  }
  if (!page.continuation_token.empty()) {
    call.SetHeader(kContinuationToken, page.continuation_token);
  }
  if (page.count) call.SetHeader("pemba-count", std::to_string(*page.count));
}

}  // namespace pemba::api::openfga
