// Check's JSON by hand: the one body that is read and written often enough to matter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <openfga/v1/openfga_service.pb.h>

namespace pemba::api::openfga {

enum class QuickRead : std::uint8_t { kDone, kNotPlain };

// Reads the usual shape of a request: strings, a bool and the tuple key, each at most once. On
// anything else (contextual tuples, context, unknown fields, errors of any kind) it answers
// kNotPlain and leaves the message in any state; the general reader then decides. What both read,
// they read alike. `request` must be empty. Thread-safe.
QuickRead ReadCheckRequest(std::string_view body, ::openfga::v1::CheckRequest& request);

// As the general writer does.
void WriteCheckResponse(const ::openfga::v1::CheckResponse& response, std::string& out);

}  // namespace pemba::api::openfga
