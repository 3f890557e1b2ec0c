// KeySet: the public keys of an issuer, as its JSON Web Key Set (RFC 7517) has them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/evp.h>

#include "pemba/api/authn/jwt.h"
#include "pemba/base/hash.h"
#include "pemba/base/result.h"

namespace pemba::api::authn {

// Immutable; thread-safe.
class KeySet {
 public:
  static constexpr std::size_t kKeysMax = 128;

  // Keys that cannot verify what we accept are left out: other types and curves, RSA below 2048
  // bits, keys for encryption, keys without id. Errors (kInvalidArgument): not a key set, more than
  // kKeysMax keys, or no key that is of use.
  static Result<std::shared_ptr<const KeySet>> Parse(std::string_view jwks);

  enum class Verdict : std::uint8_t {
    kUnknownKey,    // The set has no key of that id.
    kBadSignature,  // Also: the key is not for the token's algorithm.
    kGood,
  };
  // RSA about 20 us, P-256 about 80 us.
  Verdict Verify(const Jwt& jwt) const;

  std::size_t size() const { return keys_.size(); }

 private:
  struct KeyDelete {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  using KeyPointer = std::unique_ptr<EVP_PKEY, KeyDelete>;
  struct Key {
    JwtAlgorithm algorithm;  // The only one that the key verifies.
    KeyPointer key;
  };

  static KeyPointer MakeRsa(const std::string& modulus, const std::string& exponent);
  static KeyPointer MakeP256(const std::string& x, const std::string& y);
  static bool SignatureFits(const Key& key, const Jwt& jwt);

  StringMap<Key> keys_;  // By id.
};

}  // namespace pemba::api::authn
