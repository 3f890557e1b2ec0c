// Parses tokens with a Grammar into a tree, reporting and surviving syntax errors.
//
// Recovery is the scheme of ANTLR's default error strategy (after Wirth, "Algorithms + Data
// Structures = Programs", 1976, chapter 5, and Topor, "A note on error recovery in recursive
// descent parsers", SIGPLAN Notices 17(2), 1982): delete one token, else invent one, else give the
// rule up and skip to what may follow it or its callers. Texts and positions of the errors are part
// of the language's contract (docs/dsl.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pemba/model/internal/syntax_grammar.h"

namespace pemba::model::internal {

// A node of the parse tree: a rule with its children in order, or a token.
struct SyntaxNode {
  RuleId rule = kNone;                  // kNone: a token.
  std::uint32_t token = 0;              // Of a token: its index. Of a rule: its first token's.
  bool erroneous = false;               // Of a token: it was skipped or invented.
  std::vector<std::uint32_t> children;  // Indices into SyntaxTree::nodes.
};

struct SyntaxTree {
  std::vector<SyntaxNode> nodes;  // nodes[0] is the root.
};

struct SyntaxProblem {
  std::string message;
  SourcePosition position;
  std::string symbol;  // The text of the token at which it was found; empty for lexical errors.
};

struct SyntaxResult {
  SyntaxTree tree;  // Partial if there are problems.
  std::vector<SyntaxProblem> problems;
};

// How deep the rules in `rules` (a set of 1 << RuleId) may call themselves or each other; deeper
// input is a problem that ends the parse.
struct NestingLimit {
  std::uint64_t rules = 0;
  int levels_max = 0;
};

// O(tokens) for input without errors.
SyntaxResult ParseSyntax(const Grammar& grammar, const TokenList& tokens, NestingLimit limit);

}  // namespace pemba::model::internal
