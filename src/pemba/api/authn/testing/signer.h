// An issuer's private key, for tests: signs tokens and tells its public half as a JWK.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/evp.h>

namespace pemba::api::authn::testing {

std::string ToBase64Url(std::string_view bytes);

class Signer {
 public:
  static Signer Rsa(unsigned bits = 2048);
  static Signer P256();

  // {"kty":...,"kid":ID,...}
  std::string Jwk(const std::string& id) const;
  // The two parts, encoded, and their signature, with SHA-256 and in JOSE's form.
  std::string Sign(const std::string& header, const std::string& claims) const;

 private:
  explicit Signer(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {}
  bool is_rsa() const { return EVP_PKEY_get_base_id(key_.get()) == EVP_PKEY_RSA; }
  std::string Number(const char* parameter, std::size_t bytes) const;

  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace pemba::api::authn::testing
