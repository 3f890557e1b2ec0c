// What surrounds one Check: reading, field rules, request id, writing. Data: one request of the
// usual shape (two ULIDs and a tuple key of 30 bytes). Run alone, release build.
#include <string>

#include <benchmark/benchmark.h>
#include <google/protobuf/arena.h>
#include <openfga/v1/openfga_service.pb.h>

#include "pemba/api/call_text.h"
#include "pemba/api/field_rules.h"
#include "pemba/api/json_reader.h"
#include "pemba/api/json_writer.h"
#include "pemba/api/openfga/field_rules_table.h"
#include "pemba/api/openfga/plain_check.h"

namespace pemba::api::openfga {
namespace {

namespace pb = google::protobuf;
namespace wire = ::openfga::v1;

constexpr std::string_view kBody =
    R"({"tuple_key":{"user":"user:anne","relation":"viewer","object":"document:roadmap"},)"
    R"("authorization_model_id":"01HVMMBCMGZNT3SED4Z17ECXCA",)"
    R"("store_id":"01HVMMBCMGZNT3SED4Z17ECXCA"})";

wire::CheckRequest Request() {
  wire::CheckRequest request;
  (void)ReadJson(kBody, request);
  return request;
}

void ReadPlainJson(benchmark::State& state) {
  for (auto _ : state) {
    PlainCheck question;
    benchmark::DoNotOptimize(ReadPlainCheckJson(kBody, question));
    benchmark::DoNotOptimize(question);
  }
}
BENCHMARK(ReadPlainJson);

void ReadPlainProtobuf(benchmark::State& state) {
  const auto bytes = Request().SerializeAsString();
  for (auto _ : state) {
    PlainCheck question;
    benchmark::DoNotOptimize(ReadPlainCheckProtobuf(bytes, question));
    benchmark::DoNotOptimize(question);
  }
}
BENCHMARK(ReadPlainProtobuf);

void ReadGeneral(benchmark::State& state) {
  for (auto _ : state) {
    pb::Arena arena;
    auto* request = pb::Arena::CreateMessage<wire::CheckRequest>(&arena);
    benchmark::DoNotOptimize(ReadJson(kBody, *request).ok());
  }
}
BENCHMARK(ReadGeneral);

void ReadProtobuf(benchmark::State& state) {
  const auto bytes = Request().SerializeAsString();
  for (auto _ : state) {
    pb::Arena arena;
    auto* request = pb::Arena::CreateMessage<wire::CheckRequest>(&arena);
    benchmark::DoNotOptimize(request->ParseFromString(bytes));
  }
}
BENCHMARK(ReadProtobuf);

void CheckFieldRules(benchmark::State& state) {
  const FieldRules rules(FieldRulesTable());
  const auto request = Request();
  for (auto _ : state) benchmark::DoNotOptimize(rules.Check(request, WallTime()).ok());
}
BENCHMARK(CheckFieldRules);

void CheckFieldRulesQuickly(benchmark::State& state) {
  const auto request = Request();
  for (auto _ : state) benchmark::DoNotOptimize(CheckFieldsQuickly(request));
}
BENCHMARK(CheckFieldRulesQuickly);

void MakeRequestId(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(NewRequestId());
}
BENCHMARK(MakeRequestId);

void WriteGeneral(benchmark::State& state) {
  const wire::CheckResponse response;
  for (auto _ : state) benchmark::DoNotOptimize(ToJson(response));
}
BENCHMARK(WriteGeneral);

}  // namespace
}  // namespace pemba::api::openfga
