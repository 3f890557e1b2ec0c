// Transitive relations answer alike whether a query names the relation (its facts are made) or only
// what it connects (they are walked), from either end, in a circle and beside other relations.
#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/reason/database.h"

namespace pemba::reason {
namespace {

constexpr const char* kPlain = R"(define
code sub attribute, value long;
tag sub attribute, value string;
node sub entity, owns code, owns tag, plays part:whole, plays part:piece, plays part:witness,
  plays share:whole, plays share:piece, plays share:witness;
leaf sub node;
part sub relation, relates whole, relates piece, relates witness;
share sub relation, relates whole, relates piece, relates witness;
rule closure: when { (whole: $x, piece: $y) isa part; (whole: $y, piece: $z) isa part; }
  then { (whole: $x, piece: $z) isa part; };
)";

std::string Replaced(std::string text, const std::string& what, const std::string& by) {
  return text.replace(text.find(what), what.size(), by);
}

// Only what has a tag is joined.
std::string Tagged() {
  const std::string condition = "(whole: $y, piece: $z) isa part;";
  return Replaced(kPlain, condition, condition + " $x has tag $a; $y has tag $b; $z has tag $c;");
}

// Of the other type, which is a subtype now, persisted relations are parts, too.
std::string WithSubtype() {
  return Replaced(
      Replaced(kPlain, "sub relation, relates whole, relates piece, relates witness;\nrule",
               "sub part;\nrule"),
      ",\n  plays share:whole, plays share:piece, plays share:witness", "");
}

void MustWrite(Database& database, TransactionKind kind, const std::string& text) {
  auto transaction = *database.Begin(kind);
  const auto ran = transaction->RunAll(text);
  ASSERT_TRUE(ran.ok()) << ran.error().message;
  ASSERT_TRUE(transaction->Commit().ok());
}

// A few nodes and relations at random: some relations have two pieces, a witness, the same thing on
// both ends, or are of another type. And many nodes without relations, lest the planner tries all
// pairs of nodes.
std::string RandomParts(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t bound) { return random() % bound; };
  const std::uint32_t nodes = 2 + below(7), relations = below(14);
  const auto node = [&] { return "$n" + std::to_string(below(nodes)); };
  std::string text = "insert ";
  for (std::uint32_t i = 0; i < nodes; ++i) {
    text += "$n" + std::to_string(i) + (below(3) == 0 ? " isa leaf" : " isa node") + ", has code " +
            std::to_string(i) + (below(4) == 0 ? "" : ", has tag \"t\"") + "; ";
  }
  for (std::uint32_t i = 0; i < 100; ++i) {
    text += "$s" + std::to_string(i) + (i % 2 == 0 ? " isa leaf; " : " isa node; ");
  }
  for (std::uint32_t i = 0; i < relations; ++i) {
    text += "(whole: " + node() + ", piece: " + node() +
            (below(4) == 0 ? ", piece: " + node() : "") +
            (below(5) == 0 ? ", witness: " + node() : "") + ") isa " +
            (below(6) == 0 ? "share; " : "part; ");
  }
  return text;
}

using Pairs = std::vector<std::vector<ThingId>>;

Pairs Ask(Database& database, const std::string& query) {
  auto reading = *database.Begin(TransactionKind::kRead);
  const auto answers = reading->Run(query, {.inference = Inference::kOn});
  EXPECT_TRUE(answers.ok()) << answers.error().message;
  Pairs pairs;
  while (answers.ok()) {
    const auto next = (*answers)->Next();
    EXPECT_TRUE(next.ok());
    if (!next.ok() || !*next) break;
    pairs.emplace_back();
    for (const Concept& one : (*next)->concepts) pairs.back().push_back(one.thing);
  }
  return pairs;
}

TEST(Closure, UnnamedRelationsAnswerAsNamedOnes) {
  // `~` is where the relation is named; it is asked for then, and left out of the answers here.
  const std::string patterns[] = {
      "match ~ (whole: $x, piece: $y) isa part; get $x, $y;",
      "match ~ (piece: $y, whole: $x) isa part; $x isa leaf; get $x, $y;",
      "match ~ (whole: $x, piece: $y) isa part; $x has code 0; get $y;",
      "match ~ (whole: $x, piece: $y) isa part; $y has code 1; $x isa leaf; get $x;",
      "match ~ (whole: $x, piece: $y) isa part; $x has code 0; $y has code 1; get $x, $y;",
      "match ~ (whole: $x, piece: $y) isa part; $y isa leaf; get $x;",
      "match ~ (whole: $x, piece: $x) isa part; get $x;",
      "match ~ (whole: $x, piece: $y, witness: $z) isa part; get $x, $y, $z;",
      "match ~ (whole: $x, piece: $y); get $x, $y;",
      "match ~ (whole: $x, piece: $y) isa part; (whole: $y, piece: $z) isa part; get $x, $z;",
      "match ~ (whole: $x, $y) isa part; get $x, $y;",
      "match ~ ($role: $x, piece: $y) isa part; get $x, $y;",
  };
  std::size_t answers = 0;
  for (const std::string& schema : {std::string(kPlain), Tagged(), WithSubtype()}) {
    for (std::uint32_t seed = 1; seed <= 150; ++seed) {
      auto database = *Database::Open({});
      MustWrite(*database, TransactionKind::kSchemaWrite, schema);
      MustWrite(*database, TransactionKind::kWrite, RandomParts(seed));
      for (const std::string& pattern : patterns) {
        Pairs unnamed = Ask(*database, Replaced(pattern, "~", ""));
        Pairs named = Ask(*database, Replaced(Replaced(pattern, "~", "$r"), "get ", "get $r, "));
        for (auto& answer : named) answer.erase(answer.begin());
        std::sort(unnamed.begin(), unnamed.end());
        std::sort(named.begin(), named.end());
        named.erase(std::unique(named.begin(), named.end()), named.end());
        ASSERT_EQ(unnamed, named) << pattern << " seed " << seed;
        ASSERT_EQ(std::adjacent_find(unnamed.begin(), unnamed.end()), unnamed.end()) << pattern;
        answers += unnamed.size();
      }
    }
  }
  EXPECT_GT(answers, 10'000U);
}

}  // namespace
}  // namespace pemba::reason
