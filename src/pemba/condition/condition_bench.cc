// What a condition costs in time: compiled and bound beforehand, as the engine does it, and the
// steps before that. Values are scalars; contexts have one to three keys.
#include <benchmark/benchmark.h>
#include <boost/json/parse.hpp>

#include "pemba/condition/program.h"

namespace pemba::condition {
namespace {

using Name = ParameterTypeName;

const Source kWindow{
    "window",
    "current_time < expires_at",
    {{"current_time", {Name::kTimestamp, {}}}, {"expires_at", {Name::kTimestamp, {}}}}};
const Source kGrant{"grant",
                    "current_time < grant_time + grant_duration",
                    {{"current_time", {Name::kTimestamp, {}}},
                     {"grant_time", {Name::kTimestamp, {}}},
                     {"grant_duration", {Name::kDuration, {}}}}};
const Source kNetwork{"network",
                      "user_ip.in_cidr(cidr)",
                      {{"user_ip", {Name::kIpAddress, {}}}, {"cidr", {Name::kString, {}}}}};
const Source kRegion{"region",
                     "region in ['eu-west', 'eu-north', 'us-east'] && plan.startsWith('gold')",
                     {{"region", {Name::kString, {}}}, {"plan", {Name::kString, {}}}}};
const Source kTags{
    "tags",
    "tags.exists(t, t == wanted)",
    {{"tags", {Name::kList, {{Name::kString, {}}}}}, {"wanted", {Name::kString, {}}}}};

boost::json::object Object(const char* text) { return boost::json::parse(text).as_object(); }

void Evaluate(benchmark::State& state, const Source& source, const char* request_json,
              const char* tuple_json) {
  const auto program = *Program::Compile(source);
  const auto request = program->Bind(Object(request_json));
  const auto tuple = program->Bind(Object(tuple_json));
  Arena arena;
  for (auto _ : state) {
    const auto verdict = program->Evaluate(request.get(), tuple.get(), {}, arena);
    if (!verdict.ok()) state.SkipWithError(verdict.error().message.c_str());
    benchmark::DoNotOptimize(verdict);
    arena.Reset();
  }
}

constexpr const char* kNow = R"({"current_time": "2023-01-01T00:09:50Z"})";

void BM_EvaluateWindow(benchmark::State& state) {
  Evaluate(state, kWindow, kNow, R"({"expires_at": "2023-02-01T00:00:00Z"})");
}
BENCHMARK(BM_EvaluateWindow);

void BM_EvaluateGrant(benchmark::State& state) {
  Evaluate(state, kGrant, kNow,
           R"({"grant_time": "2023-01-01T00:00:00Z", "grant_duration": "10m"})");
}
BENCHMARK(BM_EvaluateGrant);

void BM_EvaluateNetwork(benchmark::State& state) {
  Evaluate(state, kNetwork, R"({"user_ip": "192.168.7.9"})", R"({"cidr": "192.168.0.0/16"})");
}
BENCHMARK(BM_EvaluateNetwork);

void BM_EvaluateRegion(benchmark::State& state) {
  Evaluate(state, kRegion, R"({"region": "us-east", "plan": "gold-plus"})", "{}");
}
BENCHMARK(BM_EvaluateRegion);

void BM_EvaluateTags(benchmark::State& state) {
  Evaluate(state, kTags, R"({"wanted": "d"})", R"({"tags": ["a", "b", "c", "d"]})");
}
BENCHMARK(BM_EvaluateTags);

void BM_BindWindow(benchmark::State& state) {
  const auto program = *Program::Compile(kWindow);
  const auto context = Object(kNow);
  for (auto _ : state) benchmark::DoNotOptimize(program->Bind(context));
}
BENCHMARK(BM_BindWindow);

void BM_CompileGrant(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Program::Compile(kGrant));
}
BENCHMARK(BM_CompileGrant);

}  // namespace
}  // namespace pemba::condition
