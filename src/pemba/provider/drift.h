// Drift: where the managed tuples of a provider differ from those of the control plane's store.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/provider/provider.h"
#include "pemba/store/store.h"
#include "pemba/tuple/tuple.h"

namespace pemba::provider {

enum class DriftMode : std::uint8_t { kOff, kReport, kFix };

struct Differences {
  std::vector<tuple::Tuple> missing;  // The store has them, the provider does not.
  std::vector<tuple::Tuple> extra;    // The provider has them, the store does not.
  std::vector<tuple::Tuple> changed;  // Both do, under another condition; the provider's.
  bool complete = true;               // `differences_max` came first: there are more.

  std::size_t size() const { return missing.size() + extra.size() + changed.size(); }
};

struct CompareOptions {
  // Revision that the provider had reached before the call. What the store has changed since is no
  // difference: it may be on its way. Absent: everything is.
  std::optional<Revision> applied = {};
  std::size_t differences_max = 100'000;
  // Called for every tuple of the provider; may sleep, to go easy on it. An error ends it all.
  std::function<Status()> pace = {};
};

// Reads all tuples of both, foreign ones too, but only compares managed ones. Memory: some 40 bytes
// for each managed tuple of the store. Errors: those of the provider, of `pace` and of the store.
Result<Differences> CompareTuples(const store::Store& store, Provider& provider, const Clock& clock,
                                  const CompareOptions& options = {});

}  // namespace pemba::provider
