// Extended writes: filtered deletes, replacements, upserts, dry runs; all of it one write.
#include <deque>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "pemba/store/testing/world.h"

namespace pemba::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Form = WriteRequest::Form;
using Effect = WriteRequest::Effect;

class WriteTuplesTest : public World {
 protected:
  static StoresOptions Limited() {
    StoresOptions options;
    options.store.changes_per_write_max = 200;
    return options;
  }
  WriteTuplesTest() : World(storage::NewMemoryDatastore(), Limited()) {}

  // What an extended write says; texts as T() takes them.
  struct Extended {
    std::vector<tuple::Tuple> writes = {};
    std::vector<std::string> deletes = {};
    std::vector<FilteredDelete> filters = {};
    struct Replaced {
      std::string object, relation;
      std::vector<tuple::Tuple> tuples;
    };
    std::vector<Replaced> replacements = {};
    std::string_view on_duplicate = "";
    std::string_view on_missing = "";
    std::optional<Revision> revision = {};
    Effect effect = Effect::kWrite;
  };

  Result<WriteResult> Try(const Extended& extended) {
    std::vector<tuple::TupleView> deletes;
    for (const auto& text : extended.deletes) deletes.push_back(*tuple::ParseTuple(text));
    std::vector<Replacement> replacements;
    for (const auto& r : extended.replacements) {
      replacements.push_back({r.object, r.relation, r.tuples});
    }
    return OpenStore()->WriteTuples({.writes = extended.writes,
                                     .deletes = deletes,
                                     .on_duplicate = extended.on_duplicate,
                                     .on_missing = extended.on_missing,
                                     .preconditions = {.revision = extended.revision},
                                     .form = Form::kExtended,
                                     .filtered_deletes = extended.filters,
                                     .replacements = replacements,
                                     .effect = extended.effect});
  }
  WriteResult Must(const Extended& extended) {
    auto result = Try(extended);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
    return result.ok() ? *result : WriteResult{};
  }
  void ExpectRefused(const Extended& extended, ErrorCode code, const std::string& message) {
    const auto before = AllTuples(*OpenStore());
    const auto revision = OpenStore()->Pin().revision();
    const auto result = Try(extended);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, code);
    EXPECT_EQ(result.error().message, message);
    EXPECT_EQ(AllTuples(*OpenStore()), before);
    EXPECT_EQ(OpenStore()->Pin().revision(), revision);
  }

  void Fill() {
    MustWrite({.writes = {T("document:1#owner@user:anne"), T("document:1#viewer@user:anne"),
                          T("document:1#viewer@user:*"), T("document:1#viewer@group:g#member"),
                          T("document:2#viewer@user:anne"), T("document:2#viewer@user:bob"),
                          T("group:g#member@user:anne"), T("group:g#member@group:h#member")}});
  }
};

struct FilterCase {
  const char* name;
  TupleFilter filter;
  std::vector<std::string> deleted;
};

TEST_F(WriteTuplesTest, AFilterDeletesWhatItNames) {
  const FilterCase cases[] = {
      {"type",
       {.object_type = "group"},
       {"group:g#member@user:anne", "group:g#member@group:h#member"}},
      {"object",
       {.object_type = "document", .object_id = "2"},
       {"document:2#viewer@user:anne", "document:2#viewer@user:bob"}},
      {"relation",
       {.object_type = "document", .relation = "owner"},
       {"document:1#owner@user:anne"}},
      {"subject's type",
       {.object_type = "document", .subject_type = "group"},
       {"document:1#viewer@group:g#member"}},
      {"subject",
       {.object_type = "document", .subject_type = "user", .subject_id = "anne"},
       {"document:1#owner@user:anne", "document:1#viewer@user:anne",
        "document:2#viewer@user:anne"}},
      {"everyone",
       {.object_type = "document", .subject_type = "user", .subject_id = "*"},
       {"document:1#viewer@user:*"}},
      {"usersets of a relation",
       {.object_type = "group", .subject_type = "group", .subject_relation = "member"},
       {"group:g#member@group:h#member"}},
      {"no usersets",
       {.object_type = "group", .subject_relation = ""},
       {"group:g#member@user:anne"}},
      {"subject of one object",
       {.object_type = "document",
        .object_id = "1",
        .relation = "viewer",
        .subject_type = "user",
        .subject_id = "anne",
        .subject_relation = ""},
       {"document:1#viewer@user:anne"}},
      {"nothing", {.object_type = "document", .object_id = "9"}, {}},
      {"nobody", {.object_type = "document", .subject_type = "user", .subject_id = "zoe"}, {}},
  };
  Fill();
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto before = AllTuples(*OpenStore());
    const auto revision = OpenStore()->Pin().revision();
    const auto dry = Must({.filters = {{c.filter, 0}}, .effect = Effect::kNone});
    EXPECT_EQ(dry.deleted, c.deleted.size());
    EXPECT_EQ(dry.revision, revision);
    EXPECT_EQ(AllTuples(*OpenStore()), before);

    const auto result = Must({.filters = {{c.filter, c.deleted.size()}}});
    EXPECT_EQ(result.deleted, c.deleted.size());
    EXPECT_EQ(result.written, 0u);
    EXPECT_EQ(result.revision, revision + (c.deleted.empty() ? 0 : 1));
    std::set<std::string> left(before.begin(), before.end());
    for (const auto& text : c.deleted) EXPECT_EQ(left.erase(text), 1u);
    const auto after = AllTuples(*OpenStore());
    EXPECT_EQ(std::set<std::string>(after.begin(), after.end()), left);

    Request again;
    for (const auto& text : c.deleted) again.writes.push_back(T(text));
    if (!c.deleted.empty()) MustWrite(again);
  }
}

TEST_F(WriteTuplesTest, MoreThanTheLimitIsNotDoneByHalf) {
  Fill();
  ExpectRefused({.writes = {T("document:9#viewer@user:zoe")},
                 .filters = {{{.object_type = "document", .relation = "viewer"}, 4}}},
                ErrorCode::kLimitExceeded,
                "more than 4 tuples match the filtered delete of 'document:#viewer'");
  EXPECT_EQ(Must({.filters = {{{.object_type = "document", .relation = "viewer"}, 5}}}).deleted,
            5u);
  // The limit of the store goes before the caller's.
  for (int i = 0; i < 3; ++i) {
    Request many;
    for (int n = 0; n < 70; ++n) {
      many.writes.push_back(
          T("document:" + std::to_string(i) + "-" + std::to_string(n) + "#viewer@user:zoe"));
    }
    MustWrite(many);
  }
  ExpectRefused({.filters = {{{.object_type = "document", .relation = "viewer"}, 1'000}}},
                ErrorCode::kLimitExceeded,
                "more than 200 tuples match the filtered delete of 'document:#viewer'");
}

TEST_F(WriteTuplesTest, AReplacementLeavesExactlyItsSubjects) {
  Fill();
  const auto result = Must(
      {.replacements = {
           {"document:1",
            "viewer",
            {T("document:1#viewer@user:anne"), T("document:1#viewer@user:carl"),
             T("document:1#viewer@user:bob", "soon", R"({"until":"2030-01-01T00:00:00Z"})")}}}});
  EXPECT_EQ(result.written, 2u) << "anne was there";
  EXPECT_EQ(result.deleted, 2u);
  std::vector<std::string> viewers;
  for (const auto& text : AllTuples(*OpenStore())) {
    if (text.starts_with("document:1#viewer")) viewers.push_back(text);
  }
  EXPECT_THAT(viewers,
              UnorderedElementsAre(
                  "document:1#viewer@user:anne", "document:1#viewer@user:carl",
                  R"(document:1#viewer@user:bob with soon {"until":"2030-01-01T00:00:00Z"})"));

  // The same again changes nothing; other conditions are a change; nobody is a set too.
  const auto same = Must(
      {.replacements = {{"document:2",
                         "viewer",
                         {T("document:2#viewer@user:bob"), T("document:2#viewer@user:anne")}}}});
  EXPECT_EQ(same.written + same.deleted, 0u);
  EXPECT_EQ(same.revision, result.revision);
  const auto conditional = Must({.replacements = {{"document:2",
                                                   "viewer",
                                                   {T("document:2#viewer@user:bob", "soon"),
                                                    T("document:2#viewer@user:anne")}}}});
  EXPECT_EQ(conditional.written, 1u);
  EXPECT_EQ(conditional.deleted, 0u);
  EXPECT_EQ(Must({.replacements = {{"document:2", "viewer", {}}}}).deleted, 2u);
}

TEST_F(WriteTuplesTest, AllPartsAreOneWriteAndOnlyTheDifferenceIsWritten) {
  Fill();
  const auto revision = OpenStore()->Pin().revision();
  const auto result =
      Must({.writes = {T("document:2#viewer@user:bob"), T("document:3#owner@user:eve")},
            .deletes = {"group:g#member@user:anne"},
            .filters = {{{.object_type = "document", .object_id = "2"}, 0}},
            .replacements = {{"document:1", "viewer", {T("document:1#viewer@user:*")}}}});
  EXPECT_EQ(result.revision, revision + 1);
  // Bob of document 2 matched the filter and was written again: nothing happened to him.
  const auto feed = OpenStore()->ReadFeed({revision, 0}, "", 100);
  ASSERT_EQ(feed->writes.size(), 1u);
  std::vector<std::string> changes;
  for (const auto& change : feed->writes[0].changes) {
    const bool wrote = change.operation == graph::Change::Operation::kWrite;
    changes.push_back((wrote ? "+" : "-") + TextOf(change.tuple));
  }
  EXPECT_THAT(changes,
              UnorderedElementsAre("-document:2#viewer@user:anne", "-document:1#viewer@user:anne",
                                   "-document:1#viewer@group:g#member", "-group:g#member@user:anne",
                                   "+document:3#owner@user:eve"));
  EXPECT_EQ(changes.back(), "+document:3#owner@user:eve") << "deletes come first";
  EXPECT_EQ(result.deleted, 4u);
  EXPECT_EQ(result.written, 1u);
}

TEST_F(WriteTuplesTest, DeletesAndWritesAreJudgedOnWhatTheRestLeaves) {
  Fill();
  ExpectRefused({.deletes = {"document:2#viewer@user:bob"},
                 .filters = {{{.object_type = "document", .object_id = "2"}, 0}}},
                ErrorCode::kTupleStateMismatch,
                "cannot delete a tuple which does not exist: user: 'user:bob', relation: 'viewer', "
                "object: 'document:2': tuple to be written already existed or the tuple to be "
                "deleted did not exist");
  ExpectRefused(
      {.writes = {T("document:1#owner@user:anne")}, .replacements = {{"document:1", "viewer", {}}}},
      ErrorCode::kTupleStateMismatch,
      "cannot write a tuple which already exists: user: 'user:anne', relation: 'owner', "
      "object: 'document:1': tuple to be written already existed or the tuple to be "
      "deleted did not exist");
}

TEST_F(WriteTuplesTest, ReplaceAsToDuplicatesIsAnUpsert) {
  Fill();
  const auto result =
      Must({.writes = {T("document:2#viewer@user:anne"), T("document:2#viewer@user:bob", "soon"),
                       T("document:2#viewer@user:eve")},
            .on_duplicate = "replace"});
  EXPECT_EQ(result.written, 2u);
  const auto again =
      Must({.writes = {T("document:2#viewer@user:bob", "soon")}, .on_duplicate = "replace"});
  EXPECT_EQ(again.written, 0u);
  EXPECT_EQ(again.revision, result.revision);
  // The wire's Write does not know it.
  const auto plain =
      Write(*OpenStore(), {.writes = {T("document:2#viewer@user:bob")}, .on_duplicate = "replace"});
  ASSERT_FALSE(plain.ok());
  EXPECT_EQ(plain.error().message, "invalid on_duplicate option: replace");
}

TEST_F(WriteTuplesTest, RefusesWhatIsNotWellFormed) {
  Fill();
  ExpectRefused({}, ErrorCode::kEmptyWrite,
                "Invalid input. Make sure you provide at least one write, or at least one delete");
  ExpectRefused({.filters = {{{.relation = "viewer"}, 0}}}, ErrorCode::kValidation,
                "a filtered delete must name an object type");
  ExpectRefused({.filters = {{{.object_type = "document", .subject_id = "anne"}, 0}}},
                ErrorCode::kValidation,
                "a filtered delete that names a subject's id must name its type");
  ExpectRefused(
      {.replacements = {{"document:1", "viewer", {T("document:2#viewer@user:anne")}}}},
      ErrorCode::kValidation,
      "Invalid tuple 'document:2#viewer@user:anne'. Reason: it is not of the relation that is "
      "replaced");
  ExpectRefused({.writes = {T("document:1#viewer@user:zoe")},
                 .replacements = {{"document:1", "viewer", {T("document:1#viewer@user:zoe")}}}},
                ErrorCode::kDuplicateTupleInRequest,
                "duplicate tuple in write: user: 'user:zoe', relation: 'viewer', object: "
                "'document:1'");
  ExpectRefused({.replacements = {{"document:1", "owner", {T("document:1#owner@group:g#member")}}}},
                ErrorCode::kValidation,
                Try({.writes = {T("document:1#owner@group:g#member")}}).error().message);
  Extended many;
  for (int n = 0; n < 201; ++n) {
    many.writes.push_back(T("document:" + std::to_string(n) + "#viewer@user:zoe"));
  }
  ExpectRefused(many, ErrorCode::kLimitExceeded,
                "The number of write operations exceeds the allowed limit of 200");
  many.writes.pop_back();
  EXPECT_EQ(Must(many).written, 200u);
}

TEST_F(WriteTuplesTest, ADryRunJudgesEverything) {
  Fill();
  const auto revision = OpenStore()->Pin().revision();
  const auto dry = Must({.writes = {T("document:4#viewer@user:zoe")},
                         .deletes = {"document:2#viewer@user:bob"},
                         .revision = revision,
                         .effect = Effect::kNone});
  EXPECT_EQ(dry.revision, revision);
  EXPECT_EQ(dry.written, 1u);
  EXPECT_EQ(dry.deleted, 1u);
  EXPECT_EQ(OpenStore()->Pin().revision(), revision);
  ExpectRefused({.deletes = {"document:4#viewer@user:zoe"}, .effect = Effect::kNone},
                ErrorCode::kTupleStateMismatch,
                Try({.deletes = {"document:4#viewer@user:zoe"}}).error().message);
}

// Random requests against the definition, on sets.
TEST_F(WriteTuplesTest, AgreesWithTheDefinitionOnRandomWrites) {
  std::mt19937_64 random(20261122);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  const auto object = [&] { return "document:" + std::to_string(below(3)); };
  const auto subject = [&] { return "user:" + std::to_string(below(4)); };
  std::set<std::string> want;
  for (int round = 0; round < 3'000; ++round) {
    Extended request;
    request.on_duplicate = "replace";
    request.on_missing = "ignore";
    auto next = want;
    const auto erase_if = [&](const std::string& prefix, const std::string& suffix) {
      std::erase_if(
          next, [&](const std::string& t) { return t.starts_with(prefix) && t.ends_with(suffix); });
    };
    std::deque<std::string> texts;
    if (below(2) == 0) {
      const auto id = texts.emplace_back(std::to_string(below(3)));
      TupleFilter filter{.object_type = "document", .object_id = texts.back()};
      std::string suffix;
      if (below(2) == 0) {
        const auto name = subject();
        suffix = "@" + name;
        filter.subject_type = "user";
        filter.subject_id = texts.emplace_back(name.substr(5));
      }
      request.filters.push_back({filter, 0});
      erase_if("document:" + id + "#", suffix);
    }
    std::set<std::string> named;
    if (below(2) == 0) {
      Extended::Replaced replaced{object(), "viewer", {}};
      erase_if(replaced.object + "#viewer@", "");
      for (int i = below(4); i > 0; --i) {
        const auto text = replaced.object + "#viewer@" + subject();
        if (!named.insert(text).second) continue;
        replaced.tuples.push_back(T(text));
        next.insert(text);
      }
      request.replacements.push_back(replaced);
    }
    for (int i = below(4); i > 0; --i) {
      const auto text = object() + (below(2) == 0 ? "#viewer@" : "#owner@") + subject();
      if (named.insert(text).second) request.deletes.push_back(text);
    }
    for (const auto& text : request.deletes) next.erase(text);
    for (int i = below(4); i > 0; --i) {
      const auto text = object() + (below(2) == 0 ? "#viewer@" : "#owner@") + subject();
      if (!named.insert(text).second) continue;
      request.writes.push_back(T(text));
      next.insert(text);
    }
    if (request.writes.empty() && request.deletes.empty() && request.filters.empty() &&
        request.replacements.empty()) {
      continue;
    }
    const auto revision = OpenStore()->Pin().revision();
    const auto result = Must(request);
    std::size_t written = 0, deleted = 0;
    for (const auto& t : next) written += want.contains(t) ? 0 : 1;
    for (const auto& t : want) deleted += next.contains(t) ? 0 : 1;
    ASSERT_EQ(result.written, written) << "round " << round;
    ASSERT_EQ(result.deleted, deleted) << "round " << round;
    ASSERT_EQ(result.revision, revision + (written + deleted > 0 ? 1 : 0));
    want = std::move(next);
    const auto got = AllTuples(*OpenStore());
    ASSERT_EQ(std::set<std::string>(got.begin(), got.end()), want) << "round " << round;
  }
}

}  // namespace
}  // namespace pemba::store::testing
