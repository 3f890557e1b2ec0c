#include "pemba/model/internal/syntax_predictor.h"

#include <algorithm>
#include <map>
#include <utility>

#include "pemba/base/assert.h"

namespace pemba::model::internal {

Predictor::Stack Predictor::Push(StateId return_state, Stack below) {
  const Frame frame{return_state, below};
  const auto it = std::find(frames_.begin(), frames_.end(), frame);
  if (it != frames_.end()) return static_cast<Stack>(it - frames_.begin());
  frames_.push_back(frame);
  return static_cast<Stack>(frames_.size()) - 1;
}

// Follows everything that consumes no token; keeps the states that do, and ends of the file.
void Predictor::Close(const Config& config, Mode mode, Configs& seen, Configs& closed) {
  if (std::find(seen.begin(), seen.end(), config) != seen.end()) return;
  seen.push_back(config);
  const auto& state = grammar_.state(config.state);
  if (state.role == StateRole::kRuleStop) {
    if (config.stack != kBottom) {
      const auto frame = frames_[static_cast<std::size_t>(config.stack)];
      Close({frame.return_state, config.alternative, frame.below, config.outside}, mode, seen,
            closed);
      return;
    }
    const auto& followers = grammar_.followers(state.rule);
    if (mode == Mode::kCallersKnown || followers.empty()) {
      closed.push_back(config);
      return;
    }
    for (const auto f : followers)
      Close({f, config.alternative, kBottom, true}, mode, seen, closed);
    return;
  }
  bool consumes = false;
  for (const auto& t : state.transitions) {
    switch (t.kind) {
      case Transition::Kind::kTokens:
        consumes = true;
        break;
      case Transition::Kind::kEpsilon:
        Close({t.target, config.alternative, config.stack, config.outside}, mode, seen, closed);
        break;
      case Transition::Kind::kRule:
        Close({t.target, config.alternative, Push(t.follow, config.stack), config.outside}, mode,
              seen, closed);
        break;
    }
  }
  if (consumes) closed.push_back(config);
}

Predictor::Configs Predictor::Start(const Decision& decision, Stack stack, Mode mode) {
  Configs seen, closed;
  int alternative = 0;
  for (const auto& t : grammar_.state(decision.state).transitions) {
    Close({t.target, ++alternative, stack, false}, mode, seen, closed);
  }
  std::sort(closed.begin(), closed.end());
  return closed;
}

Predictor::Configs Predictor::After(const Configs& configs, TokenType token, Mode mode) {
  Configs seen, closed;
  for (const auto& config : configs) {
    for (const auto& t : grammar_.state(config.state).transitions) {
      if (t.kind != Transition::Kind::kTokens || !Contains(t.tokens, token)) continue;
      Close({t.target, config.alternative, config.stack, config.outside}, mode, seen, closed);
    }
  }
  // Where the callers are unknown, "some caller" covers every particular one.
  if (mode == Mode::kCallersUnknown) {
    std::erase_if(closed, [&](const Config& c) {
      return c.stack != kBottom && std::any_of(closed.begin(), closed.end(), [&](const Config& o) {
               return o.state == c.state && o.alternative == c.alternative && o.stack == kBottom;
             });
    });
  }
  std::sort(closed.begin(), closed.end());
  return closed;
}

int Predictor::FinishedAlternative(const Configs& configs) const {
  int best = Decision::kNoViable;
  for (const auto& c : configs) {
    const bool ended = grammar_.state(c.state).role == StateRole::kRuleStop && c.stack == kBottom;
    if (!c.outside && !ended) continue;
    if (best == Decision::kNoViable || c.alternative < best) best = c.alternative;
  }
  return best;
}

int Predictor::Unanimous(const Configs& configs) const {
  for (const auto& c : configs) {
    if (c.alternative != configs.front().alternative) return Decision::kUndecided;
  }
  return configs.empty() ? Decision::kNoViable : configs.front().alternative;
}

// The alternatives that share a state and a stack, per state and stack.
std::vector<std::vector<int>> Predictor::ConflictingSets(const Configs& configs) const {
  std::map<std::pair<StateId, Stack>, std::vector<int>> sets;
  for (const auto& c : configs) {
    auto& set = sets[{c.state, c.stack}];
    if (std::find(set.begin(), set.end(), c.alternative) == set.end()) set.push_back(c.alternative);
  }
  std::vector<std::vector<int>> out;
  out.reserve(sets.size());
  for (auto& [key, set] : sets) out.push_back(std::move(set));
  return out;
}

int Predictor::CallersUnknownOutcome(const Configs& configs) const {
  if (const auto all = Unanimous(configs); all != Decision::kUndecided) return all;
  const bool ended = std::all_of(configs.begin(), configs.end(), [&](const Config& c) {
    return grammar_.state(c.state).role == StateRole::kRuleStop;
  });
  if (ended) return Decision::kConflict;
  const auto sets = ConflictingSets(configs);
  if (std::none_of(sets.begin(), sets.end(), [](const auto& s) { return s.size() > 1; })) {
    return Decision::kUndecided;
  }
  // Looking further helps as long as some state belongs to one alternative only.
  std::map<StateId, std::vector<int>> alternatives;
  for (const auto& c : configs) {
    auto& set = alternatives[c.state];
    if (std::find(set.begin(), set.end(), c.alternative) == set.end()) set.push_back(c.alternative);
  }
  for (const auto& [state, set] : alternatives) {
    if (set.size() == 1) return Decision::kUndecided;
  }
  return Decision::kConflict;
}

int Predictor::CallersKnownOutcome(const Configs& configs) const {
  if (const auto all = Unanimous(configs); all != Decision::kUndecided) return all;
  int winner = Decision::kUndecided;
  for (const auto& set : ConflictingSets(configs)) {
    const auto least = *std::min_element(set.begin(), set.end());
    if (winner != Decision::kUndecided && winner != least) return Decision::kUndecided;
    winner = least;
  }
  return winner;
}

std::vector<Decision::Node> Predictor::BuildAutomaton(const Decision& decision) {
  // Decisions of the grammars here need a few tokens; a grammar that needs more is a mistake.
  constexpr std::size_t kNodesMax = 2000;
  std::vector<Decision::Node> nodes;
  std::vector<Configs> sets;
  std::map<Configs, int> index;
  const auto node_of = [&](Configs configs) {
    const auto [it, is_new] = index.try_emplace(configs, static_cast<int>(nodes.size()));
    if (is_new) {
      Decision::Node node;
      node.outcome = nodes.empty() ? Decision::kUndecided : CallersUnknownOutcome(configs);
      node.outcome_on_error = FinishedAlternative(configs);
      node.next.fill(kNone);
      nodes.push_back(node);
      sets.push_back(std::move(configs));
    }
    return it->second;
  };
  node_of(Start(decision, kBottom, Mode::kCallersUnknown));
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    PEMBA_CHECK(nodes.size() < kNodesMax);
    if (nodes[i].outcome != Decision::kUndecided) continue;
    for (int token = 0; token < kTokenTypes; ++token) {
      auto after = After(sets[i], static_cast<TokenType>(token), Mode::kCallersUnknown);
      if (after.empty()) continue;
      const auto target = node_of(std::move(after));
      nodes[i].next[static_cast<std::size_t>(token)] = static_cast<std::int16_t>(target);
    }
  }
  return nodes;
}

Predictor::Outcome Predictor::WithFullContext(const Decision& decision,
                                              std::span<const StateId> return_states,
                                              const std::function<TokenType(std::size_t)>& token) {
  frames_.clear();
  Stack stack = kBottom;
  for (const auto s : return_states) stack = Push(s, stack);
  auto configs = Start(decision, stack, Mode::kCallersKnown);
  for (std::size_t i = 0;; ++i) {
    auto after = After(configs, token(i), Mode::kCallersKnown);
    if (after.empty()) return {FinishedAlternative(configs), i};
    const auto outcome = CallersKnownOutcome(after);
    if (outcome != Decision::kUndecided) return {outcome, i};
    configs = std::move(after);
  }
}

}  // namespace pemba::model::internal
