#include "pemba/iam/roles.h"

#include <map>
#include <memory>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

#include "pemba/iam/testing/library.h"

namespace pemba::iam {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Value = Verdict::Value;

const std::string kBook = "library.example.org/books.", kShelf = "library.example.org/shelves.";

class Roles {
 public:
  const RoleEntry& Add(std::string name, std::vector<std::string> included,
                       std::vector<std::string> inherited = {},
                       LaunchStage stage = LaunchStage::kBeta) {
    auto role = std::make_shared<RoleEntry>();
    role->key = {"pemba-system", std::move(name)};
    role->stage = stage;
    role->included = std::move(included);
    for (auto& other : inherited) role->inherited.push_back({"pemba-system", std::move(other)});
    return *(roles_[role->key] = role);
  }
  EffectiveRole Of(const std::string& name) const {
    return EffectivePermissions(*roles_.at({"pemba-system", name}), Lookup());
  }
  RoleLookup Lookup() const {
    return [this](const RoleKey& key) -> std::shared_ptr<const RoleEntry> {
      const auto found = roles_.find(key);
      return found == roles_.end() ? nullptr : found->second;
    };
  }

 private:
  std::map<RoleKey, std::shared_ptr<const RoleEntry>> roles_;
};

TEST(EffectivePermissions, AreWhatIsIncludedAndInherited) {
  Roles roles;
  roles.Add("library-reader", {kBook + "get", kBook + "list", kShelf + "get", kShelf + "list"});
  roles.Add("librarian", {kBook + "lend"}, {"library-reader"});
  EXPECT_THAT(
      roles.Of("librarian").permissions,
      ElementsAre(kBook + "get", kBook + "lend", kBook + "list", kShelf + "get", kShelf + "list"));
}

TEST(EffectivePermissions, ADiamondCountsOnce) {
  Roles roles;
  roles.Add("bottom", {"s/x.a"});
  roles.Add("left", {"s/x.b"}, {"bottom"});
  roles.Add("right", {"s/x.a"}, {"bottom"});
  roles.Add("top", {}, {"left", "right"});
  const auto top = roles.Of("top");
  EXPECT_THAT(top.permissions, ElementsAre("s/x.a", "s/x.b"));
  EXPECT_THAT(top.cycle, IsEmpty());
}

TEST(EffectivePermissions, ACycleIsCutAndReported) {
  Roles roles;
  roles.Add("a", {"s/x.a"}, {"b"});
  roles.Add("b", {"s/x.b"}, {"c"});
  roles.Add("c", {"s/x.c"}, {"b"});
  const auto a = roles.Of("a");
  EXPECT_THAT(a.permissions, ElementsAre("s/x.a", "s/x.b", "s/x.c"));
  const RoleKey b{"pemba-system", "b"}, c{"pemba-system", "c"};
  EXPECT_THAT(a.cycle, ElementsAre(b, c, b));
  roles.Add("self", {"s/x.a"}, {"self"});
  const RoleKey self{"pemba-system", "self"};
  EXPECT_THAT(roles.Of("self").cycle, ElementsAre(self, self));
}

TEST(EffectivePermissions, AMissingRoleIsReportedOnceAndTheRestCounts) {
  Roles roles;
  roles.Add("a", {"s/x.a"}, {"gone", "b"});
  roles.Add("b", {"s/x.b"}, {"gone"});
  const auto a = roles.Of("a");
  EXPECT_THAT(a.permissions, ElementsAre("s/x.a", "s/x.b"));
  EXPECT_THAT(a.missing, ElementsAre(RoleKey{"pemba-system", "gone"}));
}

TEST(EffectivePermissions, ADisabledRoleAddsNothing) {
  Roles roles;
  roles.Add("below", {"s/x.below"});
  roles.Add("off", {"s/x.off"}, {"below"}, LaunchStage::kDisabled);
  roles.Add("a", {"s/x.a"}, {"off"}, LaunchStage::kDeprecated);
  EXPECT_THAT(roles.Of("off").permissions, IsEmpty());
  EXPECT_THAT(roles.Of("a").permissions, ElementsAre("s/x.a"));
  EXPECT_THAT(roles.Of("a").disabled, ElementsAre(RoleKey{"pemba-system", "off"}));
}

TEST(EffectivePermissions, InheritanceMayBeDeep) {
  Roles roles;
  for (int i = 0; i < 5'000; ++i) {
    roles.Add("r" + std::to_string(i), {"s/x.a" + std::to_string(i % 7)},
              {"r" + std::to_string(i + 1)});
  }
  const auto top = roles.Of("r0");
  EXPECT_EQ(top.permissions.size(), 7U);
  EXPECT_THAT(top.missing, ElementsAre(RoleKey{"pemba-system", "r5000"}));
}

TEST(LaunchStage, HasTheDocumentedNames) {
  for (const std::string_view text :
       {"Early Access", "Alpha", "Beta", "Stable", "Deprecated", "Disabled"}) {
    const auto stage = ParseLaunchStage(text);
    ASSERT_TRUE(stage.has_value()) << text;
    EXPECT_EQ(ToText(*stage), text);
  }
  for (const std::string_view text : {"", "beta", "GA", "EarlyAccess"}) {
    EXPECT_FALSE(ParseLaunchStage(text).has_value()) << text;
  }
}

TEST(JudgeRole, SaysWhatIsWrong) {
  const auto catalog = Catalog::Build(testing::Library());
  struct Case {
    const char* name;
    std::vector<std::string> included, inherited;
    Value valid, ready;
    std::string_view ready_reason, message;
  };
  const Case kCases[] = {
      {"registered",
       {kBook + "get"},
       {},
       Value::kTrue,
       Value::kTrue,
       "ReconciliationSuccessful",
       "comes to 1 permissions"},
      {"not registered",
       {kBook + "get", kBook + "shred"},
       {},
       Value::kFalse,
       Value::kFalse,
       "InvalidPermissions",
       "not registered: library.example.org/books.shred"},
      {"malformed",
       {"books.get"},
       {},
       Value::kFalse,
       Value::kFalse,
       "InvalidPermissions",
       "books.get (invalid format)"},
      {"a missing role",
       {kBook + "get"},
       {"gone"},
       Value::kTrue,
       Value::kFalse,
       "EffectivePermissionsError",
       "pemba-system/gone"},
      {"both",
       {kBook + "shred"},
       {"gone"},
       Value::kFalse,
       Value::kFalse,
       "InvalidPermissions",
       "shred"},
      {"inherits itself",
       {kBook + "get"},
       {"role"},
       Value::kTrue,
       Value::kTrue,
       "ReconciliationSuccessful",
       "pemba-system/role -> pemba-system/role"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    Roles roles;
    const auto& role = roles.Add("role", c.included, c.inherited);
    const auto verdicts = JudgeRole(role, roles.Of("role"), catalog);
    EXPECT_EQ(verdicts.permissions_valid.value, c.valid);
    EXPECT_EQ(verdicts.permissions_valid.reason,
              c.valid == Value::kTrue ? "ValidationSuccessful" : "InvalidPermissions");
    EXPECT_EQ(verdicts.ready.value, c.ready);
    EXPECT_EQ(verdicts.ready.reason, c.ready_reason);
    EXPECT_THAT(verdicts.ready.message, HasSubstr(c.message));
  }
}

TEST(RoleEntryOf, ReadsARoleObject) {
  resource::Kind kind;
  resource::Object role;
  role.key = {&kind, "tenant", "editor"};
  role.document = boost::json::parse(R"({
    "metadata": {"name": "editor", "namespace": "tenant", "uid": "u-1"},
    "spec": {"launchStage": "Early Access", "includedPermissions": ["s/x.a"],
             "inheritedRoles": [{"name": "viewer"}, {"name": "base", "namespace": "platform"}]}})")
                      .as_object();
  const auto entry = RoleEntryOf(role);
  EXPECT_EQ(entry.key, (RoleKey{"tenant", "editor"}));
  EXPECT_EQ(entry.uid, "u-1");
  EXPECT_EQ(entry.stage, LaunchStage::kEarlyAccess);
  EXPECT_THAT(entry.included, ElementsAre("s/x.a"));
  EXPECT_THAT(entry.inherited,
              ElementsAre(RoleKey{"tenant", "viewer"}, RoleKey{"platform", "base"}));
}

}  // namespace
}  // namespace pemba::iam
