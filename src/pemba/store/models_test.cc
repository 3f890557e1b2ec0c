#include <thread>

#include <gmock/gmock.h>

#include "pemba/store/testing/world.h"

namespace pemba::store::testing {
namespace {

using ::testing::IsEmpty;

class ModelsTest : public World {
 protected:
  // A model that can be told from others: it has one more type, of this name.
  std::string WriteNamed(const std::string& type) {
    const auto id = OpenStore()->WriteModel(
        MakeModel("model\n  schema 1.1\n\ntype user\n\ntype " + type + "\n"));
    EXPECT_TRUE(id.ok());
    return id->value;
  }
  static bool Knows(const ResolvedModel& model, std::string_view type) {
    return model.bound->plan().FindType(type) != model::kNoIndex;
  }
};

TEST_F(ModelsTest, TheLatestIsTheOneWrittenLast) {
  EXPECT_EQ(OpenStore()->Pin().ResolveModel("")->id, model_id_);
  const auto second = WriteNamed("folder");
  EXPECT_GT(second, model_id_);
  const auto store = OpenStore();
  const auto view = store->Pin();
  EXPECT_EQ(view.ResolveModel("")->id, second);
  EXPECT_TRUE(Knows(*view.ResolveModel(""), "folder"));
  EXPECT_EQ(view.ResolveModel(model_id_)->id, model_id_);
  EXPECT_FALSE(Knows(*view.ResolveModel(model_id_), "folder"));
}

TEST_F(ModelsTest, IdsGrowAlsoWhenTheClockGoesBack) {
  const auto second = WriteNamed("folder");
  clock_.Set(1'000'000'000'000);
  Restart();  // With an id generator that knows nothing of the past.
  const auto third = WriteNamed("drive");
  EXPECT_GT(third, second);
  EXPECT_EQ(OpenStore()->Pin().ResolveModel("")->id, third);
}

TEST_F(ModelsTest, AreFoundAgainAfterARestart) {
  const auto second = WriteNamed("folder");
  Restart();
  const auto store = OpenStore();
  const auto view = store->Pin();
  EXPECT_EQ(view.ResolveModel("")->id, second);
  EXPECT_TRUE(view.ResolveModel(model_id_).ok());
}

TEST_F(ModelsTest, MissingOnesAreNamed) {
  const auto store = OpenStore();
  for (const std::string id :
       {"01J0000000000000000000000A", "no-ulid", "01j0000000000000000000000a"}) {
    const Error want{ErrorCode::kModelNotFound, "Authorization Model '" + id + "' not found"};
    EXPECT_EQ(store->Pin().ResolveModel(id).error(), want);
    EXPECT_EQ(store->ReadModel(id).error(), want);
    EXPECT_EQ(store->ReadAssertions(id).error(), want);
    EXPECT_EQ(store->WriteAssertions({.model_id = id}).error(), want);
  }
  const StoreId nowhere{"01J0000000000000000000000A"};
  EXPECT_EQ(OpenStore(nowhere)->Pin().ResolveModel("").error(),
            (Error{ErrorCode::kLatestModelNotFound,
                   "No authorization models found for store '01J0000000000000000000000A'"}));
  EXPECT_EQ(
      OpenStore(nowhere)->Pin().ResolveModel(model_id_).error(),
      (Error{ErrorCode::kModelNotFound, "Authorization Model '" + model_id_ + "' not found"}));
}

TEST_F(ModelsTest, InvalidOnesAreNotStored) {
  auto model = MakeModel();
  model.types.push_back(model.types.front());
  const auto id = OpenStore()->WriteModel(model);
  ASSERT_FALSE(id.ok());
  EXPECT_EQ(id.error().code, ErrorCode::kInvalidModel);
  EXPECT_EQ(OpenStore()->ListModels(10, "")->models.size(), 1u);
}

TEST_F(ModelsTest, AreReturnedAsTheyWereWritten) {
  auto want = MakeModel();
  want.id = model_id_;
  EXPECT_EQ(*OpenStore()->ReadModel(model_id_), want);
  Restart();
  EXPECT_EQ(*OpenStore()->ReadModel(model_id_), want);
}

TEST_F(ModelsTest, AreListedNewestFirstInPagesOfAnySize) {
  std::vector<std::string> want = {model_id_};
  for (int i = 0; i < 5; ++i) want.insert(want.begin(), WriteNamed("t" + std::to_string(i)));
  for (std::size_t size = 1; size <= want.size() + 1; ++size) {
    std::vector<std::string> got;
    std::string token;
    do {
      const auto page = OpenStore()->ListModels(size, token);
      ASSERT_TRUE(page.ok());
      for (const auto& model : page->models) got.push_back(model.id);
      token = page->continuation_token;
    } while (!token.empty());
    EXPECT_EQ(got, want) << "page size " << size;
  }
}

TEST_F(ModelsTest, TheCacheIsBoundedAndItsModelsOutliveEvictionWhileInView) {
  options_.store.models_cached_max = 2;
  Restart();
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(WriteNamed("t" + std::to_string(i)));
  const auto store = OpenStore();
  const auto view = store->Pin();
  std::vector<ResolvedModel> models;
  for (const auto& id : ids) models.push_back(*view.ResolveModel(id));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(models[i].id, ids[i]);  // Long evicted, still alive.
    EXPECT_TRUE(Knows(models[i], "t" + std::to_string(i)));
  }
  EXPECT_EQ(view.ResolveModel("")->id, ids.back());
}

TEST_F(ModelsTest, ManyThreadsResolveAndWriteAtOnce) {
  options_.store.models_cached_max = 3;
  Restart();
  std::vector<std::string> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(WriteNamed("t" + std::to_string(i)));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const auto store = OpenStore();
        const auto view = store->Pin();
        const auto which = static_cast<std::size_t>(i * (t + 1)) % ids.size();
        const auto model = view.ResolveModel(ids[which]);
        ASSERT_TRUE(model.ok());
        EXPECT_TRUE(Knows(*model, "t" + std::to_string(which)));
        EXPECT_TRUE(view.ResolveModel("").ok());
      }
    });
  }
  std::string newest;
  for (int i = 0; i < 10; ++i) newest = WriteNamed("more" + std::to_string(i));
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(OpenStore()->Pin().ResolveModel("")->id, newest);
}

class AssertionsTest : public ModelsTest {};

TEST_F(AssertionsTest, ComeBackAsTheyWereWritten) {
  EXPECT_THAT(*OpenStore()->ReadAssertions(model_id_), IsEmpty());
  std::vector<Assertion> assertions(2);
  assertions[0].tuple = T("document:1#viewer@user:anne");
  assertions[0].expectation = true;
  assertions[0].contextual_tuples = {
      T("document:1#viewer@user:anne", "soon", R"({"until":"2030-01-01T00:00:00Z"})"),
      T("group:eng#member@user:anne")};
  assertions[0].context =
      *tuple::ParseContext(R"({"now":"2029-01-01T00:00:00Z","n":[1,{"a":2.5}]})");
  assertions[1].tuple = T("document:1#viewer@group:eng#member");
  ASSERT_TRUE(OpenStore()->WriteAssertions({.model_id = model_id_, .assertions = assertions}).ok());
  EXPECT_EQ(*OpenStore()->ReadAssertions(model_id_), assertions);
  Restart();
  EXPECT_EQ(*OpenStore()->ReadAssertions(model_id_), assertions);

  ASSERT_TRUE(OpenStore()->WriteAssertions({.model_id = model_id_}).ok());
  EXPECT_THAT(*OpenStore()->ReadAssertions(model_id_), IsEmpty());
}

TEST_F(AssertionsTest, BelongToTheirModel) {
  const auto second = WriteNamed("folder");
  std::vector<Assertion> assertions(1);
  assertions[0].tuple = T("document:1#viewer@user:anne");
  ASSERT_TRUE(OpenStore()->WriteAssertions({.model_id = model_id_, .assertions = assertions}).ok());
  EXPECT_THAT(*OpenStore()->ReadAssertions(second), IsEmpty());
}

TEST_F(AssertionsTest, AreCheckedAgainstTheModel) {
  struct Case {
    const char* name;
    Assertion assertion;
    std::size_t wire_bytes;
    ErrorCode code;
    std::string message;
  };
  Assertion unknown_type;
  unknown_type.tuple = T("folder:1#viewer@user:anne");
  Assertion bad_contextual;
  bad_contextual.tuple = T("document:1#viewer@user:anne");
  bad_contextual.contextual_tuples = {T("document:1#owner@user:*")};
  const Case cases[] = {
      {"size comes first", unknown_type, 64001, ErrorCode::kLimitExceeded,
       "The number of bytes exceeds the allowed limit of 64000"},
      {"tuple", unknown_type, 64000, ErrorCode::kValidation, "type 'folder' not found"},
      {"contextual tuple", bad_contextual, 10, ErrorCode::kValidation,
       "Invalid tuple 'document:1#owner@user:*'. Reason: the typed wildcard 'user:*' is not an "
       "allowed type restriction for 'document#owner'"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto status = OpenStore()->WriteAssertions(
        {.model_id = model_id_, .assertions = {&c.assertion, 1}, .wire_bytes = c.wire_bytes});
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error(), (Error{c.code, c.message}));
  }
}

}  // namespace
}  // namespace pemba::store::testing
