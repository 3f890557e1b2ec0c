// Predictor: decides which alternative of a rule the coming tokens belong to.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "pemba/model/internal/syntax_grammar.h"

namespace pemba::model::internal {

// Simulates all alternatives of a decision side by side (adaptive LL(*), see syntax_grammar.h).
// Not thread-safe; make one per parse.
class Predictor {
 public:
  explicit Predictor(const Grammar& grammar) : grammar_(grammar) {}

  // The automaton of a decision for callers unknown: where a rule ends, everything that may follow
  // it anywhere is tried. Two alternatives that it cannot tell apart are a conflict.
  std::vector<Decision::Node> BuildAutomaton(const Decision& decision);

  struct Outcome {
    int alternative = Decision::kNoViable;
    std::size_t tokens = 0;  // How many tokens fitted before the deciding (or failing) one.
  };
  // Decides knowing the callers, innermost last, by the states they return to. `token(i)` is the
  // i-th token ahead. Of alternatives that are truly ambiguous the first wins.
  Outcome WithFullContext(const Decision& decision, std::span<const StateId> return_states,
                          const std::function<TokenType(std::size_t)>& token);

 private:
  // A stack of return states as a linked list in frames_; equal stacks have equal indices.
  using Stack = int;
  static constexpr Stack kBottom = -1;
  struct Frame {
    StateId return_state;
    Stack below;
    friend bool operator==(const Frame&, const Frame&) = default;
  };
  struct Config {
    StateId state = kNone;
    int alternative = 0;
    Stack stack = kBottom;
    bool outside = false;  // Has left the rule in which the decision is.
    // NOLINTNEXTLINE(modernize-use-nullptr): of the generated comparison
    friend auto operator<=>(const Config&, const Config&) = default;
  };
  using Configs = std::vector<Config>;
  enum class Mode : std::uint8_t { kCallersUnknown, kCallersKnown };

  Stack Push(StateId return_state, Stack below);
  void Close(const Config& config, Mode mode, Configs& seen, Configs& closed);
  Configs Start(const Decision& decision, Stack stack, Mode mode);
  Configs After(const Configs& configs, TokenType token, Mode mode);
  int FinishedAlternative(const Configs& configs) const;
  int Unanimous(const Configs& configs) const;
  int CallersUnknownOutcome(const Configs& configs) const;
  int CallersKnownOutcome(const Configs& configs) const;
  std::vector<std::vector<int>> ConflictingSets(const Configs& configs) const;

  const Grammar& grammar_;
  std::vector<Frame> frames_;
};

}  // namespace pemba::model::internal
