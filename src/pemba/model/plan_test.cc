#include "pemba/model/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/model/dsl.h"

namespace pemba::model {
namespace {

std::shared_ptr<const Plan> Compiled(std::string_view dsl) {
  auto model = ModelFromDsl(dsl);
  EXPECT_TRUE(model.ok()) << model.error().message;
  auto plan = Plan::Compile(*model);
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  return *plan;
}

const PlanRelation& RelationOf(const Plan& plan, std::string_view type, std::string_view name) {
  return plan.relations()[plan.FindRelation(plan.FindType(type), name)];
}

constexpr const char* kModel = R"(model
  schema 1.1
type user
type robot
type group
  relations
    define member: [user, group#member]
    define banned: [user]
type folder
  relations
    define parent: [folder]
    define viewer: [user, group#member] or viewer from parent
type document
  relations
    define parent: [folder, group]
    define owner: [robot:*]
    define editor: owner
    define viewer: editor or viewer from parent
    define auditor: viewer but not editor
    define watcher: auditor or owner
)";

TEST(Plan, KnowsWhoCanReachWhat) {
  const auto plan = Compiled(kModel);
  const auto user = plan->ObjectKind(plan->FindType("user"));
  const auto robot = plan->ObjectKind(plan->FindType("robot"));
  const auto robots = plan->WildcardKind(plan->FindType("robot"));
  const auto members = plan->UsersetKind(plan->FindRelation(plan->FindType("group"), "member"));
  const auto document = plan->FindType("document");
  const auto reaches = [&](std::uint32_t kind, std::string_view relation) {
    return plan->Reaches(kind, plan->FindRelation(document, relation));
  };
  EXPECT_TRUE(reaches(user, "viewer"));
  EXPECT_TRUE(reaches(user, "watcher"));
  EXPECT_FALSE(reaches(user, "editor"));
  EXPECT_FALSE(reaches(user, "parent"));
  EXPECT_TRUE(reaches(robots, "editor"));
  EXPECT_FALSE(reaches(robot, "editor"));
  EXPECT_TRUE(reaches(members, "viewer"));
  EXPECT_FALSE(reaches(members, "owner"));
}

TEST(Plan, FindsRecursionAndUnions) {
  const auto plan = Compiled(kModel);
  EXPECT_TRUE(RelationOf(*plan, "group", "member").recursive);
  EXPECT_TRUE(RelationOf(*plan, "folder", "viewer").recursive);
  EXPECT_FALSE(RelationOf(*plan, "document", "viewer").recursive);
  EXPECT_TRUE(RelationOf(*plan, "document", "viewer").unions_only);
  EXPECT_FALSE(RelationOf(*plan, "document", "auditor").unions_only);
  EXPECT_FALSE(RelationOf(*plan, "document", "watcher").unions_only);
  EXPECT_TRUE(RelationOf(*plan, "group", "banned").terminal);
  EXPECT_TRUE(RelationOf(*plan, "document", "editor").terminal);
  EXPECT_FALSE(RelationOf(*plan, "group", "member").terminal);
  EXPECT_TRUE(RelationOf(*plan, "document", "parent").tupleset);
}

TEST(Plan, SkipsParentsThatLackTheRelation) {
  const auto plan = Compiled(kModel);
  const auto& viewer = RelationOf(*plan, "document", "viewer");
  for (const auto& leaf : plan->LeavesOf(viewer)) {
    const auto& node = plan->nodes()[leaf.node];
    if (node.op != PlanOp::kTupleToUserset) continue;
    EXPECT_THAT(
        plan->LinksOf(node),
        testing::ElementsAre(plan->FindRelation(plan->FindType("folder"), "viewer"), kNoIndex));
  }
}

TEST(Plan, HasAnEntryPerClassOfTuplesThatFits) {
  const auto plan = Compiled(R"(model
  schema 1.1
type user
type document
  relations
    define viewer: [user with a, user:*, user with b]
condition a(x: int) {
  x == 1
}
condition b(x: int) {
  x == 2
}
)");
  std::vector<std::string> entries;
  for (const auto& entry : plan->entries()) {
    entries.push_back(
        std::string(entry.wildcard ? "user:*" : "user") +
        (entry.condition == kNoIndex ? "" : "/" + plan->conditions()[entry.condition]->name()));
  }
  EXPECT_THAT(entries,
              testing::UnorderedElementsAre("user/a", "user/b", "user:*", "user:*/a", "user:*/b"));
}

TEST(Plan, PutsCheapBranchesFirst) {
  const auto plan = Compiled(R"(model
  schema 1.1
type user
type folder
  relations
    define viewer: [user] or viewer from parent
    define parent: [folder]
type document
  relations
    define parent: [folder]
    define owner: [user]
    define viewer: (viewer from parent) and owner
)");
  const auto& root = plan->nodes()[RelationOf(*plan, "document", "viewer").root];
  ASSERT_EQ(root.op, PlanOp::kIntersection);
  EXPECT_EQ(plan->nodes()[plan->LinksOf(root)[0]].op, PlanOp::kComputed);
}

TEST(Plan, DoesNotRecurseOverLongChains) {
  Model model;
  model.schema_version = "1.1";
  model.types.push_back({"user", {}, std::nullopt});
  TypeDefinition type{"document", {}, TypeMetadata{}};
  constexpr int kRelations = 10'000;
  for (int i = 0; i < kRelations; ++i) {
    Rewrite rewrite;
    rewrite.kind = i + 1 == kRelations ? RewriteKind::kThis : RewriteKind::kComputedUserset;
    rewrite.relation = "r" + std::to_string(i + 1);
    type.relations["r" + std::to_string(i)] = rewrite;
  }
  type.metadata->relations["r" + std::to_string(kRelations - 1)].directly_related_user_types = {
      {"user", "", false, ""}};
  model.types.push_back(type);
  const auto plan = Plan::Compile(model);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_TRUE((*plan)->Reaches((*plan)->ObjectKind(0), (*plan)->FindRelation(1, "r0")));
}

struct BadModel {
  const char* name;
  const char* dsl;
  const char* error;
};
constexpr BadModel kBadModels[] = {
    {"computed relation", "type document\n  relations\n    define a: b",
     "'document#b' relation is undefined"},
    {"tupleset relation", "type document\n  relations\n    define a: a from b",
     "'document#b' relation is undefined"},
    {"restriction type", "type document\n  relations\n    define a: [ghost]",
     "the relation type 'ghost' on 'a' in object type 'document' is not valid"},
    {"restriction relation", "type document\n  relations\n    define a: [document#b]",
     "the relation type 'document#b' on 'a' in object type 'document' is not valid"},
    {"condition", "type document\n  relations\n    define a: [document with c]",
     "condition c is undefined for relation a"},
    {"type twice", "type document\ntype document",
     "an authorization model cannot contain duplicate types"},
};

TEST(Plan, RefusesReferencesToNothing) {
  for (const auto& c : kBadModels) {
    SCOPED_TRACE(c.name);
    const auto model = ModelFromDsl(std::string("model\n  schema 1.1\n") + c.dsl);
    ASSERT_TRUE(model.ok()) << model.error().message;
    const auto plan = Plan::Compile(*model);
    ASSERT_FALSE(plan.ok());
    EXPECT_EQ(plan.error().message, c.error);
    EXPECT_EQ(plan.error().code, ErrorCode::kInvalidModel);
  }
}

TEST(RecursiveGroups, NumbersCalleesFirst) {
  const std::vector<std::vector<std::uint32_t>> edges = {{1}, {2, 3}, {1}, {}, {4, 0}};
  const auto groups = RecursiveGroups(edges);
  EXPECT_EQ(groups[1], groups[2]);
  EXPECT_LT(groups[3], groups[1]);
  EXPECT_LT(groups[1], groups[0]);
  EXPECT_LT(groups[0], groups[4]);
}

}  // namespace
}  // namespace pemba::model
