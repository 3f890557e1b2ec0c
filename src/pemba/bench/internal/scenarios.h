// The scenarios, each in a file with its relatives, and what they have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pemba/bench/scenario.h"

namespace pemba::bench::internal {

std::unique_ptr<Scenario> MakeDirect(const WorldSize& size);
std::unique_ptr<Scenario> MakeDrive(const WorldSize& size);
std::unique_ptr<Scenario> MakeGroupChain(const WorldSize& size);
std::unique_ptr<Scenario> MakeProjects(const WorldSize& size);
std::unique_ptr<Scenario> MakeTwoWay(const WorldSize& size);
std::unique_ptr<Scenario> MakeStrangers(const WorldSize& size);
std::unique_ptr<Scenario> MakeBlockList(const WorldSize& size);
std::unique_ptr<Scenario> MakeWideParents(const WorldSize& size);
std::unique_ptr<Scenario> MakeSharedTeams(const WorldSize& size);
std::unique_ptr<Scenario> MakeGiants(const WorldSize& size);
std::unique_ptr<Scenario> MakeExpiry(const WorldSize& size);
std::unique_ptr<Scenario> MakeSharedBatch(const WorldSize& size);
std::unique_ptr<Scenario> MakeListing(const WorldSize& size);
std::unique_ptr<Scenario> MakeMixed(const WorldSize& size);
std::unique_ptr<Scenario> MakeKitchenSink(const WorldSize& size);

// "document:d00001234": ids of eight digits make tuples of about 40 bytes.
std::string Name(std::string_view type_and_prefix, std::uint64_t number);

// Fills tuples in without an allocation for each.
class TupleWriter {
 public:
  explicit TupleWriter(const TupleSink& sink) : sink_(sink) {}

  void operator()(std::string_view object, std::string_view relation,
                  std::string_view subject) const {
    sink_({.tuple = {object, relation, subject}});
  }

 private:
  const TupleSink& sink_;
};

// Even questions are granted, odd ones denied: half of them, exactly.
inline Decision DecisionOf(Random& random) {
  return (random.Next() & 1) != 0 ? Decision::kAllowed : Decision::kDenied;
}

}  // namespace pemba::bench::internal
