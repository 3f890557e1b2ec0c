// Settings: where each value of ServerConfig comes from.
//
// A setting is a flag of `pemba serve`, an environment variable PEMBA_<FLAG IN UPPER SNAKE CASE>,
// and the OPENFGA_ variables of the server that Pemba replaces. A flag wins over a variable,
// PEMBA_ over OPENFGA_, that over the configuration file (config_file.h), everything over the
// default. What a setting is called in the file, its default in words and its place in the
// documentation are in setting_reference.h.
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
#include "pemba/server/config_file.h"

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

using SettingValues = std::map<std::string, std::string, std::less<>>;  // By flag, as given.

// Where values come from, the strongest first.
struct SettingSources {
  SettingValues flags = {};
  Environment environment = ProcessEnvironment;
  ConfigFile file = {};
};

// The result has passed Validate and CheckTogether.
// Errors (kInvalidArgument): name the flag, variable or key and the reason; values of settings are
// in them only where they are no secrets.
Result<LoadedConfig> LoadConfig(const SettingSources& sources);
Result<LoadedConfig> LoadConfig(const SettingValues& flags, const Environment& environment);

struct GivenSetting {
  std::string name;  // "--grpc-addr", "PEMBA_GRPC_ADDR", "/etc/pemba/config.yaml: grpc.addr".
  std::string value;
};
// The value that counts, if there is one. Not checked.
std::optional<GivenSetting> FindGiven(std::string_view flag, const SettingSources& sources);

const Setting* FindSetting(std::string_view flag);  // Null: no such setting.

// The names beside PEMBA_..., whole, the first wins: "OPENFGA_GRPC_ADDR".
std::vector<std::string> OtherVariables(const Setting& setting);

// "PEMBA_GRPC_ADDR" for "grpc-addr".
std::string EnvironmentName(std::string_view flag);

}  // namespace pemba::server
