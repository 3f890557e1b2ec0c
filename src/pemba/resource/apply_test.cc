#include "pemba/resource/apply.h"

#include <gmock/gmock.h>

#include "pemba/resource/field_set.h"
#include "pemba/resource/testing/world.h"

namespace pemba::resource::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace json = boost::json;

class ApplyTest : public World {
 protected:
  using Force = ResourceStore::Force;
  Outcome<ResourceStore::Applied> Apply(const char* manager, std::string_view spec,
                                        Force force = Force::kNo) {
    WriteOptions options;
    options.field_manager = manager;
    json::object document{{"metadata", json::object{{"name", "a"}}}, {"spec", Parse(spec)}};
    return resources().Apply(Key("Team", "a"), std::move(document), Part::kMain, force, options);
  }
  ObjectPtr MustApply(const char* manager, std::string_view spec, Force force = Force::kNo) {
    auto applied = Apply(manager, spec, force);
    EXPECT_TRUE(applied.ok()) << (applied.ok() ? "" : applied.error().message);
    return applied.ok() ? applied->written.object : std::make_shared<Object>();
  }
  void Patch(const char* manager, const char* patch) {
    WriteOptions options;
    options.field_manager = manager;
    const auto change = [&](json::value& document) -> Outcome<Done> {
      for (const auto& [name, value] : Parse(patch)) {
        document.at("spec").get_object()[name] = value;
      }
      return Done{};
    };
    EXPECT_TRUE(resources().Modify(Key("Team", "a"), change, Part::kMain, options).ok());
  }
  std::string Spec() { return json::serialize((*resources().Get(Key("Team", "a")))->spec()); }
  // "manager operation: fields", one for each.
  std::vector<std::string> Managers() {
    std::vector<std::string> texts;
    const auto object = *resources().Get(Key("Team", "a"));
    for (const auto& entry : object->metadata().at("managedFields").as_array()) {
      std::string text(entry.at("manager").as_string());
      text += entry.at("operation") == "Apply" ? " applies" : " updates";
      for (const auto& path : FieldSet::FromJson(entry.at("fieldsV1").as_object()).Paths()) {
        text += " " + path;
      }
      texts.push_back(std::move(text));
    }
    return texts;
  }
};

TEST_F(ApplyTest, MakesAndChanges) {
  auto first = Apply("me", R"({"mail":"a@b"})");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->was, ResourceStore::Applied::Was::kNew);
  auto second = Apply("me", R"({"mail":"c@d","tier":"gold"})");
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->was, ResourceStore::Applied::Was::kThere);
  EXPECT_EQ(Spec(), R"({"mail":"c@d","size":5,"tier":"gold"})");
  EXPECT_THAT(Managers(), ElementsAre("me applies .spec.mail .spec.tier"));
}

TEST_F(ApplyTest, WhatIsLeftOutGoes) {
  MustApply("me", R"({"mail":"a@b","tier":"gold","members":[{"name":"x"},{"name":"y"}]})");
  MustApply("me", R"({"mail":"a@b","members":[{"name":"y"}]})");
  EXPECT_EQ(Spec(), R"({"mail":"a@b","members":[{"name":"y","role":"reader"}],"size":5})");
}

TEST_F(ApplyTest, TheSameAgainIsNoChange) {
  const auto first = MustApply("me", R"({"mail":"a@b"})");
  const auto again = MustApply("me", R"({"mail":"a@b"})");
  EXPECT_EQ(again->revision, first->revision);
}

TEST_F(ApplyTest, ManagersShareAnObject) {
  MustApply("me", R"({"mail":"a@b","members":[{"name":"x"}]})");
  MustApply("you", R"({"mail":"a@b","tier":"gold","members":[{"name":"y","role":"admin"}]})");
  EXPECT_EQ(Spec(), R"({"mail":"a@b","members":[{"name":"x","role":"reader"},)"
                    R"({"name":"y","role":"admin"}],"size":5,"tier":"gold"})");
  // What the other owns, too, stays.
  MustApply("you", R"({"tier":"gold"})");
  EXPECT_EQ(Spec(),
            R"({"mail":"a@b","members":[{"name":"x","role":"reader"}],"size":5,"tier":"gold"})");
}

TEST_F(ApplyTest, FieldsOfOthersAreAConflict) {
  MustApply("me", R"({"mail":"a@b","tier":"gold"})");
  const auto conflict = Apply("you", R"({"mail":"c@d","tier":"silver"})");
  ASSERT_FALSE(conflict.ok());
  EXPECT_EQ(conflict.error().reason, Failure::Reason::kConflict);
  EXPECT_EQ(conflict.error().message,
            "Apply failed with 2 conflicts: conflicts with\n- me: .spec.mail\n- me: .spec.tier");
  EXPECT_EQ(conflict.error().fields.size(), 2u);
  EXPECT_EQ(Spec(), R"({"mail":"a@b","tier":"gold","size":5})");

  MustApply("you", R"({"mail":"c@d","tier":"silver"})", Force::kYes);
  EXPECT_EQ(Spec(), R"({"mail":"c@d","tier":"silver","size":5})");
  EXPECT_THAT(Managers(), ElementsAre("you applies .spec.mail .spec.tier"));
}

TEST_F(ApplyTest, OtherChangesTakeFieldsOver) {
  MustApply("me", R"({"mail":"a@b","tier":"gold"})");
  Patch("editor", R"({"tier":"silver"})");
  EXPECT_THAT(Managers(), ElementsAre("me applies .spec.mail", "editor updates .spec.tier"));
  EXPECT_FALSE(Apply("me", R"({"mail":"a@b","tier":"gold"})").ok());
  // Leaving the field to the editor is no conflict, and takes nothing away.
  MustApply("me", R"({"mail":"a@b"})");
  EXPECT_EQ(Spec(), R"({"mail":"a@b","tier":"silver","size":5})");
}

TEST_F(ApplyTest, WhatWasThereBeforeTheFirstApplyIsSomebodys) {
  MustCreate("Team", R"({"metadata":{"name":"a"},"spec":{"mail":"a@b","tier":"gold"}})");
  EXPECT_FALSE((*resources().Get(Key("Team", "a")))->metadata().contains("managedFields"));
  const auto conflict = Apply("me", R"({"mail":"c@d"})");
  ASSERT_FALSE(conflict.ok());
  EXPECT_EQ(conflict.error().fields.at(0).message, "conflict with \"before-first-apply\"");
  MustApply("me", R"({"mail":"a@b"})");
  EXPECT_THAT(Managers(), ElementsAre("before-first-apply updates .spec.mail .spec.size .spec.tier",
                                      "me applies .spec.mail"));
}

TEST_F(ApplyTest, WhatIsNotValidChangesNothing) {
  MustApply("me", R"({"mail":"a@b"})");
  const auto before = resources().revision();
  EXPECT_EQ(Apply("me", R"({"mail":"none"})").error().reason, Failure::Reason::kInvalid);
  EXPECT_EQ(resources().revision(), before);
}

TEST(FieldSetTest, GoesToJsonAndBack) {
  const auto text =
      R"({"f:spec":{"f:mail":{},"f:members":{"k:{\"name\":\"x\"}":{".":{},"f:name":{}}}}})";
  const auto set = FieldSet::FromJson(Parse(text));
  EXPECT_EQ(json::serialize(set.ToJson()), text);
  EXPECT_THAT(set.Paths(), ElementsAre(".spec.mail", R"(.spec.members[{"name":"x"}])",
                                       R"(.spec.members[{"name":"x"}].name)"));
  EXPECT_THAT(FieldSet::FromJson(Parse(R"({"x":1,"f:a":2})")).Paths(), IsEmpty());
}

}  // namespace
}  // namespace pemba::resource::testing
