// Explainer: runs rules backwards from an inferred fact.
#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/reason/answer.h"
#include "pemba/reason/internal/match_answers.h"

namespace pemba::reason::internal {

// Nothing is recorded while facts are inferred: an explanation is a match of a rule's condition
// with the conclusion given. A proof takes, for each fact, a match all of whose premises were
// inferred before the fact; there is one, because a fact is concluded only when its premises are
// there, and following it comes to an end.
class Explainer {
 public:
  // Borrows; `state.world.budget` is set.
  explicit Explainer(InferenceState& state) : state_(state) {}

  Result<std::vector<Explanation>> Explain(const Fact& fact, const ExplainOptions& options);
  Result<Proof> Prove(const Fact& fact, const ExplainOptions& options);

 private:
  enum class Premises : std::uint8_t { kAny, kEarlierOnly };
  Result<std::vector<Explanation>> Search(const Fact& fact, Premises premises,
                                          std::uint32_t explanations_max);
  void SearchInstance(const Instance& instance, const Fact& fact, Premises premises,
                      std::uint32_t explanations_max, std::vector<Explanation>& found);
  void RunWith(const Instance& instance, Frame frame, const Fact& fact, Premises premises,
               std::uint32_t explanations_max, std::vector<Explanation>& found);
  bool IsInferredFact(const Fact& fact) const;
  std::uint32_t SequenceOf(const Fact& fact) const;
  std::vector<Fact> PremisesOf(const Instance& instance, const Frame& frame) const;

  InferenceState& state_;
  std::set<std::pair<const Rule*, Frame>> seen_;  // In one search.
};

// The fact as text: `permission (permitted-subject: 0x1, permitted-access: 0x80000003)`.
std::string DescribeFact(const World& world, const Fact& fact);

}  // namespace pemba::reason::internal
