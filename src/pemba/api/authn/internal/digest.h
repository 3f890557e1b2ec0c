// SHA-256 (FIPS 180-4), by OpenSSL, with the algorithm fetched once.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include <openssl/evp.h>

#include "pemba/base/assert.h"

namespace pemba::api::authn::internal {

using Digest = std::array<std::uint8_t, 32>;

class Sha256 {
 public:
  Sha256() : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free) {
    PEMBA_CHECK(algorithm_ != nullptr);
  }

  Digest operator()(std::string_view text) const {
    Digest digest;
    PEMBA_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), nullptr, algorithm_.get(),
                           nullptr) == 1);
    return digest;
  }

 private:
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm_;
};

}  // namespace pemba::api::authn::internal
