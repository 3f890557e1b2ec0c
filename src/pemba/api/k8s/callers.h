// Callers: who asks for declared objects, from what is known of the credential.
//
//   nobody is authenticated   system:anonymous, in system:masters: there is nothing to protect
//   preshared key             admin, in system:masters: the key is the operator's
//   token                     uid = subject, name = preferred_username, email or subject; in
//                             system:authenticated and the groups of the token; in system:masters
//                             if the subject is one of CallerOptions::admins
//   client certificate        uid and name = that of the certificate; otherwise as a token's
//
// Who is in system:masters may act for others (`kubectl --as`) by the headers Impersonate-User,
// -Uid, -Group and -Extra-KEY. An impersonated user without a uid has its name as uid, because here
// the name of a User is its uid. Parent extras are the server's to set: those of headers are
// dropped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pemba/api/authn/caller.h"
#include "pemba/resource/failure.h"
#include "pemba/resource/transaction.h"
#include "pemba/rpc/call.h"

namespace pemba::api::k8s {

inline constexpr const char* kMastersGroup = "system:masters";
inline constexpr const char* kAuthenticatedGroup = "system:authenticated";
inline constexpr const char* kUnauthenticatedGroup = "system:unauthenticated";
inline constexpr const char* kAnonymousUser = "system:anonymous";

// What a caller without a name is.
enum class Nameless : std::uint8_t {
  kEveryone,  // The server is open.
  kAdmin,     // The credential is the operator's.
};

struct CallerOptions {
  Nameless nameless = Nameless::kEveryone;
  std::vector<std::string> admins = {};  // Subjects of tokens, names of certificates.
};

resource::Caller CallerOf(const authn::Caller& authenticated, const CallerOptions& options);

bool IsMaster(const resource::Caller& caller);

// For whom `caller` acts; itself, if the headers name nobody.
// Errors: kForbidden (it may not), kBadRequest (groups, uid or extras without a user).
resource::Outcome<resource::Caller> Impersonated(resource::Caller caller, const rpc::Call& call);

}  // namespace pemba::api::k8s
