#include "pemba/api/authn/authenticator.h"

#include <algorithm>

namespace pemba::api::authn {
namespace {

class OpenAuthenticator final : public Authenticator {
 public:
  Result<Caller> Authenticate(const rpc::Call&) const override { return Caller::Anonymous(); }
};

class CertificateAuthenticator final : public Authenticator {
 public:
  Result<Caller> Authenticate(const rpc::Call& call) const override {
    const auto& name = call.peer_certificate().name;
    if (name.empty()) return Unauthenticated();
    return Caller::Named(name);
  }
};

bool EqualIgnoringCase(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y; });
}

}  // namespace

std::unique_ptr<Authenticator> NewOpenAuthenticator() {
  return std::make_unique<OpenAuthenticator>();
}

std::unique_ptr<Authenticator> NewCertificateAuthenticator() {
  return std::make_unique<CertificateAuthenticator>();
}

std::optional<std::string_view> BearerToken(const rpc::Call& call) {
  const auto header = call.header("authorization");
  if (!header) return std::nullopt;
  const auto space = header->find(' ');
  if (space == header->npos || !EqualIgnoringCase(header->substr(0, space), "bearer")) {
    return std::nullopt;
  }
  const auto token = header->substr(space + 1);
  if (token.empty()) return std::nullopt;
  return token;
}

Error BearerTokenMissing() { return {ErrorCode::kBearerTokenMissing, "missing bearer token"}; }
Error Unauthenticated() { return {ErrorCode::kUnauthenticated, "unauthenticated"}; }
Error InvalidClaims() { return {ErrorCode::kInvalidClaims, "invalid claims"}; }

}  // namespace pemba::api::authn
