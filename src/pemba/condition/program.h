// Program: a compiled condition. Compile once per model, evaluate per tuple.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/base/arena.h"
#include "pemba/base/result.h"
#include "pemba/condition/types.h"

namespace pemba::telemetry {
class Histogram;
}  // namespace pemba::telemetry

namespace pemba::condition {

inline constexpr std::uint64_t kCostMaxDefault = 100;

// Where it is counted what conditions take. Borrowed; null: not counted.
struct ProgramMetrics {
  telemetry::Histogram* compilation = nullptr;  // Nanoseconds.
  // Nanoseconds. A clock costs as much as a small condition, so one evaluation in
  // kEvaluationsPerTiming is timed, on each thread, and stands for those that follow it.
  telemetry::Histogram* evaluation = nullptr;
  telemetry::Histogram* cost = nullptr;  // The units of kCostMaxDefault, times kCostScale.
};
inline constexpr std::uint32_t kEvaluationsPerTiming = 16;
inline constexpr std::uint64_t kCostScale = 9;  // Ten buckets from 0 to 100 end at ninths.

struct ProgramOptions {
  std::uint64_t cost_max = kCostMaxDefault;  // Of one evaluation; beyond it: an error.
  ProgramMetrics metrics = {};
};

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
class Program final {
 public:
  // Parses, type-checks and plans `source`. Errors (kInvalidModel): the text that follows
  // "failed to compile expression on condition 'C' - ".
  static Result<std::shared_ptr<const Program>> Compile(const Source& source,
                                                        const ProgramOptions& options = {});
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  const std::string& name() const;
  bool HasParameter(std::string_view parameter) const;

  // Checks a context that is about to be stored with a tuple: every value converts and every key
  // is a parameter; parameters may be missing. Errors (kValidation), the first by name, failed
  // conversions before unknown keys:
  //   "parameter type error on condition 'C' - failed to convert context parameter 'p': CAUSE"
  //   "parameter type error on condition 'C' - no parameters defined for the condition"
  //   "found invalid context parameter: K"
  Status ValidateContext(const boost::json::object& context) const;

  // Converts what the program knows of `context`; other keys are ignored. Never fails: a value
  // that does not convert is remembered as such. O(parameters + size of their values).
  std::shared_ptr<const Bindings> Bind(const boost::json::object& context) const;
  // The same for one request: the result lives in the arena.
  const Bindings* BindIn(const boost::json::object& context, Arena& arena) const;

  struct TupleText {
    std::string_view object, relation, subject;
  };
  // Evaluates over the request's bindings with the tuple's laid over them (either may be null;
  // both were made by this program). Temporaries live in `arena`; in the common case of scalars
  // nothing is allocated on the heap.
  //
  // Errors (kValidation), texts without the prefix "failed to evaluate relationship condition: ":
  //   a value that counts did not convert, whether the expression looks at it or not
  //     "parameter type error on condition 'C' - failed to convert context parameter 'p': CAUSE"
  //   a context for a condition without parameters
  //     "parameter type error on condition 'C' - no parameters defined for the condition"
  //   a run-time error or the cost limit (found before missing parameters are)
  //     "'C' - failed to evaluate condition expression: CAUSE"
  //   parameters that neither context has, whatever the expression would have been
  //     "'C' - tuple 'T' is missing context parameters '[p q]'", T as `tuple_text` has it
  Result<Verdict> Evaluate(const Bindings* request, const Bindings* tuple,
                           const TupleText& tuple_text, Arena& arena) const;
  // The same again, for the sake of its error text: it is not counted.
  Result<Verdict> Reevaluate(const Bindings* request, const Bindings* tuple,
                             const TupleText& tuple_text, Arena& arena) const;

 private:
  struct Compiled;
  explicit Program(std::unique_ptr<const Compiled> compiled);
  Result<Verdict> Evaluate(const Bindings* request, const Bindings* tuple,
                           const TupleText& tuple_text, const ProgramMetrics& metrics,
                           Arena& arena) const;

  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace pemba::condition
