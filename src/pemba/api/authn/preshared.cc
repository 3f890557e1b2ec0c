// Preshared keys.
#include <utility>

#include <openssl/crypto.h>

#include "pemba/api/authn/authenticator.h"
#include "pemba/api/authn/internal/digest.h"

namespace pemba::api::authn {
namespace {

class PresharedAuthenticator final : public Authenticator {
 public:
  explicit PresharedAuthenticator(const std::vector<std::string>& keys) {
    for (const auto& key : keys) digests_.push_back(sha256_(key));
  }

  Result<Caller> Authenticate(const rpc::Call& call) const override {
    const auto token = BearerToken(call);
    if (!token) return BearerTokenMissing();
    const auto digest = sha256_(*token);
    // Every key is compared, equal or not: time tells neither which key nor how much of it fits.
    unsigned matches = 0;
    for (const auto& known : digests_) {
      matches |= CRYPTO_memcmp(known.data(), digest.data(), digest.size()) == 0 ? 1U : 0U;
    }
    if (matches == 0) return Unauthenticated();
    return Caller::Anonymous();
  }

 private:
  const internal::Sha256 sha256_;
  std::vector<internal::Digest> digests_;
};

}  // namespace

Result<std::unique_ptr<Authenticator>> NewPresharedAuthenticator(
    const std::vector<std::string>& keys) {
  if (keys.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "invalid auth configuration, please specify at least one key"};
  }
  for (const auto& key : keys) {
    if (key.empty()) {
      return Error{ErrorCode::kInvalidArgument, "invalid auth configuration, a key is empty"};
    }
  }
  return std::unique_ptr<Authenticator>(std::make_unique<PresharedAuthenticator>(keys));
}

}  // namespace pemba::api::authn
