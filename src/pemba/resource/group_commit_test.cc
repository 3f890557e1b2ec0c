// Writers that come together: who shares a write, what each sees, and what a failure leaves.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>

#include "pemba/resource/testing/world.h"

namespace pemba::resource::testing {
namespace {

using Reason = Failure::Reason;

std::string TeamText(std::string_view name, std::string_view mail = "a@b") {
  return R"({"metadata":{"name":")" + std::string(name) + R"("},"spec":{"mail":")" +
         std::string(mail) + R"("}})";
}

// The mail of a team is a tuple.
class Contacts final : public Projection {
 public:
  Outcome<Consequences> Project(const Transaction& transaction) override {
    Consequences all;
    for (const auto& change : transaction.Changes()) {
      if (change.before != nullptr) all.deletes.push_back(Contact(*change.before));
      if (change.after == nullptr) continue;
      auto now = Contact(*change.after);
      std::erase_if(all.deletes, [&](const auto& each) { return each.view() == now.view(); });
      all.writes.push_back(std::move(now));
    }
    return all;
  }
  void Committed(Revision) override { ++committed; }
  void Abandoned() override { ++abandoned; }
  int committed = 0, abandoned = 0;

 private:
  static tuple::Tuple Contact(const Object& team) {
    const std::string mail(team.spec().at("mail").get_string());
    return {"team:" + team.key.name, "contact", "user:" + mail, std::nullopt};
  }
};

class GroupCommitTest : public World {
 protected:
  GroupCommitTest() { Open({.projection = &contacts_}); }

  using Body = ResourceStore::Body;
  using Ends = std::vector<std::optional<Outcome<Revision>>>;
  // Runs the bodies in one write, in their order: they come while another one is at work.
  Ends Together(const std::vector<Body>& bodies) {
    Ends ends(bodies.size());
    std::vector<std::thread> threads;
    std::atomic<std::size_t> begun{0};
    const auto first = resources().Transact(options_, [&](Transaction&) -> Outcome<Done> {
      for (std::size_t i = 0; i < bodies.size(); ++i) {
        threads.emplace_back([&, i] {
          ++begun;
          ends[i].emplace(resources().Transact(options_, bodies[i]));
        });
        while (begun <= i) std::this_thread::yield();
        std::this_thread::sleep_for(std::chrono::milliseconds(30));  // It queues up.
      }
      return Done{};
    });
    EXPECT_TRUE(first.ok());
    for (auto& thread : threads) thread.join();
    return ends;
  }
  Body Creates(std::string name, std::string mail = "a@b") {
    return [=, this](Transaction& t) -> Outcome<Done> {
      PEMBA_TRY(std::ignore, t.Create(kind("Team"), "", Parse(TeamText(name, mail))));
      return Done{};
    };
  }
  // Takes the mail that is there and adds to it.
  Body Appends(std::string name, std::string more) {
    return [=, this](Transaction& t) -> Outcome<Done> {
      auto document = t.Find(Key("Team", name))->document;
      auto& mail = document["spec"].get_object()["mail"].get_string();
      mail.append(more);
      PEMBA_TRY(std::ignore, t.Update(Key("Team", name), std::move(document)));
      return Done{};
    };
  }
  std::vector<std::string> Tuples() {
    std::vector<std::string> texts;
    const auto page = store().Read({});
    for (const auto& stored : page->tuples) texts.push_back(ToText(stored.tuple.view()));
    return texts;
  }
  Contacts contacts_;
};

TEST_F(GroupCommitTest, WritersShareARevisionAndSeeEachOther) {
  MustCreate("Team", TeamText("a", "a@b"));
  const auto before = resources().revision();
  const auto ends = Together({Appends("a", "c"), Creates("b"), Appends("a", "d")});
  for (const auto& end : ends) EXPECT_EQ(**end, before + 1);
  EXPECT_EQ((*resources().Get(Key("Team", "a")))->spec().at("mail"), "a@bcd");
  EXPECT_THAT(Tuples(),
              ::testing::ElementsAre("team:a#contact@user:a@bcd", "team:b#contact@user:a@b"));
  EXPECT_EQ(contacts_.committed, 2);  // Of the first team, and of the group.
  const WatchRequest all{&kind("Team"), "", {}, {}};
  EXPECT_EQ(resources().EventsAfter(all, before)->events.size(), 2u);
}

TEST_F(GroupCommitTest, AFailedBodyLeavesNothingBehind) {
  const auto before = resources().revision();
  const auto ends = Together({Creates("a"),
                              [this](Transaction& t) -> Outcome<Done> {
                                PEMBA_TRY(std::ignore, Creates("gone")(t));
                                return Failure(Reason::kForbidden, "no");
                              },
                              Creates("a"), Creates("c")});
  EXPECT_EQ(**ends[0], before + 1);
  EXPECT_EQ(ends[1]->error().reason, Reason::kForbidden);
  EXPECT_EQ(ends[2]->error().reason, Reason::kAlreadyExists);
  EXPECT_EQ(**ends[3], before + 1);
  EXPECT_FALSE(Exists(Key("Team", "gone")));
}

TEST_F(GroupCommitTest, AVersionThatAnotherHasChangedSinceIsAConflict) {
  const auto team = MustCreate("Team", TeamText("a"));
  const auto updates = [&](std::string mail) -> Body {
    return [=](Transaction& t) -> Outcome<Done> {
      auto document = team->document;  // With its version.
      document["spec"].get_object()["mail"] = mail;
      PEMBA_TRY(std::ignore, t.Update(team->key, std::move(document)));
      return Done{};
    };
  };
  const auto ends = Together({updates("first@b"), updates("second@b")});
  EXPECT_TRUE(ends[0]->ok());
  EXPECT_EQ(ends[1]->error().reason, Reason::kConflict);
  EXPECT_EQ((*resources().Get(team->key))->spec().at("mail"), "first@b");
}

// Two updates of one object in one write: the first one's answer is not the newest version.
TEST_F(GroupCommitTest, WhoWasOvertakenHasAnOlderVersion) {
  MustCreate("Team", TeamText("a"));
  const auto key = Key("Team", "a");
  std::vector<ObjectPtr> answers(2);
  std::vector<std::thread> threads;
  ASSERT_TRUE(
      resources()
          .Transact(options_,
                    [&](Transaction&) -> Outcome<Done> {
                      for (std::size_t i = 0; i < 2; ++i) {
                        threads.emplace_back([&, i] {
                          const auto change = [&](boost::json::value& document) -> Outcome<Done> {
                            document.at("spec").get_object()["size"] = 10 + i;
                            return Done{};
                          };
                          answers[i] =
                              resources().Modify(key, change, Part::kMain, options_)->object;
                        });
                        std::this_thread::sleep_for(std::chrono::milliseconds(30));
                      }
                      return Done{};
                    })
          .ok());
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answers[0]->spec().at("size"), 10);
  EXPECT_EQ(answers[1]->spec().at("size"), 11);
  EXPECT_EQ(answers[0]->revision + 1, answers[1]->revision);
  auto stale = answers[0]->document;
  EXPECT_EQ(resources().Update(key, stale, Part::kMain, options_).error().reason,
            Reason::kConflict);
  EXPECT_EQ((*resources().Get(key))->document, answers[1]->document);
}

TEST_F(GroupCommitTest, WhatCannotBeWrittenTakesOnlyTheLaterOnesWithIt) {
  // The model takes no blanks in a user.
  const auto ends = Together({Creates("a"), Creates("bad", "a b@c"), Creates("c")});
  EXPECT_TRUE(ends[0]->ok());
  EXPECT_EQ(ends[1]->error().reason, Reason::kStorage);
  EXPECT_EQ(ends[2]->error().reason, Reason::kConflict);
  EXPECT_TRUE(Exists(Key("Team", "a")));
  EXPECT_FALSE(Exists(Key("Team", "bad")));
  EXPECT_FALSE(Exists(Key("Team", "c")));
  EXPECT_THAT(Tuples(), ::testing::ElementsAre("team:a#contact@user:a@b"));
  EXPECT_EQ(contacts_.abandoned, 1);
}

TEST_F(GroupCommitTest, WhatComesAndGoesInOneWriteLeavesNoTrace) {
  const auto before = resources().revision();
  const auto ends = Together({Creates("a"), [this](Transaction& t) -> Outcome<Done> {
                                PEMBA_TRY(std::ignore, t.Delete(Key("Team", "a")));
                                return Done{};
                              }});
  EXPECT_TRUE(ends[0]->ok() && ends[1]->ok());
  EXPECT_FALSE(Exists(Key("Team", "a")));
  EXPECT_TRUE(Tuples().empty());
  const WatchRequest all{&kind("Team"), "", {}, {}};
  EXPECT_TRUE(resources().EventsAfter(all, before)->events.empty());
}

// Counters that many writers count up: none is lost, and readers see whole transactions.
TEST_F(GroupCommitTest, ManyWritersLoseNothing) {
  ASSERT_TRUE(resources()
                  .Transact(options_,
                            [&](Transaction& t) -> Outcome<Done> {
                              PEMBA_TRY(std::ignore, Creates("x")(t));
                              return Creates("y")(t);
                            })
                  .ok());
  constexpr int kWriters = 8, kRounds = 10;
  std::atomic<bool> over = false;
  std::thread reader([&] {
    while (!over) {
      const auto list = resources().List({.kind = &kind("Team")});
      ASSERT_EQ(list->objects[0]->spec().at("size"), list->objects[1]->spec().at("size"));
      ASSERT_EQ(list->objects[0]->revision, list->objects[1]->revision);
    }
  });
  const auto bump = [&](Transaction& t) -> Outcome<Done> {
    for (const char* const name : {"x", "y"}) {
      auto document = t.Find(Key("Team", name))->document;
      auto& size = document["spec"].get_object()["size"];
      size = size.get_int64() + 1;
      PEMBA_TRY(std::ignore, t.Update(Key("Team", name), std::move(document)));
    }
    return Done{};
  };
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) ASSERT_TRUE(resources().Transact(options_, bump).ok());
    });
  }
  for (auto& writer : writers) writer.join();
  over = true;
  reader.join();
  EXPECT_EQ((*resources().Get(Key("Team", "x")))->spec().at("size"), 5 + kWriters * kRounds);
}

}  // namespace
}  // namespace pemba::resource::testing
