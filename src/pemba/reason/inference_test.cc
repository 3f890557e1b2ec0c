#include "pemba/reason/inference.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/reason/definition.h"
#include "pemba/reason/parser.h"
#include "pemba/reason/strata.h"
#include "pemba/reason/testing/acceptance.h"

namespace pemba::reason {
namespace {

Schema SchemaOf(const std::string& text) {
  const auto query = ParseQuery(text);
  EXPECT_TRUE(query.ok()) << query.error().message;
  auto schema = Define(Schema(), std::get<syntax::Define>(query->node));
  EXPECT_TRUE(schema.ok()) << schema.error().message;
  return *std::move(schema);
}

// A post office: letters and parcels, hubs and vans, two kinds of carriage.
Schema Post() {
  return SchemaOf(R"(
define
item sub entity, abstract, owns code, owns weight, plays carriage:cargo;
letter sub item, owns stamps;
parcel sub item, plays delivery:drop;
hub sub entity, owns code, plays carriage:carrier;
van sub entity, owns plate, plays delivery:driver, plays carriage:carrier;
carriage sub relation, relates carrier, relates cargo, owns weight, plays receipt:carried;
delivery sub carriage, relates driver as carrier, relates drop as cargo, owns day;
receipt sub relation, relates carried, owns day;
mark sub attribute, abstract, value string;
code sub mark;
plate sub mark, regex "[A-Z]+";
weight sub attribute, value double;
stamps sub attribute, value long;
day sub attribute, value datetime;
)");
}

using Domains = std::map<std::string, std::set<std::string>>;

Domains DomainsOf(const Conjunction& conjunction, const ResolvedPattern& pattern,
                  const Schema& schema) {
  Domains domains;
  for (const Domain& domain : conjunction.domains) {
    const VariableInfo& info = pattern.variables[domain.variable];
    if (info.anonymous()) continue;
    auto& labels = domains[info.name];
    for (const TypeId type : domain.types) labels.insert(schema.Get(type).label);
  }
  return domains;
}

Result<ResolvedPattern> ResolveText(std::string_view text, const Schema& schema) {
  PEMBA_TRY(const auto query, ParseQuery(text));
  return Resolve(std::get<syntax::Match>(query.node).patterns, schema);
}

TEST(Resolve, FindsTheTypesOfVariables) {
  const Schema schema = Post();
  struct Case {
    const char* name;
    const char* text;
    Domains want;
  };
  const Case cases[] = {
      {"isa means subtypes too, without abstract ones",
       "match $x isa item;",
       {{"x", {"letter", "parcel"}}}},
      {"isa! means one type", "match $x isa! hub;", {{"x", {"hub"}}}},
      {"owners of an attribute", "match $x has stamps $s;", {{"x", {"letter"}}, {"s", {"stamps"}}}},
      {"owners of an abstract attribute's subtypes",
       "match $x has mark $m;",
       {{"x", {"letter", "parcel", "hub", "van"}}, {"m", {"code", "plate"}}}},
      {"an attribute without a label",
       "match $x isa van, has $a;",
       {{"x", {"van"}}, {"a", {"plate"}}}},
      {"a comparison narrows by value type",
       "match $x isa letter, has $a; $a > 3;",
       {{"x", {"letter"}}, {"a", {"weight", "stamps"}}}},
      {"a comparison of two narrows both",
       "match $x has $a; $y isa delivery, has $b; $a = $b; $b isa day;",
       {{"x", {"delivery", "receipt"}}, {"a", {"day"}}, {"y", {"delivery"}}, {"b", {"day"}}}},
      {"players of a role", "match (cargo: $x) isa! carriage;", {{"x", {"letter", "parcel"}}}},
      {"players of a role and of its sub-roles",
       "match $r (carrier: $x) isa carriage;",
       {{"r", {"carriage", "delivery"}}, {"x", {"hub", "van"}}}},
      {"a super-role in the subtype", "match (carrier: $x) isa delivery;", {{"x", {"van"}}}},
      {"a role of a subtype narrows the relation",
       "match $r (driver: $x) isa carriage;",
       {{"r", {"delivery"}}, {"x", {"van"}}}},
      {"players without roles",
       "match $r ($x, $y) isa delivery; $x isa van; $y isa item;",
       {{"r", {"delivery"}}, {"x", {"van"}}, {"y", {"parcel"}}}},
      {"relations by their players",
       "match $r ($x); $x isa letter;",
       {{"r", {"carriage"}}, {"x", {"letter"}}}},
      {"a relation as a player",
       "match (carried: $c) isa receipt; $c has day $d;",
       {{"c", {"delivery"}}, {"d", {"day"}}}},
      {"a role variable binds super-roles too",
       "match ($r: $x) isa delivery; $x isa van;",
       {{"r", {"relation:role", "carriage:carrier", "delivery:driver"}}, {"x", {"van"}}}},
      {"relates restricts a role variable",
       "match ($r: $x) isa! $t; $t sub delivery; $t relates $r;",
       {{"r", {"delivery:driver", "delivery:drop"}},
        {"x", {"van", "parcel"}},
        {"t", {"delivery"}}}},
      {"a type variable binds supertypes too",
       "match $x isa $t; $x isa letter;",
       {{"x", {"letter"}}, {"t", {"letter", "item", "entity", "thing"}}}},
      {"the same type",
       "match $x isa! $t; $y isa! $u; $t is $u; $x isa item; $y has stamps $s;",
       {{"x", {"letter"}},
        {"y", {"letter"}},
        {"t", {"letter"}},
        {"u", {"letter"}},
        {"s", {"stamps"}}}},
      {"the same thing",
       "match $x isa item; $y has stamps $s; $x is $y;",
       {{"x", {"letter"}}, {"y", {"letter"}}, {"s", {"stamps"}}}},
      {"sub", "match $t sub item;", {{"t", {"item", "letter", "parcel"}}}},
      {"sub!", "match $t sub! item;", {{"t", {"letter", "parcel"}}}},
      {"supertypes of a label",
       "match letter sub $t;",
       {{"t", {"letter", "item", "entity", "thing"}}}},
      {"the direct supertype of a label", "match letter sub! $t;", {{"t", {"item"}}}},
      {"sub of roles",
       "match $r sub carriage:cargo;",
       {{"r", {"carriage:cargo", "delivery:drop"}}}},
      {"type", "match $t type carriage:cargo;", {{"t", {"carriage:cargo"}}}},
      {"an inherited role under the subtype's name is its own",
       "match $t plays delivery:driver;",
       {{"t", {"van"}}}},
      {"abstract", "match $t sub entity; $t abstract;", {{"t", {"entity", "item"}}}},
      {"owns exactly", "match $t owns code;", {{"t", {"item", "letter", "parcel", "hub"}}}},
      {"relates by name", "match $t relates cargo;", {{"t", {"carriage"}}}},
      {"relates what is inherited",
       "match $t relates $r; $t type delivery;",
       {{"t", {"delivery"}}, {"r", {"delivery:driver", "delivery:drop"}}}},
      {"relates as",
       "match $t relates $r as cargo;",
       {{"t", {"delivery"}}, {"r", {"delivery:drop"}}}},
      {"plays exactly", "match $t plays carriage:cargo;", {{"t", {"item", "letter", "parcel"}}}},
      {"value types", "match $a value double;", {{"a", {"weight"}}}},
      {"regular expressions", "match $a regex \"[A-Z]+\";", {{"a", {"plate"}}}},
      {"branches narrow together",
       "match $x has code $c; { $x isa letter; } or { $x isa hub; };",
       {{"x", {"letter", "hub"}}, {"c", {"code"}}}},
      {"computed values",
       "match $x has $a; ?v = $a + 1; ?v > 3; $x isa letter, has stamps $s;",
       {{"x", {"letter"}}, {"a", {"code", "weight", "stamps"}}, {"s", {"stamps"}}, {"v", {}}}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto resolved = ResolveText(c.text, schema);
    ASSERT_TRUE(resolved.ok()) << resolved.error().message;
    EXPECT_TRUE(resolved->trunk.answerable);
    EXPECT_EQ(DomainsOf(resolved->trunk, *resolved, schema), c.want);
  }
}

TEST(Resolve, NarrowsNestedPatternsByWhatSurroundsThem) {
  const Schema schema = Post();
  const auto resolved = ResolveText(
      "match $x isa letter; not { $x has $a; $a > 3.5; }; { $x has code $c; } or { ($r: $x); };",
      schema);
  ASSERT_TRUE(resolved.ok()) << resolved.error().message;
  const Conjunction& trunk = resolved->trunk;
  ASSERT_EQ(trunk.negations.size(), 1u);
  ASSERT_EQ(trunk.disjunctions.size(), 1u);
  EXPECT_EQ(DomainsOf(trunk.negations[0], *resolved, schema),
            (Domains{{"x", {"letter"}}, {"a", {"weight", "stamps"}}}));
  EXPECT_EQ(DomainsOf(trunk.disjunctions[0][1], *resolved, schema),
            (Domains{{"x", {"letter"}}, {"r", {"relation:role", "carriage:cargo"}}}));
}

TEST(Resolve, TellsMistakes) {
  const Schema schema = Post();
  struct Case {
    const char* name;
    const char* text;
    Problem problem;
  };
  constexpr Case kCases[] = {
      {"unknown type", "match $x isa robot;", Problem::kTypeNotFound},
      {"unknown attribute", "match $x has robot $r;", Problem::kTypeNotFound},
      {"unknown type in a negation", "match $x isa van; not { $x isa robot; };",
       Problem::kTypeNotFound},
      {"unknown role", "match (passenger: $x) isa carriage;", Problem::kRoleNotFound},
      {"a role of another relation", "match (carried: $x) isa carriage;", Problem::kRoleNotFound},
      {"unknown scoped role", "match $t plays carriage:passenger;", Problem::kRoleNotFound},
      {"a role as a type of things", "match $x isa carriage:cargo;", Problem::kKindMismatch},
      {"an entity as an attribute", "match $x has van $v;", Problem::kKindMismatch},
      {"an owner that does not own", "match $x isa hub, has stamps $s;",
       Problem::kIncoherentPattern},
      {"a player that does not play", "match (driver: $x) isa delivery; $x isa hub;",
       Problem::kIncoherentPattern},
      {"two types", "match $x isa hub; $x isa van;", Problem::kIncoherentPattern},
      {"a branch that cannot be", "match $x isa hub; { $x has stamps 1; } or { $x has code $c; };",
       Problem::kIncoherentPattern},
      {"a negation that cannot be", "match $x isa hub; not { $x has stamps $s; };",
       Problem::kIncoherentPattern},
      {"each pair fits, but not all together",
       "match $x isa! $t; $y isa! $t; $t sub entity; $x has stamps $s; $y has plate $p;",
       Problem::kIncoherentPattern},
      {"a string and a number", "match $x has stamps \"five\";", Problem::kIncomparable},
      {"two attributes that never compare", "match $x has stamps $s; $y has day $d; $s < $d;",
       Problem::kIncomparable},
      {"a word for a number", "match $x has weight contains \"5\";", Problem::kIncomparable},
      {"a broken regular expression", "match $x has code like \"(\";", Problem::kRegexInvalid},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto resolved = ResolveText(c.text, schema);
    ASSERT_FALSE(resolved.ok());
    EXPECT_EQ(ProblemOf(resolved.error()), c.problem) << resolved.error().message;
  }
}

TEST(Resolve, KnowsWhatCannotBeAnsweredYet) {
  const Schema schema = SchemaOf(
      "define item sub entity, abstract, owns code; code sub attribute, value string; "
      "hub sub entity, owns code;");
  for (const char* text : {"match $x isa item;", "match $x isa item, has code $c;",
                           "match $x isa hub; hub sub item;", "match $x isa hub; hub abstract;"}) {
    SCOPED_TRACE(text);
    const auto resolved = ResolveText(text, schema);
    ASSERT_TRUE(resolved.ok()) << resolved.error().message;
    EXPECT_FALSE(resolved->trunk.answerable);
  }
  const auto branches =
      ResolveText("match $x has code $c; { $x isa item; } or { $x isa hub; };", schema);
  ASSERT_TRUE(branches.ok()) << branches.error().message;
  EXPECT_TRUE(branches->trunk.answerable);
  EXPECT_FALSE(branches->trunk.disjunctions[0][0].answerable);
  EXPECT_TRUE(branches->trunk.disjunctions[0][1].answerable);
}

TEST(Resolve, SplitsStatementsIntoAtoms) {
  const Schema schema = Post();
  const auto resolved = ResolveText(
      "match $r (carrier: $x, $y) isa! delivery, has day > 2023-01-01; $x iid 0x7; $t relates "
      "$role;"
      " $t type delivery;",
      schema);
  ASSERT_TRUE(resolved.ok()) << resolved.error().message;
  std::vector<std::size_t> kinds;
  for (const Atom& atom : resolved->trunk.atoms) kinds.push_back(atom.index());
  EXPECT_EQ(kinds,
            (std::vector<std::size_t>{2, 1, 3, 5, 8}));  // Relation, has, compare, iid, relates.
  const auto& relation = std::get<RelationAtom>(resolved->trunk.atoms[0]);
  EXPECT_TRUE(relation.players[0].roles == TypeSet{schema.Find("delivery:driver")->id});
  EXPECT_TRUE(relation.players[1].roles ==
              TypeSet({schema.Find("delivery:driver")->id, schema.Find("delivery:drop")->id}));
  EXPECT_EQ(relation.players[0].role, std::nullopt);
}

// Types of the published rules: what their planning rests on.
TEST(Resolve, UnderstandsThePublishedRules) {
  const auto all = testing::LoadAcceptance();
  if (!all) GTEST_SKIP() << "the conformance files are not here";
  const Schema schema = SchemaOf(all->datasets.at("seed-era").schema.front());
  const Rule& rule = *schema.FindRule("transitive-membership");
  const auto domains = DomainsOf(rule.when.trunk, rule.when, schema);
  EXPECT_EQ(domains.at("membership-type"),
            (std::set<std::string>{"group-membership", "collection-membership", "set-membership"}));
  EXPECT_EQ(domains.at("parent-role"),
            (std::set<std::string>{"group-membership:parent-group", "group-membership:group-member",
                                   "collection-membership:parent-collection",
                                   "collection-membership:collection-member",
                                   "set-membership:parent-set", "set-membership:set-member"}));
  EXPECT_EQ(domains.at("parent-role"), domains.at("member-role"));
}

// In every published query and rule, what stands in answers is within the domains: here only that
// nothing is refused that the cases expect answers of.
TEST(Resolve, AcceptsEveryPublishedQuery) {
  const auto all = testing::LoadAcceptance();
  if (!all) GTEST_SKIP() << "the conformance files are not here";
  std::map<std::string, Schema> schemas;
  for (const auto& [name, dataset] : all->datasets) {
    schemas.emplace(name, SchemaOf(dataset.schema.front()));
  }
  for (const auto& c : all->queries) {
    SCOPED_TRACE(c.id + " " + c.query);
    const auto resolved = ResolveText(c.query, schemas.at(c.dataset));
    EXPECT_TRUE(resolved.ok()) << resolved.error().message;
  }
  for (const auto& c : all->explanations) {
    SCOPED_TRACE(c.id);
    EXPECT_TRUE(ResolveText(c.query, schemas.at(c.dataset)).ok());
  }
  int refused = 0;
  for (const auto& c : all->errors) {
    const auto query = ParseQuery(c.query);
    if (!query.ok() || !std::holds_alternative<syntax::Match>(query->node)) continue;
    const auto resolved = ResolveText(c.query, schemas.at(c.dataset));
    if (resolved.ok()) continue;
    SCOPED_TRACE(c.id);
    EXPECT_EQ(Name(*ProblemOf(resolved.error())), c.error) << resolved.error().message;
    ++refused;
  }
  EXPECT_EQ(refused, 4);
}

TEST(Stratify, OrdersThePublishedRules) {
  const auto all = testing::LoadAcceptance();
  if (!all) GTEST_SKIP() << "the conformance files are not here";
  struct Before {
    const char* dataset;
    const char* first;
    const char* second;
  };
  constexpr Before kOrder[] = {
      {"seed-era", "transitive-membership", "transitive-object-access"},
      {"seed-era", "automatic-member-collection", "automatic-root-collection"},
      {"seed-era", "transitive-object-access", "transitive-object-permission"},
      {"seed-era", "transitive-subject-permission", "automatic-permission-invalidity"},
      {"seed-era", "add-view-access", "automatic-segregation-violation"},
      {"seed-era", "automatic-permission-invalidity", "automatic-permission-validity"},
      {"examples-2x", "transitive-set-membership", "permission-inheritance"},
      {"examples-2x", "no-object-no-action", "permission-inheritance"},
      {"examples-2x", "permission-inheritance", "automatic-permission-invalidity"},
      {"examples-2x", "automatic-permission-invalidity", "automatic-permission-validity"},
  };
  for (const auto& c : kOrder) {
    SCOPED_TRACE(std::string(c.first) + " before " + c.second);
    const Schema schema = SchemaOf(all->datasets.at(c.dataset).schema.front());
    const auto strata = Stratify(schema);
    ASSERT_TRUE(strata.ok()) << strata.error().message;
    std::map<std::string, std::size_t> group;
    for (std::size_t i = 0; i < strata->groups.size(); ++i) {
      for (const std::size_t rule : strata->groups[i]) group[schema.rules()[rule].label] = i;
    }
    EXPECT_EQ(group.size(), schema.rules().size());
    EXPECT_LT(group.at(c.first), group.at(c.second));
    EXPECT_TRUE(CheckTermination(schema).ok());
  }
}

}  // namespace
}  // namespace pemba::reason
