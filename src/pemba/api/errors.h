// The error tables: how an Error reads on gRPC and on HTTP.
//
// An error becomes a gRPC status first; HTTP derives its own form from that status, as the wire
// contract does. So the two fronts cannot disagree.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/rpc/call.h"

namespace pemba::api {

// Standard gRPC numbers that the tables name.
namespace grpc_code {
inline constexpr std::uint32_t kOk = 0;
inline constexpr std::uint32_t kCancelled = 1;
inline constexpr std::uint32_t kUnknown = 2;
inline constexpr std::uint32_t kInvalidArgument = 3;
inline constexpr std::uint32_t kDeadlineExceeded = 4;
inline constexpr std::uint32_t kNotFound = 5;
inline constexpr std::uint32_t kAlreadyExists = 6;
inline constexpr std::uint32_t kPermissionDenied = 7;
inline constexpr std::uint32_t kResourceExhausted = 8;
inline constexpr std::uint32_t kFailedPrecondition = 9;
inline constexpr std::uint32_t kAborted = 10;
inline constexpr std::uint32_t kOutOfRange = 11;
inline constexpr std::uint32_t kUnimplemented = 12;
inline constexpr std::uint32_t kInternal = 13;
inline constexpr std::uint32_t kUnavailable = 14;
inline constexpr std::uint32_t kDataLoss = 15;
inline constexpr std::uint32_t kUnauthenticated = 16;
}  // namespace grpc_code

// The number of the wire: an OpenFGA number from 1000 on, or a standard gRPC one.
std::uint32_t WireNumber(ErrorCode code);

// What a caller may know: internal causes are replaced by a general text.
rpc::GrpcStatus ToGrpc(const Error& error);

struct HttpError {
  int status = 500;
  std::string code;  // "validation_error"
  std::string message;

  // {"code":...,"message":...} and a newline.
  std::string Body() const;
  friend bool operator==(const HttpError&, const HttpError&) = default;
};

// `status` is not OK.
HttpError ToHttp(const rpc::GrpcStatus& status);
inline HttpError ToHttp(const Error& error) { return ToHttp(ToGrpc(error)); }

// The form of an error in an HTTP stream, where the number is the standard gRPC class of the
// status.
struct StreamError {
  int http_status = 500;  // If the stream has not begun.
  std::string line;       // {"error":{"code":3,"message":...,"details":[]}} and a newline.
};
StreamError ToStreamError(const rpc::GrpcStatus& status);

// The name of an OpenFGA number; its digits if the contract has no such number.
std::string WireName(std::uint32_t number);

}  // namespace pemba::api
