// YAML with manners: positions in errors, strict mappings, scalars typed by the core schema.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>
#include <yaml-cpp/yaml.h>

#include "pemba/base/result.h"

namespace pemba::cli {

// Of nested lists and mappings, and of all nodes after aliases are followed: an alias may name its
// own parent, and a few lines of aliases may stand for billions of nodes.
inline constexpr int kYamlDepthMax = 100;
inline constexpr std::size_t kYamlNodesMax = 10'000'000;

// The first document of `text`; a null node if there is none.
// Errors (kInvalidArgument): "line L, column C: CAUSE", counted from 1.
Result<YAML::Node> ParseYaml(std::string_view text);

// "line L, column C: CAUSE" for a thing said about `node`.
Error YamlError(const YAML::Node& node, std::string_view cause);

// Plain scalars become null, booleans, integers, doubles or strings by the rules of YAML 1.2's core
// schema; quoted ones stay strings. Errors: duplicate keys, keys that are no scalars, infinities,
// the two limits above.
Result<boost::json::value> YamlToJson(const YAML::Node& node);

// The other way; strings that would read back as something else are quoted.
void EmitYaml(YAML::Emitter& out, const boost::json::value& value);

// A mapping all of whose keys are known.
class YamlMapping {
 public:
  // `what` names the thing in errors: "a tuple". Errors: not a mapping, a duplicate key,
  // "unknown key `k` in WHAT".
  static Result<YamlMapping> Open(const YAML::Node& node, std::string_view what,
                                  std::initializer_list<std::string_view> keys);

  bool Has(std::string_view key) const { return entries_.contains(key); }
  // The value, a null node if the key is absent.
  YAML::Node At(std::string_view key) const;
  // The scalar's text, "" if the key is absent or null. Errors: not a scalar.
  Result<std::string> Text(std::string_view key) const;
  // The nodes of a list, none if the key is absent or null. Errors: not a list.
  Result<std::vector<YAML::Node>> List(std::string_view key) const;
  // A mapping as JSON, empty if absent or null. Errors: not a mapping, YamlToJson's.
  Result<boost::json::object> Object(std::string_view key) const;

 private:
  std::map<std::string, YAML::Node, std::less<>> entries_;
};

// The scalar's text. Errors: "WHAT must be text".
Result<std::string> YamlText(const YAML::Node& node, std::string_view what);

}  // namespace pemba::cli
