#include "pemba/model/validation.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

#include "pemba/model/dsl.h"
#include "pemba/model/internal/entry_points.h"
#include "pemba/model/json.h"

namespace pemba::model {
namespace {

// --- The rules, one row each; the text is what the wire promises. Empty: valid.

struct DslCase {
  const char* name;
  const char* types;  // Follows "model\n  schema 1.1\ntype user\n".
  const char* error;
};
constexpr DslCase kDslCases[] = {
    {"direct", "type d\n  relations\n    define r: [user]", ""},
    {"duplicate types", "type user", "an authorization model cannot contain duplicate types"},
    {"reserved type", "type self", "the definition of type 'self' is invalid"},
    {"reserved relation", "type d\n  relations\n    define this: [user]",
     "the definition of relation 'this' in object type 'd' is invalid: self and this are reserved "
     "keywords"},
    {"computed relation is itself", "type d\n  relations\n    define r: [user] or r",
     "the definition of relation 'r' in object type 'd' is invalid: invalid userset rewrite "
     "definition"},
    {"computed relation is unknown", "type d\n  relations\n    define r: x",
     "'d#x' relation is undefined"},
    {"unknown relation behind a known one", "type d\n  relations\n    define a: b\n    define b: x",
     "undefined type definition for 'd#x'"},
    {"unknown relation behind a known one, after an entry point",
     "type d\n  relations\n    define a: [user] or b\n    define b: x",
     "'d#x' relation is undefined"},
    {"unknown relation behind a known one, before an entry point",
     "type d\n  relations\n    define a: b or c\n    define b: x\n    define c: [user]",
     "undefined type definition for 'd#x'"},
    {"unknown relation behind the subtracted side",
     "type d\n  relations\n    define a: [user] but not b\n    define b: x",
     "undefined type definition for 'd#x'"},
    {"unknown userset behind a known relation",
     "type d\n  relations\n    define a: b\n    define b: [x#y]",
     "undefined type definition for 'x#y'"},
    {"unknown tupleset behind a known relation",
     "type d\n  relations\n    define a: b\n    define b: c from p",
     "undefined type definition for 'd#p'"},
    {"computed relation on none of the types, behind a known relation",
     "type d\n  relations\n    define a: b\n    define b: c from p\n    define p: [user]",
     "the definition of relation 'a' in object type 'd' is invalid: no entrypoints defined"},
    {"computed relation is itself, behind a known relation",
     "type d\n  relations\n    define a: b\n    define b: b",
     "the definition of relation 'a' in object type 'd' is invalid: potential loop"},
    {"tupleset is unknown", "type d\n  relations\n    define r: x from p",
     "'d#p' relation is undefined"},
    {"tupleset is not direct",
     "type d\n  relations\n    define p: [d] or q\n    define q: [d]\n    define r: r from p",
     "the 'd#p' relation is referenced in at least one tupleset and thus must be a direct "
     "relation"},
    {"computed relation on none of the tupleset's types",
     "type e\ntype d\n  relations\n    define p: [e, user]\n    define r: x from p",
     "undefined relation: x does not appear as a relation in any of the directly related user "
     "types "
     "[type:\"e\" type:\"user\"]"},
    {"computed relation on one of the tupleset's types",
     "type e\n  relations\n    define x: [user]\n"
     "type d\n  relations\n    define p: [e, user]\n    define r: x from p",
     ""},
    {"unknown type", "type d\n  relations\n    define r: [x]",
     "the relation type 'x' on 'r' in object type 'd' is not valid"},
    {"unknown type of a wildcard", "type d\n  relations\n    define r: [x:*]",
     "the relation type 'x' on 'r' in object type 'd' is not valid"},
    {"unknown relation of a userset", "type d\n  relations\n    define r: [user#x]",
     "the relation type 'user#x' on 'r' in object type 'd' is not valid"},
    {"wildcard on a tupleset",
     "type d\n  relations\n    define p: [d, d:*]\n    define r: [user] or r from p",
     "the relation type 'd' on 'p' in object type 'd' is not valid"},
    {"userset on a tupleset",
     "type d\n  relations\n    define p: [d, d#p]\n    define r: [user] or r from p",
     "the relation type 'd#p' on 'p' in object type 'd' is not valid"},
    {"unknown condition", "type d\n  relations\n    define r: [user with c]",
     "condition c is undefined for relation r"},
    {"no entry point", "type d\n  relations\n    define r: [d#r]",
     "the definition of relation 'r' in object type 'd' is invalid: no entrypoints defined"},
    {"entry point through itself only",
     "type d\n  relations\n    define p: [d]\n    define r: r from p",
     "the definition of relation 'r' in object type 'd' is invalid: no entrypoints defined"},
    {"loop", "type d\n  relations\n    define a: b\n    define b: a",
     "the definition of relation 'a' in object type 'd' is invalid: potential loop"},
    {"loop of an intersection",
     "type d\n  relations\n    define a: [user] and b\n    define b: [user] and a",
     "the definition of relation 'a' in object type 'd' is invalid: potential loop"},
    {"cycle of unions", "type d\n  relations\n    define a: [user] or b\n    define b: [user] or a",
     "the definition of relation 'a' in object type 'd' is invalid: an authorization model cannot "
     "contain a cycle"},
    {"cycle further down",
     "type d\n  relations\n    define a: [user] or b\n    define b: [user] or c\n"
     "    define c: [user] or b",
     "the definition of relation 'a' in object type 'd' is invalid: an authorization model cannot "
     "contain a cycle"},
    {"cycle on the subtracted side",
     "type d\n  relations\n    define a: [user] but not b\n    define b: [user] or a",
     "the definition of relation 'a' in object type 'd' is invalid: an authorization model cannot "
     "contain a cycle"},
    {"recursion through direct usersets", "type d\n  relations\n    define r: [user, d#r]", ""},
    {"recursion through a tupleset",
     "type d\n  relations\n    define p: [d]\n    define r: [user] or r from p", ""},
    {"operands of an intersection meet again below an alias",
     "type d\n  relations\n    define a: b and c\n    define b: e\n    define c: e\n"
     "    define e: f\n    define f: [user]",
     ""},
};

TEST(ValidateModelStructure, FollowsTheRulesForDsl) {
  for (const auto& c : kDslCases) {
    SCOPED_TRACE(c.name);
    const auto model = ModelFromDsl(std::string("model\n  schema 1.1\ntype user\n") + c.types);
    ASSERT_TRUE(model.ok()) << model.error().message;
    const auto status = ValidateModelStructure(*model);
    EXPECT_EQ(status.ok() ? "" : status.error().message, c.error);
    EXPECT_TRUE(status.ok() || status.error().code == ErrorCode::kInvalidModel);
  }
}

struct JsonCase {
  const char* name;
  const char* json;
  const char* error;
};
constexpr JsonCase kJsonCases[] = {
    {"schema 1.2", R"({"schema_version":"1.2","type_definitions":[{"type":"user"}]})", ""},
    {"schema 1.0", R"({"schema_version":"1.0"})", "invalid schema version"},
    {"no schema", R"({})", "invalid schema version"},
    {"empty type name", R"({"schema_version":"1.1","type_definitions":[{"type":""}]})",
     "the type name of a type definition cannot be an empty string"},
    {"empty relation name",
     R"({"schema_version":"1.1","type_definitions":[{"type":"d","relations":{"":{"this":{}}}}]})",
     "type 'd' defines a relation with an empty string for a name"},
    {"empty rewrite",
     R"({"schema_version":"1.1","type_definitions":[{"type":"d","relations":{"r":{}}}]})",
     "the definition of relation 'r' in object type 'd' is invalid: invalid userset rewrite "
     "definition"},
    {"assignable relation without types",
     R"({"schema_version":"1.1","type_definitions":[{"type":"d","relations":{"r":{"this":{}}}}]})",
     "the assignable relation 'r' in object type 'd' must contain at least one relation type"},
    {"types on a relation without a direct part",
     R"({"schema_version":"1.1","type_definitions":[{"type":"d","relations":{
        "a":{"this":{}},"r":{"computedUserset":{"relation":"a"}}},
        "metadata":{"relations":{"a":{"directly_related_user_types":[{"type":"d"}]},
        "r":{"directly_related_user_types":[{"type":"d"}]}}}}]})",
     "the non-assignable relation 'r' in object type 'd' should not contain a relation type"},
    {"union of one",
     R"({"schema_version":"1.1","type_definitions":[{"type":"d","relations":{
        "r":{"union":{"child":[{"this":{}}]}}},
        "metadata":{"relations":{"r":{"directly_related_user_types":[{"type":"d"}]}}}}]})",
     "invalid relation: 'd#r' as union has less than 2 children"},
    {"intersection of one",
     R"({"schema_version":"1.1","type_definitions":[{"type":"d","relations":{
        "r":{"intersection":{"child":[{"this":{}}]}}},
        "metadata":{"relations":{"r":{"directly_related_user_types":[{"type":"d"}]}}}}]})",
     "invalid relation: 'd#r' as intersection has less than 2 children"},
    {"intersection of one, behind the entry point",
     R"({"schema_version":"1.1","type_definitions":[{"type":"d","relations":{
        "r":{"union":{"child":[{"this":{}},{"intersection":{"child":[{"this":{}}]}}]}}},
        "metadata":{"relations":{"r":{"directly_related_user_types":[{"type":"d"}]}}}}]})",
     "invalid relation: 'd#r' as intersection has less than 2 children"},
    {"union of one, before the entry point",
     R"({"schema_version":"1.1","type_definitions":[{"type":"d","relations":{
        "r":{"union":{"child":[{"union":{"child":[{"this":{}}]}},{"this":{}}]}}},
        "metadata":{"relations":{"r":{"directly_related_user_types":[{"type":"d"}]}}}}]})",
     "invalid relation: 'd#r' as union has less than 2 children"},
    {"empty rewrite, behind a known relation",
     R"({"schema_version":"1.1","type_definitions":[{"type":"d","relations":{"b":{},
        "a":{"computedUserset":{"relation":"b"}}}}]})",
     "error validating model"},
    {"assignable relation without types, behind a known relation",
     R"({"schema_version":"1.1","type_definitions":[{"type":"d","relations":{"b":{"this":{}},
        "a":{"computedUserset":{"relation":"b"}}}}]})",
     "the definition of relation 'a' in object type 'd' is invalid: no entrypoints defined"},
    {"condition key is not its name",
     R"({"schema_version":"1.1","conditions":{"k":{"name":"n","expression":"true"}}})",
     "condition key 'k' does not match condition name 'n'"},
    {"object in a rewrite is fine",
     R"({"schema_version":"1.1","type_definitions":[{"type":"d","relations":{"a":{"this":{}},
        "r":{"computedUserset":{"object":"","relation":"a"}}},
        "metadata":{"relations":{"a":{"directly_related_user_types":[{"type":"d"}]}}}}]})",
     ""},
};

TEST(ValidateModelStructure, FollowsTheRulesForJson) {
  for (const auto& c : kJsonCases) {
    SCOPED_TRACE(c.name);
    const auto model = ModelFromJson(c.json);
    ASSERT_TRUE(model.ok()) << model.error().message;
    const auto status = ValidateModelStructure(*model);
    EXPECT_EQ(status.ok() ? "" : status.error().message, c.error);
  }
}

// --- Conditions

struct ConditionCase {
  const char* name;
  const char* condition;
  const char* error;
};
constexpr ConditionCase kConditionCases[] = {
    {"fine, though nothing uses it", "condition c(x: int) {\n  x > 0\n}", ""},
    {"undeclared name", "condition c(x: int) {\n  y > 0\n}",
     "failed to compile expression on condition 'c' - ERROR: c:1:1: undeclared reference to 'y' "
     "(in "
     "container '')\n | y > 0\n | ^"},
    {"not a bool", "condition c(x: int) {\n  'a'\n}",
     "failed to compile expression on condition 'c' - expected a bool condition expression output, "
     "but got 'string'"},
};

TEST(ValidateModel, CompilesConditions) {
  for (const auto& c : kConditionCases) {
    SCOPED_TRACE(c.name);
    const auto model =
        ModelFromDsl(std::string("model\n  schema 1.1\ntype user\n") + c.condition + "\n");
    ASSERT_TRUE(model.ok()) << model.error().message;
    const auto status = ValidateModel(*model);
    EXPECT_EQ(status.ok() ? "" : status.error().message, c.error);
    const auto compiled = ValidateAndCompile(*model);
    ASSERT_EQ(compiled.ok(), status.ok());
    if (compiled.ok()) {
      EXPECT_EQ(compiled->at("c")->name(), "c");
    }
  }
}

// --- Entry points against their definition, taken literally

using Visited = std::set<std::pair<std::string, std::string>>;

struct Answer {
  bool reachable = false;
  bool loop = false;
};

class Oracle {
 public:
  explicit Oracle(const Model& model) {
    for (const auto& type : model.types) types_[type.type] = &type;
  }

  Answer Of(const std::string& type, const std::string& relation, Visited visited) const {
    visited.emplace(type, relation);
    return Of(type, relation, types_.at(type)->relations.at(relation), visited);
  }

 private:
  // `visited` is copied per branch by being passed by value to Of(type, relation).
  Answer Of(const std::string& type, const std::string& relation, const Rewrite& rewrite,
            const Visited& visited) const {
    switch (rewrite.kind) {
      case RewriteKind::kThis:
        for (const auto& r : Restrictions(type, relation)) {
          if (r.wildcard || r.relation.empty()) return {true, false};
          if (visited.contains({r.type, r.relation})) continue;
          if (Of(r.type, r.relation, visited).reachable) return {true, false};
        }
        return {};
      case RewriteKind::kComputedUserset:
        if (visited.contains({type, rewrite.relation})) return {false, true};
        return Of(type, rewrite.relation, visited);
      case RewriteKind::kTupleToUserset:
        for (const auto& r : Restrictions(type, rewrite.tupleset)) {
          if (!types_.at(r.type)->relations.contains(rewrite.relation)) continue;
          if (visited.contains({r.type, rewrite.relation})) continue;
          if (Of(r.type, rewrite.relation, visited).reachable) return {true, false};
        }
        return {};
      case RewriteKind::kUnion: {
        Answer all;
        for (const auto& child : rewrite.children) {
          const auto answer = Of(type, relation, child, visited);
          if (answer.reachable) return answer;
          all.loop = all.loop || answer.loop;
        }
        return all;
      }
      default:
        for (const auto& child : rewrite.children) {
          const auto answer = Of(type, relation, child, visited);
          if (!answer.reachable) return answer;
        }
        return {true, false};
    }
  }

  const std::vector<RelationReference>& Restrictions(const std::string& type,
                                                     const std::string& relation) const {
    return types_.at(type)->metadata->relations.at(relation).directly_related_user_types;
  }

  std::map<std::string, const TypeDefinition*> types_;
};

using Random = std::mt19937_64;

int Pick(Random& random, int count) {
  return static_cast<int>(random() % static_cast<std::uint64_t>(count));
}

Rewrite RandomRewrite(Random& random, int depth, int relations) {
  const auto relation = [&] { return "r" + std::to_string(Pick(random, relations)); };
  Rewrite rewrite;
  switch (Pick(random, depth > 0 ? 7 : 4)) {
    case 0:
      rewrite.kind = RewriteKind::kThis;
      break;
    case 1:
    case 2:
      rewrite.kind = RewriteKind::kComputedUserset;
      rewrite.relation = relation();
      break;
    case 3:
      rewrite.kind = RewriteKind::kTupleToUserset;
      rewrite.relation = relation();
      rewrite.tupleset = relation();
      break;
    default:
      rewrite.kind =
          static_cast<RewriteKind>(static_cast<int>(RewriteKind::kUnion) + Pick(random, 3));
      for (int i = 0; i < 2; ++i) {
        rewrite.children.push_back(RandomRewrite(random, depth - 1, relations));
      }
  }
  return rewrite;
}

Model RandomModel(Random& random) {
  const int types = 1 + Pick(random, 2), relations = 1 + Pick(random, 4);
  Model model;
  model.schema_version = "1.1";
  for (int t = 0; t < types; ++t) {
    TypeDefinition type;
    type.type = "t" + std::to_string(t);
    type.metadata.emplace();
    for (int r = 0; r < relations; ++r) {
      const auto name = "r" + std::to_string(r);
      type.relations[name] = RandomRewrite(random, 2, relations);
      auto& restrictions = type.metadata->relations[name].directly_related_user_types;
      for (int i = Pick(random, 3); i > 0; --i) {
        RelationReference reference;
        reference.type = "t" + std::to_string(Pick(random, types));
        if (Pick(random, 4) > 0) reference.relation = "r" + std::to_string(Pick(random, relations));
        restrictions.push_back(reference);
      }
    }
    model.types.push_back(std::move(type));
  }
  return model;
}

TEST(EntryPoints, AgreeWithTheLiteralDefinition) {
  int counts[3] = {};
  for (std::uint64_t seed = 1; seed <= 20000; ++seed) {
    Random random(seed);
    const auto model = RandomModel(random);
    const internal::EntryPoints entry_points(model);
    const Oracle oracle(model);
    for (const auto& type : model.types) {
      for (const auto& [relation, rewrite] : type.relations) {
        const auto want = oracle.Of(type.type, relation, {});
        const auto entry = want.reachable ? internal::Entry::kReachable
                           : want.loop    ? internal::Entry::kLoop
                                          : internal::Entry::kNoEntryPoint;
        ASSERT_EQ(entry_points.Of(type.type, relation), entry)
            << "seed " << seed << ", " << type.type << "#" << relation << "\n"
            << ModelToJson(model);
        ++counts[static_cast<int>(entry)];
      }
    }
  }
  for (const int count : counts) EXPECT_GT(count, 1000);  // All three answers were really tested.
}

// Each relation names the next one twice: 2^300 paths for a search that copies its path.
TEST(ValidateModelStructure, IsLinearOnDiamonds) {
  for (const char* op : {" or ", " and ", " but not "}) {
    for (const char* last : {"[user]", "r0"}) {
      std::string dsl = "model\n  schema 1.1\ntype user\ntype d\n  relations\n";
      for (int i = 0; i < 300; ++i) {
        const auto next = "r" + std::to_string(i + 1);
        dsl += "    define r" + std::to_string(i) + ": " + next + op + next + "\n";
      }
      dsl += std::string("    define r300: ") + last + "\n";
      const auto model = ModelFromDsl(dsl);
      ASSERT_TRUE(model.ok());
      const auto status = ValidateModelStructure(*model);
      EXPECT_EQ(status.ok(), std::string_view(last) == "[user]");
    }
  }
}

}  // namespace
}  // namespace pemba::model
