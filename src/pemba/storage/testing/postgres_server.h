// PostgresServer: a real PostgreSQL of a test's own, in a temporary directory.
//
// It listens on loopback and on a socket in that directory, trusts whoever reaches them, and is
// gone with the object. Root may not run PostgreSQL: then it runs as an unprivileged user.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "pemba/base/result.h"
#include "pemba/base/testing/temporary_directory.h"

namespace pemba::storage::testing {

class PostgresServer {
 public:
  enum class Durability : std::uint8_t { kNone, kFull };  // Without, it is faster.

  // Whether the programs are installed. Tests skip themselves with this sentence if not.
  static std::optional<std::string> WhyNotHere();

  // Initialises and starts. Errors: kUnavailable, with what PostgreSQL said.
  static Result<std::unique_ptr<PostgresServer>> Start(Durability durability = Durability::kNone);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // A streaming replica of this server, started.
  Result<std::unique_ptr<PostgresServer>> MakeReplica() const;

  // Stops at once, as a crash does, or in good order; starts again on the same port.
  enum class Stop : std::uint8_t { kCrash, kFast };
  void StopNow(Stop how);
  Status StartAgain();
  // Stops all its processes where they are, and lets them go on: connections stay, and are silent.
  void Pause();
  void Resume();

  int port() const { return port_; }
  pid_t pid() const { return pid_; }  // Of the postmaster.
  std::string Uri(std::string_view database) const;

  // A new, empty database; its name.
  std::string CreateDatabase();
  // Runs statements in a database. The rows of the last one: a line each, columns apart by `|`.
  std::string Sql(std::string_view database, const std::string& statements) const;

 private:
  PostgresServer() = default;
  Status Launch();
  void Signal(int signal) const;  // To all its processes.
  Status Initialise(Durability durability);

  TemporaryDirectory directory_;
  int port_ = 0;
  pid_t pid_ = 0;
  int databases_ = 0;
};

// PgBouncer: a pooler in transaction mode in front of a server, on a port of its own.
class PgBouncer {
 public:
  static std::optional<std::string> WhyNotHere();
  // `server` must outlive it.
  static Result<std::unique_ptr<PgBouncer>> Start(const PostgresServer& server);
  ~PgBouncer();
  PgBouncer(const PgBouncer&) = delete;
  PgBouncer& operator=(const PgBouncer&) = delete;

  std::string Uri(std::string_view database) const;

 private:
  PgBouncer() = default;

  TemporaryDirectory directory_;
  int port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace pemba::storage::testing
