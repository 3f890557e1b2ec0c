// Authenticator: from the credential of a call to the caller. One implementation per method.
//
// GuardRoutes is where all routes of all protocols ask it; gate.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/api/authn/caller.h"
#include "pemba/base/result.h"
#include "pemba/rpc/call.h"

namespace pemba::api::authn {

// Thread-safe. Runs on I/O threads: never blocks.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // Errors: kBearerTokenMissing, kUnauthenticated, kInvalidClaims; kUnavailable if it cannot be
  // decided now and a retry helps. No part of a credential is in their texts.
  virtual Result<Caller> Authenticate(const rpc::Call& call) const = 0;
};

// Lets everyone in, nameless.
std::unique_ptr<Authenticator> NewOpenAuthenticator();

// Lets in who sends one of `keys` as bearer token. Keeps digests, not keys, and compares with all
// of them in constant time. Errors (kInvalidArgument): there is no key, or an empty one.
Result<std::unique_ptr<Authenticator>> NewPresharedAuthenticator(
    const std::vector<std::string>& keys);

// Lets in who presents a verified client certificate, named by its URI, else its common name. For
// listeners that demand one.
std::unique_ptr<Authenticator> NewCertificateAuthenticator();

// The token of `authorization: Bearer TOKEN`, scheme in any case. Nothing without header, token, or
// with another scheme.
std::optional<std::string_view> BearerToken(const rpc::Call& call);

Error BearerTokenMissing();
Error Unauthenticated();
Error InvalidClaims();

}  // namespace pemba::api::authn
