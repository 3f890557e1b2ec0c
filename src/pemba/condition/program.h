// Program: a compiled condition. Compile once per model, evaluate per tuple.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/base/arena.h"
#include "pemba/base/result.h"
#include "pemba/condition/types.h"

namespace pemba::condition {

inline constexpr std::uint64_t kCostMaxDefault = 100;

struct Source {
  std::string name;  // Of the condition; appears in error texts.
  std::string expression;
  std::map<std::string, ParameterType, std::less<>> parameters;
};

enum class Verdict : std::uint8_t { kNotMet, kMet };

// The values of one context for one program's parameters: each is absent, a value, or a failed
// conversion whose error is kept until (and unless) that value is the one that counts.
// Immutable once made; independent of the JSON it was made from. Thread-safe.
class Bindings;

// A compiled condition. Immutable and thread-safe.
class Program {
 public:
  // Parses, type-checks and plans `source`. Errors (kInvalidModel): the text that follows
  // "failed to compile expression on condition 'C' - ".
  static Result<std::shared_ptr<const Program>> Compile(const Source& source,
                                                        std::uint64_t cost_max = kCostMaxDefault);
  virtual ~Program() = default;

  virtual const std::string& name() const = 0;
  virtual bool HasParameter(std::string_view parameter) const = 0;

  // Checks a context that is about to be stored with a tuple: every key is a parameter and every
  // value converts; parameters may be missing. Errors (kValidation), by key order:
  // "found invalid context parameter: K", "failed to convert context parameter 'p': CAUSE".
  virtual Status ValidateContext(const boost::json::object& context) const = 0;

  // Converts what the program knows of `context`; other keys are ignored. Never fails: a value
  // that does not convert is remembered as such. O(parameters).
  virtual std::shared_ptr<const Bindings> Bind(const boost::json::object& context) const = 0;

  // Evaluates over the request's bindings with the tuple's laid over them (either may be null).
  // Temporaries live in `arena`.
  //
  // Errors (kValidation), texts without the prefix "failed to evaluate relationship condition: ":
  //   a value that counts did not convert
  //     "parameter type error on condition 'C' - failed to convert context parameter 'p': CAUSE"
  //   a run-time error or the cost limit (found before missing parameters are)
  //     "'C' - failed to evaluate condition expression: CAUSE"
  //   parameters that neither context has, whatever the expression would have been
  //     "'C' - tuple 'T' is missing context parameters '[p q]'", T as given in `tuple_text`
  //   a context for a condition without parameters: "no parameters defined for the condition"
  // `tuple_text` makes T only when it is needed.
  struct TupleText {
    std::string_view object, relation, subject;
  };
  virtual Result<Verdict> Evaluate(const Bindings* request, const Bindings* tuple,
                                   const TupleText& tuple_text, Arena& arena) const = 0;
};

}  // namespace pemba::condition
