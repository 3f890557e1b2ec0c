// Selectors: which objects of a list are wanted, by labels or by fields, in the text forms of the
// Kubernetes API: `app=web,tier!=db,env in (a, b),!legacy` and `spec.email=a@b.c,metadata.name!=x`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/resource/failure.h"

namespace pemba::resource {

struct Kind;
struct Object;

class LabelSelector {
 public:
  LabelSelector() = default;  // Everything.
  // Errors: kBadRequest, naming what cannot be read.
  static Outcome<LabelSelector> Parse(std::string_view text);
  bool Matches(const boost::json::object* labels) const;  // Null: no labels.
  bool empty() const { return requirements_.empty(); }

 private:
  struct Requirement {
    enum class Operator : std::uint8_t { kIn, kNotIn, kExists, kAbsent } op = Operator::kIn;
    std::string key;
    std::vector<std::string> values;
  };
  friend class LabelParser;
  std::vector<Requirement> requirements_;
};

class FieldSelector {
 public:
  FieldSelector() = default;
  // Errors: kBadRequest `field label not supported: X` for what the kind does not declare.
  static Outcome<FieldSelector> Parse(std::string_view text, const Kind& kind);
  bool Matches(const Object& object) const;
  bool empty() const { return requirements_.empty(); }

 private:
  struct Requirement {
    std::string field, value;
    bool equal = true;
    std::size_t selectable = 0;  // Index into Kind::selectable, or one of the two below.
  };
  static constexpr std::size_t kName = static_cast<std::size_t>(-1);
  static constexpr std::size_t kNamespace = static_cast<std::size_t>(-2);
  std::vector<Requirement> requirements_;
};

}  // namespace pemba::resource
