// Floors: what nobody can be faster than, measured in the same run on the same machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include <boost/unordered/unordered_flat_set.hpp>

#include "pemba/base/hash.h"
#include "pemba/base/result.h"
#include "pemba/bench/histogram.h"
#include "pemba/bench/scenario.h"

namespace pemba::bench {

// The hash probe: a flat table of as many keys as there are tuples, each the hash of a tuple's
// text. Looking up means hashing the text and one probe: at most one cache miss.
class ProbeTable {
 public:
  explicit ProbeTable(const Scenario& scenario);
  bool Has(std::string_view text) const { return keys_.contains(HashBytes(text)); }
  std::uint64_t size() const { return keys_.size(); }

 private:
  struct Identity {
    using is_avalanching = void;  // The keys are hashes.
    std::size_t operator()(std::uint64_t key) const { return key; }
  };
  boost::unordered_flat_set<std::uint64_t, Identity> keys_;
};

// 200 bytes appended to a file in `directory`, and fdatasync: what a durable write has to wait for.
// Errors: kUnavailable (the directory cannot be written).
Result<Histogram> MeasureSync(const std::filesystem::path& directory, std::uint32_t times);

}  // namespace pemba::bench
