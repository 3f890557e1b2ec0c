// ServerConfig: everything that can be set about a server, as values.
//
// It is made once, from flags and environment, checked whole, and then const.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "pemba/base/result.h"
#include "pemba/rpc/server.h"

namespace pemba::server {

enum class DatastoreEngine : std::uint8_t { kEmbedded, kMemory };
enum class LogFormat : std::uint8_t { kText, kJson };
enum class LogLevel : std::uint8_t { kNone, kDebug, kInfo, kWarn, kError };
enum class LogTimestamp : std::uint8_t { kUnix, kIso8601 };

// One listener. Both listeners speak gRPC and HTTP.
struct ListenerConfig {
  bool enabled = true;
  std::string address = {};
  bool tls = false;
  std::string certificate_file = {}, key_file = {};
};

// OpenID AuthZEN. `enabled` is the experimental of that name.
struct AuthzenConfig {
  bool enabled = false;
  std::string base_url = {};  // Where callers reach this server, for the discovery document.
  std::string store_id = {};  // Of the paths that name no store; empty: there are none.
};

struct ServerConfig {
  ListenerConfig grpc{.address = "0.0.0.0:8081"};
  ListenerConfig http{.address = "0.0.0.0:8080"};

  DatastoreEngine datastore_engine = DatastoreEngine::kEmbedded;
  std::filesystem::path data_directory = "./data";

  std::string admin_address = {};               // Empty: no listener for the operator.
  std::filesystem::path backup_directory = {};  // Empty: `backups` in the data directory.

  std::size_t request_message_bytes_max = 616'448;
  std::size_t tuples_per_write_max = 100;
  std::size_t types_per_model_max = 100;
  std::size_t model_bytes_max = 262'144;
  std::size_t checks_per_batch_max = 50;
  std::size_t read_changes_page_max = 100;
  std::uint32_t resolve_node_limit = 0;  // Tuple hops; 0: no limit (the reference has 25).
  std::chrono::minutes changelog_horizon{0};

  // Lists are cut by what comes first, and succeed. 0: no limit.
  struct ListConfig {
    std::uint64_t results_max = 1000;
    std::chrono::nanoseconds deadline = std::chrono::seconds(3);
  };
  ListConfig list_objects, list_users;

  AuthzenConfig authzen;

  std::chrono::nanoseconds request_timeout = std::chrono::seconds(3);        // 0: none.
  std::chrono::nanoseconds http_upstream_timeout = std::chrono::seconds(5);  // If that is 0.
  std::chrono::nanoseconds shutdown_timeout = std::chrono::seconds(10);
  std::size_t io_threads = 0;  // 0: one per core.
  std::size_t worker_threads = 16;

  LogFormat log_format = LogFormat::kText;
  LogLevel log_level = LogLevel::kInfo;
  LogTimestamp log_timestamp = LogTimestamp::kUnix;
};

// What no single setting can know. Errors (kInvalidArgument): the first finding, in words for an
// operator.
Status Validate(const ServerConfig& config);

}  // namespace pemba::server
