// Server: a whole Pemba. Datastore, stores, relationship service and listeners, wired and running.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/rpc/router.h"
#include "pemba/server/config.h"
#include "pemba/server/settings.h"
#include "pemba/storage/postgres.h"

namespace pemba::server {

// How to reach the database that the configuration names.
storage::PostgresOptions PostgresOptionsOf(const PostgresConfig& config);

// Start and Shutdown from one thread. Several servers may live in one process (each needs a data
// directory of its own, or the memory datastore). No global state.
class Server {
 public:
  // Opens the datastore, binds the listeners and serves. `clock` must outlive the server.
  // Errors: those of Validate, of the datastore and of the listeners.
  static Result<std::unique_ptr<Server>> Start(const LoadedConfig& loaded, const Clock& clock);
  ~Server();  // As Shutdown.
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Everything that the listeners answer.
  const std::vector<rpc::Route>& routes() const;
  // The bound addresses with their real ports; empty for a listener that is off.
  const std::string& grpc_address() const;
  const std::string& http_address() const;
  const std::string& admin_address() const;
  const std::string& metrics_address() const;

  // Stops accepting, lets running calls finish within the shutdown timeout, saves checkpoints,
  // closes the datastore. Once.
  void Shutdown();

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pemba::server
