#include "pemba/resource/resource_store.h"

#include <thread>

#include <gmock/gmock.h>

#include "pemba/resource/testing/world.h"

namespace pemba::resource::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Reason = Failure::Reason;

constexpr std::string_view kTeam = R"({"metadata":{"name":"a"},"spec":{"mail":"a@b"}})";

class ResourceStoreTest : public World {
 protected:
  std::vector<std::string> Names(std::string_view kind_name, ListRequest request = {}) {
    request.kind = &kind(kind_name);
    std::vector<std::string> names;
    const auto list = resources().List(request);
    if (!list.ok()) return {list.error().message};
    for (const auto& object : list->objects) {
      const auto& key = object->key;
      names.push_back(key.name_space.empty() ? key.name : key.name_space + "/" + key.name);
    }
    return names;
  }
  std::string Owner(const ObjectPtr& owner, bool blocks = false) {
    return R"([{"apiVersion":"example.com/v1","kind":"Team","name":")" + owner->key.name +
           R"(","uid":")" + std::string(owner->uid()) + R"(","blockOwnerDeletion":)" +
           (blocks ? "true" : "false") + "}]";
  }
  ObjectPtr Owned(const std::string& name, const ObjectPtr& owner, bool blocks = false,
                  const std::string& more = "") {
    return MustCreate("Team", R"({"metadata":{"name":")" + name + R"(","ownerReferences":)" +
                                  Owner(owner, blocks) + more + R"(},"spec":{"mail":"x@y"}})");
  }
};

TEST_F(ResourceStoreTest, CreateFillsInWhatTheServerKnows) {
  const auto team = MustCreate("Team", R"({"metadata":{"name":"a","uid":"mine","generation":7},
      "spec":{"mail":"a@b","members":[{"name":"x"}]},"status":{"phase":"mine"}})");
  const auto& metadata = team->metadata();
  EXPECT_EQ(metadata.at("creationTimestamp"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(metadata.at("generation"), 1);
  EXPECT_EQ(metadata.at("resourceVersion").get_string(), std::to_string(team->revision));
  EXPECT_EQ(team->uid().size(), 36u);
  EXPECT_EQ(team->document.at("apiVersion"), "example.com/v1");
  EXPECT_EQ(team->document.at("kind"), "Team");
  EXPECT_FALSE(team->document.contains("status"));
  EXPECT_EQ(boost::json::serialize(team->spec()),
            R"({"mail":"a@b","members":[{"name":"x","role":"reader"}],"size":5})");
  EXPECT_EQ(store().Pin().revision(), team->revision);
}

TEST_F(ResourceStoreTest, GeneratesNames) {
  const auto one =
      MustCreate("Team", R"({"metadata":{"generateName":"t-"},"spec":{"mail":"a@b"}})");
  const auto two =
      MustCreate("Team", R"({"metadata":{"generateName":"t-"},"spec":{"mail":"a@b"}})");
  EXPECT_TRUE(one->key.name.starts_with("t-"));
  EXPECT_NE(one->key.name, two->key.name);
}

TEST_F(ResourceStoreTest, ANameIsTakenOnce) {
  MustCreate("Team", kTeam);
  const auto again = Create("Team", kTeam);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().reason, Reason::kAlreadyExists);
  EXPECT_EQ(again.error().message, "teams.example.com \"a\" already exists");
}

TEST_F(ResourceStoreTest, AnUpdateNeedsTheVersionThatItWasMadeFrom) {
  const auto first = MustCreate("Team", kTeam);
  auto document = first->document;
  document["spec"].get_object()["size"] = 6;
  const auto second = resources().Update(first->key, document, Part::kMain, options_);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->object->generation(), 2);
  EXPECT_GT(second->object->revision, first->revision);
  const auto stale = resources().Update(first->key, document, Part::kMain, options_);
  ASSERT_FALSE(stale.ok());
  EXPECT_EQ(stale.error().reason, Reason::kConflict);
  document["metadata"] = boost::json::object{{"uid", "other"}};
  EXPECT_EQ(resources().Update(first->key, document, Part::kMain, options_).error().reason,
            Reason::kConflict);
}

TEST_F(ResourceStoreTest, WhatDoesNotDifferIsNotWritten) {
  const auto first = MustCreate("Team", kTeam);
  const auto same = resources().Update(first->key, first->document, Part::kMain, options_);
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->object->revision, first->revision);
  EXPECT_EQ(store().Pin().revision(), first->revision);
}

TEST_F(ResourceStoreTest, StatusIsApart) {
  const auto first = MustCreate("Team", kTeam);
  auto document = first->document;
  document["status"] = boost::json::object{{"phase", "ready"}};
  document["spec"].get_object()["size"] = 9;
  const auto status = resources().Update(first->key, document, Part::kStatus, options_);
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->object->generation(), 1);
  EXPECT_EQ(status->object->spec().at("size"), 5);
  EXPECT_EQ(status->object->status().at("phase"), "ready");

  document = status->object->document;
  document.erase("status");
  document["spec"].get_object()["size"] = 9;
  const auto main = resources().Update(first->key, document, Part::kMain, options_);
  EXPECT_EQ(main->object->spec().at("size"), 9);
  EXPECT_EQ(main->object->status().at("phase"), "ready");
}

TEST_F(ResourceStoreTest, FinalizersKeepADeletedObject) {
  const auto team = MustCreate(
      "Team", R"({"metadata":{"name":"a","finalizers":["example.com/x"]},"spec":{"mail":"a@b"}})");
  const auto deleted = resources().Delete(team->key, {});
  ASSERT_TRUE(deleted.ok());
  ASSERT_NE(deleted->object, nullptr);
  EXPECT_TRUE(deleted->object->deleting());

  auto document = deleted->object->document;
  document["metadata"].get_object()["finalizers"] = {"example.com/x", "example.com/y"};
  const auto more = resources().Update(team->key, document, Part::kMain, options_);
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().fields.at(0).reason, FieldError::Reason::kForbidden);

  document["metadata"].get_object()["finalizers"] = boost::json::array();
  ASSERT_TRUE(resources().Update(team->key, document, Part::kMain, options_).ok());
  EXPECT_FALSE(Exists(team->key));
}

TEST_F(ResourceStoreTest, DeletionHasPreconditions) {
  const auto team = MustCreate("Team", kTeam);
  EXPECT_EQ(resources().Delete(team->key, {.uid = "other"}).error().reason, Reason::kConflict);
  EXPECT_EQ(resources().Delete(team->key, {.resource_version = "99"}).error().reason,
            Reason::kConflict);
  EXPECT_TRUE(resources().Delete(team->key, {.uid = std::string(team->uid())}).ok());
  EXPECT_EQ(resources().Delete(team->key, {}).error().reason, Reason::kNotFound);
}

TEST_F(ResourceStoreTest, WhatIsOwnedGoesWithTheLastOwner) {
  const auto root = MustCreate("Team", kTeam);
  const auto child = Owned("child", root);
  Owned("grandchild", child);
  const auto other = MustCreate("Team", R"({"metadata":{"name":"other"},"spec":{"mail":"a@b"}})");
  auto shared = Owned("shared", root)->document;
  auto& owners = shared["metadata"].get_object()["ownerReferences"].get_array();
  owners.push_back(owners[0]);
  owners[1].get_object()["uid"] = std::string(other->uid());
  ASSERT_TRUE(resources().Update(Key("Team", "shared"), shared, Part::kMain, options_).ok());

  const auto before = store().Pin().revision();
  ASSERT_TRUE(resources().Delete(root->key, {}).ok());
  EXPECT_EQ(store().Pin().revision(), before + 1);  // One commit.
  EXPECT_THAT(Names("Team"), ElementsAre("other", "shared"));
  EXPECT_EQ((*resources().Get(Key("Team", "shared")))->owners().size(), 1u);
}

TEST_F(ResourceStoreTest, OrphansStay) {
  const auto root = MustCreate("Team", kTeam);
  const auto child = Owned("child", root);
  ASSERT_TRUE(resources().Delete(root->key, {.propagation = Propagation::kOrphan}).ok());
  const auto orphan = resources().Get(child->key);
  ASSERT_TRUE(orphan.ok());
  EXPECT_THAT((*orphan)->owners(), IsEmpty());
}

TEST_F(ResourceStoreTest, ForegroundWaitsForWhatBlocks) {
  const auto root = MustCreate("Team", kTeam);
  const auto child = Owned("child", root, true, R"(,"finalizers":["example.com/x"])");
  Owned("free", root, true);
  ASSERT_TRUE(resources().Delete(root->key, {.propagation = Propagation::kForeground}).ok());
  EXPECT_THAT(Names("Team"), ElementsAre("a", "child"));
  EXPECT_THAT((*resources().Get(root->key))->finalizers(), ElementsAre("foregroundDeletion"));
  const auto drop = [](boost::json::value& document) -> Outcome<Done> {
    document.at("metadata").get_object().erase("finalizers");
    return Done{};
  };
  ASSERT_TRUE(resources().Modify(child->key, drop, Part::kMain, options_).ok());
  EXPECT_THAT(Names("Team"), IsEmpty());
}

TEST_F(ResourceStoreTest, ANamespaceHoldsAndTakesWithIt) {
  const auto missing = Create("Note", R"({"metadata":{"name":"n"}})", "work");
  EXPECT_EQ(missing.error().message, "namespaces \"work\" not found");
  MustCreate("Namespace", R"({"metadata":{"name":"work"}})");
  MustCreate("Note", R"({"metadata":{"name":"n"}})", "work");
  const auto kept =
      MustCreate("Note", R"({"metadata":{"name":"kept","finalizers":["example.com/x"]}})", "work");
  ASSERT_TRUE(resources().Delete(Key("Namespace", "work"), {}).ok());
  EXPECT_THAT(Names("Note"), ElementsAre("work/kept"));
  EXPECT_TRUE((*resources().Get(Key("Namespace", "work")))->deleting());
  EXPECT_EQ(Create("Note", R"({"metadata":{"name":"late"}})", "work").error().reason,
            Reason::kForbidden);
  const auto drop = [](boost::json::value& document) -> Outcome<Done> {
    document.at("metadata").get_object().erase("finalizers");
    return Done{};
  };
  ASSERT_TRUE(resources().Modify(kept->key, drop, Part::kMain, options_).ok());
  EXPECT_FALSE(Exists(Key("Namespace", "work")));
}

TEST_F(ResourceStoreTest, ADryRunChangesNothing) {
  options_.dry_run = true;
  const auto dry = Create("Team", kTeam);
  ASSERT_TRUE(dry.ok());
  EXPECT_EQ(dry->object->spec().at("size"), 5);
  EXPECT_FALSE(Exists(Key("Team", "a")));
  EXPECT_EQ(Create("Team", R"({"metadata":{"name":"a"},"spec":{}})").error().reason,
            Reason::kInvalid);
}

TEST_F(ResourceStoreTest, ListsAreSelectedAndPagedAsOfOneRevision) {
  for (const char* const name : {"a", "b", "c", "d", "e"}) {
    MustCreate("Team", std::string(R"({"metadata":{"name":")") + name + R"(","labels":{"half":")" +
                           (name[0] < 'c' ? "1" : "2") + R"("}},"spec":{"mail":")" + name +
                           R"(@x"}})");
  }
  const auto labels = *LabelSelector::Parse("half in (2),!none");
  EXPECT_THAT(Names("Team", {.labels = &labels}), ElementsAre("c", "d", "e"));
  const auto fields = *FieldSelector::Parse("spec.mail=b@x", kind("Team"));
  EXPECT_THAT(Names("Team", {.fields = &fields}), ElementsAre("b"));
  EXPECT_EQ(FieldSelector::Parse("spec.size=5", kind("Team")).error().message,
            "field label not supported: spec.size");

  const auto page = resources().List({.kind = &kind("Team"), .count_max = 2});
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->objects.size(), 2u);
  ASSERT_TRUE(resources().Delete(Key("Team", "d"), {}).ok());
  MustCreate("Team", R"({"metadata":{"name":"cc"},"spec":{"mail":"x@x"}})");
  const auto rest =
      resources().List({.kind = &kind("Team"), .continue_token = page->continue_token});
  ASSERT_TRUE(rest.ok());
  EXPECT_EQ(rest->revision, page->revision);
  std::vector<std::string> names;
  for (const auto& object : rest->objects) names.push_back(object->key.name);
  EXPECT_THAT(names, ElementsAre("c", "d", "e"));  // As of the first page.
  EXPECT_EQ(resources().List({.kind = &kind("Team"), .continue_token = "x"}).error().reason,
            Reason::kBadRequest);
}

std::vector<std::string> Texts(const Events& events) {
  std::vector<std::string> texts;
  for (const auto& event : events.events) {
    const char* const sign = event.type == Event::Type::kAdded      ? "+"
                             : event.type == Event::Type::kModified ? "~"
                                                                    : "-";
    texts.push_back(sign + event.object->key.name + "@" + std::to_string(event.object->revision));
  }
  return texts;
}

TEST_F(ResourceStoreTest, AWatchTellsWhatHappened) {
  const auto start = resources().revision();
  const auto team = MustCreate("Team", kTeam);
  auto document = team->document;
  document["metadata"].get_object()["labels"] = boost::json::object{{"x", "1"}};
  ASSERT_TRUE(resources().Update(team->key, document, Part::kMain, options_).ok());
  ASSERT_TRUE(resources().Delete(team->key, {}).ok());

  WatchRequest all{&kind("Team"), "", {}, {}};
  const auto events = resources().EventsAfter(all, start);
  ASSERT_TRUE(events.ok());
  const auto at = [&](int n) { return std::to_string(start + static_cast<Revision>(n)); };
  EXPECT_THAT(Texts(*events), ElementsAre("+a@" + at(1), "~a@" + at(2), "-a@" + at(3)));
  EXPECT_EQ(events->revision, start + 3);

  WatchRequest labelled{&kind("Team"), "", *LabelSelector::Parse("x"), {}};
  EXPECT_THAT(Texts(*resources().EventsAfter(labelled, start)),
              ElementsAre("+a@" + at(2), "-a@" + at(3)));
  EXPECT_THAT(Texts(*resources().EventsAfter(all, start, 1)), ElementsAre("+a@" + at(1)));
  EXPECT_THAT(Texts(*resources().EventsAfter(all, start + 2)), ElementsAre("-a@" + at(3)));
}

TEST_F(ResourceStoreTest, WhatIsForgottenIsExpired) {
  Open({.history_max = 2});
  const auto start = resources().revision();
  for (const char c : {'a', 'b', 'c'}) {
    MustCreate("Team",
               std::string(R"({"metadata":{"name":")") + c + R"("},"spec":{"mail":"a@b"}})");
  }
  const WatchRequest all{&kind("Team"), "", {}, {}};
  EXPECT_EQ(resources().EventsAfter(all, start).error().reason, Reason::kExpired);
  EXPECT_EQ(resources().EventsAfter(all, start + 1)->events.size(), 2u);
}

TEST_F(ResourceStoreTest, WaitersAreWoken) {
  const auto start = resources().revision();
  int woken = 0;
  const auto subscription = resources().Subscribe([&] { ++woken; });
  std::thread writer([&] { MustCreate("Team", kTeam); });
  resources().AwaitChange(start, clock_.Steady() + std::chrono::seconds(10));
  EXPECT_GT(resources().revision(), start);
  writer.join();
  EXPECT_EQ(woken, 1);
}

TEST_F(ResourceStoreTest, EverythingIsThereAfterAStart) {
  const auto root = MustCreate("Team", kTeam);
  Owned("child", root);
  const auto gone = MustCreate("Team", R"({"metadata":{"name":"gone"},"spec":{"mail":"a@b"}})");
  ASSERT_TRUE(resources().Delete(gone->key, {}).ok());
  const auto revision = resources().revision();
  Open();
  EXPECT_EQ(resources().revision(), revision);
  EXPECT_THAT(Names("Team"), ElementsAre("a", "child"));
  EXPECT_EQ((*resources().Get(root->key))->document, root->document);
  ASSERT_TRUE(resources().Delete(root->key, {}).ok());
  EXPECT_THAT(Names("Team"), IsEmpty());
}

// The contact of a team is a tuple.
class Contacts final : public Projection {
 public:
  Outcome<Consequences> Project(const Transaction& transaction) override {
    Consequences tuples;
    for (const auto& change : transaction.Changes()) {
      if (change.before != nullptr) tuples.deletes.push_back(Contact(*change.before));
      if (change.after == nullptr) continue;
      auto now = Contact(*change.after);
      std::erase_if(tuples.deletes, [&](const auto& each) { return each.view() == now.view(); });
      tuples.writes.push_back(std::move(now));
    }
    return tuples;
  }

 private:
  static tuple::Tuple Contact(const Object& team) {
    const std::string mail(team.spec().at("mail").get_string());
    return {"team:" + team.key.name, "contact", "user:" + mail, std::nullopt};
  }
};

TEST_F(ResourceStoreTest, TuplesFollowInTheSameCommit) {
  Contacts contacts;
  Open({.projection = &contacts});
  const auto tuples = [&] {
    std::vector<std::string> texts;
    const auto page = store().Read({});
    for (const auto& stored : page->tuples) texts.push_back(ToText(stored.tuple.view()));
    return texts;
  };
  const auto team = MustCreate("Team", kTeam);
  EXPECT_EQ(store().Pin().revision(), team->revision);
  EXPECT_THAT(tuples(), ElementsAre("team:a#contact@user:a@b"));
  auto document = team->document;
  document["spec"].get_object()["mail"] = "c@d";
  ASSERT_TRUE(resources().Update(team->key, document, Part::kMain, options_).ok());
  EXPECT_THAT(tuples(), ElementsAre("team:a#contact@user:c@d"));
  // A tuple that the model does not take: neither object nor tuple is written.
  const auto before = store().Pin().revision();
  EXPECT_FALSE(Create("Team", R"({"metadata":{"name":"b"},"spec":{"mail":"a b@c"}})").ok());
  EXPECT_EQ(store().Pin().revision(), before);
  EXPECT_FALSE(Exists(Key("Team", "b")));
  ASSERT_TRUE(resources().Delete(team->key, {}).ok());
  EXPECT_THAT(tuples(), IsEmpty());
}

TEST_F(ResourceStoreTest, ATransactionIsAllOrNothing) {
  const auto before = resources().revision();
  const auto failed = resources().Transact(options_, [&](Transaction& t) -> Outcome<Done> {
    PEMBA_TRY(std::ignore, t.Create(kind("Team"), "", Parse(kTeam)));
    EXPECT_NE(t.Find(Key("Team", "a")), nullptr);
    PEMBA_TRY(std::ignore, t.Create(kind("Team"), "", Parse(R"({"metadata":{"name":"b"}})")));
    return Done{};
  });
  EXPECT_EQ(failed.error().reason, Reason::kInvalid);
  EXPECT_FALSE(Exists(Key("Team", "a")));
  EXPECT_EQ(resources().revision(), before);
}

}  // namespace
}  // namespace pemba::resource::testing
