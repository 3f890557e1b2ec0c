// The contract of Provider as tests. An implementation's test names itself:
//
//   INSTANTIATE_TEST_SUITE_P(Embedded, ProviderContract, testing::Values(&NewEmbeddedBench));
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/provider/provider.h"

namespace pemba::provider::testing {

// An empty store somewhere, and ways to it.
class Bench {
 public:
  virtual ~Bench() = default;
  // Somebody who uses it. Calls make more of them: they know nothing of each other.
  virtual std::unique_ptr<Provider> Connect() = 0;
  // What holds the tuples goes away at once and comes back with what was durable. To be called on
  // the thread of the test.
  virtual void Crash() = 0;
};

using NewBench = std::function<std::unique_ptr<Bench>()>;  // May answer null: not available here.

class ProviderContract : public ::testing::TestWithParam<NewBench> {
 protected:
  void SetUp() override;

  Provider& provider() { return *provider_; }
  Bench& bench() { return *bench_; }

  // Each ends the test on an error.
  void Publish(const model::Model& managed);
  void Apply(const std::vector<tuple::Tuple>& removes, const std::vector<tuple::Tuple>& adds);

  std::vector<std::string> Stored();  // Texts, sorted.
  // `yes`, `no` or the class of the error.
  std::string Decides(const tuple::Tuple& question);

 private:
  std::unique_ptr<Bench> bench_;
  std::unique_ptr<Provider> provider_;
};

}  // namespace pemba::provider::testing
