#include "pemba/model/internal/syntax_parser.h"

#include <algorithm>
#include <utility>

#include "pemba/model/internal/syntax_predictor.h"

namespace pemba::model::internal {
namespace {

std::string EscapeBreaks(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Quote(std::string_view text) { return "'" + EscapeBreaks(text) + "'"; }

class Parser {
 public:
  Parser(const Grammar& grammar, const TokenList& tokens, NestingLimit limit)
      : grammar_(grammar), tokens_(tokens), limit_(limit), predictor_(grammar) {}

  SyntaxResult Run() {
    Fetch(0);
    result_.tree.nodes.emplace_back().rule = 0;
    Rule(0);
    return std::move(result_);
  }

 private:
  // kAbandon: the rule being matched is given up; its error has been stored in `failure_`.
  enum class Flow : std::uint8_t { kContinue, kAbandon };

  struct Invocation {
    StateId invoking_state = kNone;
    StateId return_state = kNone;
  };

  // --- Tokens

  std::size_t Index(std::size_t ahead) const {
    return std::min(position_ + ahead, tokens_.tokens.size() - 1);
  }
  const Token& Ahead(std::size_t ahead = 0) {
    Fetch(Index(ahead));
    return tokens_.tokens[Index(ahead)];
  }

  // Lexical errors are reported in the order in which the parser meets them.
  void Fetch(std::size_t index) {
    for (; lexical_errors_ < tokens_.errors.size(); ++lexical_errors_) {
      const auto& error = tokens_.errors[lexical_errors_];
      if (error.before > index) return;
      result_.problems.push_back({error.message, error.position, ""});
    }
  }

  void Consume(bool erroneous) {
    AddToken(position_, erroneous);
    position_ = Index(1);
    Fetch(position_);
  }

  void AddToken(std::size_t index, bool erroneous) {
    SyntaxNode node;
    node.token = static_cast<std::uint32_t>(index);
    node.erroneous = erroneous;
    AddNode(std::move(node));
  }

  std::uint32_t AddNode(SyntaxNode node) {
    const auto id = static_cast<std::uint32_t>(result_.tree.nodes.size());
    result_.tree.nodes.push_back(std::move(node));
    result_.tree.nodes[parent_].children.push_back(id);
    return id;
  }

  // --- What may come next

  TokenSet Expected(StateId state) const {
    auto expected = grammar_.state(state).next;
    for (auto it = invocations_.rbegin(); it != invocations_.rend(); ++it) {
      if ((expected & kRuleEnd) == 0) return expected;
      expected = (expected & ~kRuleEnd) | grammar_.state(it->return_state).next;
    }
    if ((expected & kRuleEnd) != 0) expected = (expected & ~kRuleEnd) | Of(TokenType::kEnd);
    return expected;
  }

  TokenSet RecoverySet() const {
    TokenSet set = 0;
    for (const auto& invocation : invocations_) set |= grammar_.state(invocation.return_state).next;
    return set & ~kRuleEnd;
  }

  void SkipTo(TokenSet set) {
    while (Ahead().type != TokenType::kEnd && !Contains(set, Ahead().type)) Consume(true);
  }

  // --- Reports

  void Report(std::string message, const Token& at) {
    if (recovering_) return;
    recovering_ = true;
    result_.problems.push_back({std::move(message), at.position, std::string(at.text)});
  }

  void ReportExtraneous() {
    const auto& token = Ahead();
    Report("extraneous input " + Quote(token.text) + " expecting " + ToText(Expected(state_)),
           token);
  }

  void EndRecovery() {
    recovering_ = false;
    last_error_states_.clear();
  }

  // Drops one token if the one after it fits.
  bool DeleteToken() {
    if (!Contains(Expected(state_), Ahead(1).type)) return false;
    ReportExtraneous();
    Consume(true);
    EndRecovery();
    return true;
  }

  Flow Mismatch() {
    const auto& token = Ahead();
    return Abandon(
        "mismatched input " + Quote(token.text) + " expecting " + ToText(Expected(state_)), token);
  }

  Flow NoViable(std::size_t first, std::size_t offending) {
    std::string text;
    if (tokens_.tokens[first].type == TokenType::kEnd) {
      text = "<EOF>";
    } else {
      for (auto i = first; i <= offending; ++i) {
        if (tokens_.tokens[i].type == TokenType::kEnd) break;
        text += tokens_.tokens[i].text;
      }
    }
    return Abandon("no viable alternative at input " + Quote(text), tokens_.tokens[offending]);
  }

  Flow Abandon(std::string message, const Token& at) {
    failure_message_ = std::move(message);
    failure_token_ = &at;
    return Flow::kAbandon;
  }

  // --- Matching

  // Before a choice or a round of a loop: makes sure that the next token fits here.
  Flow Sync(StateRole role) {
    if (recovering_) return Flow::kContinue;
    const auto next = grammar_.state(state_).next;
    if (Contains(next, Ahead().type) || (next & kRuleEnd) != 0) return Flow::kContinue;
    if (role == StateRole::kLoopBack) {
      ReportExtraneous();
      SkipTo(Expected(state_) | RecoverySet());
      return Flow::kContinue;
    }
    return DeleteToken() ? Flow::kContinue : Mismatch();
  }

  Flow MatchToken(const Element& element) {
    state_ = element.state;
    if (Contains(element.tokens, Ahead().type)) {
      EndRecovery();
      Consume(false);
      return Flow::kContinue;
    }
    if (DeleteToken()) {
      Consume(false);
      return Flow::kContinue;
    }
    const auto after = grammar_.state(state_).transitions.front().target;
    if (!Contains(Expected(after), Ahead().type)) return Mismatch();
    Report("missing " + ToText(Expected(state_)) + " at " + Quote(Ahead().text), Ahead());
    AddToken(position_, true);
    return Flow::kContinue;
  }

  // The alternative to take, or kNoViable after storing the failure.
  int Predict(const Element& element) {
    const auto& decision = grammar_.decision(element.decision);
    if (!decision.first.empty()) {
      const auto type = Ahead().type;
      for (std::size_t i = 0; i < decision.first.size(); ++i) {
        if (Contains(decision.first[i], type)) return static_cast<int>(i) + 1;
      }
      if (element.kind != Element::Kind::kChoice) return static_cast<int>(decision.first.size());
      NoViable(position_, position_);
      return Decision::kNoViable;
    }
    int node = 0;
    for (std::size_t ahead = 0;; ++ahead) {
      const auto& here = decision.nodes[static_cast<std::size_t>(node)];
      const auto next = here.next[static_cast<std::size_t>(Ahead(ahead).type)];
      if (next == kNone) {
        if (here.outcome_on_error == Decision::kNoViable) NoViable(position_, Index(ahead));
        return here.outcome_on_error;
      }
      node = next;
      const auto outcome = decision.nodes[static_cast<std::size_t>(node)].outcome;
      if (outcome == Decision::kConflict) return PredictWithCallers(decision);
      if (outcome != Decision::kUndecided) return outcome;
    }
  }

  int PredictWithCallers(const Decision& decision) {
    std::vector<StateId> returns;
    returns.reserve(invocations_.size());
    for (const auto& invocation : invocations_) returns.push_back(invocation.return_state);
    const auto outcome = predictor_.WithFullContext(
        decision, returns, [this](std::size_t i) { return Ahead(i).type; });
    if (outcome.alternative == Decision::kNoViable) NoViable(position_, Index(outcome.tokens));
    return outcome.alternative;
  }

  Flow Match(const Element& element) {
    switch (element.kind) {
      case Element::Kind::kToken:
        return MatchToken(element);
      case Element::Kind::kRule:
        state_ = element.state;
        return Call(element);
      case Element::Kind::kSequence:
        for (const auto& part : element.parts) {
          if (Match(part) == Flow::kAbandon) return Flow::kAbandon;
        }
        return Flow::kContinue;
      case Element::Kind::kChoice:
      case Element::Kind::kOptional:
        return MatchOneOf(element);
      case Element::Kind::kStar:
        return MatchStar(element);
      case Element::Kind::kPlus:
        return MatchPlus(element);
    }
    return Flow::kContinue;
  }

  Flow MatchOneOf(const Element& element) {
    state_ = element.state;
    if (Sync(StateRole::kBlockStart) == Flow::kAbandon) return Flow::kAbandon;
    const auto alternative = Predict(element);
    if (alternative == Decision::kNoViable) return Flow::kAbandon;
    const auto i = static_cast<std::size_t>(alternative) - 1;
    return i < element.parts.size() ? Match(element.parts[i]) : Flow::kContinue;
  }

  Flow MatchStar(const Element& element) {
    state_ = element.state;
    if (Sync(StateRole::kLoopEntry) == Flow::kAbandon) return Flow::kAbandon;
    for (;;) {
      const auto alternative = Predict(element);
      if (alternative == Decision::kNoViable) return Flow::kAbandon;
      if (alternative != 1) return Flow::kContinue;
      if (Match(element.parts[0]) == Flow::kAbandon) return Flow::kAbandon;
      state_ = element.loop_state;
      if (Sync(StateRole::kLoopBack) == Flow::kAbandon) return Flow::kAbandon;
    }
  }

  Flow MatchPlus(const Element& element) {
    state_ = element.state;
    if (Sync(StateRole::kBlockStart) == Flow::kAbandon) return Flow::kAbandon;
    for (;;) {
      if (Match(element.parts[0]) == Flow::kAbandon) return Flow::kAbandon;
      state_ = element.loop_state;
      if (Sync(StateRole::kLoopBack) == Flow::kAbandon) return Flow::kAbandon;
      const auto alternative = Predict(element);
      if (alternative == Decision::kNoViable) return Flow::kAbandon;
      if (alternative != 1) return Flow::kContinue;
    }
  }

  Flow Call(const Element& element) {
    const bool nests = (limit_.rules >> element.rule & 1) != 0;
    if (nests && ++levels_ > limit_.levels_max) return TooDeep();
    SyntaxNode node;
    node.rule = element.rule;
    node.token = static_cast<std::uint32_t>(position_);
    const auto parent = std::exchange(parent_, AddNode(std::move(node)));
    const auto return_state = grammar_.state(element.state).transitions.front().follow;
    invocations_.push_back({element.state, return_state});
    Rule(element.rule);
    invocations_.pop_back();
    parent_ = parent;
    if (nests) --levels_;
    return stopped_ ? Flow::kAbandon : Flow::kContinue;
  }

  // Matches a rule; an error inside ends the rule, not its caller.
  void Rule(RuleId rule) {
    if (Match(grammar_.rule(rule)) == Flow::kContinue || stopped_) return;
    Report(std::move(failure_message_), *failure_token_);
    // An error at the same token in the same state again: skip a token, or this would not end.
    if (last_error_position_ == position_ &&
        std::find(last_error_states_.begin(), last_error_states_.end(), state_) !=
            last_error_states_.end()) {
      if (Ahead().type != TokenType::kEnd) Consume(true);
    }
    last_error_position_ = position_;
    last_error_states_.push_back(state_);
    SkipTo(RecoverySet());
  }

  Flow TooDeep() {
    recovering_ = false;
    Report("nested more than " + std::to_string(limit_.levels_max) + " levels deep", Ahead());
    stopped_ = true;
    return Flow::kAbandon;
  }

  const Grammar& grammar_;
  const TokenList& tokens_;
  const NestingLimit limit_;
  Predictor predictor_;
  SyntaxResult result_;

  std::size_t position_ = 0;        // The next token.
  std::size_t lexical_errors_ = 0;  // How many of them are reported.
  StateId state_ = kNone;           // Where the parser is in the network.
  std::vector<Invocation> invocations_;
  std::uint32_t parent_ = 0;  // The node of the rule being matched.
  int levels_ = 0;            // Of the nesting rules.
  bool stopped_ = false;
  bool recovering_ = false;  // Since an error, no token has been matched.
  std::string failure_message_;
  const Token* failure_token_ = nullptr;
  std::size_t last_error_position_ = static_cast<std::size_t>(-1);
  std::vector<StateId> last_error_states_;  // Since recovery began.
};

}  // namespace

SyntaxResult ParseSyntax(const Grammar& grammar, const TokenList& tokens, NestingLimit limit) {
  return Parser(grammar, tokens, limit).Run();
}

}  // namespace pemba::model::internal
