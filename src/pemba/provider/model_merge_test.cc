// What is kept, what goes and what counts as the same when managed types are merged into a model.
#include "pemba/provider/model_merge.h"

#include <algorithm>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/model/validation.h"
#include "pemba/provider/internal/model_swap.h"
#include "pemba/provider/testing/models.h"

namespace pemba::provider::testing {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Names(const model::Model& model) {
  std::vector<std::string> names;
  for (const auto& type : model.types) names.push_back(type.type);
  return names;
}

TEST(MergeModels, KeepsForeignTypesFirstAndReplacesManagedOnes) {
  auto current = MergeModels(Foreign(), Library());
  current.id = "01J0000000000000000000000A";
  const auto merged =
      MergeModels(current, ManagedModel({Type(kUser, {}), Type("new.example/Kind", {})}));
  EXPECT_THAT(Names(merged), ElementsAre("user", "team", kUser, "new.example/Kind"));
  EXPECT_EQ(merged.schema_version, "1.2");
  EXPECT_EQ(merged.conditions, current.conditions);
  EXPECT_EQ(merged.id, "");
}

TEST(MergeModels, AForeignTypeOfAManagedNameIsNotReplaced) {
  const auto merged = MergeModels(Foreign(), ManagedModel({Type("user", {{"self", {"user"}}})}));
  EXPECT_THAT(Names(merged), ElementsAre("user", "team"));
  EXPECT_TRUE(merged.types[0].relations.empty());
}

TEST(ManagedPart, HasTheTypesWithASlash) {
  EXPECT_TRUE(SameModels(ManagedPart(MergeModels(Foreign(), Library())), Library()));
}

struct SameCase {
  const char* name;
  void (*change)(model::Model&);
  bool same;
};
const SameCase kSameCases[] = {
    {"nothing", [](model::Model&) {}, true},
    {"the id", [](model::Model& m) { m.id = "01J0000000000000000000000A"; }, true},
    {"the order of types", [](model::Model& m) { std::reverse(m.types.begin(), m.types.end()); },
     true},
    {"the order of restrictions",
     [](model::Model& m) {
       auto& allowed = m.types[2].metadata->relations["get"].directly_related_user_types;
       std::reverse(allowed.begin(), allowed.end());
     },
     true},
    {"metadata that says nothing", [](model::Model& m) { m.types[0].metadata.emplace(); }, true},
    {"an empty source",
     [](model::Model& m) { m.types[2].metadata->source_info = model::SourceInfo{}; }, true},
    {"a module", [](model::Model& m) { m.types[2].metadata->module = "x"; }, false},
    {"the schema", [](model::Model& m) { m.schema_version = "1.1"; }, false},
    {"a relation more",
     [](model::Model& m) { m.types[1].relations["assignee"] = m.types[1].relations["member"]; },
     false},
    {"a restriction less",
     [](model::Model& m) {
       m.types[2].metadata->relations["get"].directly_related_user_types.pop_back();
     },
     false},
    {"a type less", [](model::Model& m) { m.types.pop_back(); }, false},
    {"a type of another name", [](model::Model& m) { m.types[3].type = "lib.example/Page"; },
     false},
    {"another rewrite",
     [](model::Model& m) { m.types[3].relations["get"] = m.types[3].relations["parent"]; }, false},
    {"a condition",
     [](model::Model& m) {
       m.conditions["c"] = {"c", "true", {}, std::nullopt};
     },
     false},
};

TEST(SameModels, IgnoresWhatMakesNoDifference) {
  for (const auto& c : kSameCases) {
    SCOPED_TRACE(c.name);
    auto changed = Library();
    c.change(changed);
    EXPECT_EQ(SameModels(Library(), changed), c.same);
    EXPECT_EQ(SameModels(changed, Library()), c.same);
  }
}

TEST(UnionOfModels, AcceptsTheTuplesOfBoth) {
  const auto before = Library({"get", "edit"});
  auto after = ManagedModel(
      {Type(kUser, {}), Type(kGroup, {{"member", {kUser}}}),
       Type("lib.example/Shelf", {{"get", Subjects()}}),
       Type(kDoc,
            {{"parent", {"lib.example/Shelf"}}, {"get", Subjects(), true}, {"share", {kUser}}})});
  const auto both = UnionOfModels(before, after);
  EXPECT_TRUE(model::ValidateModel(both).ok());
  for (const auto* text :
       {"doc:1#edit@person:a", "doc:1#share@person:a", "doc:1#parent@folder:1",
        "doc:1#parent@lib.example/Shelf:1", "folder:1#edit@person:a", "doc:1#get@group:g#member"}) {
    EXPECT_TRUE(AcceptsTuple(both, T(text).view())) << text;
  }
  EXPECT_TRUE(SameModels(UnionOfModels(before, before), before));
}

struct AcceptsCase {
  const char* text;
  bool accepts;
};
constexpr AcceptsCase kAcceptsCases[] = {
    {"doc:1#get@person:a", true},           {"doc:1#get@group:g#member", true},
    {"doc:1#get@group:g", false},           {"doc:1#get@person:*", false},
    {"doc:1#get@group:g#owner", false},     {"doc:1#parent@folder:1", true},
    {"doc:1#parent@doc:1", false},          {"doc:1#shred@person:a", false},
    {"no.example/X:1#get@person:a", false},
};

TEST(AcceptsTuple, LooksAtTypeRelationAndKindOfSubject) {
  const auto model = Library();
  for (const auto& c : kAcceptsCases) {
    EXPECT_EQ(AcceptsTuple(model, T(c.text).view()), c.accepts) << c.text;
  }
}

// A log of models in which somebody else may write at any moment.
class ContestedLog final : public internal::ModelLog {
 public:
  std::function<void(ContestedLog&)> before_append, after_append;

  std::string Add(model::Model model) {
    model.id = "id" + std::to_string(models.size());
    models.push_back(std::move(model));
    return models.back().id;
  }
  Result<std::vector<model::Model>> Newest(std::size_t count) override {
    std::vector<model::Model> newest(models.rbegin(), models.rend());
    newest.resize(std::min(count, newest.size()));
    return newest;
  }
  Result<std::string> Append(const model::Model& model) override {
    if (auto act = std::exchange(before_append, nullptr)) act(*this);
    auto id = Add(model);
    if (auto act = std::exchange(after_append, nullptr)) act(*this);
    return id;
  }

  std::vector<model::Model> models;
};

TEST(SwapModel, WritesOverTheExpectedModelOnly) {
  ContestedLog log;
  EXPECT_EQ(*internal::SwapModel(log, Library(), ""), "id0");
  EXPECT_EQ(internal::SwapModel(log, Library(), "").error().code, ErrorCode::kConflict);
  EXPECT_EQ(*internal::SwapModel(log, Library(), "id0"), "id1");
  EXPECT_EQ(log.models.size(), 2U);
}

// As somebody does who adds a type by hand.
void AddByHand(ContestedLog& log, const char* name) {
  auto model = log.models.back();
  model.types.push_back(Type(name, {}));
  log.Add(std::move(model));
}

TEST(SwapModel, ChangesThatCameInBetweenAreMadeOnceMore) {
  ContestedLog log;
  log.Add(Library());
  log.before_append = [](ContestedLog& l) { AddByHand(l, "hand"); };
  EXPECT_EQ(internal::SwapModel(log, Library({"get"}), "id0").error().code, ErrorCode::kConflict);
  EXPECT_TRUE(SameModels(log.models.back(), MergeModels(log.models[1], Library({"get"}))));
}

TEST(SwapModel, WhatWasBuiltOnOursMeanwhileIsKeptToo) {
  ContestedLog log;
  log.Add(Library());
  log.before_append = [](ContestedLog& l) { AddByHand(l, "first"); };
  log.after_append = [](ContestedLog& l) {
    AddByHand(l, "second");
    l.before_append = [](ContestedLog& again) { AddByHand(again, "third"); };
  };
  EXPECT_EQ(internal::SwapModel(log, Library(), "id0").error().code, ErrorCode::kConflict);
  EXPECT_THAT(Names(log.models.back()),
              ::testing::IsSupersetOf({"first", "second", "third", kDoc}));
}

TEST(RebaseModel, AddsAndChangesWholeTypesAndConditionsAndRemovesNone) {
  const auto base = MergeModels(Foreign(), Library());
  auto theirs = base;
  theirs.types.erase(theirs.types.begin() + 1);  // team
  theirs.types.push_back(Type("new", {}));
  theirs.types[0].metadata = model::TypeMetadata{.relations = {}, .module = "m", .source_info = {}};
  theirs.conditions.clear();
  auto current = base;
  current.types.push_back(Type("own", {}));
  const auto rebased = internal::RebaseModel(base, theirs, current);
  EXPECT_THAT(Names(rebased),
              ElementsAre("user", "team", kUser, kGroup, kFolder, kDoc, "own", "new"));
  EXPECT_EQ(rebased.types[0], theirs.types[0]);
  EXPECT_EQ(rebased.conditions, base.conditions);
  EXPECT_EQ(internal::RebaseModel(base, base, current), current);
}

TEST(SwapModel, AModelWrittenAfterOursIsAConflictAndStaysOnTop) {
  ContestedLog log;
  log.Add(Library());
  log.after_append = [](ContestedLog& l) { l.Add(Foreign()); };
  EXPECT_EQ(internal::SwapModel(log, Library({"get"}), "id0").error().code, ErrorCode::kConflict);
  EXPECT_TRUE(SameModels(log.models.back(), Foreign()));
  EXPECT_EQ(log.models.size(), 3U);
}

}  // namespace
}  // namespace pemba::provider::testing
