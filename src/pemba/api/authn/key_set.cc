#include "pemba/api/authn/key_set.h"

#include <optional>
#include <utility>

#include <boost/json/parse.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

namespace pemba::api::authn {
namespace {

namespace json = boost::json;

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 8192;
constexpr std::size_t kP256Bytes = 32;

struct Free {
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* parameters) const { OSSL_PARAM_free(parameters); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Owned<BIGNUM> NumberOf(std::string_view bytes) {
  return Owned<BIGNUM>(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

// Null if OpenSSL does not take the parameters, for example a point that is not on the curve.
EVP_PKEY* MakePublicKey(const char* type, OSSL_PARAM_BLD* builder) {
  const Owned<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder));
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  return key;
}

std::optional<std::string_view> TextOf(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string_view(value->get_string().data(), value->get_string().size());
}

// A member in base64url; empty if it is missing or malformed.
std::string BytesOf(const json::object& object, std::string_view name) {
  const auto text = TextOf(object, name);
  if (!text || text->size() > 2 * kRsaBitsMax / 8) return {};
  auto bytes = FromBase64Url(*text);
  return bytes.ok() ? *std::move(bytes) : std::string();
}

// Our form of an ECDSA signature is R and S; OpenSSL's is their DER.
std::string ToDer(std::string_view r_and_s) {
  const Owned<ECDSA_SIG> signature(ECDSA_SIG_new());
  auto r = NumberOf(r_and_s.substr(0, kP256Bytes));
  auto s = NumberOf(r_and_s.substr(kP256Bytes));
  if (signature == nullptr || r == nullptr || s == nullptr) return {};
  if (ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  (void)r.release();  // The signature owns them now.
  (void)s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

Error NotAKeySet(std::string why) {
  return {ErrorCode::kInvalidArgument, "the key set " + std::move(why)};
}

}  // namespace

KeySet::KeyPointer KeySet::MakeRsa(const std::string& modulus, const std::string& exponent) {
  const auto n = NumberOf(modulus);
  const auto e = NumberOf(exponent);
  if (n == nullptr || e == nullptr) return nullptr;
  if (BN_num_bits(n.get()) < kRsaBitsMin || BN_num_bits(n.get()) > kRsaBitsMax) return nullptr;
  if (BN_is_odd(n.get()) == 0 || BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) == 1 ||
      BN_num_bits(e.get()) > 64) {
    return nullptr;
  }
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  return KeyPointer(MakePublicKey("RSA", builder.get()));
}

KeySet::KeyPointer KeySet::MakeP256(const std::string& x, const std::string& y) {
  if (x.size() != kP256Bytes || y.size() != kP256Bytes) return nullptr;
  const auto point = "\x04" + x + y;  // SEC 1: uncompressed.
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return nullptr;
  }
  return KeyPointer(MakePublicKey("EC", builder.get()));
}

Result<std::shared_ptr<const KeySet>> KeySet::Parse(std::string_view jwks) {
  boost::system::error_code error;
  const auto document = json::parse(json::string_view(jwks.data(), jwks.size()), error);
  if (error || !document.is_object()) return NotAKeySet("is not a JSON object");
  const auto* list = document.get_object().if_contains("keys");
  if (list == nullptr || !list->is_array()) return NotAKeySet("has no `keys`");
  if (list->get_array().size() > kKeysMax) return NotAKeySet("has too many keys");

  auto set = std::make_shared<KeySet>();
  for (const auto& item : list->get_array()) {
    if (!item.is_object()) continue;
    const auto& jwk = item.get_object();
    const auto id = TextOf(jwk, "kid");
    if (!id || TextOf(jwk, "use").value_or("sig") != "sig") continue;
    const auto type = TextOf(jwk, "kty").value_or("");
    const auto algorithm = TextOf(jwk, "alg");
    Key key{};
    if (type == "RSA" && algorithm.value_or("RS256") == "RS256") {
      key = {JwtAlgorithm::kRs256, MakeRsa(BytesOf(jwk, "n"), BytesOf(jwk, "e"))};
    } else if (type == "EC" && TextOf(jwk, "crv") == "P-256" &&
               algorithm.value_or("ES256") == "ES256") {
      key = {JwtAlgorithm::kEs256, MakeP256(BytesOf(jwk, "x"), BytesOf(jwk, "y"))};
    }
    if (key.key != nullptr) set->keys_.emplace(*id, std::move(key));
  }
  if (set->keys_.empty()) return NotAKeySet("has no RSA or P-256 key for signatures");
  return std::shared_ptr<const KeySet>(std::move(set));
}

bool KeySet::SignatureFits(const Key& key, const Jwt& jwt) {
  const auto signature =
      jwt.algorithm == JwtAlgorithm::kEs256 ? ToDer(jwt.signature) : jwt.signature;
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  const bool fits =
      !signature.empty() && context != nullptr &&
      EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.key.get()) == 1 &&
      EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(jwt.signed_part),
                       jwt.signed_part.size()) == 1;
  if (!fits) ERR_clear_error();
  return fits;
}

KeySet::Verdict KeySet::Verify(const Jwt& jwt) const {
  const auto found = keys_.find(jwt.key_id);
  if (found == keys_.end()) return Verdict::kUnknownKey;
  // The key says which algorithm it is for, not the token.
  if (found->second.algorithm != jwt.algorithm) return Verdict::kBadSignature;
  return SignatureFits(found->second, jwt) ? Verdict::kGood : Verdict::kBadSignature;
}

}  // namespace pemba::api::authn
