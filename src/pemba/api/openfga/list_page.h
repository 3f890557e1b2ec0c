// Pages of lists: what a caller may ask of ListObjects and ListUsers beside the request, and learns
// beside the response. The wire contract has no fields for it, so it travels in headers (gRPC: in
// metadata of the same names); a caller who sends none gets what the contract says.
//
//   request   Pemba-Page-Size: N              at most N answers
//             Pemba-Continuation-Token: T     go on where the answer with this token ended
//             Pemba-Count-Only: true          no answers, just how many there are
//   response  Pemba-Truncated: limit          more follow; or: deadline, more may follow
//             Pemba-Continuation-Token: T     if the list goes on
//             Pemba-Count: N                  if only the count was asked for
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pemba/base/result.h"
#include "pemba/rpc/call.h"

namespace pemba::api::openfga {

struct ListPageRequest {
  std::optional<std::uint64_t> size;  // Positive.
  std::string continuation_token;
  enum class Output : std::uint8_t { kNames, kCountOnly } output = Output::kNames;
};

struct ListPageResponse {
  enum class Truncated : std::uint8_t { kNo, kLimit, kDeadline } truncated = Truncated::kNo;
  std::string continuation_token;
  std::optional<std::uint64_t> count;
};

// Errors (kInvalidArgument): a header that says nothing of the above.
Result<ListPageRequest> ReadListPage(const rpc::Call& call);
void SetListPageHeaders(const ListPageResponse& page, rpc::Call& call);

}  // namespace pemba::api::openfga
