// Floors: what nobody can be faster than, measured in the same run on the same machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/bench/histogram.h"
#include "pemba/bench/scenario.h"

namespace pemba::bench {

// The hash probe: a table of the very tuples, keyed by their texts, as bare as one can be that
// never errs: half empty, eight bytes a slot (half of the hash and where the text lies), everything
// in huge pages. At most two dependent cache misses, slot and text; of a tuple that is not there,
// one.
class ProbeTable {
 public:
  explicit ProbeTable(const Scenario& scenario);
  ~ProbeTable();
  ProbeTable(const ProbeTable&) = delete;
  ProbeTable& operator=(const ProbeTable&) = delete;

  bool Has(std::string_view text) const;

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t place = 0;  // Where the text lies in texts_, in fours; 0: free.
  };
  void Add(std::string_view text);

  Slot* slots_ = nullptr;
  char* texts_ = nullptr;  // A byte of length, bytes, padding; one after the other.
  std::uint64_t mask_ = 0;
  std::uint64_t used_ = 4;  // Of texts_, in bytes.
};

// 200 bytes appended to a file in `directory`, and fdatasync: what a durable write has to wait for.
// Errors: kUnavailable (the directory cannot be written).
Result<Histogram> MeasureSync(const std::filesystem::path& directory, std::uint32_t times);

}  // namespace pemba::bench
