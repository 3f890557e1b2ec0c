#include "pemba/reason/definition.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/reason/parser.h"
#include "pemba/reason/testing/acceptance.h"

namespace pemba::reason {
namespace {

// Data as a change of schema sees it.
struct FakeData final : DataProbe {
  std::vector<TypeId> instances;
  std::vector<std::pair<TypeId, TypeId>> ownerships, players, edges;
  std::map<std::pair<TypeId, TypeId>, std::vector<std::vector<Value>>> owned;
  std::map<TypeId, std::vector<Value>> values;

  template <class T>
  static bool Has(const std::vector<T>& all, const T& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  }
  bool HasInstances(TypeId type) const override { return Has(instances, type); }
  bool HasOwnerships(TypeId owner, TypeId attribute) const override {
    return Has(ownerships, {owner, attribute});
  }
  bool HasPlayers(TypeId player, TypeId role) const override {
    return Has(players, {player, role});
  }
  bool HasEdges(TypeId relation, TypeId role) const override {
    return Has(edges, {relation, role});
  }
  void ForEachOwner(TypeId owner, TypeId attribute,
                    const std::function<void(std::span<const Value>)>& see) const override {
    const auto found = owned.find({owner, attribute});
    if (found == owned.end()) return;
    for (const auto& each : found->second) see(each);
  }
  void ForEachValue(TypeId attribute, const std::function<void(const Value&)>& see) const override {
    const auto found = values.find(attribute);
    if (found == values.end()) return;
    for (const auto& value : found->second) see(value);
  }
};

// Every query of the text applied in turn.
Result<Schema> Apply(Schema schema, std::string_view text) {
  PEMBA_TRY(const auto queries, ParseQueries(text));
  for (const auto& query : queries) {
    if (const auto* define = std::get_if<syntax::Define>(&query.node)) {
      PEMBA_TRY(schema, Define(schema, *define));
    } else {
      PEMBA_TRY(schema, Undefine(schema, std::get<syntax::Undefine>(query.node)));
    }
  }
  return schema;
}

// What a whole change answers: applied and committed to a database without data.
Status Change(const Schema& before, std::string_view text, const DataProbe& data = FakeData()) {
  PEMBA_TRY(const Schema after, Apply(before, text));
  return CheckForCommit(before, after, data);
}

constexpr std::string_view kOffice = R"(
define
person sub entity, abstract, owns name, plays employment:worker;
employee sub person, owns email @key;
guest sub person;
firm sub entity, owns name, plays employment:firm;
employment sub relation, relates firm, relates worker, owns since;
contract sub employment, relates contractor as worker;
person plays contract:contractor;
label sub attribute, abstract, value string;
name sub label;
email sub label, regex ".+@.+";
since sub attribute, value datetime;
)";

Schema Office() {
  auto schema = Apply(Schema(), kOffice);
  if (!schema.ok()) ADD_FAILURE() << schema.error().message;
  return *std::move(schema);
}

TEST(Define, MakesTypesWithWhatTheyInherit) {
  const Schema schema = Office();
  const auto id = [&](std::string_view label) { return schema.Find(label)->id; };
  EXPECT_EQ(schema.Get(id("employee")).supertype, id("person"));
  EXPECT_TRUE(schema.Subtypes(id("person")) ==
              TypeSet({id("person"), id("employee"), id("guest")}));
  EXPECT_TRUE(schema.Supertypes(id("employee")) ==
              TypeSet({id("employee"), id("person"), kRootEntity, kRootThing}));
  EXPECT_TRUE(schema.OwnedBy(id("employee")) == TypeSet({id("name"), id("email")}));
  EXPECT_TRUE(schema.Owners(id("name")) ==
              TypeSet({id("person"), id("employee"), id("guest"), id("firm")}));
  EXPECT_TRUE(schema.Plays(id("guest")) ==
              TypeSet({id("employment:worker"), id("contract:contractor")}));
  EXPECT_TRUE(schema.Relates(id("contract")) ==
              TypeSet({id("employment:firm"), id("contract:contractor")}));
  EXPECT_TRUE(schema.Relaters(id("employment:worker")) == TypeSet({id("employment")}));
  EXPECT_EQ(schema.Get(id("contract:contractor")).supertype, id("employment:worker"));
  EXPECT_EQ(schema.Get(id("email")).value_type, ValueType::kString);
  EXPECT_EQ(schema.Find("contract:firm"), schema.Find("employment:firm"));
  EXPECT_EQ(schema.Find("contract:worker"), nullptr);  // Overridden.
  EXPECT_EQ(schema.FindRole(id("contract"), "worker"), nullptr);
  EXPECT_EQ(schema.Find("robot"), nullptr);
  for (const Ownership& ownership : schema.Owns(id("employee"))) {
    EXPECT_EQ(ownership.annotation, ownership.attribute == id("email") ? syntax::Annotation::kKey
                                                                       : syntax::Annotation::kNone);
  }
}

TEST(Define, IsIdempotentAndKeepsNumbers) {
  const Schema once = Office();
  const auto twice = Apply(once, kOffice);
  ASSERT_TRUE(twice.ok()) << twice.error().message;
  EXPECT_EQ(twice->ToText(), once.ToText());
  EXPECT_EQ(twice->type_limit(), once.type_limit());
  EXPECT_EQ(twice->Find("contract:contractor")->id, once.Find("contract:contractor")->id);
}

TEST(Schema, ReadsBackWhatItWrites) {
  const Schema schema = Office();
  const auto again = Apply(Schema(), schema.ToText());
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->ToText(), schema.ToText());
  EXPECT_EQ(Schema().ToText(), "");
}

TEST(Restore, GivesTypesTheirNumbersBack) {
  // A history with gaps: the numbers of `firm` and its ownership are not used again.
  auto schema =
      Apply(Office(),
            "undefine firm sub entity; define shop sub entity, owns name, plays "
            "employment:firm; rule r: when { $e isa employee; (worker: $e) isa employment; "
            "} then { $e has name \"x\"; };");
  ASSERT_TRUE(schema.ok()) << schema.error().message;
  std::vector<std::pair<std::string, TypeId>> numbers;
  for (TypeId id = kFirstDefined; id < schema->type_limit(); ++id) {
    if (schema->Exists(id)) numbers.emplace_back(schema->Get(id).label, id);
  }
  const auto restored = Restore(schema->ToText(), numbers, schema->type_limit());
  ASSERT_TRUE(restored.ok()) << restored.error().message;
  EXPECT_EQ(restored->ToText(), schema->ToText());
  EXPECT_EQ(restored->type_limit(), schema->type_limit());
  for (const auto& [label, id] : numbers) EXPECT_EQ(restored->Find(label)->id, id) << label;
  const auto& head = std::get<ConcludedOwnership>(restored->FindRule("r")->then);
  EXPECT_EQ(std::get<ConcludedOwnership::Put>(head.attribute).type, schema->Find("name")->id);
  // Damage is noticed, not guessed at.
  auto wrong = numbers;
  wrong.pop_back();
  EXPECT_FALSE(Restore(schema->ToText(), wrong, schema->type_limit()).ok());
  wrong = numbers;
  wrong[0].second = wrong[1].second;
  EXPECT_FALSE(Restore(schema->ToText(), wrong, schema->type_limit()).ok());
  EXPECT_FALSE(Restore(schema->ToText(), numbers, 6).ok());
}

struct ChangeCase {
  const char* name;
  const char* text;
  std::optional<Problem> problem;  // Nothing: accepted.
};

TEST(Define, FollowsTheRules) {
  const Schema office = Office();
  const ChangeCase cases[] = {
      {"an unknown supertype", "define a sub robot;", Problem::kTypeNotFound},
      {"a type without a supertype", "define a owns name;", Problem::kTypeNotFound},
      {"a supertype that comes later", "define a sub b; b sub entity;", std::nullopt},
      {"a circle", "define a sub b; b sub a;", Problem::kCyclicHierarchy},
      {"a circle through an old type", "define a sub guest; person sub a;",
       Problem::kCyclicHierarchy},
      {"another kind", "define guest sub relation;", Problem::kKindMismatch},
      {"a root", "define entity owns name;", Problem::kRootImmutable},
      {"directly under thing", "define a sub thing;", Problem::kKindMismatch},
      {"another supertype", "define guest sub employee;", std::nullopt},
      {"an unknown attribute", "define guest owns robot;", Problem::kTypeNotFound},
      {"owning an entity", "define guest owns firm;", Problem::kKindMismatch},
      {"an unknown relation", "define guest plays robot:part;", Problem::kTypeNotFound},
      {"an unknown role", "define guest plays employment:boss;", Problem::kRoleNotFound},
      {"a role of an entity", "define guest plays firm:boss;", Problem::kKindMismatch},
      {"an inherited role under the subtype's name", "define firm plays contract:firm;",
       std::nullopt},
      {"no value type", "define a sub attribute;", Problem::kValueTypeMissing},
      {"another value type", "define since value long;", Problem::kValueTypeChanged},
      {"a value type against the supertype", "define a sub label, value long;",
       Problem::kValueTypeConflict},
      {"a value type of an entity", "define guest value long;", Problem::kKindMismatch},
      {"the supertype's value type again", "define a sub label, value string;", std::nullopt},
      {"a regular expression of datetimes", "define since regex \"a\";", Problem::kRegexNotString},
      {"no regular expression", "define email regex \"(\";", Problem::kRegexInvalid},
      {"a concrete attribute as supertype", "define a sub name;", Problem::kSupertypeNotAbstract},
      {"an abstract attribute owned", "define guest owns label;", Problem::kAbstractAttributeOwned},
      {"an abstract attribute owned by an abstract type",
       "define person owns label, abstract; "
       "employee abstract; guest abstract;",
       std::nullopt},
      {"a relation without roles", "define a sub relation;", Problem::kRelationWithoutRoles},
      {"an abstract relation without roles", "define a sub relation, abstract;", std::nullopt},
      {"a role again", "define contract relates firm;", Problem::kRoleAlreadyInherited},
      {"a role of a subtype first", "define contract relates x; employment relates x;",
       Problem::kRoleAlreadyInherited},
      {"an unknown role overridden", "define contract relates x as robot;", Problem::kRoleNotFound},
      {"a role overridden that is not inherited", "define a sub relation, relates x as firm;",
       Problem::kBadOverride},
      {"a role overridden twice", "define c2 sub contract, relates x as worker;",
       Problem::kBadOverride},
      {"roles of an entity", "define guest relates x;", Problem::kKindMismatch},
      {"an abstract role inherited",
       "define a sub relation, abstract, relates x; b sub a, relates y;",
       Problem::kAbstractRoleRelated},
      {"an abstract role overridden",
       "define a sub relation, abstract, relates x; b sub a, relates y as x;", std::nullopt},
      {"an abstract role played",
       "define a sub relation, abstract, relates x; b sub a, relates y as x; firm plays a:x;",
       Problem::kAbstractRolePlayed},
      {"an inherited ownership again", "define guest owns name;", Problem::kOwnershipRedeclared},
      {"an inherited ownership as a key", "define guest owns name @key;", std::nullopt},
      {"an inherited role played again", "define guest plays employment:worker;",
       Problem::kPlaysRedeclared},
      {"a key of booleans", "define a sub attribute, value boolean; guest owns a @key;",
       Problem::kAnnotationValueType},
      {"an override of what is not a supertype", "define guest owns since as name;",
       Problem::kBadOverride},
      {"an override of what is not inherited", "define firm owns email as label;",
       Problem::kBadOverride},
      {"a role played in place of another", "define guest plays contract:contractor as worker;",
       Problem::kPlaysRedeclared},
      {"a role played in place of a stranger", "define guest plays employment:firm as worker;",
       Problem::kBadOverride},
      {"undefine a type", "undefine guest sub person;", std::nullopt},
      {"undefine with subtypes", "undefine person sub entity;", Problem::kTypeHasSubtypes},
      {"undefine with the subtypes",
       "undefine person sub entity; guest sub person; employee sub "
       "person;",
       std::nullopt},
      {"undefine from a stranger", "undefine guest sub firm;", Problem::kCapabilityMissing},
      {"undefine from an unknown type", "undefine guest sub robot;", Problem::kTypeNotFound},
      {"undefine a root", "undefine entity sub thing;", Problem::kRootImmutable},
      {"undefine an ownership", "undefine firm owns name;", std::nullopt},
      {"undefine an inherited ownership", "undefine guest owns name;",
       Problem::kCapabilityInherited},
      {"undefine no ownership", "undefine firm owns email;", Problem::kCapabilityMissing},
      {"undefine a role", "undefine employment relates firm;", std::nullopt},
      {"undefine an overridden role", "undefine employment relates worker;",
       Problem::kTypeHasSubtypes},
      {"undefine an inherited role", "undefine contract relates firm;",
       Problem::kCapabilityInherited},
      {"undefine a role played", "undefine person plays contract:contractor;", std::nullopt},
      {"undefine a value type", "undefine since value datetime;", Problem::kValueTypeChanged},
      {"undefine an unknown rule", "undefine rule r;", Problem::kRuleNotFound},
      {"undefine what a rule names",
       "define rule r: when { $g isa guest; } then { $g has name \"x\"; }; "
       "undefine guest sub person;",
       Problem::kTypeInRule},
      {"undefine a rule and what it names",
       "define rule r: when { $g isa guest; } then { $g has name \"x\"; }; "
       "undefine rule r; guest sub person;",
       std::nullopt},
      {"undefine what a rule concludes",
       "define rule r: when { $f isa firm; } then { $f has name \"x\"; }; undefine firm owns name;",
       Problem::kRuleConclusionNotInsertable},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto changed = Change(office, c.text);
    if (c.problem) {
      ASSERT_FALSE(changed.ok());
      EXPECT_EQ(ProblemOf(changed.error()), c.problem) << changed.error().message;
    } else {
      EXPECT_TRUE(changed.ok()) << changed.error().message;
    }
  }
}

TEST(Define, ChecksRules) {
  const Schema office = Office();
  const ChangeCase cases[] = {
      {"a fact for all", "define rule r: when { $g isa guest; } then { $g has name \"x\"; };",
       std::nullopt},
      {"an unknown type", "define rule r: when { $g isa robot; } then { $g has name \"x\"; };",
       Problem::kTypeNotFound},
      {"an impossible condition",
       "define rule r: when { $g isa guest, has since $s; } then { $g has name \"x\"; };",
       Problem::kRuleBodyIncoherent},
      {"a condition on abstract types alone",
       "define lone sub entity, abstract, owns name; rule r: when { $l isa lone; } then { $l has "
       "name \"x\"; };",
       std::nullopt},
      {"an ownership that some owners lack",
       "define rule r: when { $e isa person; } then { $e has email \"a@b\"; };",
       Problem::kRuleConclusionNotInsertable},
      {"an ownership that all owners have, by branches",
       "define rule r: when { $e isa person; { $e isa employee; } or { $e has email $m; }; } then "
       "{ $e has email \"a@b\"; };",
       std::nullopt},
      {"an abstract attribute",
       "define rule r: when { $e isa guest; } then { $e has label \"x\"; };",
       Problem::kRuleConclusionAbstract},
      {"a value of another type", "define rule r: when { $e isa guest; } then { $e has name 5; };",
       Problem::kRuleConclusionBadValue},
      {"a long for a double",
       "define mass sub attribute, value double; guest owns mass; "
       "rule r: when { $e isa guest; } then { $e has mass 5; };",
       std::nullopt},
      {"a value against the regular expression",
       "define rule r: when { $e isa employee; } then { $e has email \"x\"; };",
       Problem::kRuleConclusionBadValue},
      {"a bound attribute",
       "define rule r: when { $e isa guest; $f isa firm, has name $n; } then { $e has $n; };",
       std::nullopt},
      {"a bound attribute that the owner lacks",
       "define rule r: when { $e isa guest; $f isa employee, has email $n; } then { $e has $n; };",
       Problem::kRuleConclusionNotInsertable},
      {"a relation",
       "define rule r: when { $e isa guest; $f isa firm; } then { (worker: $e, firm: $f) isa "
       "employment; };",
       std::nullopt},
      {"a relation with a role of another",
       "define rule r: when { $e isa guest; $f isa firm; } then { (worker: $e) isa contract; };",
       Problem::kRoleNotFound},
      {"a relation with a player that does not play",
       "define rule r: when { $e isa guest; $f isa firm; } then { (worker: $f) isa employment; };",
       Problem::kRuleConclusionNotInsertable},
      {"a relation of an unknown type",
       "define rule r: when { $e isa guest; } then { (worker: $e) isa robot; };",
       Problem::kTypeNotFound},
      {"a relation of an entity type",
       "define rule r: when { $e isa guest; } then { (worker: $e) isa guest; };",
       Problem::kKindMismatch},
      {"a relation of a variable type",
       "define rule r: when { $c ($role: $e) isa! $kind; $kind sub employment; $kind relates "
       "$role; "
       "} then { ($role: $e) isa $kind; };",
       std::nullopt},
      {"a role variable that may be a super-role",
       "define rule r: when { $c ($role: $e) isa! $kind; $kind sub employment; } then { ($role: "
       "$e) isa $kind; };",
       Problem::kRuleConclusionNotInsertable},
      {"a negation against itself",
       "define rule r: when { $g isa guest; not { $g has name \"x\"; }; } then { $g has name "
       "\"x\"; "
       "};",
       Problem::kNegationCycle},
      {"a negation of another value",
       "define rule r: when { $g isa guest; not { $g has name \"y\"; }; } then { $g has name "
       "\"x\"; "
       "};",
       std::nullopt},
      {"a negation of a comparison that the conclusion meets",
       "define rule r: when { $g isa guest; not { $g has name > \"a\"; }; } then { $g has name "
       "\"x\"; };",
       Problem::kNegationCycle},
      {"a negation of a subtype, concluding its supertype",
       "define rule r: when { $g isa guest; not { (contractor: $g) isa contract; }; } then { "
       "(worker: $g) isa employment; };",
       std::nullopt},
      {"a negation of a type, concluding its subtype",
       "define rule r: when { $g isa guest; not { (worker: $g) isa employment; }; } then { "
       "(contractor: $g) isa contract; };",
       Problem::kNegationCycle},
      {"a circle through two rules",
       "define rule p: when { $g isa guest; not { $g has name \"q\"; }; } then { $g has name "
       "\"p\"; }; rule q: when { $g isa guest, has name \"p\"; } then { $g has name \"q\"; };",
       Problem::kNegationCycle},
      {"a circle through one branch",
       "define rule p: when { $g isa guest; not { { $g has name \"q\"; } or { $g has name \"z\"; "
       "}; }; } then { $g has name \"p\"; }; rule q: when { $g isa guest; { $g has name \"p\"; } "
       "or "
       "{ $g has name \"y\"; }; } then { $g has name \"q\"; };",
       Problem::kNegationCycle},
      {"a circle without a negation",
       "define rule p: when { $g isa guest, has name \"q\"; } then { $g has name \"p\"; }; "
       "rule q: when { $g isa guest, has name \"p\"; } then { $g has name \"q\"; };",
       std::nullopt},
      {"a relation that plays in its own kind",
       "define note sub relation, relates subject; note plays note:subject; "
       "rule r: when { $n isa note; } then { (subject: $n) isa note; };",
       Problem::kNonTermination},
      {"relations that play in each other",
       "define a sub relation, relates x, plays b:y; b sub relation, relates y, plays a:x; "
       "rule p: when { $n isa a; } then { (y: $n) isa b; }; "
       "rule q: when { $n isa b; } then { (x: $n) isa a; };",
       Problem::kNonTermination},
      {"a value computed from itself",
       "define mass sub attribute, value double; guest owns mass; rule r: when { $g isa guest, has "
       "mass $m; ?n = $m + 1; } then { $g has mass ?n; };",
       Problem::kNonTermination},
      {"a value computed from another",
       "define mass sub attribute, value double; half sub attribute, value double; guest owns "
       "mass, "
       "owns half; rule r: when { $g isa guest, has mass $m; ?n = $m / 2; } then { $g has half ?n; "
       "};",
       std::nullopt},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto changed = Change(office, c.text);
    if (c.problem) {
      ASSERT_FALSE(changed.ok());
      EXPECT_EQ(ProblemOf(changed.error()), c.problem) << changed.error().message;
    } else {
      EXPECT_TRUE(changed.ok()) << changed.error().message;
    }
  }
}

TEST(CheckForCommit, AsksTheData) {
  const Schema office = Office();
  const auto id = [&](std::string_view label) { return office.Find(label)->id; };
  FakeData data;
  data.instances = {id("employee"), id("guest"), id("firm"), id("employment"), id("name")};
  data.ownerships = {{id("employee"), id("name")}};
  data.players = {{id("guest"), id("employment:worker")}};
  data.edges = {{id("contract"), id("employment:firm")}};
  data.owned[{id("employee"), id("name")}] = {{std::string("Ann")}, {std::string("Ann")}};
  data.owned[{id("guest"), id("name")}] = {{std::string("Bob")}, {}};
  data.owned[{id("firm"), id("name")}] = {{std::string("Globex"), std::string("Initech")}};
  data.values[id("name")] = {std::string("Ann"), std::string("bob")};
  const ChangeCase cases[] = {
      {"a type with instances", "undefine firm sub entity;", Problem::kTypeHasInstances},
      {"a type without instances", "undefine contract sub employment;", std::nullopt},
      {"instances become abstract", "define guest abstract;", Problem::kAbstractHasInstances},
      {"an ownership in use", "undefine person owns name;", Problem::kCapabilityInUse},
      {"a role in use", "undefine person plays employment:worker;", Problem::kCapabilityInUse},
      {"a role played by nobody", "undefine person plays contract:contractor;", std::nullopt},
      {"an override of a role in use", "define contract relates client as firm;",
       Problem::kCapabilityInUse},
      {"two owners of one unique value", "define employee owns name @unique;",
       Problem::kUniqueTakenInData},
      {"an owner without a key", "define guest owns name @key;", Problem::kKeyMissingInData},
      {"an owner with two keys", "define firm owns name @key;", Problem::kKeySeveralInData},
      {"unique values", "define firm owns name @unique;", std::nullopt},
      {"a value against a new regular expression", "define name regex \"[A-Z].*\";",
       Problem::kRegexInData},
      {"a regular expression that all values match", "define name regex \".*\";", std::nullopt},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto changed = Change(office, c.text, data);
    if (c.problem) {
      ASSERT_FALSE(changed.ok());
      EXPECT_EQ(ProblemOf(changed.error()), c.problem) << changed.error().message;
    } else {
      EXPECT_TRUE(changed.ok()) << changed.error().message;
    }
  }
}

// ---- The published schemas and the cases about schemas ----

TEST(Acceptance, PublishedSchemasAreDefinedAndCommitted) {
  const auto all = testing::LoadAcceptance();
  if (!all) GTEST_SKIP() << "the conformance files are not here";
  struct Counts {
    const char* dataset;
    std::size_t entities, relations, attributes, rules;
  };
  // Without the roots.
  for (const auto& want :
       {Counts{"seed-era", 21, 13, 16, 13}, Counts{"examples-2x", 25, 18, 14, 8}}) {
    SCOPED_TRACE(want.dataset);
    const auto& text = all->datasets.at(want.dataset).schema.front();
    const auto schema = Apply(Schema(), text);
    ASSERT_TRUE(schema.ok()) << schema.error().message;
    EXPECT_EQ(schema->OfKind(Kind::kEntity).size() - 1, want.entities);
    EXPECT_EQ(schema->OfKind(Kind::kRelation).size() - 1, want.relations);
    EXPECT_EQ(schema->OfKind(Kind::kAttribute).size() - 1, want.attributes);
    EXPECT_EQ(schema->rules().size(), want.rules);
    const auto committed = CheckForCommit(Schema(), *schema, FakeData());
    EXPECT_TRUE(committed.ok()) << committed.error().message;
    const auto again = Apply(*schema, text);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(again->ToText(), schema->ToText());
    const auto reread = Apply(Schema(), schema->ToText());
    ASSERT_TRUE(reread.ok()) << reread.error().message;
    EXPECT_EQ(reread->ToText(), schema->ToText());
  }
}

TEST(Acceptance, WrongDefinitionsAreRefusedInTime) {
  const auto all = testing::LoadAcceptance();
  if (!all) GTEST_SKIP() << "the conformance files are not here";
  int judged = 0;
  for (const auto& c : all->errors) {
    const auto query = ParseQuery(c.query);
    const bool definition = query.ok() && (std::holds_alternative<syntax::Define>(query->node) ||
                                           std::holds_alternative<syntax::Undefine>(query->node));
    if (c.transaction != "schema-write" || (query.ok() && !definition)) continue;
    SCOPED_TRACE(c.id + " " + c.title);
    ++judged;
    const auto before = Apply(Schema(), all->datasets.at(c.dataset).schema.front());
    ASSERT_TRUE(before.ok());
    FakeData data;
    for (TypeId id = kFirstDefined; id < before->type_limit(); ++id) data.instances.push_back(id);

    std::optional<Error> error;
    std::string when = "parse";
    if (!query.ok()) {
      error = query.error();
    } else {
      const auto after = Apply(*before, c.query);
      if (!after.ok()) {
        error = after.error();
        when = "query";
      } else if (const auto committed = CheckForCommit(*before, *after, data); !committed.ok()) {
        error = committed.error();
        when = "commit";
      }
    }
    if (c.error.empty()) {
      EXPECT_FALSE(error.has_value()) << error->message;
      continue;
    }
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(Name(*ProblemOf(*error)), c.error) << error->message;
    const std::map<std::string, int> order = {
        {"parse", 0}, {"query", 1}, {"define", 1}, {"commit", 2}};
    EXPECT_LE(order.at(when), order.at(c.when)) << error->message;
  }
  EXPECT_EQ(judged, 18);
}

}  // namespace
}  // namespace pemba::reason
