// What must hold of a provider that an outbox keeps up to date, as tests. Whoever has a provider
// and ways to break it names himself:
//
//   INSTANTIATE_TEST_SUITE_P(Embedded, ReplicationContract, testing::Values(&NewEmbeddedBench));
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/provider/outbox.h"
#include "pemba/provider/testing/provider_contract.h"
#include "pemba/storage/datastore.h"
#include "pemba/store/stores.h"
#include "pemba/telemetry/metrics.h"

namespace pemba::provider::testing {

class ReplicationContract : public ::testing::TestWithParam<NewBench> {
 protected:
  ReplicationContract();
  ~ReplicationContract() override;
  void SetUp() override;

  // The control plane's store.
  store::Store& store() { return *store_; }
  void WriteModel(const model::Model& model);
  // One commit; answers its revision.
  Revision Commit(const std::vector<tuple::Tuple>& writes,
                  const std::vector<tuple::Tuple>& deletes = {});

  Bench& bench() { return *bench_; }
  Provider& provider() { return *provider_; }
  void StartOutbox(OutboxOptions options = {});
  void StopOutbox() { outbox_.reset(); }
  Outbox& outbox() { return *outbox_; }

  // All that was committed is applied, and the model published. Ends the test if it takes too long.
  void Settle();
  // The managed tuples on both sides.
  std::vector<std::string> Here(), There();
  std::string Decides(const tuple::Tuple& question);
  std::string Metric(const std::string& line_start);
  std::vector<std::string> reports();

 private:
  const SystemClock clock_;
  std::unique_ptr<storage::Datastore> datastore_;
  std::unique_ptr<store::Stores> stores_;
  std::unique_ptr<store::StoreHandle> handle_;
  store::Store* store_ = nullptr;
  std::unique_ptr<telemetry::Registry> metrics_;
  std::unique_ptr<Bench> bench_;
  std::unique_ptr<Provider> provider_;
  std::mutex mutex_;
  std::vector<std::string> reports_;  // Under the mutex.
  std::unique_ptr<Outbox> outbox_;
};

}  // namespace pemba::provider::testing
