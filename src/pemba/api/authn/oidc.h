// OpenID Connect: bearer tokens that an issuer has signed.
#pragma once

#include <memory>

#include "pemba/api/authn/authenticator.h"
#include "pemba/api/authn/issuer_keys.h"
#include "pemba/api/authn/jwt.h"
#include "pemba/base/clock.h"

namespace pemba::api::authn {

// A token must be signed with RS256 or ES256 by a key of the issuer, and say what `rules` ask for.
// The caller is named by its client id. A token that names a key which nobody has seen yet is
// kUnavailable while the issuer's keys are read again, then accepted or refused.
//
// A token that was seen before costs a hash of its bytes; a new one about 30 us. Borrows the clock.
std::unique_ptr<Authenticator> NewOidcAuthenticator(std::unique_ptr<IssuerKeys> keys,
                                                    ClaimRules rules, const Clock& clock);

}  // namespace pemba::api::authn
