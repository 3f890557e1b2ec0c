#include <atomic>
#include <functional>
#include <thread>

#include <gmock/gmock.h>

#include "pemba/store/testing/world.h"

namespace pemba::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WriteTest : public World {};

const std::string kAnne = "document:1#viewer@user:anne";
const std::string kBob = "document:1#viewer@user:bob";
constexpr std::string_view kUntil = R"({"until":"2030-01-01T00:00:00Z"})";

TEST_F(WriteTest, IsVisibleUnderItsRevision) {
  EXPECT_EQ(MustWrite({.writes = {T(kAnne)}}), 1u);
  EXPECT_EQ(MustWrite({.writes = {T(kBob)}}), 2u);
  EXPECT_EQ(OpenStore()->Pin().revision(), 2u);
  EXPECT_THAT(AllTuples(*OpenStore()), ElementsAre(kAnne, kBob));
}

TEST_F(WriteTest, RecordsDeletesBeforeWritesInRequestOrder) {
  MustWrite({.writes = {T(kAnne), T(kBob)}});
  MustWrite({.writes = {T("document:2#viewer@user:*"), T("document:2#owner@user:zoe")},
             .deletes = {kBob, kAnne}});
  EXPECT_THAT(AllChanges(*OpenStore()),
              ElementsAre("+" + kAnne, "+" + kBob, "-" + kBob, "-" + kAnne,
                          "+document:2#viewer@user:*", "+document:2#owner@user:zoe"));
  EXPECT_THAT(
      AllTuples(*OpenStore()),
      ::testing::UnorderedElementsAre("document:2#viewer@user:*", "document:2#owner@user:zoe"));
}

TEST_F(WriteTest, PlainWritesComeAfterTheOthersAndAreTheSameOtherwise) {
  auto store = OpenStore();
  const tuple::Tuple soon = T("document:2#viewer@user:anne", "soon", kUntil);
  const std::string cleo = "document:1#viewer@user:cleo", robot = "document:1#viewer@robot:1";
  const auto view = [](const std::string& text) { return *tuple::ParseTuple(text); };
  const tuple::TupleView plain[] = {view(kAnne), view(kBob)};
  ASSERT_EQ(*store->Write({.writes = {&soon, 1}, .plain_writes = plain}), 1u);
  EXPECT_THAT(AllChanges(*store),
              ElementsAre("+document:2#viewer@user:anne with soon " + std::string(kUntil),
                          "+" + kAnne, "+" + kBob));
  const auto code = [&](std::span<const tuple::TupleView> writes, std::string_view on_duplicate) {
    const auto written = store->Write({.plain_writes = writes, .on_duplicate = on_duplicate});
    return written.ok() ? ErrorCode{} : written.error().code;
  };
  EXPECT_EQ(code(plain, ""), ErrorCode::kTupleStateMismatch);
  const tuple::TupleView twice[] = {view(cleo), view(cleo)};
  EXPECT_EQ(code(twice, ""), ErrorCode::kDuplicateTupleInRequest);
  const tuple::TupleView unfit[] = {view(cleo), view(robot)};
  EXPECT_EQ(code(unfit, ""), ErrorCode::kValidation);
  const tuple::TupleView conditional[] = {soon.view()};
  EXPECT_EQ(code(conditional, "ignore"), ErrorCode::kConflict) << "it is there with a condition";
  const tuple::TupleView more[] = {view(kAnne), view(cleo), view(kBob)};
  ASSERT_TRUE(store->Write({.plain_writes = more, .on_duplicate = "ignore"}).ok());
  EXPECT_EQ(AllChanges(*store).back(), "+" + cleo);
  EXPECT_EQ(AllChanges(*store).size(), 4u);
}

TEST_F(WriteTest, DeleteRecordsCarryNoCondition) {
  MustWrite({.writes = {T(kAnne, "soon", kUntil)}});
  MustWrite({.deletes = {kAnne}});
  EXPECT_THAT(AllChanges(*OpenStore()),
              ElementsAre("+" + kAnne + " with soon " + std::string(kUntil), "-" + kAnne));
}

TEST_F(WriteTest, RecordsChangeInTheSameCommit) {
  const tuple::Tuple anne = T(kAnne);
  const storage::RecordChange binding[] = {{"binding/a", "anne views 1"}};
  auto store = OpenStore();
  ASSERT_EQ(*store->Write({.writes = {&anne, 1}, .records = binding}), 1u);

  const auto records = [&] {
    std::vector<std::string> texts;
    const auto at = store->ReadRecords("binding/", [&](const storage::Record& record) {
      texts.push_back(std::string(record.key) + " = " + std::string(record.value));
      return storage::Visit::kContinue;
    });
    EXPECT_EQ(*at, store->Pin().revision());
    return texts;
  };
  EXPECT_THAT(records(), ElementsAre("binding/a = anne views 1"));

  // A write that is refused changes no record; one whose tuples are all skipped does.
  const storage::RecordChange other[] = {{"binding/a", std::nullopt}, {"binding/b", "2"}};
  EXPECT_EQ(store->Write({.writes = {&anne, 1}, .records = other}).error().code,
            ErrorCode::kTupleStateMismatch);
  EXPECT_THAT(records(), ElementsAre("binding/a = anne views 1"));
  ASSERT_EQ(*store->Write({.writes = {&anne, 1}, .on_duplicate = "ignore", .records = other}), 2u);
  EXPECT_THAT(records(), ElementsAre("binding/b = 2"));

  ASSERT_EQ(*store->Write({.records = binding}), 3u);
  EXPECT_THAT(AllChanges(*store), ElementsAre("+" + kAnne));
}

struct FailureCase {
  const char* name;
  Request request;
  ErrorCode code;
  std::string message;
};

std::vector<tuple::Tuple> Many(int count) {
  std::vector<tuple::Tuple> many;
  for (int i = 0; i < count; ++i)
    many.push_back(T("document:" + std::to_string(i) + "#viewer@user:x"));
  return many;
}

// Each request breaks the rule of its row and the rules of some rows below: the order is the
// wire's.
TEST_F(WriteTest, ReportsTheFirstBrokenRuleInOrder) {
  MustWrite({.writes = {T(kAnne), T("document:9#viewer@user:anne", "soon", kUntil)}});
  const auto before = AllTuples(*OpenStore());
  const auto duplicate = T("document:2#viewer@user:a");
  const auto invalid = T("document:2#viewer@folder:1");
  auto crowd = Many(101);
  const std::string tail =
      ": tuple to be written already existed or the tuple to be deleted did not exist";

  const FailureCase cases[] = {
      {"unknown model",
       {.model_id = "01J0000000000000000000000Z"},
       ErrorCode::kModelNotFound,
       "Authorization Model '01J0000000000000000000000Z' not found"},
      {"model id that is no ulid",
       {.model_id = "x"},
       ErrorCode::kModelNotFound,
       "Authorization Model 'x' not found"},
      {"nothing to do",
       {.on_duplicate = "maybe"},
       ErrorCode::kEmptyWrite,
       "Invalid input. Make sure you provide at least one write, or at least one delete"},
      {"write that does not fit the model",
       {.writes = {invalid, invalid}, .deletes = {"document:1#viewer@a:b:c"}},
       ErrorCode::kValidation,
       "Invalid tuple 'document:2#viewer@folder:1'. Reason: type 'folder' not found"},
      {"implicit tuple",
       {.writes = {T("group:1#member@group:1#member")}},
       ErrorCode::kValidation,
       "Invalid tuple 'group:1#member@group:1#member'. Reason: cannot write a tuple that is "
       "implicit"},
      {"undefined condition",
       {.writes = {T("document:2#viewer@user:a", "never", "{}")}},
       ErrorCode::kValidation,
       "Invalid tuple 'document:2#viewer@user:a (condition never)'. Reason: undefined condition"},
      {"malformed user in a delete",
       {.writes = {duplicate, duplicate}, .deletes = {"document:1#viewer@a:b:c"}},
       ErrorCode::kValidation,
       "Invalid tuple 'document:1#viewer@a:b:c'. Reason: the 'user' field is malformed"},
      {"the same tuple written twice",
       {.writes = {duplicate, duplicate}, .on_duplicate = "maybe"},
       ErrorCode::kDuplicateTupleInRequest,
       "duplicate tuple in write: user: 'user:a', relation: 'viewer', object: 'document:2'"},
      {"the same tuple written and deleted",
       {.writes = {T(kAnne)}, .deletes = {kAnne}},
       ErrorCode::kDuplicateTupleInRequest,
       "duplicate tuple in write: user: 'user:anne', relation: 'viewer', object: 'document:1'"},
      {"too many",
       {.writes = crowd, .on_duplicate = "maybe"},
       ErrorCode::kLimitExceeded,
       "The number of write operations exceeds the allowed limit of 100"},
      {"unknown option for duplicates",
       {.writes = {T(kAnne)}, .on_duplicate = "maybe", .on_missing = "never"},
       ErrorCode::kValidation,
       "invalid on_duplicate option: maybe"},
      {"unknown option for missing",
       {.writes = {T(kAnne)}, .on_missing = "never"},
       ErrorCode::kValidation,
       "invalid on_missing option: never"},
      {"deleting what is missing comes before writing what exists",
       {.writes = {T(kAnne)}, .deletes = {kBob}},
       ErrorCode::kTupleStateMismatch,
       "cannot delete a tuple which does not exist: user: 'user:bob', relation: 'viewer', object: "
       "'document:1'" +
           tail},
      {"writing what exists",
       {.writes = {T("document:3#viewer@user:c"), T(kAnne)}},
       ErrorCode::kTupleStateMismatch,
       "cannot write a tuple which already exists: user: 'user:anne', relation: 'viewer', object: "
       "'document:1'" +
           tail},
      {"the condition is not part of the key",
       {.writes = {T(kAnne, "soon", kUntil)}},
       ErrorCode::kTupleStateMismatch,
       "cannot write a tuple which already exists: user: 'user:anne', relation: 'viewer', object: "
       "'document:1'" +
           tail},
      {"ignoring duplicates, but under another condition",
       {.writes = {T(kAnne, "soon", kUntil)}, .on_duplicate = "ignore"},
       ErrorCode::kConflict,
       "transactional write failed due to conflict: attempted to write a tuple which already "
       "exists "
       "with a different condition: user: 'user:anne', relation: 'viewer', object: 'document:1'"},
      {"ignoring duplicates, but with another context",
       {.writes = {T("document:9#viewer@user:anne", "soon", "{}")}, .on_duplicate = "ignore"},
       ErrorCode::kConflict,
       "transactional write failed due to conflict: attempted to write a tuple which already "
       "exists "
       "with a different condition: user: 'user:anne', relation: 'viewer', object: 'document:9'"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto result = Write(*OpenStore(), c.request);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(static_cast<int>(result.error().code), static_cast<int>(c.code));
    EXPECT_EQ(result.error().message, c.message);
  }
  EXPECT_EQ(AllTuples(*OpenStore()), before);  // All or nothing.
  EXPECT_EQ(OpenStore()->Pin().revision(), 1u);
  EXPECT_EQ(AllChanges(*OpenStore()).size(), 2u);
}

// Advisory CVE-2025-64529: an oversized batch must not report success.
TEST_F(WriteTest, AtTheLimitEverythingIsWritten) {
  auto deletes = std::vector<std::string>{kAnne};
  MustWrite({.writes = {T(kAnne)}});
  MustWrite({.writes = Many(99), .deletes = deletes});
  EXPECT_EQ(AllTuples(*OpenStore()).size(), 99u);
  EXPECT_FALSE(Write(*OpenStore(), {.writes = Many(100), .deletes = {kBob}}).ok());
}

TEST_F(WriteTest, WithoutAnyModelNothingCanBeWritten) {
  const auto id = stores_->CreateStore("empty")->id;
  const auto result = Write(*OpenStore(id), {.writes = {T(kAnne)}});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error(), (Error{ErrorCode::kLatestModelNotFound,
                                   "No authorization models found for store '" + id.value + "'"}));
}

TEST_F(WriteTest, SkippedTuplesLeaveNoRecord) {
  MustWrite({.writes = {T(kAnne)}});
  EXPECT_EQ(MustWrite({.writes = {T(kAnne), T(kBob)},
                       .deletes = {"document:7#viewer@user:x"},
                       .on_duplicate = "ignore",
                       .on_missing = "ignore"}),
            2u);
  EXPECT_THAT(AllChanges(*OpenStore()), ElementsAre("+" + kAnne, "+" + kBob));
}

TEST_F(WriteTest, SkippingEverythingSucceedsAndWritesNothing) {
  MustWrite({.writes = {T(kAnne)}});
  EXPECT_EQ(MustWrite({.writes = {T(kAnne)},
                       .deletes = {kBob},
                       .on_duplicate = "ignore",
                       .on_missing = "ignore"}),
            1u);
  EXPECT_EQ(OpenStore()->Pin().revision(), 1u);
}

TEST_F(WriteTest, OptionsAreIndependent) {
  MustWrite({.writes = {T(kAnne)}});
  EXPECT_FALSE(
      Write(*OpenStore(), {.writes = {T(kAnne)}, .deletes = {kBob}, .on_missing = "ignore"}).ok());
  EXPECT_FALSE(
      Write(*OpenStore(), {.writes = {T(kAnne)}, .deletes = {kBob}, .on_duplicate = "ignore"})
          .ok());
}

TEST_F(WriteTest, AnAbsentAndAnEmptyContextAreEqual) {
  MustWrite({.writes = {T(kAnne, "soon", "{}")}});
  EXPECT_EQ(MustWrite({.writes = {T(kAnne, "soon", "")}, .on_duplicate = "ignore"}), 1u);
}

TEST_F(WriteTest, TheOrderOfContextKeysDoesNotMatter) {
  MustWrite({.writes = {T(kAnne, "soon",
                          R"({"until":"2030-01-01T00:00:00Z","now":"2029-01-01T00:00:00Z"})")}});
  EXPECT_EQ(
      MustWrite({.writes = {T(kAnne, "soon",
                              R"({"now":"2029-01-01T00:00:00Z","until":"2030-01-01T00:00:00Z"})")},
                 .on_duplicate = "ignore"}),
      1u);
}

TEST_F(WriteTest, DeletesNeedNoFittingModel) {
  MustWrite({.writes = {T("document:1#owner@user:anne")}});
  const auto narrow = OpenStore()->WriteModel(MakeModel("model\n  schema 1.1\n\ntype user\n"));
  ASSERT_TRUE(narrow.ok());
  EXPECT_FALSE(Write(*OpenStore(), {.writes = {T("document:2#owner@user:anne")}}).ok());
  MustWrite({.deletes = {"document:1#owner@user:anne"}});
  EXPECT_THAT(AllTuples(*OpenStore()), IsEmpty());
}

// Advisory CVE-2026-55170: ids are compared by bytes.
TEST_F(WriteTest, LookalikesAreDifferentTuples) {
  const std::vector<std::string> ids = {"a",   "A",   "\xC3\xA4", "a\xCC\x88", "\xC3\x84",     "a.",
                                        "a|b", "a/b", "a@b",      "a%20b",     "a\xE2\x80\x8B"};
  for (const auto& id : ids) {
    MustWrite({.writes = {T("document:" + id + "#viewer@user:" + id)}});
  }
  EXPECT_EQ(AllTuples(*OpenStore()).size(), ids.size());
  for (const auto& id : ids) {
    MustWrite({.deletes = {"document:" + id + "#viewer@user:" + id}});
  }
  EXPECT_THAT(AllTuples(*OpenStore()), IsEmpty());
}

TEST_F(WriteTest, OneTimePerRequestAndNeverBackwards) {
  clock_.Set(5000);
  MustWrite({.writes = {T(kAnne), T(kBob)}});
  clock_.Set(4000);
  MustWrite({.writes = {T("document:3#viewer@user:c")}});
  const auto page = OpenStore()->ReadChanges({});
  ASSERT_TRUE(page.ok());
  for (const auto& change : page->changes) {
    EXPECT_EQ(change.time, WallTime(std::chrono::milliseconds(5000)));
  }
}

TEST_F(WriteTest, ADeletedStoreServesOn) {
  ASSERT_TRUE(stores_->DeleteStore(store_id_).ok());
  MustWrite({.writes = {T(kAnne)}});
  EXPECT_THAT(AllTuples(*OpenStore()), ElementsAre(kAnne));
}

// Preconditions.

class PreconditionTest : public World {
 protected:
  Result<Revision> WriteIf(const Preconditions& preconditions, const std::string& text) {
    const auto t = T(text);
    return OpenStore()->Write({.writes = {&t, 1}, .preconditions = preconditions});
  }
  static std::vector<tuple::TupleView> Views(std::initializer_list<std::string_view> texts) {
    std::vector<tuple::TupleView> views;
    for (const auto text : texts) views.push_back(*tuple::ParseTuple(text));
    return views;
  }
};

TEST_F(PreconditionTest, WhatHoldsLetsTheWritePass) {
  MustWrite({.writes = {T(kAnne)}});
  const auto anne = Views({kAnne});
  const auto others = Views({kBob, "document:1#viewer@user:*", "nothing:x#of@this:kind"});
  EXPECT_EQ(*WriteIf({.revision = 1, .present = anne, .absent = others}, kBob), 2u);
}

TEST_F(PreconditionTest, TheFirstThatFailsIsNamedAndNothingIsWritten) {
  MustWrite({.writes = {T(kAnne)}});
  const auto anne = Views({kAnne});
  const auto bob = Views({kBob});
  struct Case {
    const char* name;
    Preconditions preconditions;
    const char* message;
  };
  const Case cases[] = {
      {"an older revision",
       {.revision = 0, .present = bob},
       "precondition failed: the store is at revision 1, not at 0"},
      {"a revision to come",
       {.revision = 2},
       "precondition failed: the store is at revision 1, not at 2"},
      {"a tuple that is missing",
       {.revision = 1, .present = bob, .absent = anne},
       "precondition failed: no such tuple: user: 'user:bob', relation: 'viewer', object: "
       "'document:1'"},
      {"a tuple that is there",
       {.absent = anne},
       "precondition failed: the tuple exists: user: 'user:anne', relation: 'viewer', object: "
       "'document:1'"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto written = WriteIf(c.preconditions, kBob);
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.error().code, ErrorCode::kConflict);
    EXPECT_EQ(written.error().message, c.message);
    EXPECT_EQ(OpenStore()->Pin().revision(), 1u);
  }
}

TEST_F(PreconditionTest, TheyAreJudgedBeforeTheTuplesAreLookedAt) {
  MustWrite({.writes = {T(kAnne)}});
  EXPECT_EQ(WriteIf({.revision = 7}, kAnne).error().code, ErrorCode::kConflict);
  EXPECT_EQ(WriteIf({.revision = 1}, kAnne).error().code, ErrorCode::kTupleStateMismatch);
}

TEST_F(PreconditionTest, OfWritersWithOneRevisionOnePasses) {
  constexpr int kWriters = 4;
  for (Revision round = 0; round < 50; ++round) {
    std::atomic<int> passed = 0;
    std::vector<std::thread> writers;
    for (int w = 0; w < kWriters; ++w) {
      writers.emplace_back([&, w] {
        const auto text = "document:" + std::to_string(round) + "#viewer@user:" + std::to_string(w);
        const auto written = WriteIf({.revision = round}, text);
        if (written.ok()) {
          ++passed;
        } else {
          EXPECT_EQ(written.error().code, ErrorCode::kConflict);
        }
      });
    }
    for (auto& writer : writers) writer.join();
    ASSERT_EQ(passed, 1);
    ASSERT_EQ(OpenStore()->Pin().revision(), round + 1);
  }
}

TEST_F(PreconditionTest, TheyAreBoundedAndWellFormed) {
  const std::vector<tuple::TupleView> many(101, *tuple::ParseTuple(kBob));
  EXPECT_EQ(WriteIf({.absent = many}, kAnne).error().code, ErrorCode::kLimitExceeded);
  const std::vector<tuple::TupleView> malformed{{"document", "viewer", "user:bob"}};
  EXPECT_EQ(WriteIf({.absent = malformed}, kAnne).error().code, ErrorCode::kValidation);
}

}  // namespace
}  // namespace pemba::store::testing
