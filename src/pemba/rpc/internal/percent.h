// Percent-encoding of paths (RFC 3986) and of grpc-message.
#pragma once

#include <string>
#include <string_view>

namespace pemba::rpc::internal {

// Of one hexadecimal digit, either case; -1 if it is none.
int HexValue(char c);

// Appends `text` with every %XX replaced by its byte. A '%' without two hex digits stays.
// Appends at most text.size() bytes.
void PercentDecode(std::string_view text, std::string& out);

// Appends `text` as a grpc-message: space to '~' but for '%' stay, every other byte is %XX.
void PercentEncodeMessage(std::string_view text, std::string& out);

}  // namespace pemba::rpc::internal
