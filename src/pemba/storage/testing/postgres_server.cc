#include "pemba/storage/testing/postgres_server.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pemba::storage::testing {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPgBouncer = "/usr/sbin/pgbouncer";

// Debian keeps the programs of a version together, outside of the path.
std::optional<fs::path> FindPrograms() {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    if (fs::exists(version.path() / "bin" / "initdb", ignored)) {
      found.push_back(version.path() / "bin");
    }
  }
  if (found.empty()) return std::nullopt;
  return *std::ranges::max_element(found);
}

// Whom PostgreSQL runs as.
const passwd* Unprivileged() {
  if (const passwd* user = getpwnam("postgres")) return user;  // NOLINT(concurrency-mt-unsafe)
  return getpwnam("nobody");                                   // NOLINT(concurrency-mt-unsafe)
}

int FreePort() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  int port = 0;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port = ntohs(address.sin_port);
  }
  close(listener);
  return port;
}

// Starts a program with its output in `log`, as the unprivileged user if this is root.
pid_t Spawn(const std::vector<std::string>& arguments, const fs::path& log) {
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const passwd* user = geteuid() == 0 ? Unprivileged() : nullptr;
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const pid_t child = fork();
  if (child == 0) {
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    if (user != nullptr && (setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);  // A test that is killed leaves no server behind.
    setenv("LC_ALL", "C", 1);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(out);
  return child;
}

std::string ReadFile(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

Status RunToEnd(const std::vector<std::string>& arguments, const fs::path& log) {
  int status = 0;
  const pid_t child = Spawn(arguments, log);
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Done{};
  return Error{ErrorCode::kUnavailable, arguments[0] + " failed: " + ReadFile(log)};
}

// So that what it runs there may write there.
Status GiveToUnprivileged(const fs::path& directory) {
  if (geteuid() != 0) return Done{};
  const passwd* user = Unprivileged();
  if (chown(directory.c_str(), user->pw_uid, user->pw_gid) == 0) return Done{};
  return Error{ErrorCode::kUnavailable, "chown failed"};
}

bool Accepts(int port) {
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool accepted =
      connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(client);
  return accepted;
}

}  // namespace

std::optional<std::string> PostgresServer::WhyNotHere() {
  if (FindPrograms()) return std::nullopt;
  return "PostgreSQL is not installed (Debian: postgresql)";
}

Result<std::unique_ptr<PostgresServer>> PostgresServer::Start(Durability durability) {
  std::unique_ptr<PostgresServer> server(new PostgresServer());
  PEMBA_TRY(std::ignore, server->Initialise(durability));
  PEMBA_TRY(std::ignore, server->Launch());
  return server;
}

Status PostgresServer::Initialise(Durability durability) {
  const auto programs = FindPrograms();
  if (!programs) return Error{ErrorCode::kUnavailable, *WhyNotHere()};
  PEMBA_TRY(std::ignore, GiveToUnprivileged(directory_.path()));
  PEMBA_TRY(std::ignore,
            RunToEnd({(*programs / "initdb").string(), "-D", (directory_.path() / "data").string(),
                      "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"},
                     directory_.path() / "initdb.log"));
  std::ofstream settings(directory_.path() / "data" / "postgresql.conf", std::ios::app);
  settings << "listen_addresses = '127.0.0.1'\n"
           << "unix_socket_directories = '" << directory_.path().string() << "'\n"
           << "max_connections = 200\nshared_buffers = 64MB\nmax_wal_senders = 4\n"
           << "wal_level = replica\nwal_retrieve_retry_interval = 100ms\n"
           << "log_min_messages = warning\n";
  if (durability == Durability::kNone) {
    settings << "fsync = off\nfull_page_writes = off\n";
  }
  return Done{};
}

Status PostgresServer::Launch() {
  if (port_ == 0) port_ = FreePort();
  const auto log = directory_.path() / "server.log";
  pid_ = Spawn({(*FindPrograms() / "postgres").string(), "-D",
                (directory_.path() / "data").string(), "-p", std::to_string(port_)},
               log);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < give_up) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) break;
    // It accepts connections before it answers them: it is ready when its file says so.
    const auto state = ReadFile(directory_.path() / "data" / "postmaster.pid");
    if (state.find("\nready") != state.npos && Accepts(port_)) return Done{};
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  pid_ = 0;
  return Error{ErrorCode::kUnavailable, "PostgreSQL did not start: " + ReadFile(log)};
}

PostgresServer::~PostgresServer() { StopNow(Stop::kCrash); }

void PostgresServer::StopNow(Stop how) {
  if (pid_ == 0) return;
  Resume();
  kill(pid_, how == Stop::kCrash ? SIGQUIT : SIGINT);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void PostgresServer::Pause() { Signal(SIGSTOP); }
void PostgresServer::Resume() { Signal(SIGCONT); }

// The postmaster comes first: what is stopped starts nothing.
void PostgresServer::Signal(int signal) const {
  kill(pid_, signal);
  std::ifstream children("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) +
                         "/children");
  for (pid_t child = 0; children >> child;) kill(child, signal);
}

Status PostgresServer::StartAgain() { return Launch(); }

Result<std::unique_ptr<PostgresServer>> PostgresServer::MakeReplica() const {
  std::unique_ptr<PostgresServer> replica(new PostgresServer());
  PEMBA_TRY(std::ignore, GiveToUnprivileged(replica->directory_.path()));
  const auto data = replica->directory_.path() / "data";
  PEMBA_TRY(std::ignore,
            RunToEnd({(*FindPrograms() / "pg_basebackup").string(), "-D", data.string(), "-h",
                      "127.0.0.1", "-p", std::to_string(port_), "-U", "postgres", "-R", "-X",
                      "stream", "-c", "fast", "--no-sync"},
                     replica->directory_.path() / "backup.log"));
  std::ofstream settings(data / "postgresql.conf", std::ios::app);
  settings << "unix_socket_directories = '" << replica->directory_.path().string() << "'\n";
  settings.close();
  PEMBA_TRY(std::ignore, replica->Launch());
  return replica;
}

std::string PostgresServer::Uri(std::string_view database) const {
  return "postgres://postgres@127.0.0.1:" + std::to_string(port_) + "/" + std::string(database);
}

std::string PostgresServer::CreateDatabase() {
  const std::string name = "test" + std::to_string(++databases_);
  Sql("postgres", "CREATE DATABASE " + name);
  return name;
}

std::string PostgresServer::Sql(std::string_view database, const std::string& statements) const {
  PGconn* const connection = PQconnectdb((Uri(database) + "?application_name=test").c_str());
  PGresult* const result = PQexec(connection, statements.c_str());
  const auto status = PQresultStatus(result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    ADD_FAILURE() << statements << ": " << PQerrorMessage(connection);
  }
  std::string text;
  for (int row = 0; row < PQntuples(result); ++row) {
    if (row > 0) text.push_back('\n');
    for (int column = 0; column < PQnfields(result); ++column) {
      if (column > 0) text.push_back('|');
      text += PQgetvalue(result, row, column);
    }
  }
  PQclear(result);
  PQfinish(connection);
  return text;
}

std::optional<std::string> PgBouncer::WhyNotHere() {
  std::error_code ignored;
  if (fs::exists(kPgBouncer, ignored)) return std::nullopt;
  return "PgBouncer is not installed (Debian: pgbouncer)";
}

Result<std::unique_ptr<PgBouncer>> PgBouncer::Start(const PostgresServer& server) {
  std::unique_ptr<PgBouncer> pooler(new PgBouncer());
  PEMBA_TRY(std::ignore, GiveToUnprivileged(pooler->directory_.path()));
  pooler->port_ = FreePort();
  const auto file = pooler->directory_.path() / "pgbouncer.ini";
  std::ofstream(file) << "[databases]\n* = host=127.0.0.1 user=postgres port=" << server.port()
                      << "\n[pgbouncer]\npool_mode = transaction\ndefault_pool_size = 4\n"
                      << "max_client_conn = 500\nauth_type = any\nlisten_addr = 127.0.0.1\n"
                      << "listen_port = " << pooler->port_
                      << "\nunix_socket_dir = " << pooler->directory_.path().string() << "\n";
  pooler->pid_ = Spawn({kPgBouncer, "-q", file.string()}, pooler->directory_.path() / "log");
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!Accepts(pooler->port_)) {
    if (std::chrono::steady_clock::now() > give_up) {
      return Error{ErrorCode::kUnavailable, "PgBouncer did not start"};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return pooler;
}

PgBouncer::~PgBouncer() {
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string PgBouncer::Uri(std::string_view database) const {
  return "postgres://postgres@127.0.0.1:" + std::to_string(port_) + "/" + std::string(database);
}

}  // namespace pemba::storage::testing
