#include "pemba/model/internal/syntax_grammar.h"

#include <utility>

#include "pemba/model/internal/syntax_predictor.h"

namespace pemba::model::internal {
namespace {

Element Make(Element::Kind kind, std::vector<Element> parts) {
  Element element;
  element.kind = kind;
  element.parts = std::move(parts);
  return element;
}

}  // namespace

Element Tok(TokenType type) { return AnyOf(Of(type)); }
Element AnyOf(TokenSet tokens) {
  Element element;
  element.kind = Element::Kind::kToken;
  element.tokens = tokens;
  return element;
}
Element Ref(RuleId rule) {
  Element element;
  element.kind = Element::Kind::kRule;
  element.rule = rule;
  return element;
}
Element Seq(std::vector<Element> parts) { return Make(Element::Kind::kSequence, std::move(parts)); }
Element OneOf(std::vector<Element> alternatives) {
  return Make(Element::Kind::kChoice, std::move(alternatives));
}
Element Opt(Element body) {
  if (body.kind == Element::Kind::kChoice)
    body.kind = Element::Kind::kOptional;  // One decision.
  else
    body = Make(Element::Kind::kOptional, {std::move(body)});
  return body;
}
Element Star(Element body) { return Make(Element::Kind::kStar, {std::move(body)}); }
Element Plus(Element body) { return Make(Element::Kind::kPlus, {std::move(body)}); }

Grammar::Grammar(std::vector<Element> rules) : rules_(std::move(rules)) {
  const auto count = static_cast<RuleId>(rules_.size());
  followers_.resize(rules_.size());
  for (RuleId r = 0; r < count; ++r) {
    starts_.push_back(NewState(r));
    stops_.push_back(NewState(r, StateRole::kRuleStop));
  }
  for (RuleId r = 0; r < count; ++r) {
    const auto i = static_cast<std::size_t>(r);
    const auto span = Build(r, rules_[i]);
    Epsilon(starts_[i], span.first);
    Epsilon(span.last, stops_[i]);
  }
  ComputeNext();
  ComputeDecisions();
}

StateId Grammar::NewState(RuleId rule, StateRole role) {
  State state;
  state.rule = rule;
  state.role = role;
  states_.push_back(std::move(state));
  return static_cast<StateId>(states_.size()) - 1;
}

void Grammar::Epsilon(StateId from, StateId to) {
  Transition transition;
  transition.target = to;
  states_[static_cast<std::size_t>(from)].transitions.push_back(transition);
}

void Grammar::NewDecision(Element& element, StateId state) {
  element.decision = static_cast<int>(decisions_.size());
  Decision decision;
  decision.state = state;
  decisions_.push_back(std::move(decision));
}

Grammar::Span Grammar::Build(RuleId rule, Element& element) {
  switch (element.kind) {
    case Element::Kind::kToken: {
      const auto from = NewState(rule), to = NewState(rule);
      states_[static_cast<std::size_t>(from)].transitions.push_back(
          {Transition::Kind::kTokens, element.tokens, to, kNone});
      element.state = from;
      return {from, to};
    }
    case Element::Kind::kRule: {
      const auto from = NewState(rule), to = NewState(rule);
      const auto callee = static_cast<std::size_t>(element.rule);
      states_[static_cast<std::size_t>(from)].transitions.push_back(
          {Transition::Kind::kRule, 0, starts_[callee], to});
      followers_[callee].push_back(to);
      element.state = from;
      return {from, to};
    }
    case Element::Kind::kSequence: {
      Span all{kNone, kNone};
      for (auto& part : element.parts) {
        const auto span = Build(rule, part);
        if (all.first == kNone) {
          all.first = span.first;
        } else {
          Epsilon(all.last, span.first);
        }
        all.last = span.last;
      }
      element.state = all.first;
      return all;
    }
    case Element::Kind::kChoice:
    case Element::Kind::kOptional: {
      const auto start = NewState(rule, StateRole::kBlockStart), end = NewState(rule);
      element.state = start;
      NewDecision(element, start);
      for (auto& part : element.parts) {
        const auto span = Build(rule, part);
        Epsilon(start, span.first);
        Epsilon(span.last, end);
      }
      if (element.kind == Element::Kind::kOptional) Epsilon(start, end);
      return {start, end};
    }
    case Element::Kind::kStar: {
      const auto entry = NewState(rule, StateRole::kLoopEntry);
      const auto back = NewState(rule, StateRole::kLoopBack), end = NewState(rule);
      element.state = entry;
      element.loop_state = back;
      NewDecision(element, entry);
      const auto span = Build(rule, element.parts[0]);
      Epsilon(entry, span.first);
      Epsilon(entry, end);
      Epsilon(span.last, back);
      Epsilon(back, entry);
      return {entry, end};
    }
    case Element::Kind::kPlus: {
      const auto start = NewState(rule, StateRole::kBlockStart);
      const auto back = NewState(rule, StateRole::kLoopBack), end = NewState(rule);
      element.state = start;
      element.loop_state = back;
      NewDecision(element, back);
      const auto span = Build(rule, element.parts[0]);
      Epsilon(start, span.first);
      Epsilon(span.last, back);
      Epsilon(back, start);
      Epsilon(back, end);
      return {start, end};
    }
  }
  return {kNone, kNone};
}

// The least fixed point of the obvious equations; the network is a few hundred states.
void Grammar::ComputeNext() {
  const auto next = [this](StateId s) { return states_[static_cast<std::size_t>(s)].next; };
  for (bool changed = true; changed;) {
    changed = false;
    for (auto& state : states_) {
      TokenSet set = state.role == StateRole::kRuleStop ? kRuleEnd : 0;
      for (const auto& t : state.transitions) {
        switch (t.kind) {
          case Transition::Kind::kEpsilon:
            set |= next(t.target);
            break;
          case Transition::Kind::kTokens:
            set |= t.tokens;
            break;
          case Transition::Kind::kRule:
            set |= next(t.target) & ~kRuleEnd;
            if ((next(t.target) & kRuleEnd) != 0) set |= next(t.follow);
            break;
        }
      }
      changed = changed || set != state.next;
      state.next = set;
    }
  }
}

void Grammar::ComputeDecisions() {
  // What can follow a rule, whoever called it.
  std::vector<TokenSet> follow(rules_.size(), 0);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t r = 0; r < follow.size(); ++r) {
      auto set = follow[r];
      for (const auto f : followers_[r]) {
        const auto& s = state(f);
        set |= s.next & ~kRuleEnd;
        if ((s.next & kRuleEnd) != 0) set |= follow[static_cast<std::size_t>(s.rule)];
      }
      changed = changed || set != follow[r];
      follow[r] = set;
    }
  }
  for (auto& decision : decisions_) {
    TokenSet seen = 0;
    bool disjoint = true;
    for (const auto& t : state(decision.state).transitions) {
      const auto& target = state(t.target);
      auto first = target.next & ~kRuleEnd;
      if ((target.next & kRuleEnd) != 0) first |= follow[static_cast<std::size_t>(target.rule)];
      disjoint = disjoint && (seen & first) == 0;
      seen |= first;
      decision.first.push_back(first);
    }
    if (disjoint) continue;
    decision.first.clear();
    decision.nodes = Predictor(*this).BuildAutomaton(decision);
  }
}

}  // namespace pemba::model::internal
