#include "pemba/storage/memory.h"

#include "pemba/storage/testing/datastore_contract.h"

namespace pemba::storage::testing {
namespace {

class MemoryBackend final : public Backend {
 public:
  Datastore& datastore() override { return *datastore_; }
  Reopened Reopen() override { return Reopened::kForgets; }

 private:
  std::unique_ptr<Datastore> datastore_ = NewMemoryDatastore();
};

std::unique_ptr<Backend> NewMemoryBackend() { return std::make_unique<MemoryBackend>(); }

INSTANTIATE_TEST_SUITE_P(Memory, DatastoreContract, ::testing::Values(&NewMemoryBackend));

}  // namespace
}  // namespace pemba::storage::testing
