// Facts of gRPC over HTTP/2: time-outs, content types, length-prefixed messages, binary metadata.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pemba::rpc::internal {

// Standard status numbers that the transport itself answers with.
inline constexpr std::uint32_t kGrpcInvalidArgument = 3;
inline constexpr std::uint32_t kGrpcDeadlineExceeded = 4;
inline constexpr std::uint32_t kGrpcResourceExhausted = 8;
inline constexpr std::uint32_t kGrpcUnimplemented = 12;
inline constexpr std::uint32_t kGrpcInternal = 13;
inline constexpr std::uint32_t kGrpcUnavailable = 14;

// The value of grpc-timeout: 1 to 8 digits and a unit of H M S m u n. Nothing if malformed.
std::optional<std::chrono::nanoseconds> ParseTimeout(std::string_view text);

// "application/grpc", alone or followed by '+' or ';'. Not application/grpc-web.
bool IsGrpcContentType(std::string_view content_type);

// A message on the wire: one byte "compressed", four bytes length (big endian), the bytes.
inline constexpr std::size_t kFramePrefixBytes = 5;
struct FramePrefix {
  std::uint8_t flags;  // 0 plain, 1 compressed; all others are malformed.
  std::uint32_t length;
};
// `bytes` holds at least kFramePrefixBytes.
FramePrefix ReadFramePrefix(std::string_view bytes);
void AppendFramePrefix(std::size_t message_bytes, std::string& out);

// Standard base64 for metadata whose name ends in "-bin": sent without padding, read with or
// without. Both append to `out`; decoding returns false, and appends nothing, if malformed.
void AppendBase64(std::string_view bytes, std::string& out);
bool DecodeBase64(std::string_view text, std::string& out);

// The text that the wire contract looks for in a refusal of a large message.
std::string MessageTooLargeText(std::size_t bytes, std::size_t bytes_max);

}  // namespace pemba::rpc::internal
