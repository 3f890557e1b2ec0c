// Front: what all calls of one service share, and the constant part of each of its RPCs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pemba/api/field_rules.h"
#include "pemba/api/openfga/field_rules_table.h"
#include "pemba/api/openfga/routes.h"

namespace pemba::api::openfga::internal {

inline constexpr std::string_view kJsonType = "application/json";

// Lives as long as the router that holds the handlers.
struct Front {
  const authn::Authenticator& authenticator;
  const Clock& clock;
  const FrontOptions options;
  const char* service;
  const std::string store_id = {};  // Not empty: of every request, whatever it says.
  const FieldRules rules{FieldRulesTable()};
};

struct Rpc {
  const char* name;
  const char* http_method;
  const char* http_pattern;
  int http_success;  // 200, 201 or 204 (no body).
  rpc::Execution execution;
  enum class Kind : std::uint8_t { kUnary, kStream } kind = Kind::kUnary;
  RpcMetrics* metrics = nullptr;  // Null: nobody counts.
  std::string span_name = {};
};

// How long a question may hold an I/O thread, and with it whoever else asks there. Then it begins
// again on a worker, which few questions ever see: the usual one takes a microsecond or two.
inline constexpr std::chrono::microseconds kInlineMax{250};
// When that is, of a question that began at `start`. Nothing: its deadline comes first.
inline std::optional<SteadyTime> MovesAt(SteadyTime start,
                                         const std::optional<SteadyTime>& deadline) {
  const auto at = start + kInlineMax;
  return !deadline || at < *deadline ? std::optional(at) : std::nullopt;
}

// Until when a call that began at `start` is to be answered: the caller's time, or the server's.
std::optional<SteadyTime> DeadlineOf(const Front& front, const rpc::Call& call, SteadyTime start);

// A header that is a revision, if it is there. Errors: kInvalidArgument.
Result<std::optional<store::Revision>> RevisionHeader(const rpc::Call& call, std::string_view name,
                                                      std::string_view shown);
Result<std::optional<store::Revision>> AtLeastRevision(const rpc::Call& call);

// The headers that say what an answer is from, and how fresh that is.
void SetFreshness(const RequestContext& context, rpc::Call& call);

// Ends a call with an error, in the protocol's form.
void FinishWith(const rpc::GrpcStatus& status, rpc::Call& call);

}  // namespace pemba::api::openfga::internal
