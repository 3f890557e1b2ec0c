#include "pemba/api/authn/jwt.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <boost/json/parse.hpp>

#include "pemba/api/authn/authenticator.h"
#include "pemba/base/text.h"

namespace pemba::api::authn {
namespace {

namespace json = boost::json;

constexpr std::size_t kDepthMax = 16;
constexpr std::size_t kEs256SignatureBytes = 64;  // RFC 7518 section 3.4: R and S, 32 bytes each.

std::string_view View(const json::string& text) { return {text.data(), text.size()}; }

Result<json::object> ParseObject(std::string_view base64) {
  PEMBA_TRY(const auto text, FromBase64Url(base64));
  json::parse_options options;
  options.max_depth = kDepthMax;
  boost::system::error_code error;
  auto value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error || !value.is_object()) return InvalidClaims();
  return std::move(value.get_object());
}

Result<JwtAlgorithm> AlgorithmOf(const json::object& header) {
  const auto* name = header.if_contains("alg");
  if (name == nullptr || !name->is_string()) return InvalidClaims();
  if (View(name->get_string()) == "RS256") return JwtAlgorithm::kRs256;
  if (View(name->get_string()) == "ES256") return JwtAlgorithm::kEs256;
  return InvalidClaims();
}

// Seconds since 1970 (RFC 7519 section 2), possibly with a fraction.
std::optional<WallTime> TimeOf(const json::value& value) {
  constexpr double kMax = 9.2e9;  // WallTime counts nanoseconds in 64 bits.
  if (!value.is_number()) return std::nullopt;
  const auto seconds = value.to_number<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kMax) return std::nullopt;
  return WallTime(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds)));
}

bool Contains(const std::vector<std::string>& list, const json::value& value) {
  return value.is_string() &&
         std::find(list.begin(), list.end(), View(value.get_string())) != list.end();
}

// One audience or a list of them.
bool IsFor(const json::value& audiences, std::string_view wanted) {
  if (audiences.is_string()) return View(audiences.get_string()) == wanted;
  if (!audiences.is_array()) return false;
  const auto& list = audiences.get_array();
  return std::all_of(list.begin(), list.end(), [](const auto& one) { return one.is_string(); }) &&
         std::any_of(list.begin(), list.end(),
                     [&](const auto& one) { return View(one.get_string()) == wanted; });
}

std::string TextClaim(const json::object& claims, std::string_view name) {
  const auto* value = claims.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(View(value->get_string())) : "";
}

// The names that decide inside this server are not an issuer's to give.
void AddGroup(const json::value& value, std::vector<std::string>& groups) {
  if (!value.is_string()) return;
  const auto name = View(value.get_string());
  if (!name.empty() && !name.starts_with("system:")) groups.emplace_back(name);
}

Bearer BearerOf(const json::object& claims, const ClaimRules& rules) {
  Bearer bearer;
  bearer.subject = TextClaim(claims, "sub");
  for (const char* name : {"preferred_username", "email", "sub"}) {
    if (bearer.name.empty()) bearer.name = TextClaim(claims, name);
  }
  const auto* groups =
      rules.groups_claim.empty() ? nullptr : claims.if_contains(rules.groups_claim);
  if (groups == nullptr) return bearer;
  if (!groups->is_array()) {
    AddGroup(*groups, bearer.groups);
    return bearer;
  }
  for (const auto& group : groups->get_array()) AddGroup(group, bearer.groups);
  return bearer;
}

}  // namespace

Result<std::string> FromBase64Url(std::string_view text) {
  // A token carries no padding (RFC 7515, 2); the decoder would take it.
  auto bytes = text.ends_with('=') ? std::nullopt : Base64UrlDecode(text);
  if (!bytes) return InvalidClaims();
  return *std::move(bytes);
}

Result<Jwt> ParseJwt(std::string_view token) {
  if (token.size() > Jwt::kBytesMax) return InvalidClaims();
  const auto first = token.find('.');
  const auto second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) return InvalidClaims();

  PEMBA_TRY(const auto header, ParseObject(token.substr(0, first)));
  Jwt jwt;
  PEMBA_TRY(jwt.algorithm, AlgorithmOf(header));
  // Extensions that must be understood (RFC 7515 section 4.1.11); we understand none.
  if (header.contains("crit")) return InvalidClaims();
  const auto* key_id = header.if_contains("kid");
  if (key_id == nullptr || !key_id->is_string()) return InvalidClaims();
  jwt.key_id = View(key_id->get_string());
  PEMBA_TRY(jwt.claims, ParseObject(token.substr(first + 1, second - first - 1)));
  PEMBA_TRY(jwt.signature, FromBase64Url(token.substr(second + 1)));
  const bool fits = jwt.algorithm == JwtAlgorithm::kEs256
                        ? jwt.signature.size() == kEs256SignatureBytes
                        : !jwt.signature.empty();
  if (!fits) return InvalidClaims();
  jwt.signed_part = token.substr(0, second);
  return jwt;
}

Result<AcceptedClaims> JudgeClaims(const json::object& claims, const ClaimRules& rules,
                                   WallTime now) {
  AcceptedClaims accepted;
  const auto* expiry = claims.if_contains("exp");
  const auto expires_at = expiry == nullptr ? std::nullopt : TimeOf(*expiry);
  if (!expires_at || *expires_at <= now) return InvalidClaims();
  accepted.expires_at = *expires_at;
  for (const char* name : {"nbf", "iat"}) {
    const auto* value = claims.if_contains(name);
    if (value == nullptr) continue;
    const auto time = TimeOf(*value);
    if (!time || *time > now) return InvalidClaims();
  }

  const auto* audience = claims.if_contains("aud");
  if (audience == nullptr || !IsFor(*audience, rules.audience)) return InvalidClaims();
  const auto* issuer = claims.if_contains("iss");
  if (issuer == nullptr || !Contains(rules.issuers, *issuer)) return InvalidClaims();
  const auto* subject = claims.if_contains("sub");
  if (subject != nullptr && !subject->is_string()) return InvalidClaims();
  if (!rules.subjects.empty() && (subject == nullptr || !Contains(rules.subjects, *subject))) {
    return InvalidClaims();
  }

  for (const auto& name : rules.client_id_claims) {
    const auto* value = claims.if_contains(name);
    if (value == nullptr || !value->is_string()) continue;
    accepted.client_id = View(value->get_string());
    break;
  }
  accepted.bearer = BearerOf(claims, rules);
  return accepted;
}

}  // namespace pemba::api::authn
