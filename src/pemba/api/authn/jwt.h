// JSON Web Tokens (RFC 7519) in their compact signed form (RFC 7515): taking apart and judging.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/api/authn/caller.h"
#include "pemba/base/clock.h"
#include "pemba/base/result.h"

namespace pemba::api::authn {

// The algorithms that Pemba takes (RFC 7518). None that needs a shared secret, and not `none`.
enum class JwtAlgorithm : std::uint8_t { kRs256, kEs256 };

// What a token says. Nothing of it is true before its signature was verified.
struct Jwt {
  static constexpr std::size_t kBytesMax = 16'384;

  JwtAlgorithm algorithm = JwtAlgorithm::kRs256;
  std::string key_id;
  boost::json::object claims;
  std::string_view signed_part;  // Header and claims as sent; points into the token.
  std::string signature;         // Raw bytes; of a size that fits the algorithm.
};

// Errors (kInvalidClaims): more than kBytesMax bytes, not three parts of unpadded base64url, not
// JSON objects, another algorithm, a `crit` header, no `kid`.
Result<Jwt> ParseJwt(std::string_view token);

// Base64url without padding (RFC 4648 section 5). Bits that no byte uses must be zero, so that one
// value has one spelling. Errors (kInvalidClaims).
Result<std::string> FromBase64Url(std::string_view text);

// What a token must say to be for us.
struct ClaimRules {
  std::string audience;
  std::vector<std::string> issuers;
  std::vector<std::string> subjects;          // Empty: every subject.
  std::vector<std::string> client_id_claims;  // The first that is a text is the client id.
  std::string groups_claim = "groups";        // A list of texts, or one; empty: none is read.
};

struct AcceptedClaims {
  std::string client_id;  // Empty: the token has none of the claims.
  Bearer bearer;
  WallTime expires_at;
};

// Errors (kInvalidClaims): `exp` missing or passed, `nbf` or `iat` in the future, another audience,
// issuer or subject, a claim of the wrong type.
Result<AcceptedClaims> JudgeClaims(const boost::json::object& claims, const ClaimRules& rules,
                                   WallTime now);

}  // namespace pemba::api::authn
