// Field rules: what must hold for single fields of a request before anything else looks at it.
//
// A table has one row per rule. Rules are checked in declaration order of the fields (members of a
// oneof after all others), depth first, map keys sorted; all violations are the answer, in the
// wire's words:
//   invalid CheckRequest.StoreId: value ...; invalid CheckRequest.TupleKey: value is required
//   invalid Outer.Field: embedded message failed validation | caused by: invalid Inner.Field: ...
// As such a text may travel in a header, no more violations are looked for once it has 4 KiB.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <google/protobuf/message.h>

#include "pemba/api/patterns.h"
#include "pemba/base/clock.h"
#include "pemba/base/result.h"

namespace pemba::api {

struct Rule {
  enum class Kind : std::uint8_t {
    kRequired,  // A message must be set.
    kPattern,   // A string matches.
    kBytes,     // A string has min to max bytes.
    kItems,     // A list has min to max items.
    kPairsMax,  // A map has at most max pairs.
    kKeys,      // The keys of a map match.
    kRange,     // A wrapped number, if set, is within min to max.
    kMin,       // A wrapped number, if set, is at least min.
    kMax,       // A plain number, if set, is at most max.
    kSchemaVersion,
    kDefined,  // An enum has one of its declared values.
    kPast,     // A timestamp, if set, is valid and before now.
  };
  static constexpr std::uint32_t kNoMax = UINT32_MAX;

  Kind kind = Kind::kRequired;
  const Pattern* pattern = nullptr;
  std::uint32_t min = 0;
  std::uint32_t max = kNoMax;
  bool unless_empty = false;  // The rule does not apply to the empty string.
};

// The vocabulary of tables.
namespace rule {
constexpr Rule Required() { return {.kind = Rule::Kind::kRequired}; }
constexpr Rule Matches(const Pattern& p) { return {.kind = Rule::Kind::kPattern, .pattern = &p}; }
constexpr Rule MatchesOrEmpty(const Pattern& p) {
  return {.kind = Rule::Kind::kPattern, .pattern = &p, .unless_empty = true};
}
constexpr Rule BytesMax(std::uint32_t max) { return {.kind = Rule::Kind::kBytes, .max = max}; }
constexpr Rule Bytes(std::uint32_t min, std::uint32_t max) {
  return {.kind = Rule::Kind::kBytes, .min = min, .max = max};
}
constexpr Rule ItemsMin(std::uint32_t min) { return {.kind = Rule::Kind::kItems, .min = min}; }
constexpr Rule ItemsMax(std::uint32_t max) { return {.kind = Rule::Kind::kItems, .max = max}; }
constexpr Rule Items(std::uint32_t exactly) {
  return {.kind = Rule::Kind::kItems, .min = exactly, .max = exactly};
}
constexpr Rule PairsMax(std::uint32_t max) { return {.kind = Rule::Kind::kPairsMax, .max = max}; }
constexpr Rule KeysMatch(const Pattern& p) { return {.kind = Rule::Kind::kKeys, .pattern = &p}; }
constexpr Rule Range(std::uint32_t min, std::uint32_t max) {
  return {.kind = Rule::Kind::kRange, .min = min, .max = max};
}
constexpr Rule AtLeast(std::uint32_t min) { return {.kind = Rule::Kind::kMin, .min = min}; }
constexpr Rule AtMost(std::uint32_t max) { return {.kind = Rule::Kind::kMax, .max = max}; }
constexpr Rule SchemaVersion() { return {.kind = Rule::Kind::kSchemaVersion}; }
constexpr Rule Defined() { return {.kind = Rule::Kind::kDefined}; }
constexpr Rule Past() { return {.kind = Rule::Kind::kPast}; }
}  // namespace rule

struct FieldRule {
  std::string_view message;  // Full name: "openfga.v1.CheckRequest".
  std::string_view field;    // Proto name.
  Rule rule;
};

// A table, resolved against the descriptors. Immutable and thread-safe.
class FieldRules {
 public:
  // Every message and field of the table must exist.
  explicit FieldRules(std::span<const FieldRule> table);
  ~FieldRules();

  // Errors: kInvalidArgument, the violations. O(size of the message).
  Status Check(const google::protobuf::Message& message, WallTime now) const;

 private:
  class Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace pemba::api
