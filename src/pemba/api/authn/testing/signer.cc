#include "pemba/api/authn/testing/signer.h"

#include <vector>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include "pemba/base/assert.h"

namespace pemba::api::authn::testing {
namespace {

std::string BytesOf(const BIGNUM* number, std::size_t bytes) {
  std::vector<unsigned char> out(bytes == 0 ? static_cast<std::size_t>(BN_num_bytes(number))
                                            : bytes);
  PEMBA_CHECK(BN_bn2binpad(number, out.data(), static_cast<int>(out.size())) >= 0);
  return {out.begin(), out.end()};
}

}  // namespace

std::string ToBase64Url(std::string_view bytes) {
  static constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) out.push_back(kAlphabet[(bits >> (count - 6)) & 63]);
  }
  if (count > 0) out.push_back(kAlphabet[(bits << (6 - count)) & 63]);
  return out;
}

Signer Signer::Rsa(unsigned bits) { return Signer(EVP_RSA_gen(bits)); }
Signer Signer::P256() { return Signer(EVP_EC_gen("P-256")); }

std::string Signer::Number(const char* parameter, std::size_t bytes) const {
  BIGNUM* number = nullptr;
  PEMBA_CHECK(EVP_PKEY_get_bn_param(key_.get(), parameter, &number) == 1);
  auto out = ToBase64Url(BytesOf(number, bytes));
  BN_free(number);
  return out;
}

std::string Signer::Jwk(const std::string& id) const {
  const auto start = R"({"kid":")" + id + R"(","use":"sig",)";
  if (is_rsa()) {
    return start + R"("kty":"RSA","n":")" + Number(OSSL_PKEY_PARAM_RSA_N, 0) + R"(","e":")" +
           Number(OSSL_PKEY_PARAM_RSA_E, 0) + R"("})";
  }
  return start + R"("kty":"EC","crv":"P-256","x":")" + Number(OSSL_PKEY_PARAM_EC_PUB_X, 32) +
         R"(","y":")" + Number(OSSL_PKEY_PARAM_EC_PUB_Y, 32) + R"("})";
}

std::string Signer::Sign(const std::string& header, const std::string& claims) const {
  const auto text = ToBase64Url(header) + "." + ToBase64Url(claims);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  PEMBA_CHECK(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::vector<unsigned char> signature(1024);
  std::size_t size = signature.size();
  PEMBA_CHECK(EVP_DigestSign(context.get(), signature.data(), &size, bytes, text.size()) == 1);
  std::string raw(signature.begin(), signature.begin() + static_cast<std::ptrdiff_t>(size));
  if (!is_rsa()) {
    const auto* der = signature.data();
    ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(size));
    raw = BytesOf(ECDSA_SIG_get0_r(pair), 32) + BytesOf(ECDSA_SIG_get0_s(pair), 32);
    ECDSA_SIG_free(pair);
  }
  return text + "." + ToBase64Url(raw);
}

}  // namespace pemba::api::authn::testing
