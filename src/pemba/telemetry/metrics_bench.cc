// What counting costs, alone and with several threads on the same handle. Release build.
#include <benchmark/benchmark.h>

#include "pemba/telemetry/metrics.h"

namespace pemba::telemetry {
namespace {

Registry& SharedRegistry() {
  static Registry registry;
  return registry;
}

void AddToACounter(benchmark::State& state) {
  static Counter& counter = SharedRegistry().AddCounter("a_total", "A.");
  for (auto _ : state) counter.Add();
}
BENCHMARK(AddToACounter)->Threads(1)->Threads(2);

void ObserveADuration(benchmark::State& state) {
  static Histogram& histogram = SharedRegistry().AddHistogram(
      "b_ms", "B.", Milliseconds({1, 5, 10, 25, 50, 80, 100, 150, 200, 300, 1000, 2000, 5000}));
  for (auto _ : state) histogram.Observe(500'000);
}
BENCHMARK(ObserveADuration)->Threads(1)->Threads(2);

}  // namespace
}  // namespace pemba::telemetry
