#include "pemba/telemetry/trace.h"

#include <gtest/gtest.h>

#include "pemba/telemetry/otlp_exporter.h"

namespace pemba::telemetry {
namespace {

constexpr const char* kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

struct ParentCase {
  const char* name;
  const char* text;
  bool want;
};
constexpr ParentCase kParents[] = {
    {"sampled", kParent, true},
    {"a later version may have more", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
     true},
    {"version 0 may not", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", false},
    {"version 255", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
    {"upper case", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false},
    {"zero trace", "00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
    {"zero parent", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
    {"short", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false},
    {"empty", "", false},
};
TEST(TraceParent, FollowsTheRecommendation) {
  for (const auto& c : kParents) {
    EXPECT_EQ(ParseTraceParent(c.text).has_value(), c.want) << c.name;
  }
  const auto context = ParseTraceParent(kParent);
  EXPECT_EQ(ToHex(context->trace_id), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_TRUE(context->sampled);
  EXPECT_EQ(ToTraceParent(*context), kParent);
  EXPECT_FALSE(
      ParseTraceParent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02")->sampled);
}

class Kept final : public SpanQueue {
 public:
  void Push(SpanData span) override { spans.push_back(std::move(span)); }
  std::vector<SpanData> spans;
};

// How many of 1000 calls are sampled.
std::size_t Sampled(SamplerOptions options, std::optional<std::string_view> parent = {}) {
  const SystemClock clock;
  Kept kept;
  const Tracer tracer(options, clock, kept);
  for (int i = 0; i < 1000; ++i) tracer.Begin("Check", {.parent = parent});
  return kept.spans.size();
}

TEST(Sampler, DecidesByNameAndParent) {
  constexpr const char* kUnsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
  EXPECT_EQ(Sampled(*ParseSampler("always_on")), 1000U);
  EXPECT_EQ(Sampled(*ParseSampler("always_on"), kUnsampled), 1000U);
  EXPECT_EQ(Sampled(*ParseSampler("always_off"), kParent), 0U);
  EXPECT_EQ(Sampled(*ParseSampler("parentbased_always_on")), 1000U);
  EXPECT_EQ(Sampled(*ParseSampler("parentbased_always_on"), kUnsampled), 0U);
  EXPECT_EQ(Sampled(*ParseSampler("parentbased_always_off"), kParent), 1000U);
  auto ratio = *ParseSampler("traceidratio");
  ratio.ratio = 0.2;
  EXPECT_NEAR(static_cast<double>(Sampled(ratio)), 200, 80);  // Nine standard deviations: ~1e-9.
  EXPECT_TRUE(Sampled(ratio, kParent) == 0 || Sampled(ratio, kParent) == 1000);  // By trace id.
  ratio.ratio = 1;
  EXPECT_EQ(Sampled(ratio), 1000U);
  ratio.ratio = 0;
  EXPECT_EQ(Sampled(ratio), 0U);
  EXPECT_FALSE(ParseSampler("sometimes"));
}

TEST(Tracer, ASpanContinuesTheCallersTrace) {
  const SystemClock clock;
  Kept kept;
  const Tracer tracer(*ParseSampler("always_on"), clock, kept);
  {
    auto begun = tracer.Begin("Check", {.parent = kParent, .state = "vendor=1"});
    EXPECT_EQ(begun.span.context().trace_id, begun.trace_id);
    EXPECT_EQ(ToHex(begun.trace_id), "0af7651916cd43dd8448eb211c80319c");
    begun.span.Set("user", "user:anne");
    begun.span.SetFlag("allowed", true);
    begun.span.Fail("no");
    EXPECT_TRUE(kept.spans.empty());
  }
  ASSERT_EQ(kept.spans.size(), 1U);
  const auto& span = kept.spans[0];
  EXPECT_EQ(span.name, "Check");
  EXPECT_EQ(span.parent_id, ParseTraceParent(kParent)->span_id);
  EXPECT_NE(span.span_id, SpanId{});
  EXPECT_EQ(span.trace_state, "vendor=1");
  EXPECT_GE(span.end, span.start);
  EXPECT_EQ(span.attributes.size(), 2U);
  EXPECT_EQ(span.error, "no");
}

TEST(Tracer, AStateWithoutAParentOrTooLongIsNotPassedOn) {
  const SystemClock clock;
  Kept kept;
  const Tracer tracer(*ParseSampler("always_on"), clock, kept);
  tracer.Begin("Check", {.parent = "00-broken", .state = "vendor=1"});
  const std::string long_state(513, 'x');
  tracer.Begin("Check", {.parent = kParent, .state = long_state});
  ASSERT_EQ(kept.spans.size(), 2U);
  EXPECT_EQ(kept.spans[0].trace_state, "");
  EXPECT_EQ(kept.spans[0].parent_id, SpanId{});
  EXPECT_EQ(kept.spans[1].trace_state, "");
}

TEST(ResourceAttributes, ArePairs) {
  const auto parsed = ParseResourceAttributes("a=b,c=d%20e,f=");
  ASSERT_TRUE(parsed.ok());
  const std::vector<std::pair<std::string, std::string>> want = {
      {"a", "b"}, {"c", "d e"}, {"f", ""}};
  EXPECT_EQ(*parsed, want);
  EXPECT_FALSE(ParseResourceAttributes("a").ok());
  EXPECT_FALSE(ParseResourceAttributes("=b").ok());
}

TEST(OtlpExporter, WithoutACollectorThereIsNone) {
  const auto exporter = OtlpExporter::Connect(
      {.endpoint = "127.0.0.1:1", .connect_timeout = std::chrono::milliseconds(200)});
  ASSERT_FALSE(exporter.ok());
  EXPECT_EQ(exporter.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace pemba::telemetry
