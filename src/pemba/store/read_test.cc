#include <algorithm>
#include <chrono>

#include <gmock/gmock.h>

#include "pemba/store/testing/world.h"

namespace pemba::store::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

constexpr std::string_view kUntil = R"({"until":"2030-01-01T00:00:00Z"})";
const Error kInvalidToken{ErrorCode::kInvalidContinuationToken, "Invalid continuation token"};

class ReadTest : public World {
 protected:
  ReadTest() {
    MustWrite(
        {.writes = {T("document:1#viewer@user:anne"), T("document:1#viewer@user:*"),
                    T("document:1#owner@user:anne"), T("document:2#viewer@group:eng#member")}});
    clock_.Advance(milliseconds(1000));
    MustWrite({.writes = {T("document:2#viewer@user:anne", "soon", kUntil),
                          T("group:eng#member@user:anne"), T("group:eng#member@group:all#member")},
               .deletes = {"document:1#owner@user:anne"}});
  }

  Result<TuplePage> Read(tuple::TupleView filter) { return OpenStore()->Read({.filter = filter}); }
};

struct FilterCase {
  const char* name;
  tuple::TupleView filter;
  std::vector<std::string> want;
};

TEST_F(ReadTest, FollowsTheFilter) {
  const std::string conditional = "document:2#viewer@user:anne with soon " + std::string(kUntil);
  const FilterCase cases[] = {
      {"object",
       {"document:1", "", ""},
       {"document:1#viewer@user:anne", "document:1#viewer@user:*"}},
      {"object and relation",
       {"document:2", "viewer", ""},
       {"document:2#viewer@group:eng#member", conditional}},
      {"all parts", {"document:1", "viewer", "user:anne"}, {"document:1#viewer@user:anne"}},
      {"all parts, under a condition", {"document:2", "viewer", "user:anne"}, {conditional}},
      {"type and user",
       {"document:", "", "user:anne"},
       {"document:1#viewer@user:anne", conditional}},
      {"type, relation and user",
       {"group:", "member", "user:anne"},
       {"group:eng#member@user:anne"}},
      {"wildcards match literally", {"document:", "", "user:*"}, {"document:1#viewer@user:*"}},
      {"usersets match literally",
       {"document:", "", "group:eng#member"},
       {"document:2#viewer@group:eng#member"}},
      {"a deleted tuple is gone", {"document:1", "owner", ""}, {}},
      {"unknown type", {"folder:1", "", ""}, {}},
      {"unknown relation", {"document:1", "sharer", ""}, {}},
      {"unknown object", {"document:3", "", ""}, {}},
      {"unknown user", {"document:", "", "user:zoe"}, {}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto page = Read(c.filter);
    ASSERT_TRUE(page.ok());
    std::vector<std::string> got;
    for (const auto& stored : page->tuples) got.push_back(TextOf(stored.tuple));
    EXPECT_THAT(got, UnorderedElementsAreArray(c.want));
    EXPECT_EQ(page->continuation_token, "");
    EXPECT_EQ(page->revision, 2u);
  }
}

TEST_F(ReadTest, RefusesAFilterWithoutAType) {
  const tuple::TupleView unusable[] = {{"", "", ""},
                                       {"", "viewer", "user:anne"},
                                       {"document:", "", ""},
                                       {"document:", "viewer", ""},
                                       {"document", "", "user:anne"},
                                       {":1", "", ""}};
  for (const auto& filter : unusable) {
    const auto page = Read(filter);
    ASSERT_FALSE(page.ok()) << filter.object;
    EXPECT_EQ(page.error().code, ErrorCode::kValidation);
    EXPECT_THAT(page.error().message,
                ::testing::HasSubstr("the object type field is required and both the object id and "
                                     "user cannot be empty"));
  }
}

TEST_F(ReadTest, SaysWhenATupleWasWritten) {
  const auto early = Read({"document:1", "viewer", "user:anne"});
  EXPECT_EQ(early->tuples.at(0).written_at, WallTime(milliseconds(1'700'000'000'000)));
  const auto late = Read({"group:eng", "member", "user:anne"});
  EXPECT_EQ(late->tuples.at(0).written_at, WallTime(milliseconds(1'700'000'001'000)));
}

// Advisories CVE-2023-35930: concatenated pages equal the full answer.
TEST_F(ReadTest, PagesOfAnySizeAreTheWhole) {
  std::vector<tuple::Tuple> batch;
  for (int i = 0; i < 40; ++i) {
    batch.push_back(T("document:" + std::to_string(i % 7) + "x#viewer@user:u" + std::to_string(i)));
  }
  MustWrite({.writes = batch});
  const auto whole = AllTuples(*OpenStore(), 1000);
  EXPECT_EQ(whole.size(), 46u);
  for (std::size_t size = 1; size <= whole.size() + 1; ++size) {
    EXPECT_EQ(AllTuples(*OpenStore(), size), whole) << "page size " << size;
  }
}

TEST_F(ReadTest, AFullLastPageHasNoToken) {
  const auto page = OpenStore()->Read({.page_size = 6});
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->tuples.size(), 6u);
  EXPECT_EQ(page->continuation_token, "");
}

TEST_F(ReadTest, WritesBetweenPagesHideNothingThatStays) {
  const auto whole = AllTuples(*OpenStore(), 100);
  std::vector<std::string> seen;
  std::string token;
  int round = 0;
  do {
    const auto page = OpenStore()->Read({.page_size = 1, .continuation_token = token});
    ASSERT_TRUE(page.ok());
    for (const auto& stored : page->tuples) seen.push_back(TextOf(stored.tuple));
    token = page->continuation_token;
    const std::string extra = "document:extra#viewer@user:" + std::to_string(round++);
    MustWrite({.writes = {T(extra)}});
    MustWrite({.deletes = {extra}});
  } while (!token.empty());
  EXPECT_EQ(seen, whole);
}

TEST_F(ReadTest, PagingGoesOnWhereTheLastTupleWasDeleted) {
  const auto whole = AllTuples(*OpenStore(), 100);
  const auto first = OpenStore()->Read({.page_size = 2});
  const auto& last = first->tuples.back().tuple;
  MustWrite({.deletes = {tuple::ToText(last.view())}});
  const auto rest =
      OpenStore()->Read({.page_size = 100, .continuation_token = first->continuation_token});
  ASSERT_TRUE(rest.ok());
  std::vector<std::string> got;
  for (const auto& stored : rest->tuples) got.push_back(TextOf(stored.tuple));
  EXPECT_EQ(got, (std::vector<std::string>(whole.begin() + 2, whole.end())));
}

TEST_F(ReadTest, PagingGoesOnAfterARestart) {
  const auto whole = AllTuples(*OpenStore(), 100);
  const auto first = OpenStore()->Read({.page_size = 2});
  Restart();
  const auto rest =
      OpenStore()->Read({.page_size = 100, .continuation_token = first->continuation_token});
  ASSERT_TRUE(rest.ok());
  EXPECT_EQ(rest->tuples.size(), whole.size() - 2);
}

TEST_F(ReadTest, ForeignTokensAreRefused) {
  const auto other = stores_->CreateStore("other")->id;
  ASSERT_TRUE(OpenStore(other)->WriteModel(MakeModel()).ok());
  const std::string of_read = OpenStore()->Read({.page_size = 1})->continuation_token;
  const std::string of_changes = OpenStore()->ReadChanges({.page_size = 1})->continuation_token;
  EXPECT_EQ(OpenStore(other)->Read({.continuation_token = of_read}).error(), kInvalidToken);
  EXPECT_EQ(OpenStore(other)->ReadChanges({.continuation_token = of_changes}).error(),
            kInvalidToken);
  for (const std::string& token :
       {of_changes, of_read + "A", std::string("bla"), std::string("eyJ1bGlkIjoiMDFKMCJ9")}) {
    EXPECT_EQ(OpenStore()->Read({.continuation_token = token}).error(), kInvalidToken) << token;
  }
  EXPECT_EQ(OpenStore()->ReadChanges({.continuation_token = of_read}).error(), kInvalidToken);
  EXPECT_EQ(OpenStore()->ListModels(1, of_read).error(), kInvalidToken);
  EXPECT_EQ(stores_->ListStores({.continuation_token = of_read}).error(), kInvalidToken);
}

TEST_F(ReadTest, PastTheDeadlineNothingIsRead) {
  const auto past = clock_.Steady() - milliseconds(1);
  const auto tuples = OpenStore()->Read({.deadline = past});
  ASSERT_FALSE(tuples.ok());
  EXPECT_EQ(tuples.error().code, ErrorCode::kDeadlineExceeded);
  const auto changes = OpenStore()->ReadChanges({.deadline = past});
  ASSERT_FALSE(changes.ok());
  EXPECT_EQ(changes.error().code, ErrorCode::kDeadlineExceeded);
  const auto in_time = clock_.Steady() + std::chrono::minutes(1);
  EXPECT_EQ(OpenStore()->ReadChanges({.deadline = in_time})->changes.size(), 8u);
}

TEST_F(ReadTest, AnUnknownStoreIsEmpty) {
  const StoreId nowhere{"01J0000000000000000000000A"};
  EXPECT_THAT(AllTuples(*OpenStore(nowhere)), IsEmpty());
  EXPECT_THAT(AllChanges(*OpenStore(nowhere)), IsEmpty());
}

class ReadChangesTest : public ReadTest {
 protected:
  std::vector<std::string> From(std::int64_t ms) {
    std::vector<std::string> texts;
    const auto page = OpenStore()->ReadChanges({.start_time = WallTime(milliseconds(ms))});
    for (const auto& change : page->changes) texts.push_back(tuple::ToText(change.tuple.view()));
    return texts;
  }
  const std::vector<std::string> all_ = {
      "+document:1#viewer@user:anne",
      "+document:1#viewer@user:*",
      "+document:1#owner@user:anne",
      "+document:2#viewer@group:eng#member",
      "-document:1#owner@user:anne",
      "+document:2#viewer@user:anne with soon " + std::string(kUntil),
      "+group:eng#member@user:anne",
      "+group:eng#member@group:all#member"};
};

TEST_F(ReadChangesTest, PagesOfAnySizeAreTheWholeInOrder) {
  for (std::size_t size = 1; size <= all_.size() + 1; ++size) {
    EXPECT_EQ(AllChanges(*OpenStore(), size), all_) << "page size " << size;
  }
}

TEST_F(ReadChangesTest, FiltersByTheTypeOfTheObject) {
  const std::vector<std::string> groups(all_.end() - 2, all_.end());
  for (std::size_t size = 1; size <= 3; ++size) {
    EXPECT_EQ(AllChanges(*OpenStore(), size, "group"), groups);
  }
  EXPECT_EQ(AllChanges(*OpenStore(), 2, "document").size(), 6u);
  EXPECT_THAT(AllChanges(*OpenStore(), 2, "doc"), IsEmpty());
  EXPECT_THAT(AllChanges(*OpenStore(), 2, "user"), IsEmpty());
}

// However little is looked at per request, whoever goes on until the token stays the same sees
// every change of the type, once and in order, while others write.
TEST_F(ReadChangesTest, ARareTypeIsFoundInStepsAndWhole) {
  for (const std::uint64_t at_once : {1u, 2u, 5u, 7u, 1000u}) {
    SCOPED_TRACE(at_once);
    options_.store.changes_skipped_max = at_once;
    Restart();
    std::vector<std::string> want = AllChanges(*OpenStore(), 1000);
    std::erase_if(want, [](const auto& text) { return text.substr(1, 6) != "group:"; });
    std::vector<std::string> got;
    std::string token;
    std::size_t requests = 0, empty_pages = 0;
    for (bool news = true; news; ++requests) {
      ASSERT_LT(requests, 500u) << "no progress";
      const auto page =
          OpenStore()->ReadChanges({.type = "group", .page_size = 2, .continuation_token = token});
      ASSERT_TRUE(page.ok()) << page.error().message;
      EXPECT_LE(page->changes.size(), 2u);
      for (const auto& change : page->changes) got.push_back("+" + TextOf(change.tuple));
      empty_pages += page->changes.empty() ? 1 : 0;
      news = page->continuation_token != token;
      token = page->continuation_token;
      if (requests < 6) {
        const auto n = std::to_string(at_once) + "-" + std::to_string(requests);
        MustWrite({.writes = {T("document:" + n + "#viewer@user:u")}});
        MustWrite(
            {.writes = {T("document:" + n + "#owner@user:u"), T("group:" + n + "#member@user:u"),
                        T("document:" + n + "#viewer@user:v")}});
        want.push_back("+group:" + n + "#member@user:u");
      }
    }
    // Deletes of documents are in the log, too; of groups there are none.
    EXPECT_EQ(got, want);
    if (at_once == 1) {
      EXPECT_GT(empty_pages, 3u) << "the limit was not felt";
    } else if (at_once == 1000) {
      EXPECT_EQ(empty_pages, 1u);
    }
  }
}

TEST_F(ReadChangesTest, TheTokenOfAnEmptyPageFitsWhatIsWrittenLater) {
  options_.store.changes_skipped_max = 1;
  Restart();
  std::string token;
  for (int i = 0; i < 10; ++i) {
    token = OpenStore()
                ->ReadChanges({.type = "folder", .continuation_token = token})
                ->continuation_token;
  }
  EXPECT_FALSE(token.empty());
  MustWrite({.writes = {T("document:9#viewer@user:anne"), T("group:9#member@user:anne")}});
  // A token is of its type still.
  EXPECT_EQ(OpenStore()->ReadChanges({.continuation_token = token}).error().code,
            ErrorCode::kContinuationTokenMismatch);
}

TEST_F(ReadChangesTest, WithoutNewsTheTokenIsEchoed) {
  const auto whole = OpenStore()->ReadChanges({.page_size = 100});
  ASSERT_FALSE(whole->continuation_token.empty());
  const auto poll = OpenStore()->ReadChanges({.continuation_token = whole->continuation_token});
  ASSERT_TRUE(poll.ok());
  EXPECT_THAT(poll->changes, IsEmpty());
  EXPECT_EQ(poll->continuation_token, whole->continuation_token);

  MustWrite({.writes = {T("document:9#viewer@user:anne")}});
  const auto news = OpenStore()->ReadChanges({.continuation_token = poll->continuation_token});
  ASSERT_EQ(news->changes.size(), 1u);
  EXPECT_EQ(news->changes[0].tuple.object, "document:9");
}

TEST_F(ReadChangesTest, WithoutAnythingTheTokenIsEmpty) {
  const auto id = stores_->CreateStore("empty")->id;
  EXPECT_EQ(OpenStore(id)->ReadChanges({})->continuation_token, "");
  EXPECT_EQ(OpenStore()->ReadChanges({.type = "folder"})->continuation_token, "");
}

TEST_F(ReadChangesTest, ATokenIsBoundToItsTypeFilter) {
  const auto all = OpenStore()->ReadChanges({.page_size = 1});
  const auto groups = OpenStore()->ReadChanges({.type = "group", .page_size = 1});
  const Error mismatch{ErrorCode::kContinuationTokenMismatch,
                       "The type in the querystring and the continuation token don't match"};
  EXPECT_EQ(OpenStore()
                ->ReadChanges({.type = "group", .continuation_token = all->continuation_token})
                .error(),
            mismatch);
  EXPECT_EQ(OpenStore()->ReadChanges({.continuation_token = groups->continuation_token}).error(),
            mismatch);
}

TEST_F(ReadChangesTest, StartsAtATime) {
  EXPECT_EQ(From(0).size(), 8u);
  EXPECT_EQ(From(1'700'000'000'000).size(), 8u);
  EXPECT_EQ(From(1'700'000'000'001).size(), 4u);
  EXPECT_EQ(From(1'700'000'001'000).size(), 4u);
  EXPECT_EQ(From(1'700'000'001'001).size(), 0u);
}

TEST_F(ReadChangesTest, ATokenBeatsTheStartTime) {
  const auto first = OpenStore()->ReadChanges({.page_size = 1});
  const auto rest = OpenStore()->ReadChanges({.page_size = 100,
                                              .continuation_token = first->continuation_token,
                                              .start_time = WallTime(milliseconds(-1))});
  ASSERT_TRUE(rest.ok());
  EXPECT_EQ(rest->changes.size(), 7u);
}

TEST_F(ReadChangesTest, RefusesTimesBefore1970) {
  const auto page = OpenStore()->ReadChanges({.start_time = WallTime(milliseconds(-1))});
  ASSERT_FALSE(page.ok());
  EXPECT_EQ(page.error(), (Error{ErrorCode::kInvalidStartTime, "Invalid start time"}));
}

TEST_F(ReadChangesTest, WithholdsWhatIsYoungerThanTheHorizon) {
  options_.store.changelog_horizon = std::chrono::minutes(1);
  Restart();
  EXPECT_THAT(AllChanges(*OpenStore()), IsEmpty());
  clock_.Advance(milliseconds(59'000));  // The first write is a minute old, the second is not.
  EXPECT_EQ(AllChanges(*OpenStore()).size(), 4u);
  clock_.Advance(milliseconds(1'000));
  EXPECT_EQ(AllChanges(*OpenStore()).size(), 8u);
}

}  // namespace
}  // namespace pemba::store::testing
