#include "pemba/api/authn/oidc.h"

#include <utility>

#include "pemba/api/authn/internal/digest.h"
#include "pemba/api/authn/internal/token_cache.h"

namespace pemba::api::authn {
namespace {

class OidcAuthenticator final : public Authenticator {
 public:
  OidcAuthenticator(std::unique_ptr<IssuerKeys> keys, ClaimRules rules, const Clock& clock)
      : keys_(std::move(keys)), rules_(std::move(rules)), clock_(clock) {}

  Result<Caller> Authenticate(const rpc::Call& call) const override {
    const auto token = BearerToken(call);
    if (!token) return BearerTokenMissing();
    if (token->size() > Jwt::kBytesMax) return InvalidClaims();
    const auto now = clock_.Now();
    const auto digest = sha256_(*token);
    if (auto caller = verified_.Find(digest, now, keys_->generation())) return *std::move(caller);
    PEMBA_TRY(auto verified, Verify(*token, now));
    auto caller = verified.caller;
    verified_.Add(digest, std::move(verified));
    return caller;
  }

 private:
  Result<internal::VerifiedToken> Verify(std::string_view token, WallTime now) const {
    PEMBA_TRY(const auto jwt, ParseJwt(token));
    // Before the signature: a token for somebody else must not make us ask the issuer for keys.
    PEMBA_TRY(auto claims, JudgeClaims(jwt.claims, rules_, now));
    const auto current = keys_->current();
    switch (current.keys->Verify(jwt)) {
      case KeySet::Verdict::kGood:
        return internal::VerifiedToken{
            Caller::Bearing(std::move(claims.client_id),
                            std::make_shared<const Bearer>(std::move(claims.bearer))),
            claims.expires_at, current.generation};
      case KeySet::Verdict::kBadSignature:
        return InvalidClaims();
      case KeySet::Verdict::kUnknownKey:
        break;
    }
    if (keys_->RefreshForUnknownKey() == IssuerKeys::Refresh::kTooSoon) return InvalidClaims();
    return Error{ErrorCode::kUnavailable, "the keys of the token's issuer are being read"};
  }

  const std::unique_ptr<IssuerKeys> keys_;
  const ClaimRules rules_;
  const Clock& clock_;
  const internal::Sha256 sha256_;
  mutable internal::TokenCache verified_;  // Thread-safe.
};

}  // namespace

std::unique_ptr<Authenticator> NewOidcAuthenticator(std::unique_ptr<IssuerKeys> keys,
                                                    ClaimRules rules, const Clock& clock) {
  return std::make_unique<OidcAuthenticator>(std::move(keys), std::move(rules), clock);
}

}  // namespace pemba::api::authn
