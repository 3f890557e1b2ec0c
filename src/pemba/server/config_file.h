// ConfigFile: settings written as nested YAML.
//
//   grpc:
//     addr: 0.0.0.0:8081
//     tls: {enabled: true, cert: server.crt, key: server.key}
//   requestTimeout: 5s
//
// Keys are compared without regard to case. Lists become comma separated text.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"

namespace pemba::server {

struct ConfigFile {
  struct Entry {
    std::string key;  // As setting_reference.h spells it.
    std::string value;
  };
  std::string path;                                  // Empty: there is no file.
  std::map<std::string, Entry, std::less<>> values;  // By flag.
};

// Whose file it is. In ours an unknown key is an error; in one written for the server that Pemba
// replaces it is ignored, as that server does.
enum class ConfigDialect : std::uint8_t { kPemba, kOpenfga };

struct ConfigCandidate {
  std::string path;
  ConfigDialect dialect;
};
// Where to look, the first that exists counts: ./pemba.yaml, /etc/pemba/config.yaml, then
// config.yaml in /etc/openfga, $HOME/.openfga and the working directory.
std::vector<ConfigCandidate> ConfigCandidates(const std::optional<std::string>& home);

// Errors (kInvalidArgument): "LINE: REASON" for malformed YAML, a duplicate or unknown key, a value
// of the wrong shape. `path` is for messages.
Result<ConfigFile> ParseConfigFile(std::string_view text, std::string path, ConfigDialect dialect);

// The first candidate that exists; an empty ConfigFile if none does.
// Errors (kInvalidArgument): it cannot be read, or as ParseConfigFile.
Result<ConfigFile> ReadConfigFile(const std::vector<ConfigCandidate>& candidates);

}  // namespace pemba::server
