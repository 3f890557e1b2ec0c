// What the documentation says of each setting: its key in the configuration file, its default, and
// why it has no effect if it has none.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace pemba::server {

struct SettingReference {
  std::string_view section;
  std::string_view flag;      // The setting: one of Settings().
  std::string_view key;       // In the file, levels separated by dots: "grpc.tls.cert".
  std::string_view fallback;  // The default as one would write it; empty: none.
  std::string_view note;      // Why it has no effect; looked at only if it has none.
};

// Every setting once, in the order of the documentation.
std::span<const SettingReference> SettingReferences();
const SettingReference* FindReference(std::string_view flag);  // Null: no such setting.

// The tables of docs/configuration.md.
std::string SettingsAsMarkdown();

}  // namespace pemba::server
