// Settings: where each value of ServerConfig comes from.
//
// A setting is a flag of `pemba serve`, an environment variable PEMBA_<FLAG IN UPPER SNAKE CASE>,
// and the OPENFGA_ variables of the server that Pemba replaces. A flag wins over a variable,
// PEMBA_ over OPENFGA_, everything over the default.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/server/config.h"

namespace pemba::server {

struct Setting {
  enum class Kind : std::uint8_t { kBool, kText, kNumber, kDuration };

  std::string_view flag;         // Without dashes: "grpc-addr".
  std::string_view environment;  // Without OPENFGA_ (OTEL_ names whole), more after '|'.
  Kind kind = Kind::kText;
  std::string_view help;
  // Errors (kInvalidArgument): why the value is not acceptable. Null: the setting is accepted for
  // compatibility and has no effect.
  Status (*apply)(std::string_view value, ServerConfig& config) = nullptr;
};

std::span<const Setting> Settings();

using Environment = std::function<std::optional<std::string>(const std::string& name)>;
std::optional<std::string> ProcessEnvironment(const std::string& name);

struct LoadedConfig {
  ServerConfig config;
  std::vector<std::string> without_effect;  // Names of settings that were given for nothing.
};

// `flags`: values by flag, as given. The result has passed Validate.
// Errors (kInvalidArgument): name the flag or variable and the reason; values of settings are
// in them only where they are no secrets.
Result<LoadedConfig> LoadConfig(const std::map<std::string, std::string, std::less<>>& flags,
                                const Environment& environment);

// "PEMBA_GRPC_ADDR" for "grpc-addr".
std::string EnvironmentName(std::string_view flag);

}  // namespace pemba::server
