// Tokens of an issuer that these tests play.
#include "pemba/api/authn/oidc.h"

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/api/authn/internal/token_cache.h"
#include "pemba/api/authn/testing/fake_call.h"
#include "pemba/api/authn/testing/signer.h"

namespace pemba::api::authn {
namespace {

using testing::FakeCall;
using testing::Signer;
using testing::ToBase64Url;

constexpr std::int64_t kNow = 1'800'000'000;

class FakeClock final : public Clock {
 public:
  WallTime Now() const override { return WallTime(std::chrono::seconds(seconds)); }
  SteadyTime Steady() const override { return SteadyTime(std::chrono::seconds(seconds)); }
  std::atomic<std::int64_t> seconds = kNow;
};

// What the issuer's web server answers. Thread-safe.
class FakeIssuer {
 public:
  void Serve(const std::vector<std::string>& jwks) {
    std::string list;
    for (const auto& jwk : jwks) list += (list.empty() ? "" : ",") + jwk;
    const std::lock_guard lock(mutex_);
    keys_ = R"({"keys":[)" + list + "]}";
  }
  void Break() {
    const std::lock_guard lock(mutex_);
    keys_.clear();
  }

  HttpGet Get() {
    return [this](const std::string& url) -> Result<std::string> {
      const std::lock_guard lock(mutex_);
      if (url == "https://issuer.example/.well-known/openid-configuration") return document;
      if (url == "https://issuer.example/keys" && !keys_.empty()) {
        ++reads;
        return keys_;
      }
      return Error{ErrorCode::kUnavailable, "GET " + url + ": status 503"};
    };
  }

  std::string document =
      R"({"issuer":"https://issuer.example/","jwks_uri":"https://issuer.example/keys"})";
  std::atomic<int> reads = 0;

 private:
  std::mutex mutex_;
  std::string keys_;
};

const Signer& RsaKey() {
  static const Signer signer = Signer::Rsa();
  return signer;
}
const Signer& EcKey() {
  static const Signer signer = Signer::P256();
  return signer;
}
const Signer& Stranger() {
  static const Signer signer = Signer::Rsa();
  return signer;
}

std::string Claims(const std::string& more = "") {
  return R"({"iss":"https://issuer.example/","aud":"pemba","exp":1800000060)" + more + "}";
}
constexpr const char* kRs256 = R"({"alg":"RS256","kid":"rsa"})";
constexpr const char* kEs256 = R"({"alg":"ES256","kid":"ec"})";

class Oidc : public ::testing::Test {
 protected:
  void SetUp() override {
    issuer_.Serve({RsaKey().Jwk("rsa"), EcKey().Jwk("ec")});
    Start();
  }

  void Start(std::function<void(ClaimRules&)> change = {}) {
    IssuerKeysOptions options;
    options.issuer = "https://issuer.example";
    options.also_named = {"https://issuer.example/"};
    options.get = issuer_.Get();
    options.start_attempts = 1;
    auto keys = IssuerKeys::Start(std::move(options), clock_);
    ASSERT_TRUE(keys.ok()) << keys.error().message;
    ClaimRules rules;
    rules.audience = "pemba";
    rules.issuers = {"https://issuer.example/", "https://alias.example"};
    rules.client_id_claims = {"azp", "client_id"};
    if (change) change(rules);
    authenticator_ = NewOidcAuthenticator(*std::move(keys), std::move(rules), clock_);
  }

  Result<Caller> Ask(const std::string& token) const {
    return authenticator_->Authenticate(
        FakeCall(FakeCall::Headers{{"authorization", "Bearer " + token}}));
  }
  void ExpectCode(ErrorCode code, const std::string& token) const {
    const auto caller = Ask(token);
    ASSERT_FALSE(caller.ok());
    EXPECT_EQ(caller.error().code, code);
    EXPECT_EQ(caller.error().message.find(token), std::string::npos);
  }
  // Asks until the keys are read; the background thread takes a moment.
  Result<Caller> AskUntilDecided(const std::string& token) const {
    for (int i = 0; i < 5000; ++i) {
      auto caller = Ask(token);
      if (caller.ok() || caller.error().code != ErrorCode::kUnavailable) return caller;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return Error{ErrorCode::kInternal, "the keys were never read"};
  }

  FakeClock clock_;
  FakeIssuer issuer_;
  std::unique_ptr<Authenticator> authenticator_;
};

struct TokenCase {
  const char* name;
  std::string token;
};

std::string Replaced(std::string text, std::size_t at, char with) {
  text[at] = with;
  return text;
}

// The first part replaced, claims and signature kept.
std::string WithHeader(const std::string& token, const std::string& header) {
  return ToBase64Url(header) + token.substr(token.find('.'));
}

// The last character changed in bits that no byte of the signature uses.
std::string Respelled(std::string token) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  token.back() = kAlphabet[kAlphabet.find(token.back()) ^ 1];
  return token;
}

std::vector<TokenCase> RefusedTokens() {
  const auto good = RsaKey().Sign(kRs256, Claims());
  const auto good_ec = EcKey().Sign(kEs256, Claims());
  const auto unsigned_part = good.substr(0, good.rfind('.') + 1);
  const auto rsa = [](const std::string& more) { return RsaKey().Sign(kRs256, Claims(more)); };
  const auto whole = [](const std::string& claims) { return RsaKey().Sign(kRs256, claims); };
  return {
      {"no token at all", "garbage"},
      {"two parts", good.substr(0, good.rfind('.'))},
      {"four parts", good + ".AAAA"},
      {"empty parts", ".."},
      {"padded base64", good + "="},
      {"standard base64", Replaced(good, good.size() - 3, '+')},
      {"oversized", good + std::string(20'000, 'A')},
      {"no signature", unsigned_part},
      {"changed signature",
       Replaced(good, good.rfind('.') + 5, good[good.rfind('.') + 5] == 'A' ? 'B' : 'A')},
      {"short signature", unsigned_part + "AAAA"},
      {"claims of another token", ToBase64Url(kRs256) + "." +
                                      ToBase64Url(Claims(R"(,"sub":"root")")) +
                                      good.substr(good.rfind('.'))},
      {"signed by a stranger", Stranger().Sign(kRs256, Claims())},
      {"alg none, unsigned", WithHeader(unsigned_part, R"({"alg":"none","kid":"rsa"})")},
      {"alg None, signed", RsaKey().Sign(R"({"alg":"None","kid":"rsa"})", Claims())},
      {"alg HS256", RsaKey().Sign(R"({"alg":"HS256","kid":"rsa"})", Claims())},
      {"alg RS512", RsaKey().Sign(R"({"alg":"RS512","kid":"rsa"})", Claims())},
      {"alg PS256", RsaKey().Sign(R"({"alg":"PS256","kid":"rsa"})", Claims())},
      {"alg in another case", RsaKey().Sign(R"({"alg":"rs256","kid":"rsa"})", Claims())},
      {"no alg", RsaKey().Sign(R"({"kid":"rsa"})", Claims())},
      {"alg no text", RsaKey().Sign(R"({"alg":["RS256"],"kid":"rsa"})", Claims())},
      {"no kid", RsaKey().Sign(R"({"alg":"RS256"})", Claims())},
      {"kid no text", RsaKey().Sign(R"({"alg":"RS256","kid":1})", Claims())},
      {"crit", RsaKey().Sign(R"({"alg":"RS256","kid":"rsa","crit":["exp"]})", Claims())},
      {"key of its own",
       Stranger().Sign(R"({"alg":"RS256","kid":"rsa","jwk":)" + Stranger().Jwk("rsa") + "}",
                       Claims())},
      {"RS256 with the EC key", RsaKey().Sign(R"({"alg":"RS256","kid":"ec"})", Claims())},
      {"RS256 with the EC key, as OpenSSL would take it",
       EcKey().Sign(R"({"alg":"RS256","kid":"ec"})", Claims(), Signer::Form::kDer)},
      {"ES256 in DER", EcKey().Sign(kEs256, Claims(), Signer::Form::kDer)},
      {"another spelling of the signature", Respelled(good)},
      {"ES256 with the RSA key", EcKey().Sign(R"({"alg":"ES256","kid":"rsa"})", Claims())},
      {"ES256, signature all zero",
       good_ec.substr(0, good_ec.rfind('.') + 1) + ToBase64Url(std::string(64, '\0'))},
      {"ES256, signature too long", good_ec + "AAAA"},
      {"header no object", RsaKey().Sign("[]", Claims())},
      {"claims no object", whole("[]")},
      {"claims no JSON", whole("{")},
      {"claims too deep", whole(std::string(100, '[') + std::string(100, ']'))},
      {"no exp", whole(R"({"iss":"https://issuer.example/","aud":"pemba"})")},
      {"exp passed", whole(R"({"iss":"https://issuer.example/","aud":"pemba","exp":1799999999})")},
      {"exp now", whole(R"({"iss":"https://issuer.example/","aud":"pemba","exp":1800000000})")},
      {"exp a text",
       whole(R"({"iss":"https://issuer.example/","aud":"pemba","exp":"1800000060"})")},
      {"exp beyond time", whole(R"({"iss":"https://issuer.example/","aud":"pemba","exp":1e300})")},
      {"iat in the future", rsa(R"(,"iat":1800000001)")},
      {"iat a text", rsa(R"(,"iat":"yesterday")")},
      {"nbf in the future", rsa(R"(,"nbf":1800000001)")},
      {"no aud", whole(R"({"iss":"https://issuer.example/","exp":1800000060})")},
      {"aud of another",
       whole(R"({"iss":"https://issuer.example/","aud":"other","exp":1800000060})")},
      {"aud empty", whole(R"({"iss":"https://issuer.example/","aud":"","exp":1800000060})")},
      {"aud a list of others",
       whole(R"({"iss":"https://issuer.example/","aud":["a","b"],"exp":1800000060})")},
      {"aud a list with numbers",
       whole(R"({"iss":"https://issuer.example/","aud":["pemba",1],"exp":1800000060})")},
      {"aud longer than ours",
       whole(R"({"iss":"https://issuer.example/","aud":"pemba2","exp":1800000060})")},
      {"no iss", whole(R"({"aud":"pemba","exp":1800000060})")},
      {"iss of another",
       whole(R"({"iss":"https://other.example","aud":"pemba","exp":1800000060})")},
      {"sub a number", rsa(R"(,"sub":1)")},
      {"sub null", rsa(R"(,"sub":null)")},
  };
}

TEST_F(Oidc, RefusesEverythingElse) {
  for (const auto& c : RefusedTokens()) {
    SCOPED_TRACE(c.name);
    ExpectCode(ErrorCode::kInvalidClaims, c.token);
  }
  EXPECT_EQ(issuer_.reads, 1) << "a bad token made us ask the issuer";
}

TEST_F(Oidc, AcceptsWhatTheIssuerSigned) {
  const TokenCase cases[] = {
      {"RS256", RsaKey().Sign(kRs256, Claims())},
      {"ES256", EcKey().Sign(kEs256, Claims())},
      {"other header fields",
       RsaKey().Sign(R"({"typ":"at+jwt","alg":"RS256","kid":"rsa"})", Claims())},
      {"aud in a list",
       RsaKey().Sign(kRs256,
                     R"({"iss":"https://issuer.example/","aud":["a","pemba"],"exp":1800000060})")},
      {"iss is an alias",
       RsaKey().Sign(kRs256, R"({"iss":"https://alias.example","aud":"pemba","exp":1800000060})")},
      {"iat and nbf now", RsaKey().Sign(kRs256, Claims(R"(,"iat":1800000000,"nbf":1800000000)"))},
      {"fraction of a second",
       RsaKey().Sign(kRs256,
                     R"({"iss":"https://issuer.example/","aud":"pemba","exp":1800000000.5})")},
      {"any subject", RsaKey().Sign(kRs256, Claims(R"(,"sub":"anne")"))},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto caller = Ask(c.token);
    ASSERT_TRUE(caller.ok()) << caller.error().message;
    EXPECT_TRUE(caller->admitted());
  }
}

TEST_F(Oidc, NamesTheCallerByTheFirstClaimThatIsAText) {
  const std::pair<const char*, const char*> cases[] = {
      {R"(,"azp":"a","client_id":"b")", "a"},
      {R"(,"client_id":"b")", "b"},
      {R"(,"azp":1,"client_id":"b")", "b"},
      {R"(,"sub":"s")", ""},
      {R"(,"azp":["a"])", ""},
  };
  for (const auto& [claims, client_id] : cases) {
    SCOPED_TRACE(claims);
    const auto token = RsaKey().Sign(kRs256, Claims(claims));
    for (int again = 0; again < 2; ++again) {  // Verified, then remembered.
      const auto caller = Ask(token);
      ASSERT_TRUE(caller.ok());
      EXPECT_EQ(caller->client_id(), client_id);
    }
  }
}

TEST_F(Oidc, TakesOnlyListedSubjects) {
  Start([](ClaimRules& rules) { rules.subjects = {"anne", "bob"}; });
  EXPECT_TRUE(Ask(RsaKey().Sign(kRs256, Claims(R"(,"sub":"bob")"))).ok());
  ExpectCode(ErrorCode::kInvalidClaims, RsaKey().Sign(kRs256, Claims(R"(,"sub":"carl")")));
  ExpectCode(ErrorCode::kInvalidClaims, RsaKey().Sign(kRs256, Claims()));
}

TEST_F(Oidc, ARememberedTokenExpires) {
  const auto token = RsaKey().Sign(kRs256, Claims());
  EXPECT_TRUE(Ask(token).ok());
  clock_.seconds = kNow + 59;
  EXPECT_TRUE(Ask(token).ok());
  clock_.seconds = kNow + 60;
  ExpectCode(ErrorCode::kInvalidClaims, token);
}

TEST_F(Oidc, NoTokenIsMissing) {
  const auto caller = authenticator_->Authenticate(FakeCall());
  ASSERT_FALSE(caller.ok());
  EXPECT_EQ(caller.error().code, ErrorCode::kBearerTokenMissing);
}

TEST_F(Oidc, ARotatedKeyIsReadOnceAndTheOldOneForgotten) {
  const auto old_token = RsaKey().Sign(kRs256, Claims());
  EXPECT_TRUE(Ask(old_token).ok());
  issuer_.Serve({EcKey().Jwk("new")});
  const auto token = EcKey().Sign(R"({"alg":"ES256","kid":"new"})", Claims());
  ExpectCode(ErrorCode::kUnavailable, token);
  EXPECT_TRUE(AskUntilDecided(token).ok());
  EXPECT_EQ(issuer_.reads, 2);
  // Remembered or not, its key is gone. The issuer is not asked again so soon.
  ExpectCode(ErrorCode::kInvalidClaims, old_token);
  EXPECT_EQ(issuer_.reads, 2);
}

TEST_F(Oidc, UnknownKeysAskTheIssuerOnceAMinute) {
  const auto token = RsaKey().Sign(R"({"alg":"RS256","kid":"nobody"})", Claims());
  EXPECT_EQ(AskUntilDecided(token).error().code, ErrorCode::kInvalidClaims);
  EXPECT_EQ(issuer_.reads, 2);
  clock_.seconds = kNow + 59;
  for (int i = 0; i < 100; ++i) ExpectCode(ErrorCode::kInvalidClaims, token);
  EXPECT_EQ(issuer_.reads, 2);
}

TEST_F(Oidc, KeysStayWhenTheIssuerIsGone) {
  issuer_.Break();
  const auto token = RsaKey().Sign(R"({"alg":"RS256","kid":"nobody"})", Claims());
  EXPECT_EQ(AskUntilDecided(token).error().code, ErrorCode::kInvalidClaims);
  EXPECT_TRUE(Ask(RsaKey().Sign(kRs256, Claims())).ok());
}

TEST_F(Oidc, ManyThreadsAgree) {
  const auto good = RsaKey().Sign(kRs256, Claims());
  const auto bad = Stranger().Sign(kRs256, Claims());
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 200; ++n) {
        if (!Ask(good).ok() || Ask(bad).ok()) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

struct IssuerCase {
  const char* name;
  std::string document;
  std::string keys;  // Empty: status 503.
  const char* reason;
};

TEST(IssuerKeys, StartSaysWhatIsWrong) {
  const auto good_document =
      R"({"issuer":"https://issuer.example","jwks_uri":"https://issuer.example/keys"})";
  const IssuerCase cases[] = {
      {"no JSON", "<html>", "", "not a JSON object"},
      {"no issuer", R"({"jwks_uri":"https://issuer.example/keys"})", "", "no `issuer`"},
      {"no keys", R"({"issuer":"https://issuer.example"})", "", "no `jwks_uri`"},
      {"another issuer", R"({"issuer":"https://evil.example","jwks_uri":"x"})", "",
       "of another issuer, `https://evil.example`"},
      {"keys unreachable", good_document, "", "https://issuer.example/keys: status 503"},
      {"keys no JSON", good_document, "<html>", "is not a JSON object"},
      {"keys no set", good_document, "{}", "has no `keys`"},
      {"empty set", good_document, R"({"keys":[]})", "has no RSA or P-256 key"},
      {"too many keys", good_document,
       [] {
         std::string keys = R"({"keys":[1)";
         for (int i = 0; i < 200; ++i) keys += ",1";
         return keys + "]}";
       }(),
       "too many keys"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    FakeClock clock;
    IssuerKeysOptions options;
    options.issuer = "https://issuer.example/";
    options.start_attempts = 2;
    options.start_retry_delay = std::chrono::milliseconds(1);
    int gets = 0;
    options.get = [&](const std::string& url) -> Result<std::string> {
      ++gets;
      if (url.ends_with("openid-configuration")) return c.document;
      if (c.keys.empty()) return Error{ErrorCode::kUnavailable, "GET " + url + ": status 503"};
      return c.keys;
    };
    const auto keys = IssuerKeys::Start(std::move(options), clock);
    ASSERT_FALSE(keys.ok());
    EXPECT_NE(keys.error().message.find(c.reason), std::string::npos) << keys.error().message;
    EXPECT_NE(keys.error().message.find("https://issuer.example/"), std::string::npos);
    EXPECT_GE(gets, 2) << "it was not tried again";
  }
}

TEST(IssuerKeys, AreReadAgainInTheBackground) {
  FakeClock clock;
  FakeIssuer issuer;
  issuer.Serve({RsaKey().Jwk("rsa")});
  IssuerKeysOptions options;
  options.issuer = "https://issuer.example";
  options.get = issuer.Get();
  options.refresh_interval = std::chrono::milliseconds(5);
  const auto keys = IssuerKeys::Start(std::move(options), clock);
  ASSERT_TRUE(keys.ok());
  for (int i = 0; i < 5000 && issuer.reads < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_GE(issuer.reads, 3);
}

TEST(KeySet, LeavesOutWhatCannotVerify) {
  const auto weak = Signer::Rsa(1024).Jwk("weak");
  const auto good = RsaKey().Jwk("rsa");
  const auto with = [](std::string jwk, const std::string& from, const std::string& to) {
    return jwk.replace(jwk.find(from), from.size(), to);
  };
  const TokenCase cases[] = {
      {"RSA of 1024 bits", weak},
      {"for encryption", with(good, R"("use":"sig")", R"("use":"enc")")},
      {"for another algorithm", with(good, R"("use":"sig")", R"("alg":"RS512")")},
      {"without id", with(good, R"("kid":"rsa",)", "")},
      {"symmetric", R"({"kty":"oct","kid":"rsa","k":"c2VjcmV0"})"},
      {"another curve", with(EcKey().Jwk("ec"), "P-256", "P-384")},
      {"not on the curve", R"({"kty":"EC","kid":"ec","crv":"P-256","x":")" +
                               ToBase64Url(std::string(32, '\1')) + R"(","y":")" +
                               ToBase64Url(std::string(32, '\2')) + R"("})"},
      {"exponent 1", R"({"kty":"RSA","kid":"rsa","n":")" + ToBase64Url(std::string(256, '\xFF')) +
                         R"(","e":"AQ"})"},
      {"no object", "1"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_FALSE(KeySet::Parse(R"({"keys":[)" + c.token + "]}").ok());
    const auto both = KeySet::Parse(R"({"keys":[)" + c.token + "," + EcKey().Jwk("good") + "]}");
    ASSERT_TRUE(both.ok());
    EXPECT_EQ((*both)->size(), 1U);
  }
}

TEST(TokenCache, ForgetsTheOldestWhenFull) {
  internal::TokenCache cache;
  const internal::Sha256 sha256;
  const WallTime now{};
  const auto later = now + std::chrono::hours(1);
  const auto max = internal::TokenCache::kTokensPerShard;
  for (std::size_t i = 0; i < 3 * max; ++i) {
    const auto name = std::to_string(i);
    cache.Add(sha256(name), {Caller::Named(name), later, 1});
    cache.Add(sha256(name), {Caller::Named(name), later, 1});
  }
  EXPECT_EQ(cache.size_of_own_shard(), max);
  EXPECT_FALSE(cache.Find(sha256(std::to_string(2 * max - 1)), now, 1));
  const auto found = cache.Find(sha256(std::to_string(2 * max)), now, 1);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->client_id(), std::to_string(2 * max));
  EXPECT_FALSE(cache.Find(sha256(std::to_string(2 * max)), now, 2));
  EXPECT_FALSE(cache.Find(sha256(std::to_string(2 * max)), later, 1));
}

TEST(Certificates, NameTheCaller) {
  const auto authenticator = NewCertificateAuthenticator();
  const auto anne = authenticator->Authenticate(FakeCall({}, {"CN=anne,O=eng", "anne"}));
  ASSERT_TRUE(anne.ok());
  EXPECT_EQ(anne->client_id(), "anne");
  const auto nobody =
      authenticator->Authenticate(FakeCall(FakeCall::Headers{{"authorization", "Bearer anne"}}));
  ASSERT_FALSE(nobody.ok());
  EXPECT_EQ(nobody.error().code, ErrorCode::kUnauthenticated);
  EXPECT_FALSE(authenticator->Authenticate(FakeCall({}, {"O=eng", ""})).ok());
}

}  // namespace
}  // namespace pemba::api::authn
