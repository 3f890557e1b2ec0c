// The contract of Datastore as tests. A backend's test names itself:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, DatastoreContract, testing::Values(&NewMemoryBackend));
#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "pemba/storage/datastore.h"

namespace pemba::storage::testing {

// A backend under test.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Datastore& datastore() = 0;
  // Closes and opens again what was written. A backend that forgets says so, and stays as it is.
  enum class Reopened { kYes, kForgets };
  virtual Reopened Reopen() = 0;
};

using NewBackend = std::unique_ptr<Backend> (*)();

class DatastoreContract : public ::testing::TestWithParam<NewBackend> {
 protected:
  void SetUp() override {
    if (backend_ == nullptr) GTEST_SKIP() << "what this backend needs is not installed";
  }
  Datastore& datastore() { return backend_->datastore(); }
  Backend& backend() { return *backend_; }

 private:
  std::unique_ptr<Backend> backend_ = GetParam()();
};

}  // namespace pemba::storage::testing
