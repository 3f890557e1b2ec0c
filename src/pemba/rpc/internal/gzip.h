// Gunzip: bounded decompression of request messages and bodies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pemba::rpc::internal {

enum class GunzipOutcome : std::uint8_t { kDone, kTooLarge, kMalformed };

// Replaces `out` by the decompressed bytes. Never lets it grow beyond `bytes_max` by more than one
// byte, whatever the input claims (a "zip bomb" ends as kTooLarge). O(output).
GunzipOutcome Gunzip(std::string_view compressed, std::size_t bytes_max, std::string& out);

}  // namespace pemba::rpc::internal
