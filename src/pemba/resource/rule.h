// Rule: what a schema says about values beyond their form (`x-kubernetes-validations`): an
// expression of CEL over the value (`self`) and, if it speaks of changes, over what it replaces
// (`oldSelf`).
//
// Immutable after construction, so any thread may judge by one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "pemba/base/result.h"
#include "pemba/resource/failure.h"

namespace pemba::condition {
class Program;
}

namespace pemba::resource {

class Rule {
 public:
  // One item of `x-kubernetes-validations`. `messageExpression` is not evaluated: `message` is what
  // is said. Errors (kInvalidArgument): no rule, an expression that does not compile, a reason that
  // is none, `optionalOldSelf`.
  static Result<Rule> FromJson(const boost::json::value& json);

  // The rule is `self == oldSelf`.
  bool IsImmutability() const;
  const std::string& message() const { return message_; }

  // What is wrong, if anything is. `old` is null if there was no value: then a rule about changes
  // has nothing to say. An expression that cannot be evaluated on the value is not met.
  std::optional<FieldError> Judge(const boost::json::value& self, const boost::json::value* old,
                                  const std::string& path) const;

 private:
  std::string expression_, message_;
  std::string field_;  // Where it is reported, below the value: ".metadata.name". May be empty.
  FieldError::Reason reason_ = FieldError::Reason::kInvalid;
  bool about_change_ = false;
  std::shared_ptr<const condition::Program> program_;
};

}  // namespace pemba::resource
