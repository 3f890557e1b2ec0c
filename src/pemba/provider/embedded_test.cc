// The embedded provider keeps the contract, on a memory store and on one that survives crashes.
#include "pemba/provider/embedded.h"

#include <mutex>
#include <shared_mutex>

#include <gtest/gtest.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/provider/testing/models.h"
#include "pemba/provider/testing/provider_contract.h"
#include "pemba/provider/testing/replication_contract.h"
#include "pemba/storage/embedded.h"
#include "pemba/storage/memory.h"

namespace pemba::provider::testing {
namespace {

const StoreId kStore{"01J0000000000000000000000A"};

// A way to a provider that may be closed and opened below it.
class Borrowed final : public Provider {
 public:
  Borrowed(const std::unique_ptr<Embedded>& to, std::shared_mutex& open) : to_(to), open_(open) {}
  Capabilities capabilities() const override {
    const std::shared_lock lock(open_);
    return to_->capabilities();
  }
  Result<model::Model> ReadModel() override {
    const std::shared_lock lock(open_);
    return to_->ReadModel();
  }
  Result<std::string> WriteModel(const model::Model& model, std::string_view expected) override {
    const std::shared_lock lock(open_);
    return to_->WriteModel(model, expected);
  }
  Status Apply(std::span<const tuple::Tuple> removes, std::span<const tuple::Tuple> adds) override {
    const std::shared_lock lock(open_);
    return to_->Apply(removes, adds);
  }
  std::vector<Result<Decision>> Check(std::span<const tuple::Tuple> questions,
                                      const ReadOptions& options) override {
    const std::shared_lock lock(open_);
    return to_->Check(questions, options);
  }
  Result<Names> ListObjects(std::string_view type, std::string_view relation, std::string_view user,
                            const ReadOptions& options, std::size_t max) override {
    const std::shared_lock lock(open_);
    return to_->ListObjects(type, relation, user, options, max);
  }
  Result<Names> ListUsers(std::string_view object, std::string_view relation,
                          std::span<const std::string> types, const ReadOptions& options) override {
    const std::shared_lock lock(open_);
    return to_->ListUsers(object, relation, types, options);
  }
  Status ReadTuples(const std::function<Status(tuple::Tuple)>& visit) override {
    const std::shared_lock lock(open_);
    return to_->ReadTuples(visit);
  }
  Result<engine::Explanation> Explain(const tuple::Tuple& question,
                                      const ReadOptions& options) override {
    const std::shared_lock lock(open_);
    return to_->Explain(question, options);
  }
  Health health() const override {
    const std::shared_lock lock(open_);
    return to_->health();
  }

 private:
  const std::unique_ptr<Embedded>& to_;
  std::shared_mutex& open_;  // Held shared by calls.
};

class DurableBench final : public Bench {
 public:
  DurableBench() { Open(); }
  std::unique_ptr<Provider> Connect() override {
    return std::make_unique<Borrowed>(provider_, open_);
  }
  void Crash() override {
    const std::unique_lock lock(open_);
    provider_.reset();
    stores_.reset();
    datastore_.reset();
    Open();
  }

 private:
  void Open() {
    datastore_ = *storage::OpenEmbeddedDatastore({.directory = directory_.path() / "data"});
    stores_ = std::make_unique<store::Stores>(*datastore_, clock_);
    provider_ = *Embedded::Open(*stores_, kStore, clock_);
  }

  std::shared_mutex open_;
  const SystemClock clock_;
  const TemporaryDirectory directory_;
  std::unique_ptr<storage::Datastore> datastore_;
  std::unique_ptr<store::Stores> stores_;
  std::unique_ptr<Embedded> provider_;
};

std::unique_ptr<Bench> NewDurableBench() { return std::make_unique<DurableBench>(); }

INSTANTIATE_TEST_SUITE_P(Embedded, ProviderContract, ::testing::Values(&NewDurableBench));
INSTANTIATE_TEST_SUITE_P(Embedded, ReplicationContract, ::testing::Values(&NewDurableBench));

TEST(EmbeddedProvider, ARevisionIsWaitedForAndNotMadeUp) {
  const SystemClock clock;
  const auto datastore = storage::NewMemoryDatastore();
  store::Stores stores(*datastore, clock);
  const auto provider = *Embedded::Open(stores, kStore, clock);
  ASSERT_TRUE(provider->WriteModel(Library(), "").ok());
  const auto grant = T("doc:1#get@person:a");
  ASSERT_TRUE(provider->Apply({}, {&grant, 1}).ok());
  const auto soon = clock.Steady() + std::chrono::milliseconds(20);
  const auto seen = provider->Check({&grant, 1}, {.at_least = 1});
  ASSERT_TRUE(seen[0].ok());
  EXPECT_EQ(*seen[0], Decision::kAllowed);
  const auto later = provider->Check({&grant, 1}, {.at_least = 2, .deadline = soon});
  ASSERT_FALSE(later[0].ok());
  EXPECT_EQ(ClassOf(later[0].error().code), FailureClass::kTransient);
}

}  // namespace
}  // namespace pemba::provider::testing
