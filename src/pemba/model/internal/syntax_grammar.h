// Grammars as data, and the transition network that parsing decisions are computed on.
//
// A grammar is a list of rules over tokens. Grammar turns it into an augmented transition network
// (Woods, "Transition network grammars for natural language analysis", CACM 13(10), 1970) and
// precomputes, per state, which tokens can come next, and per decision, a deterministic automaton
// that tells the alternatives apart (Parr, Harwell, Fisher, "Adaptive LL(*) parsing", OOPSLA 2014,
// here built ahead of time). The shape of the network and the order of the alternatives decide the
// texts and positions of syntax errors, which are part of the language's contract.
//
// Immutable after construction, hence thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "pemba/model/internal/dsl_token.h"

namespace pemba::model::internal {

using RuleId = int;
using StateId = int;
inline constexpr int kNone = -1;

// A piece of a rule's right-hand side.
struct Element {
  enum class Kind : std::uint8_t { kToken, kRule, kSequence, kChoice, kOptional, kStar, kPlus };
  Kind kind = Kind::kSequence;
  TokenSet tokens = 0;         // kToken: matches any of these.
  RuleId rule = kNone;         // kRule
  std::vector<Element> parts;  // kSequence: the parts; kChoice: the alternatives; loops: the body.

  // Filled in by Grammar.
  StateId state = kNone;       // Where matching starts; of a star: the loop's entry.
  StateId loop_state = kNone;  // Of loops: where another round is decided.
  int decision = kNone;
};

Element Tok(TokenType type);
Element AnyOf(TokenSet tokens);
Element Ref(RuleId rule);
Element Seq(std::vector<Element> parts);
Element OneOf(std::vector<Element> alternatives);
Element Opt(Element body);
Element Star(Element body);
Element Plus(Element body);

// What role a state plays when input does not fit there.
enum class StateRole : std::uint8_t { kPlain, kBlockStart, kLoopEntry, kLoopBack, kRuleStop };

struct Transition {
  enum class Kind : std::uint8_t { kEpsilon, kTokens, kRule };
  Kind kind = Kind::kEpsilon;
  TokenSet tokens = 0;
  StateId target = kNone;  // Of kRule: the called rule's first state.
  StateId follow = kNone;  // Of kRule: where the caller goes on.
};

struct State {
  RuleId rule = kNone;
  StateRole role = StateRole::kPlain;
  std::vector<Transition> transitions;
  TokenSet next = 0;  // What can come next within the rule; kRuleEnd if the rule can end here.
};

// A point where the parser chooses among alternatives, numbered from 1. Alternative i starts at
// transition i - 1 of `state`.
struct Decision {
  static constexpr int kUndecided = 0;
  static constexpr int kConflict = -1;  // Needs the callers: Predictor::WithFullContext.
  static constexpr int kNoViable = -2;

  // A state of the automaton. `next[token]` is the state after that token or kNone.
  struct Node {
    int outcome = kUndecided;
    // If no token fits: the alternative that has already matched all of its rule, or kNoViable.
    int outcome_on_error = kNoViable;
    std::array<std::int16_t, kTokenTypes> next{};
  };

  StateId state = kNone;
  std::vector<TokenSet> first;  // One set per alternative if one token decides, else empty.
  std::vector<Node> nodes;      // Otherwise: the automaton, starting at node 0.
};

class Grammar {
 public:
  // Rule i is rules[i]; rule 0 is the whole file and ends with kEnd.
  explicit Grammar(std::vector<Element> rules);

  const Element& rule(RuleId rule) const { return rules_[static_cast<std::size_t>(rule)]; }
  const State& state(StateId state) const { return states_[static_cast<std::size_t>(state)]; }
  const Decision& decision(int decision) const {
    return decisions_[static_cast<std::size_t>(decision)];
  }
  // Every state that a call of `rule` may return to.
  const std::vector<StateId>& followers(RuleId rule) const {
    return followers_[static_cast<std::size_t>(rule)];
  }

 private:
  struct Span {
    StateId first, last;
  };
  StateId NewState(RuleId rule, StateRole role = StateRole::kPlain);
  void Epsilon(StateId from, StateId to);
  void NewDecision(Element& element, StateId state);
  Span Build(RuleId rule, Element& element);
  void ComputeNext();
  void ComputeDecisions();

  std::vector<Element> rules_;
  std::vector<State> states_;
  std::vector<StateId> starts_, stops_;
  std::vector<std::vector<StateId>> followers_;
  std::vector<Decision> decisions_;
};

}  // namespace pemba::model::internal
