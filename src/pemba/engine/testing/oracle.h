// The definition of Check, slow and obvious: what the engine has to agree with.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "pemba/base/arena.h"
#include "pemba/base/clock.h"
#include "pemba/condition/program.h"
#include "pemba/model/model.h"
#include "pemba/tuple/tuple.h"

namespace pemba::engine::testing {

enum class Truth : std::uint8_t {
  kFalse,
  kTrue,
  kFailed,
  kCycle,  // False, because the question came back to itself.
};

struct Verdict {
  Truth truth = Truth::kFalse;
  std::optional<Error> error;  // Of kFailed.
};

// When all questions are asked.
inline constexpr WallTime kAskedAt{std::chrono::seconds(1'700'000'000)};

// Reads like the specification's section on Check, rule by rule. Follows every branch of every
// operator, copies the path into each, and takes exponential time.
class Oracle {
 public:
  // `tuples` are all stored ones, fitting the model or not; contextual ones have to fit.
  Oracle(const model::Model& model, std::vector<tuple::Tuple> tuples);

  struct Question {
    tuple::Tuple tuple;
    std::vector<tuple::Tuple> contextual_tuples;
    boost::json::object context;
    std::uint32_t hops_max = 0;  // 0: no limit.
  };
  // Nothing if it takes more than `steps_max` sub-questions to find out.
  std::optional<Verdict> Check(const Question& question, std::uint64_t steps_max);

  // Of the last Check.
  bool met_cycle() const { return met_cycle_; }
  bool met_limit() const { return met_limit_; }

  // Whether some tuple that queries see cannot be evaluated for this question.
  bool SomeConditionFails(const Question& question);

  // Level 2 of tuple validation, and not expired: do queries see the tuple at all?
  bool Fits(const tuple::Tuple& tuple) const;

  // Single rules, for others who judge by them. Ask() sets the question that they are about; it
  // must live as long.
  void Ask(const Question& question);
  Verdict Holds(const tuple::Tuple& tuple);  // Its condition; the tuple fits.
  bool CanReach(const std::string& type, const std::string& relation);
  const model::Rewrite* RewriteOf(std::string_view type, std::string_view relation) const;
  std::vector<model::RelationReference> RestrictionsOf(std::string_view type,
                                                       std::string_view relation) const;

 private:
  using Path = std::set<std::pair<std::string, std::string>>;
  struct At {
    std::string object;
    std::uint32_t depth;
    Path path;
  };

  Verdict Check(const std::string& object, const std::string& relation, std::uint32_t depth,
                Path path);
  Verdict Evaluate(const model::Rewrite& rewrite, const std::string& relation, const At& at);
  Verdict Direct(const std::string& relation, const At& at);
  Verdict TupleToUserset(const model::Rewrite& rewrite, const At& at);
  // Those of `candidates` whose condition is met; the error if there are only errors.
  Verdict Satisfied(const std::vector<tuple::Tuple>& candidates, std::vector<tuple::Tuple>& met);
  std::vector<tuple::Tuple> Read(const std::string& object, const std::string& relation) const;

  bool PathExists(const std::string& from, const std::string& type, const std::string& relation,
                  std::set<std::string>& seen) const;
  bool PathExists(const std::string& from, const model::Rewrite& rewrite, const std::string& type,
                  const std::string& relation, std::set<std::string>& seen) const;
  bool FindWhetherReaches(const std::string& type, const std::string& relation) const;
  bool IsTupleset(std::string_view type, std::string_view relation) const;

  const model::Model& model_;
  std::vector<tuple::Tuple> tuples_;
  std::map<std::string, std::shared_ptr<const condition::Program>> programs_;
  const Question* question_ = nullptr;
  std::uint64_t steps_left_ = 0;
  std::map<std::pair<std::string, std::string>, bool> can_reach_;  // Of this question.
  bool met_cycle_ = false, met_limit_ = false;
  Arena arena_;
};

}  // namespace pemba::engine::testing
