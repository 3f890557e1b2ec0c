// YAML with manners: positions in errors, strict mappings, scalars typed by the core schema.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>
#include <yaml-cpp/yaml.h>

#include "pemba/base/result.h"

namespace pemba::yaml {

// Of nested lists and mappings, and of all nodes after aliases are followed: an alias may name its
// own parent, and a few lines of aliases may stand for billions of nodes.
inline constexpr int kDepthMax = 100;
inline constexpr std::size_t kNodesMax = 10'000'000;

// The first document of `text`; a null node if there is none.
// Errors (kInvalidArgument): "line L, column C: CAUSE", counted from 1.
Result<YAML::Node> Parse(std::string_view text);

// Every document of `text`; empty ones are null nodes. Errors: as above.
Result<std::vector<YAML::Node>> ParseAll(std::string_view text);

// "line L, column C: CAUSE" for a thing said about `node`.
Error ErrorAt(const YAML::Node& node, std::string_view cause);

// Plain scalars become null, booleans, integers, doubles or strings by the rules of YAML 1.2's core
// schema; quoted ones stay strings. Errors: duplicate keys, keys that are no scalars, infinities,
// the two limits above.
Result<boost::json::value> ToJson(const YAML::Node& node);

// The other way; strings that would read back as something else are quoted.
void Emit(YAML::Emitter& out, const boost::json::value& value);

// A mapping all of whose keys are known.
class Mapping {
 public:
  // `what` names the thing in errors: "a tuple". Errors: not a mapping, a duplicate key,
  // "unknown key `k` in WHAT".
  static Result<Mapping> Open(const YAML::Node& node, std::string_view what,
                              std::initializer_list<std::string_view> keys);

  bool Has(std::string_view key) const { return entries_.contains(key); }
  // The value, a null node if the key is absent.
  YAML::Node At(std::string_view key) const;
  // The scalar's text, "" if the key is absent or null. Errors: not a scalar.
  Result<std::string> Text(std::string_view key) const;
  // The nodes of a list, none if the key is absent or null. Errors: not a list.
  Result<std::vector<YAML::Node>> List(std::string_view key) const;
  // A mapping as JSON, empty if absent or null. Errors: not a mapping, ToJson's.
  Result<boost::json::object> Object(std::string_view key) const;

 private:
  std::map<std::string, YAML::Node, std::less<>> entries_;
};

// The scalar's text. Errors: "WHAT must be text".
Result<std::string> TextOf(const YAML::Node& node, std::string_view what);

}  // namespace pemba::yaml
