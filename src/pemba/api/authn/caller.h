// Caller: who asks, as far as the server's method of authentication tells.
#pragma once

#include <string>
#include <utility>

namespace pemba::api::authn {

// A default-constructed caller is nobody: no call of a service runs for it. An Authenticator makes
// the others.
class Caller {
 public:
  Caller() = default;
  // Let in, but nameless: the server is open, or the credential is shared by many.
  static Caller Anonymous() { return Caller(true, {}); }
  // `client_id` may be empty: a token without a claim that says whose it is.
  static Caller Named(std::string client_id) { return Caller(true, std::move(client_id)); }

  bool admitted() const { return admitted_; }
  const std::string& client_id() const { return client_id_; }  // Empty: unknown.

 private:
  Caller(bool admitted, std::string client_id)
      : admitted_(admitted), client_id_(std::move(client_id)) {}

  bool admitted_ = false;
  std::string client_id_;
};

}  // namespace pemba::api::authn
