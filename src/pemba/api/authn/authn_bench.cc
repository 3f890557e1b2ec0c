// What it costs to know who calls. Tokens of about 600 bytes, two preshared keys, one thread.
#include <memory>
#include <string>

#include <benchmark/benchmark.h>

#include "pemba/api/authn/oidc.h"
#include "pemba/api/authn/testing/fake_call.h"
#include "pemba/api/authn/testing/signer.h"
#include "pemba/base/assert.h"

namespace pemba::api::authn {
namespace {

using testing::FakeCall;
using testing::Signer;

FakeCall CallWith(const std::string& token) {
  return FakeCall(FakeCall::Headers{{"authorization", "Bearer " + token}});
}

constexpr const char* kClaims =
    R"({"iss":"https://issuer.example","aud":"pemba","exp":4000000000,"iat":1700000000,)"
    R"("sub":"0193f7a0-6f0e-7c3a-9c0e-2f3b5a7d9e11","client_id":"menu","scope":"read write check"})";

const Signer& SignerOf(const std::string& algorithm) {
  static const Signer rsa = Signer::Rsa();
  static const Signer p256 = Signer::P256();
  return algorithm == "RS256" ? rsa : p256;
}

std::string TokenOf(const std::string& algorithm) {
  return SignerOf(algorithm).Sign(R"({"alg":")" + algorithm + R"(","kid":"a"})", kClaims);
}

void Preshared(benchmark::State& state) {
  const auto authenticator = *NewPresharedAuthenticator({"one-key", "another-key"});
  const auto call = CallWith("another-key");
  for (auto _ : state) benchmark::DoNotOptimize(authenticator->Authenticate(call));
}
BENCHMARK(Preshared);

void TokenSeenBefore(benchmark::State& state) {
  static const SystemClock clock;
  IssuerKeysOptions options;
  options.issuer = "https://issuer.example";
  options.get = [](const std::string& url) -> Result<std::string> {
    if (url.ends_with("/keys")) return R"({"keys":[)" + SignerOf("RS256").Jwk("a") + "]}";
    return std::string(
        R"({"issuer":"https://issuer.example","jwks_uri":"https://issuer.example/keys"})");
  };
  auto keys = IssuerKeys::Start(std::move(options), clock);
  ClaimRules rules{"pemba", {"https://issuer.example"}, {}, {"azp", "client_id"}};
  const auto authenticator = NewOidcAuthenticator(*std::move(keys), std::move(rules), clock);
  const auto call = CallWith(TokenOf("RS256"));
  PEMBA_CHECK(authenticator->Authenticate(call).ok());
  for (auto _ : state) benchmark::DoNotOptimize(authenticator->Authenticate(call));
}
BENCHMARK(TokenSeenBefore);

void NewToken(benchmark::State& state, const std::string& algorithm) {
  const auto keys = *KeySet::Parse(R"({"keys":[)" + SignerOf(algorithm).Jwk("a") + "]}");
  const auto token = TokenOf(algorithm);
  const ClaimRules rules{"pemba", {"https://issuer.example"}, {}, {"azp", "client_id"}};
  for (auto _ : state) {
    const auto jwt = ParseJwt(token);
    PEMBA_CHECK(keys->Verify(*jwt) == KeySet::Verdict::kGood);
    benchmark::DoNotOptimize(JudgeClaims(jwt->claims, rules, WallTime()));
  }
}
BENCHMARK_CAPTURE(NewToken, rs256, std::string("RS256"));
BENCHMARK_CAPTURE(NewToken, es256, std::string("ES256"));

}  // namespace
}  // namespace pemba::api::authn
