#include "pemba/store/stores.h"

#include <fstream>
#include <future>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/storage/embedded.h"
#include "pemba/store/testing/world.h"

namespace pemba::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoresTest : public World {};

TEST_F(StoresTest, CreatesListsAndDeletes) {
  const auto second = stores_->CreateStore("second");
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->name, "second");
  EXPECT_EQ(second->created_at, second->updated_at);
  EXPECT_EQ(*stores_->GetStore(second->id), *second);
  EXPECT_EQ(stores_->ListStores({})->stores.size(), 2u);

  EXPECT_TRUE(stores_->DeleteStore(second->id).ok());
  EXPECT_TRUE(stores_->DeleteStore(second->id).ok());
  EXPECT_EQ(stores_->GetStore(second->id).error(),
            (Error{ErrorCode::kStoreNotFound, "Store ID not found"}));
  EXPECT_EQ(stores_->ListStores({})->stores.size(), 1u);
}

TEST_F(StoresTest, PagesOfAnySizeAreTheWholeOldestFirst) {
  std::vector<std::string> want = {store_id_.value};
  for (int i = 0; i < 6; ++i) {
    want.push_back(stores_->CreateStore(i % 2 == 0 ? "even" : "odd")->id.value);
  }
  for (std::size_t size = 1; size <= want.size() + 1; ++size) {
    std::vector<std::string> got;
    std::string token;
    do {
      const auto page = stores_->ListStores({.page_size = size, .continuation_token = token});
      ASSERT_TRUE(page.ok());
      for (const auto& store : page->stores) got.push_back(store.id.value);
      token = page->continuation_token;
    } while (!token.empty());
    EXPECT_EQ(got, want) << "page size " << size;
  }
  EXPECT_EQ(stores_->ListStores({.name = "odd"})->stores.size(), 3u);
}

// Trap 6 of the wire contract: no call of the data plane asks whether the store was created.
TEST_F(StoresTest, AnIdThatNobodyCreatedServes) {
  const StoreId id{"01J0000000000000000000000A"};
  {
    const auto store = OpenStore(id);
    const auto model = store->WriteModel(MakeModel());
    ASSERT_TRUE(model.ok());
    // The same handle, another handle, another server: all see it.
    EXPECT_TRUE(Write(*store, {.writes = {T("document:1#viewer@user:anne")}}).ok());
    EXPECT_THAT(AllTuples(*store), ElementsAre("document:1#viewer@user:anne"));
    EXPECT_THAT(AllTuples(*OpenStore(id)), ElementsAre("document:1#viewer@user:anne"));
    EXPECT_EQ(store->Pin().ResolveModel("")->id, model->value);
  }
  Restart();
  EXPECT_THAT(AllTuples(*OpenStore(id)), ElementsAre("document:1#viewer@user:anne"));
  EXPECT_FALSE(stores_->GetStore(id).ok());
}

TEST_F(StoresTest, RequestsThatStoreNothingLoadNothing) {
  const auto loaded = stores_->loaded();
  for (int i = 0; i < 1000; ++i) {
    const auto store = OpenStore({"random" + std::to_string(i)});
    EXPECT_THAT(store->Read({})->tuples, IsEmpty());
    EXPECT_FALSE(store->Pin().ResolveModel("").ok());
    EXPECT_FALSE(Write(*store, {.writes = {T("document:1#viewer@user:anne")}}).ok());
    EXPECT_FALSE(store->WriteModel({}).ok());
  }
  EXPECT_EQ(stores_->loaded(), loaded);
}

TEST_F(StoresTest, ManyStoresAreKeptApart) {
  std::vector<StoreId> ids;
  for (int i = 0; i < 200; ++i) {
    ids.push_back({"store" + std::to_string(i)});
    ASSERT_TRUE(OpenStore(ids.back())->WriteModel(MakeModel()).ok());
    ASSERT_TRUE(Write(*OpenStore(ids.back()),
                      {.writes = {T("document:" + std::to_string(i) + "#viewer@user:anne")}})
                    .ok());
  }
  EXPECT_EQ(stores_->loaded(), 201u);
  for (int i = 0; i < 200; ++i) {
    EXPECT_THAT(AllTuples(*OpenStore(ids[i])),
                ElementsAre("document:" + std::to_string(i) + "#viewer@user:anne"));
  }
}

TEST_F(StoresTest, ManyThreadsOpenTheSameStore) {
  MustWrite({.writes = {T("document:1#viewer@user:anne")}});
  for (int round = 0; round < 20; ++round) {
    Restart();
    std::vector<std::future<Store*>> opened;
    for (int i = 0; i < 4; ++i) {
      opened.push_back(std::async(std::launch::async, [this] { return &*OpenStore(); }));
    }
    std::set<Store*> distinct;
    for (auto& each : opened) distinct.insert(each.get());
    EXPECT_EQ(distinct.size(), 1u);
  }
}

// On disk, with checkpoints.
class EmbeddedStoresTest : public ::testing::Test {
 protected:
  EmbeddedStoresTest() {
    Start();
    id_ = stores_->CreateStore("acme")->id;
    EXPECT_TRUE((*stores_->Open(id_))->WriteModel(MakeModel()).ok());
  }
  void Start() {
    auto opened = storage::OpenEmbeddedDatastore({.directory = directory_.path()});
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    datastore_ = *std::move(opened);
    StoresOptions options;
    options.checkpoint_directory = directory_.path() / "graph";
    options.store.changes_per_checkpoint = changes_per_checkpoint_;
    options.report = [this](std::string_view line) { reports_.emplace_back(line); };
    stores_ = std::make_unique<Stores>(*datastore_, clock_, std::move(options));
  }
  void Stop() {
    stores_.reset();
    datastore_.reset();
  }
  void Restart() {
    Stop();
    reports_.clear();
    Start();
  }
  void Fill(int writes) {
    auto store = *stores_->Open(id_);
    for (int i = 0; i < writes; ++i, ++filled_) {
      std::vector<tuple::Tuple> batch;
      for (int j = 0; j < 100; ++j) {
        batch.push_back(
            T("document:" + std::to_string(filled_) + "#viewer@user:" + std::to_string(j)));
      }
      ASSERT_TRUE(Write(*store, {.writes = batch}).ok());
    }
  }
  std::filesystem::path Checkpoint() const {
    return directory_.path() / "graph" / (id_.value + ".graph");
  }

  TemporaryDirectory directory_;
  FakeClock clock_;
  std::uint64_t changes_per_checkpoint_ = 0;
  std::vector<std::string> reports_;
  std::unique_ptr<storage::Datastore> datastore_;
  std::unique_ptr<Stores> stores_;
  StoreId id_;
  int filled_ = 0;
};

TEST_F(EmbeddedStoresTest, ACleanStopSavesACheckpointThatTheNextStartUses) {
  Fill(120);
  const auto before = AllTuples(**stores_->Open(id_));
  EXPECT_EQ(before.size(), 12'000u);
  Stop();
  ASSERT_TRUE(std::filesystem::exists(Checkpoint()));
  Start();
  EXPECT_EQ(AllTuples(**stores_->Open(id_)), before);
  EXPECT_THAT(reports_, IsEmpty());
  Fill(3);  // The tail, which is too short for a checkpoint of its own.
  const auto after = AllTuples(**stores_->Open(id_));
  Restart();
  EXPECT_EQ(AllTuples(**stores_->Open(id_)), after);
  EXPECT_EQ((*stores_->Open(id_))->Pin().revision(), 123u);
  EXPECT_EQ(AllChanges(**stores_->Open(id_)).size(), 12'300u);
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(EmbeddedStoresTest, ADamagedCheckpointIsReportedAndTheLogReplayed) {
  Fill(120);
  const auto before = AllTuples(**stores_->Open(id_));
  Stop();
  {
    std::fstream file(Checkpoint(), std::ios::binary | std::ios::in | std::ios::out);
    const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(Checkpoint()) / 2);
    file.seekg(middle);
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(middle);
    file.put(byte);
  }
  Start();
  EXPECT_EQ(AllTuples(**stores_->Open(id_)), before);
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_THAT(reports_[0], HasSubstr(id_.value));
}

TEST_F(EmbeddedStoresTest, ATruncatedCheckpointIsReportedAndTheLogReplayed) {
  Fill(120);
  const auto before = AllTuples(**stores_->Open(id_));
  Stop();
  std::filesystem::resize_file(Checkpoint(), std::filesystem::file_size(Checkpoint()) - 100);
  Start();
  EXPECT_EQ(AllTuples(**stores_->Open(id_)), before);
  EXPECT_EQ(reports_.size(), 1u);
}

TEST_F(EmbeddedStoresTest, ACheckpointOfAnotherLogIsNotUsed) {
  Fill(120);
  const auto other = stores_->CreateStore("other")->id;
  ASSERT_TRUE((*stores_->Open(other))->WriteModel(MakeModel()).ok());
  ASSERT_TRUE(Write(**stores_->Open(other), {.writes = {T("document:1#viewer@user:anne")}}).ok());
  Stop();
  std::filesystem::copy_file(Checkpoint(), directory_.path() / "graph" / (other.value + ".graph"));
  Start();
  EXPECT_THAT(AllTuples(**stores_->Open(other)), ElementsAre("document:1#viewer@user:anne"));
  EXPECT_EQ(reports_.size(), 1u);
}

TEST_F(EmbeddedStoresTest, CheckpointsAreSavedWhileWritersGoOn) {
  changes_per_checkpoint_ = 1000;
  Restart();
  Fill(30);  // Too little for one at the stop.
  const auto before = AllTuples(**stores_->Open(id_));
  for (int i = 0; i < 1000 && !std::filesystem::exists(Checkpoint()); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_TRUE(std::filesystem::exists(Checkpoint()));
  Restart();
  EXPECT_EQ(AllTuples(**stores_->Open(id_)), before);
  EXPECT_THAT(reports_, IsEmpty());
}

}  // namespace
}  // namespace pemba::store::testing
