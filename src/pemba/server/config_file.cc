#include "pemba/server/config_file.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include "pemba/server/setting_reference.h"

namespace pemba::server {
namespace {

constexpr int kDepthMax = 8;  // Keys have three levels; an alias may name its own parent.

Error Invalid(std::string text) { return {ErrorCode::kInvalidArgument, std::move(text)}; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

const SettingReference* ByKey(const std::string& lower_key) {
  for (const auto& reference : SettingReferences()) {
    if (Lower(reference.key) == lower_key) return &reference;
  }
  return nullptr;
}

bool IsPrefix(const std::string& lower_key) {
  const auto all = SettingReferences();
  return std::any_of(all.begin(), all.end(), [&](const SettingReference& reference) {
    return Lower(reference.key).starts_with(lower_key + ".");
  });
}

class Reader {
 public:
  Reader(ConfigFile& file, ConfigDialect dialect) : file_(file), dialect_(dialect) {}

  Status ReadMapping(const YAML::Node& node, const std::string& prefix, int depth) {
    if (depth > kDepthMax) return At(node, "nested too deeply");
    std::set<std::string> seen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return At(entry.first, "a key must be text");
      const auto key = prefix + entry.first.Scalar();
      if (!seen.insert(Lower(key)).second) return At(entry.first, "`" + key + "` is there twice");
      PEMBA_TRY(std::ignore, ReadEntry(entry.first, entry.second, key, depth));
    }
    return Done{};
  }

  Error At(const YAML::Node& node, const std::string& reason) const {
    return Invalid(file_.path + ":" + std::to_string(node.Mark().line + 1) + ": " + reason);
  }

 private:
  Status ReadEntry(const YAML::Node& name, const YAML::Node& value, const std::string& key,
                   int depth) {
    const auto* reference = ByKey(Lower(key));
    if (reference == nullptr) {
      if (value.IsMap()) return ReadMapping(value, key + ".", depth + 1);
      if (dialect_ == ConfigDialect::kOpenfga) return Done{};
      if (value.IsNull() && IsPrefix(Lower(key))) return Done{};  // All below it is commented out.
      return At(name, "unknown key `" + key + "`");
    }
    if (value.IsNull()) return Done{};
    std::string text;
    if (value.IsScalar()) {
      text = value.Scalar();
    } else if (value.IsSequence()) {
      for (const auto& item : value) {
        if (!item.IsScalar()) return At(item, "an entry of `" + key + "` must be text");
        text += (text.empty() ? "" : ",") + item.Scalar();
      }
    } else {
      return At(value, "`" + key + "` must be a value or a list");
    }
    file_.values[std::string(reference->flag)] = {std::string(reference->key), std::move(text)};
    return Done{};
  }

  ConfigFile& file_;
  const ConfigDialect dialect_;
};

}  // namespace

std::vector<ConfigCandidate> ConfigCandidates(const std::optional<std::string>& home) {
  std::vector<ConfigCandidate> candidates = {
      {"pemba.yaml", ConfigDialect::kPemba},
      {"/etc/pemba/config.yaml", ConfigDialect::kPemba},
      {"/etc/openfga/config.yaml", ConfigDialect::kOpenfga},
  };
  // Who is not let into it has another home: `sudo -u` leaves root's behind.
  const bool foreign =
      home && ::faccessat(AT_FDCWD, home->c_str(), X_OK, AT_EACCESS) != 0 && errno == EACCES;
  if (home && !home->empty() && !foreign) {
    candidates.push_back({*home + "/.openfga/config.yaml", ConfigDialect::kOpenfga});
  }
  candidates.push_back({"config.yaml", ConfigDialect::kOpenfga});
  return candidates;
}

Result<ConfigFile> ParseConfigFile(std::string_view text, std::string path, ConfigDialect dialect) {
  ConfigFile file{.path = std::move(path), .values = {}};
  Reader reader(file, dialect);
  try {  // The library reports by throwing.
    const auto node = YAML::Load(std::string(text));
    if (node.IsNull()) return file;
    if (!node.IsMap()) return reader.At(node, "a configuration must be a mapping");
    PEMBA_TRY(std::ignore, reader.ReadMapping(node, "", 0));
  } catch (const YAML::Exception& error) {
    return Invalid(file.path + ":" + std::to_string(error.mark.line + 1) + ": " + error.msg);
  }
  return file;
}

Result<ConfigFile> ReadConfigFile(const std::vector<ConfigCandidate>& candidates) {
  for (const auto& [path, dialect] : candidates) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) continue;
    std::ifstream in(path);
    if (!std::filesystem::is_regular_file(status) || !in) {
      return Invalid(path + ": cannot be read");
    }
    std::ostringstream text;
    text << in.rdbuf();
    return ParseConfigFile(text.view(), path, dialect);
  }
  return ConfigFile();
}

}  // namespace pemba::server
