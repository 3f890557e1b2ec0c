// Anything as a token: it is refused, or its parts are what was sent.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "pemba/api/authn/jwt.h"
#include "pemba/api/authn/key_set.h"

namespace {

using pemba::api::authn::FromBase64Url;
using pemba::api::authn::Jwt;

const pemba::api::authn::KeySet& Keys() {
  // A point on P-256: the generator.
  static const auto keys =
      pemba::api::authn::KeySet::Parse(R"({"keys":[{"kty":"EC","kid":"a","crv":"P-256",)"
                                       R"("x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",)"
                                       R"("y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}]})");
  if (!keys.ok()) std::abort();
  return **keys;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view token(reinterpret_cast<const char*>(data), size);
  (void)pemba::api::authn::KeySet::Parse(token);  // The other text that comes from outside.
  const auto jwt = pemba::api::authn::ParseJwt(token);
  if (!jwt.ok()) return 0;
  if (size > Jwt::kBytesMax || jwt->signed_part.data() != token.data() ||
      token[jwt->signed_part.size()] != '.') {
    std::abort();
  }
  const auto signature = FromBase64Url(token.substr(jwt->signed_part.size() + 1));
  if (!signature.ok() || *signature != jwt->signature) std::abort();
  (void)Keys().Verify(*jwt);
  const pemba::api::authn::ClaimRules rules{"pemba", {"https://issuer.example"}, {}, {"azp"}};
  const auto accepted = JudgeClaims(jwt->claims, rules, pemba::WallTime());
  if (accepted.ok() && accepted->expires_at <= pemba::WallTime()) std::abort();
  return 0;
}
