// Caller: who asks, as far as the server's method of authentication tells.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pemba::api::authn {

// What a verified token says about its bearer.
struct Bearer {
  std::string subject;              // `sub`
  std::string name;                 // preferred_username, else email, else subject.
  std::vector<std::string> groups;  // Never one of the system's own (`system:...`).
};

// A default-constructed caller is nobody: no call of a service runs for it. An Authenticator makes
// the others.
class Caller {
 public:
  Caller() = default;
  // Let in, but nameless: the server is open, or the credential is shared by many.
  static Caller Anonymous() { return Caller(true, {}); }
  // `client_id` may be empty: a token without a claim that says whose it is.
  static Caller Named(std::string client_id) { return Caller(true, std::move(client_id)); }

  // The same, known by more than its client id.
  static Caller Bearing(std::string client_id, std::shared_ptr<const Bearer> bearer) {
    Caller caller(true, std::move(client_id));
    caller.bearer_ = std::move(bearer);
    return caller;
  }

  bool admitted() const { return admitted_; }
  const std::string& client_id() const { return client_id_; }  // Empty: unknown.
  const Bearer* bearer() const { return bearer_.get(); }       // Null: there was no token.

 private:
  Caller(bool admitted, std::string client_id)
      : admitted_(admitted), client_id_(std::move(client_id)) {}

  bool admitted_ = false;
  std::string client_id_;
  std::shared_ptr<const Bearer> bearer_;
};

}  // namespace pemba::api::authn
