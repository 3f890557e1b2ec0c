// Scenario: a world of tuples that hurts, and questions about it whose answers are known.
//
// A scenario knows every answer by construction: it made the tuples so. Nothing here asks the
// engine; tests compare small worlds with the definition of Check.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/bench/question.h"
#include "pemba/bench/random.h"
#include "pemba/tuple/tuple.h"

namespace pemba::bench {

struct WorldSize {
  std::uint64_t tuples = 10'000;  // About; a scenario says how many it really makes.
  std::uint64_t seed = 1;
};

// A tuple as it is given away, borrowed during the call.
struct TupleOut {
  tuple::TupleView tuple;
  std::string_view condition = {};  // Name; empty: none.
  std::string_view context = {};    // JSON; empty: none. There are few different ones.
};
using TupleSink = std::function<void(const TupleOut&)>;

// Questions of one kind, measured together.
struct Case {
  std::string name = {};  // "denied", "depth 20".
  // Hops that an answer may need. Servers of this field answer 25 unless told otherwise.
  std::uint32_t hops = 25;
  // Ids in one list at most. Servers of this field give 1,000 unless told otherwise.
  std::uint64_t listed = 0;
};

// Immutable and thread-safe: one world of one size and seed. Costs no memory per tuple.
class Scenario {
 public:
  virtual ~Scenario() = default;

  virtual std::string_view model() const = 0;  // In the DSL.
  // Every tuple once, always in the same order. No tuple comes twice.
  virtual void EachTuple(const TupleSink& sink) const = 0;
  virtual std::vector<Case> cases() const = 0;
  // A question of cases()[case_index]. Consumes `random` only.
  virtual Question Make(std::size_t case_index, Random& random) const = 0;
  // A check about a tuple that does not exist, one for each `n`: writing and deleting it changes
  // the answer to that question and to no other. Nothing: this world is not written to.
  virtual std::optional<Question> Writable(std::uint64_t n) const {
    (void)n;
    return std::nullopt;
  }
};

// What `pemba bench list` shows.
struct ScenarioInfo {
  std::string_view name;   // "S1"
  std::string_view title;  // "direct"
  std::string_view shape;  // A sentence.
  std::unique_ptr<Scenario> (*make)(const WorldSize& size);
};

// All of them, S1 first.
std::span<const ScenarioInfo> Scenarios();

// "all", or names with commas between them: "S1,S6". Errors (kInvalidArgument) list what there is.
Result<std::vector<const ScenarioInfo*>> FindScenarios(std::string_view names);

// "10k", "1m", "2500". Errors: kInvalidArgument.
Result<std::uint64_t> ParseSize(std::string_view text);
std::string SizeText(std::uint64_t size);  // "10k", "1m", "2500"

}  // namespace pemba::bench
