#include "pemba/reason/testing/random_reasoning.h"

#include <cstdlib>
#include <set>
#include <utility>

#include "pemba/reason/internal/visit.h"
#include "pemba/reason/parser.h"

namespace pemba::reason::testing {
namespace {

// Everything that the language has: hierarchies of entities, relations, roles and attributes,
// relations that play roles and own attributes, an inherited role beside an overridden one.
constexpr const char* kTypes = R"(define
id sub attribute, abstract, value string;
code sub id, value string;
tag sub id, value string;
level sub attribute, value long;
flag sub attribute, value boolean;
base sub entity, abstract, owns code, owns level, owns flag,
  plays link:from, plays link:to, plays team:head, plays team:worker, plays crew:captain,
  plays part:whole, plays part:piece, plays note:by;
alpha sub base, owns tag;
beta sub base;
gamma sub alpha;
link sub relation, relates from, relates to, owns flag, plays note:about;
strong-link sub link;
team sub relation, relates head, relates worker;
crew sub team, relates captain as head;
part sub relation, relates whole, relates piece;
note sub relation, relates about, relates by, owns level;
)";

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  int Below(int bound) { return static_cast<int>(random_() % static_cast<std::uint64_t>(bound)); }
  bool OneIn(int n) { return Below(n) == 0; }
  template <std::size_t N>
  std::string Of(const char* const (&choices)[N]) {
    return choices[Below(static_cast<int>(N))];
  }

  std::string Data() {
    const int entities = 3 + Below(3);
    std::string text = "insert\n";
    for (int i = 0; i < entities; ++i) {
      const std::string name = "$e" + std::to_string(i);
      const std::string type = Of({"alpha", "beta", "gamma"});
      text += name + " isa " + type;
      if (!OneIn(3)) text += ", has code " + Code();
      if (OneIn(3)) text += ", has level " + std::to_string(1 + Below(3));
      if (OneIn(4)) text += ", has level " + std::to_string(1 + Below(3));
      if (OneIn(4)) text += ", has flag " + Of({"true", "false"});
      if (type != "beta" && OneIn(2)) text += ", has tag " + Code();
      text += ";\n";
    }
    const auto entity = [&] { return "$e" + std::to_string(Below(entities)); };
    int links = 0;
    for (int i = 0, n = 2 + Below(7); i < n; ++i) {
      switch (Below(6)) {
        case 0:
        case 1:
          text += "$l" + std::to_string(links++) + " (from: " + entity();
          if (!OneIn(8)) text += ", to: " + entity();
          text += ") isa " + Of({"link", "link", "strong-link"});
          if (OneIn(4)) text += ", has flag " + Of({"true", "false"});
          text += ";\n";
          break;
        case 2:
          text += "(head: " + entity() + ", worker: " + entity();
          if (OneIn(4)) text += ", worker: " + entity();
          text += ") isa team;\n";
          break;
        case 3:
          text += "(captain: " + entity() + ", worker: " + entity() + ") isa crew;\n";
          break;
        case 4:
          text += "(whole: " + entity() + ", piece: " + entity();
          if (OneIn(12)) text += ", piece: " + entity();
          text += ") isa part;\n";
          break;
        default:
          if (links == 0) break;
          text += "(about: $l" + std::to_string(Below(links)) + ", by: " + entity() + ") isa note";
          if (OneIn(2)) text += ", has level " + std::to_string(1 + Below(3));
          text += ";\n";
      }
    }
    return text;
  }

  std::string RuleText(int number) {
    switch (Below(14)) {
      case 0:
        return Rule(number, "(whole: $x, piece: $y) isa part; (whole: $y, piece: $z) isa part;",
                    "(whole: $x, piece: $z) isa part;");
      case 1:
        return Rule(number,
                    "(whole: $x, piece: $y) isa part; (whole: $y, piece: $z) isa part; "
                    "$x has id $i; $y has id $j; $z has id $k;",
                    "(whole: $x, piece: $z) isa part;");
      case 2:
        return Rule(number,
                    "($p: $x, $q: $y) isa! $t; ($p: $y, $q: $z) isa! $t; $t sub " +
                        Of({"team", "link", "part"}) + "; $t relates $p, relates $q;",
                    "($p: $x, $q: $z) isa $t;");
      case 3:  // One step of a linear recursion, from either end.
        return Rule(number,
                    "(from: $x, to: $y) isa link; " +
                        Of({"(from: $y, to: $z) isa! link;", "(from: $y, to: $z) isa strong-link;",
                            "(whole: $y, piece: $z) isa part;"}),
                    "(from: $x, to: $z) isa link;");
      case 4:
        return Rule(number, "(from: $x, to: $y) isa link;" + Condition(),
                    "(whole: $x, piece: $y) isa part;");
      case 5:
        return Rule(number, "(whole: $x, piece: $y) isa part;" + Condition(),
                    "(from: $y, to: $x) isa " + Of({"link", "strong-link"}) + ";");
      case 6:
        return Rule(number, "(whole: $x, piece: $y) isa part;" + Condition(),
                    "(head: $x, worker: $y) isa team;");
      case 7:
        return Rule(
            number,
            "(head: $x, worker: $y) isa team; (head: $y, worker: $z) isa team;" + Condition(),
            "(captain: $x, worker: $z) isa crew;");
      case 8:
        return Rule(number, "$r (from: $x, to: $y) isa link;" + Condition(),
                    "(about: $r, by: $y) isa note;");
      case 9:
        return Rule(number, "$x isa base;" + Condition(),
                    std::string("$x has flag ") + Of({"true", "false"}) + ";");
      case 10:
        return Rule(number, "$r isa link; not { $r has flag false; };", "$r has flag true;");
      case 11:
        return Rule(number, "(from: $x, to: $y) isa link; $y has code $c;" + Condition(),
                    "$x has $c;");
      default:
        break;
    }
    std::string body = Body(1 + Below(3), true);
    if (OneIn(3)) body += " not { " + Statement(false) + " };";
    return Rule(number, body, Conclusion());
  }

  std::string Query() {
    std::string text = "match " + Body(1 + Below(3), false);
    if (OneIn(3)) {
      text += " not { " + Body(1 + Below(2), false) + " };";
    }
    if (OneIn(4)) text += " not { $x is " + Entity() + "; };";
    if (OneIn(3)) {
      text += " get " + Of({"$x", "$y", "$x, $y", "$r", "$c", "$x, $c", "$t", "$x, $z"}) + ";";
    }
    return text;
  }

 private:
  std::string Code() { return Of({"\"p\"", "\"q\"", "\"r\""}); }
  std::string Entity() { return Of({"$x", "$x", "$y", "$y", "$z"}); }
  static std::string Rule(int number, const std::string& when, const std::string& then) {
    return "rule r" + std::to_string(number) + ": when { " + when + " } then { " + then + " };";
  }

  // One more condition, sometimes: a negation, a disjunction, a comparison.
  std::string Condition() {
    switch (Below(8)) {
      case 0:
        return " not { $x has flag " + Of({"true", "false"}) + "; };";
      case 1:
        return " not { (head: $x) isa team; };";
      case 2:
        return " not { (whole: $x, piece: $x) isa part; };";
      case 3:
        return " { $x has code " + Code() + "; } or { $x isa beta; };";
      case 4:
        return " $x has level " + Of({"> 1", "< 3", "2"}) + ";";
      case 5:
        return " not { (by: $x) isa note; };";
      default:
        return "";
    }
  }
  std::string Body(int statements, bool in_rule) {
    std::string text;
    for (int i = 0; i < statements; ++i) {
      text += (i == 0 ? "" : " ") + Statement(in_rule || OneIn(2));
    }
    if (OneIn(5)) {
      text += " { " + Statement(false) + " } or { " + (OneIn(3) ? "$x is $y;" : Statement(false)) +
              " };";
    }
    if (OneIn(5)) text += " $x isa " + Type() + ";";
    return text;
  }

  std::string Type() { return Of({"base", "alpha", "beta", "gamma", "entity"}); }
  std::string Relation() {
    std::string variable = OneIn(3) ? "$r " : "";
    const char* isa = OneIn(6) ? " isa! " : " isa ";
    switch (Below(9)) {
      case 0:
      case 1:
        return variable + "(from: " + Entity() + ", to: " + Entity() + ")" + isa +
               Of({"link", "strong-link"}) + ";";
      case 2:
        return variable + "(from: " + Entity() + ")" + isa + "link;";
      case 3:
        return variable + "(" + Of({"head", "worker", "captain"}) + ": " + Entity() +
               ", worker: " + Entity() + ")" + isa + Of({"team", "crew"}) + ";";
      case 4:
        return variable + "(whole: " + Entity() + ", piece: " + Entity() + ")" + isa + "part;";
      case 5:
        return variable + "(" + Entity() + ", " + Entity() + ")" + isa +
               Of({"link", "team", "part"}) + ";";
      case 6:
        return "(about: $r, by: " + Entity() + ") isa note;";
      case 7:
        return variable + "($p: " + Entity() + ", " + Entity() + ") isa " +
               Of({"part", "crew", "link"}) + ";";
      default:
        return "$r isa " + Of({"link", "strong-link", "team", "note", "part"}) + ";";
    }
  }
  std::string Attribute() {
    switch (Below(10)) {
      case 0:
        return Entity() + " has code $c;";
      case 1:
        return Entity() + " has id $c;";
      case 2:
        return Entity() + " has flag " + Of({"true", "false"}) + ";";
      case 3:
        return Entity() + " has level " + Of({"1", "> 1", "< 3", "!= 2", "$l"}) + ";";
      case 4:
        return "$r has flag " + Of({"true", "false", "$f"}) + ";";
      case 5:
        return Entity() + " has " + Of({"code", "tag", "id"}) + " " + Code() + ";";
      case 6:
        return Entity() + " has code $c; " + Entity() + " has tag $d; $c " + Of({"=", "<", "!="}) +
               " $d;";
      case 7:
        return Entity() + " has $c;";
      case 8:
        return "$c isa " + Of({"level", "flag", "code"}) + "; " + Entity() + " has $c;";
      default:
        return Entity() + " has level $l; $l " + Of({">", "<=", "="}) + " 2;";
    }
  }
  std::string Statement(bool relational) {
    if (relational || OneIn(2)) return OneIn(4) ? Attribute() : Relation();
    switch (Below(5)) {
      case 0:
        return Entity() + " isa " + Type() + ";";
      case 1:
        return "$x isa " + Of({"$t", "alpha", "beta"}) + ";";
      case 2:
        return "$x isa! $t;";
      default:
        return Attribute();
    }
  }
  std::string Conclusion() {
    switch (Below(9)) {
      case 0:
        return "(from: $x, to: $y) isa link;";
      case 1:
        return "(from: $y, to: $x) isa strong-link;";
      case 2:
        return "(head: $x, worker: $y) isa team;";
      case 3:
        return "(captain: $y, worker: $x) isa crew;";
      case 4:
        return "(whole: $x, piece: $y) isa part;";
      case 5:
        return "(about: $r, by: $x) isa note;";
      case 6:
        return std::string("$x has flag ") + Of({"true", "false"}) + ";";
      case 7:
        return "$x has $c;";
      default:
        return "$x has level " + std::to_string(2 + Below(3)) + ";";
    }
  }

  std::mt19937_64 random_;
};

void CollectNames(const syntax::Patterns& patterns, bool nested, std::set<std::string>& names) {
  for (const syntax::Pattern& pattern : patterns) {
    internal::VisitPattern(pattern, [&](const syntax::Variable& variable, internal::Role) {
      names.insert(variable.name);
    });
    if (!nested) continue;
    if (const auto* disjunction = std::get_if<syntax::Disjunction>(&pattern.node)) {
      for (const auto& branch : disjunction->branches) CollectNames(branch, true, names);
    } else if (const auto* negation = std::get_if<syntax::Negation>(&pattern.node)) {
      CollectNames(negation->body, true, names);
    }
  }
}

// Whether one name means variables of two scopes: local to two nested patterns. The language says
// that they are different, and nobody should write that.
bool SharesLocalNames(const syntax::Patterns& patterns) {
  std::set<std::string> trunk, local;
  CollectNames(patterns, false, trunk);
  for (const syntax::Pattern& pattern : patterns) {
    std::set<std::string> trunk_here, names;
    CollectNames({pattern}, false, trunk_here);
    if (!trunk_here.empty()) continue;
    CollectNames({pattern}, true, names);
    for (const std::string& name : names) {
      if (trunk.count(name) == 0 && !local.insert(name).second) return true;
    }
  }
  return false;
}

bool SharesLocalNames(const std::string& text) {
  const auto query = ParseQuery(text);
  if (!query.ok()) return false;
  if (const auto* match = std::get_if<syntax::Match>(&(*query).node)) {
    return SharesLocalNames(match->patterns);
  }
  const auto* define = std::get_if<syntax::Define>(&(*query).node);
  return define != nullptr &&
         SharesLocalNames(std::get<syntax::RuleDefinition>(define->definitions[0]).when);
}

bool Commits(Database& database, TransactionKind kind, const std::string& text) {
  auto transaction = database.Begin(kind);
  return transaction.ok() && (*transaction)->RunAll(text).ok() && (*transaction)->Commit().ok();
}

}  // namespace

ReasoningWorld RandomReasoningWorld(std::uint64_t seed, int query_count) {
  Generator generator(seed * 0x9E3779B97F4A7C15ULL + 1);
  ReasoningWorld world;
  world.database = *Database::Open({});
  world.schema = kTypes;
  if (!Commits(*world.database, TransactionKind::kSchemaWrite, world.schema)) std::abort();
  // Many random rules make no sense; commit refuses them.
  const int rules = 2 + generator.Below(5);
  for (int attempt = 0, accepted = 0; attempt < 24 && accepted < rules; ++attempt) {
    const std::string rule = "define " + generator.RuleText(attempt);
    if (SharesLocalNames(rule)) continue;
    if (!Commits(*world.database, TransactionKind::kSchemaWrite, rule)) continue;
    world.schema += rule.substr(7) + "\n";
    ++accepted;
  }
  world.data = generator.Data();
  if (!Commits(*world.database, TransactionKind::kWrite, world.data)) std::abort();
  while (static_cast<int>(world.queries.size()) < query_count) {
    std::string query = generator.Query();
    if (!SharesLocalNames(query)) world.queries.push_back(std::move(query));
  }
  return world;
}

}  // namespace pemba::reason::testing
