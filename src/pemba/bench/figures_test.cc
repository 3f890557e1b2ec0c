// Histograms, the law of questions, and the forms of a report.
#include <algorithm>
#include <set>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/bench/histogram.h"
#include "pemba/bench/marks.h"
#include "pemba/bench/marks_table.h"
#include "pemba/bench/plot.h"
#include "pemba/bench/random.h"
#include "pemba/bench/report.h"

namespace pemba::bench {
namespace {

using ::testing::HasSubstr;

TEST(Histogram, PercentilesAreNeverTooLowAndAtMostTwoPercentTooHigh) {
  Random random(1);
  std::vector<std::uint64_t> values;
  Histogram one, two;
  for (int i = 0; i < 100'000; ++i) {
    const auto value = random.Next() >> (20 + random.Below(40));
    values.push_back(value);
    (i % 2 == 0 ? one : two).Add(value);
  }
  one.Merge(two);
  std::ranges::sort(values);
  EXPECT_EQ(one.count(), values.size());
  EXPECT_EQ(one.max(), values.back());
  for (const double share : {0.001, 0.5, 0.95, 0.99, 0.999, 1.0}) {
    const auto exact = values[static_cast<std::size_t>(share * 100'000 + 0.5) - 1];
    EXPECT_GE(one.Percentile(share), exact) << share;
    EXPECT_LE(static_cast<double>(one.Percentile(share)), static_cast<double>(exact) * 1.02)
        << share;
  }
}

TEST(Histogram, OfNothingIsZero) { EXPECT_EQ(Histogram().Percentile(0.99), 0u); }

TEST(Histogram, TakesTheLargestNumber) {
  Histogram histogram;
  histogram.Add(~std::uint64_t{0});
  EXPECT_EQ(histogram.Percentile(0.5), ~std::uint64_t{0});
}

TEST(Zipf, FollowsTheLaw) {
  constexpr std::uint64_t kRanks = 1'000;
  constexpr int kDraws = 400'000;
  const Zipf zipf(kRanks);
  Random random(5);
  std::vector<int> drawn(kRanks);
  for (int i = 0; i < kDraws; ++i) {
    const auto rank = zipf.Rank(random);
    ASSERT_LT(rank, kRanks);
    ++drawn[rank];
  }
  double all = 0;
  for (std::uint64_t r = 1; r <= kRanks; ++r) all += std::pow(r, -Zipf::kExponent);
  for (const std::uint64_t r : {1, 2, 3, 10, 100}) {
    const double wanted = kDraws * std::pow(r, -Zipf::kExponent) / all;
    EXPECT_NEAR(drawn[r - 1], wanted, wanted * 0.1 + 30) << "rank " << r;
  }
}

TEST(Zipf, OfOneThingIsThatThing) {
  Random random(1);
  const Zipf zipf(1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(zipf.Rank(random), 0u);
}

TEST(Zipf, ScatterIsAPermutation) {
  for (const std::uint64_t n : {1, 2, 7, 1'000, 4'096}) {
    std::set<std::uint64_t> seen;
    for (std::uint64_t i = 0; i < n; ++i) seen.insert(Zipf::Scatter(i, n));
    EXPECT_EQ(seen.size(), n);
    EXPECT_EQ(*seen.rbegin(), n - 1);
  }
}

Report Sample() {
  return {.date = "2026-05-01T12:00:00Z",
          .commit = "abc",
          .machine = "2 cores x86_64, 24 GiB",
          .seed = 7,
          .rows = {{.scenario = "S1",
                    .name = "direct",
                    .driver = "engine",
                    .tuples = 10'000,
                    .throughput = 2e6,
                    .p50_us = 0.4,
                    .cpu_us = 0.5,
                    .ratio = 2.5},
                   {.scenario = "S2",
                    .name = "viewer",
                    .driver = "grpc",
                    .tuples = 10'000,
                    .threads = 2,
                    .connections = 8,
                    .streams = 4,
                    .rate = 5'000.0,
                    .p99_us = 120.5}},
          .marks = {{.name = "fast", .verdict = Verdict::kMiss, .measured = "3 us"},
                    {.name = "small", .verdict = Verdict::kNotMeasured}},
          .notes = {"a note"}};
}

TEST(Report, ComesBackFromJson) {
  const auto text = boost::json::serialize(ToJson(Sample()));
  const auto back = ReportFromJson(text);
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(*back, Sample());
  EXPECT_EQ(text.find('\n'), text.npos);
  const auto lines = ReportsFromLines("\n" + text + "\n" + text + "\n");
  ASSERT_TRUE(lines.ok());
  EXPECT_EQ(lines->size(), 2u);
}

struct BadReport {
  const char* name;
  const char* text;
  const char* message;
};
constexpr BadReport kBadReports[] = {
    {"not JSON", "{", "not JSON"},
    {"not an object", "[]", "a report must be an object"},
    {"no date", "{}", "`date` must be a text"},
    {"a number as text", R"({"date":1})", "`date` must be a text"},
    {"rows are no list",
     R"({"date":"","commit":"","machine":"","seed":1,"rows":{},"marks":[],"notes":[]})",
     "`rows` must be a list"},
    {"a row is no object",
     R"({"date":"","commit":"","machine":"","seed":1,"rows":[1],"marks":[],"notes":[]})",
     "a row must be an object"},
    {"a negative count",
     R"({"date":"","commit":"","machine":"","seed":-1,"rows":[],"marks":[],"notes":[]})",
     "`seed` must be a number"},
    {"a figure that is a text",
     R"({"date":"","commit":"","machine":"","seed":1,"rows":[{"scenario":"","name":"","driver":"",
        "tuples":1,"threads":1,"connections":0,"streams":0,"p50_us":"fast"}],"marks":[],"notes":[]})",
     "`p50_us` must be a number"},
    {"an unknown verdict",
     R"({"date":"","commit":"","machine":"","seed":1,"rows":[],
        "marks":[{"name":"","measured":"","verdict":"well"}],"notes":[]})",
     "there is no verdict `well`"},
};

TEST(Report, SaysWhatIsWrongWithJson) {
  for (const auto& bad : kBadReports) {
    SCOPED_TRACE(bad.name);
    const auto report = ReportFromJson(bad.text);
    ASSERT_FALSE(report.ok());
    EXPECT_THAT(report.error().message, HasSubstr(bad.message));
  }
  const auto lines = ReportsFromLines("\n\n{}\n");
  ASSERT_FALSE(lines.ok());
  EXPECT_THAT(lines.error().message, HasSubstr("line 3: "));
}

TEST(Report, IsATableForPeople) {
  const auto table = ToTable(Sample());
  EXPECT_THAT(table, HasSubstr("calls/s"));
  EXPECT_THAT(table, HasSubstr("8 conn x 4"));
  EXPECT_THAT(table, HasSubstr("120.50"));
  EXPECT_THAT(table, HasSubstr("miss          fast   3 us"));
  EXPECT_THAT(table, HasSubstr("not measured  small"));
  EXPECT_THAT(table, HasSubstr("note: a note"));
  EXPECT_THAT(table, ::testing::Not(HasSubstr("allocs"))) << "nobody has that figure";
}

TEST(Plot, DrawsALineForEachCase) {
  std::vector<Report> reports;
  for (const std::uint64_t tuples : {10'000, 1'000'000}) {
    Report report;
    report.rows.push_back(
        {.scenario = "S1", .name = "a<b", .driver = "engine", .tuples = tuples, .p50_us = 0.25});
    report.rows.push_back({.scenario = "S1",
                           .name = "a<b",
                           .driver = "grpc",
                           .tuples = tuples,
                           .connections = 8,
                           .streams = 4,
                           .throughput = 1e5});
    reports.push_back(report);
  }
  const auto latency = LatencyBySize(reports);
  ASSERT_EQ(latency.series.size(), 1u);
  EXPECT_EQ(latency.series[0].points.size(), 2u);
  const auto svg = ToSvg(latency);
  EXPECT_THAT(svg, HasSubstr("S1 a&lt;b: 10k, 0.25"));
  EXPECT_THAT(svg, HasSubstr("S1 a&lt;b: 1m, 0.25"));
  EXPECT_THAT(svg, ::testing::Not(HasSubstr("a<b")));
  EXPECT_THAT(svg, ::testing::EndsWith("</svg>\n"));
  // The second run replaces the first: the same number of calls at once.
  const auto throughput = ThroughputByConcurrency(reports);
  ASSERT_EQ(throughput.series.size(), 1u);
  ASSERT_EQ(throughput.series[0].points.size(), 1u);
  EXPECT_EQ(throughput.series[0].points[0].x, 32);
}

TEST(Plot, OfNothingIsAnEmptyChart) {
  EXPECT_THAT(ToSvg(LatencyBySize({})), HasSubstr("<svg"));
  const Chart odd{.series = {{"zero", {{0, 1}, {1, -1}}}}};
  EXPECT_THAT(ToSvg(odd), ::testing::Not(HasSubstr("circle")));
}

TEST(MarksTable, HasAColumnForEachSizeOfTheNewestCommit) {
  const auto report = [](const char* date, const char* commit, std::uint64_t tuples,
                         double cpu_us) {
    Report made{.date = date, .commit = commit, .machine = "2 cores"};
    made.rows.push_back({.scenario = "S2",
                         .name = "viewer",
                         .driver = "engine",
                         .tuples = tuples,
                         .cpu_us = cpu_us});
    return made;
  };
  const std::vector<Report> reports = {
      report("2026-01-01T00:00:00Z", "old", 10'000, 9),
      report("2026-01-02T00:00:00Z", "new", 9'706, 0.5),
      report("2026-01-02T00:01:00Z", "new", 970'563, 1.75),
      report("2026-01-02T00:02:00Z", "new", 970'563, 1.25),  // The worse one counts.
      {.date = "2026-01-02T00:03:00Z", .commit = "new", .machine = "2 cores"},
  };
  const auto table = MarksTable(reports);
  EXPECT_THAT(table, HasSubstr("commit new"));
  EXPECT_THAT(table, HasSubstr("| Mark | 10k | 1m |\n"));
  EXPECT_THAT(table, HasSubstr("| S2: a check <= 1.5 us | 0.50 us | **1.75 us** |\n"));
  EXPECT_THAT(table, HasSubstr("| S10: <= 1 us from either side |  |  |\n"));
  EXPECT_EQ(MarksTable({}), "");
}

TEST(Marks, CompareRowsOfOneRun) {
  const auto row = [](const char* scenario, const char* name, double cpu_us) {
    return Row{.scenario = scenario, .name = name, .driver = "engine", .cpu_us = cpu_us};
  };
  const std::vector<Row> rows = {
      row("S6", "granted", 1.0),         row("S6", "denied", 1.5),
      row("S7", "or, list of 1", 1.0),   row("S7", "but not, list of 1", 1.4),
      row("S7", "or, list of 100", 2.0), row("S7", "but not, list of 100", 2.0),
      row("S3", "depth 20", 4.0),        row("S3", "depth 200", 40.0)};
  for (const auto& mark : JudgeMarks(rows)) {
    if (mark.name.starts_with("S6")) {
      EXPECT_EQ(mark.verdict, Verdict::kMiss);
      EXPECT_EQ(mark.measured, "1.50 x");
    } else if (mark.name.starts_with("S3")) {
      EXPECT_EQ(mark.measured, "4.00 us") << "depth 200 is another case";
    } else if (mark.name.starts_with("S7")) {
      EXPECT_EQ(mark.verdict, Verdict::kPass);
      EXPECT_EQ(mark.measured, "1.40 x");
    } else {
      EXPECT_EQ(mark.verdict, Verdict::kNotMeasured) << mark.name;
    }
  }
}

TEST(Marks, TheWorstRowDecides) {
  const auto row = [](const char* scenario, const char* name, double cpu_us) {
    return Row{.scenario = scenario, .name = name, .driver = "engine", .cpu_us = cpu_us};
  };
  const auto verdict_of = [](const std::vector<Row>& rows, std::string_view name) {
    for (const auto& mark : JudgeMarks(rows)) {
      if (mark.name.starts_with(name)) return mark;
    }
    ADD_FAILURE() << "no mark " << name;
    return Mark();
  };
  EXPECT_EQ(verdict_of({}, "S2:").verdict, Verdict::kNotMeasured);
  EXPECT_EQ(verdict_of({row("S2", "viewer", 1.0)}, "S2:").verdict, Verdict::kPass);
  const auto missed = verdict_of({row("S2", "viewer", 1.0), row("S2", "other", 2.0)}, "S2:");
  EXPECT_EQ(missed.verdict, Verdict::kMiss);
  EXPECT_EQ(missed.measured, "2.00 us");
}

}  // namespace
}  // namespace pemba::bench
