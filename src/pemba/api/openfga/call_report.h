// CallReport: what happened in one call, for those who count and log.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include <google/protobuf/message.h>

#include "pemba/base/result.h"
#include "pemba/rpc/call.h"

namespace pemba::api::openfga {

// Views live during the callback.
struct CallReport {
  std::string_view service;  // "openfga.v1.OpenFGAService"
  std::string_view rpc;      // "Check"
  std::string_view request_id;
  std::string_view trace_id;  // Empty: not traced.
  std::string_view caller;    // As authenticated; empty: nobody asked who it is.
  std::string_view store_id;
  std::string_view model_id;  // Resolved; empty if the call ended before.
  std::uint32_t grpc_code = 0;
  const Error* error = nullptr;  // With the cause that the caller does not see; null: success.
  std::chrono::nanoseconds duration{0};
  std::optional<std::uint64_t> revision;  // That the answer is from, or that the write made.
  // Of ListObjects in both forms: answers, and candidates that Check had to be asked about.
  std::uint64_t list_found = 0, list_confirmed = 0;
  const rpc::Call* call = nullptr;  // Null: of a feed, whose reader is gone.
  // Tuple contents are in here: for debug, never for info. Null: of a feed that has ended.
  const google::protobuf::Message* request = nullptr;
  // Of a success. Null: of a stream, or of a list that nobody wants to see whole.
  const google::protobuf::Message* response = nullptr;
};

// Whether the RPC answers with a stream.
constexpr bool IsStream(std::string_view rpc) {
  return rpc == "StreamedListObjects" || rpc == "Watch";
}

}  // namespace pemba::api::openfga
