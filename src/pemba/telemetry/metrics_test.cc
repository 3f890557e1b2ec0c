#include "pemba/telemetry/metrics.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/telemetry/process_readings.h"
#include "pemba/telemetry/testing/metrics_text.h"

namespace pemba::telemetry {
namespace {

TEST(Metrics, TextIsWhatScrapersRead) {
  Registry registry;
  registry.AddCounter("calls_total", "Calls.\nOf \\ all.", {{"method", "a\"b\\c\nd"}}).Add(3);
  auto& duration = registry.AddHistogram("duration_ms", "Duration.", Milliseconds({0.25, 1, 5}));
  duration.Observe(200'000);
  duration.Observe(1'000'000);  // Bounds are inclusive.
  duration.Observe(9'000'000);
  registry.AddReading(MetricKind::kGauge, "temperature", "Now.").Set(-1.5);
  EXPECT_EQ(registry.Scrape(),
            "# HELP calls_total Calls.\\nOf \\\\ all.\n"
            "# TYPE calls_total counter\n"
            "calls_total{method=\"a\\\"b\\\\c\\nd\"} 3\n"
            "# HELP duration_ms Duration.\n"
            "# TYPE duration_ms histogram\n"
            "duration_ms_bucket{le=\"0.25\"} 1\n"
            "duration_ms_bucket{le=\"1\"} 2\n"
            "duration_ms_bucket{le=\"5\"} 2\n"
            "duration_ms_bucket{le=\"+Inf\"} 3\n"
            "duration_ms_sum 10.2\n"
            "duration_ms_count 3\n"
            "# HELP temperature Now.\n"
            "# TYPE temperature gauge\n"
            "temperature -1.5\n");
  EXPECT_TRUE(ParseMetricsText(registry.Scrape()).ok());
}

TEST(Metrics, SeriesThatWaitForACountAreNotShownBefore) {
  Registry registry;
  auto& counter = registry.AddCounter("handled_total", "H.", {{"code", "5"}}, Show::kWhenCounted);
  EXPECT_EQ(registry.Scrape(), "");
  counter.Add();
  EXPECT_EQ(ParseMetricsText(registry.Scrape())->Value("handled_total{code=\"5\"}"), 1);
}

TEST(Metrics, AliasesAndZerosFollowWhatTheyStandFor) {
  Registry registry;
  auto& started = registry.AddCounter("started_total", "S.");
  registry.AddAlias("received_total", "R.", {}, started);
  auto& duration = registry.AddHistogram("duration_seconds", "D.", Seconds({1}));
  registry.AddZeros("queries", "Q.", {.bounds = {1, 5}, .scale = 1}, {}, duration);
  started.Add(2);
  duration.Observe(1);
  const auto text = ParseMetricsText(registry.Scrape());
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(text->Value("received_total"), 2);
  EXPECT_EQ(text->Value("queries_bucket{le=\"1\"}"), 1);
  EXPECT_EQ(text->Value("queries_count"), 1);
  EXPECT_EQ(text->Value("queries_sum"), 0);
}

TEST(Metrics, RefreshesRunBeforeEveryScrape) {
  Registry registry;
  auto& reading = registry.AddReading(MetricKind::kGauge, "asked", "A.");
  double times = 0;
  registry.OnScrape([&] { reading.Set(++times); });
  registry.Scrape();
  EXPECT_EQ(ParseMetricsText(registry.Scrape())->Value("asked"), 2);
}

// More threads than shards, and a scrape that runs beside them sees a sound histogram.
TEST(Metrics, NothingIsLostBetweenThreads) {
  constexpr int kThreads = 300;
  constexpr int kRounds = 1000;
  Registry registry;
  auto& counter = registry.AddCounter("calls_total", "C.");
  auto& histogram = registry.AddHistogram("size", "S.", {.bounds = {1, 2}, .scale = 1});
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        counter.Add();
        histogram.Observe(static_cast<std::uint64_t>(i % 4));
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    const auto text = ParseMetricsText(registry.Scrape());
    EXPECT_TRUE(text.ok()) << text.error().message;
  }
  for (auto& thread : threads) thread.join();
  const auto text = *ParseMetricsText(registry.Scrape());
  EXPECT_EQ(text.Value("calls_total"), kThreads * kRounds);
  EXPECT_EQ(text.Value("size_bucket{le=\"1\"}"), kThreads * kRounds / 2);
  EXPECT_EQ(text.Value("size_count"), kThreads * kRounds);
  EXPECT_EQ(text.Value("size_sum"), kThreads * kRounds * 1.5);
}

TEST(Metrics, TheProcessKnowsItself) {
  Registry registry;
  AddProcessReadings(registry);
  const auto text = ParseMetricsText(registry.Scrape());
  ASSERT_TRUE(text.ok()) << text.error().message;
  for (const char* name : {"process_resident_memory_bytes", "process_virtual_memory_bytes",
                           "process_open_fds", "process_max_fds", "process_threads"}) {
    EXPECT_GE(text->Value(name), 1) << name;
  }
  EXPECT_GT(text->Value("process_start_time_seconds"), 1.6e9);
}

struct RefusedText {
  const char* name;
  const char* text;
};
constexpr RefusedText kRefused[] = {
    {"no HELP", "a 1\n"},
    {"no TYPE", "# HELP a b\na 1\n"},
    {"no line end", "# HELP a b\n# TYPE a gauge\na 1"},
    {"a family twice", "# HELP a b\n# TYPE a gauge\na 1\n# HELP a b\n# TYPE a gauge\n"},
    {"a series twice", "# HELP a b\n# TYPE a gauge\na 1\na 1\n"},
    {"no number", "# HELP a b\n# TYPE a gauge\na x\n"},
    {"broken escape", "# HELP a b\n# TYPE a gauge\na{b=\"\\x\"} 1\n"},
    {"open quote", "# HELP a b\n# TYPE a gauge\na{b=\"c} 1\n"},
    {"bad label", "# HELP a b\n# TYPE a gauge\na{1=\"c\"} 1\n"},
    {"negative counter", "# HELP a b\n# TYPE a counter\na -1\n"},
    {"falling buckets",
     "# HELP a b\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\n"
     "a_sum 1\na_count 1\n"},
    {"no +Inf", "# HELP a b\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_sum 1\na_count 2\n"},
    {"wrong count",
     "# HELP a b\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 2\n"},
    {"no sum", "# HELP a b\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 1\n"},
};
TEST(MetricsText, WhatNoScraperWouldTakeIsRefused) {
  for (const auto& c : kRefused) EXPECT_FALSE(ParseMetricsText(c.text).ok()) << c.name;
}

}  // namespace
}  // namespace pemba::telemetry
