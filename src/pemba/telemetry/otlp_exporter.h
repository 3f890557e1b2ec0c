// OtlpExporter: sends spans to a collector, OTLP over gRPC.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/telemetry/trace.h"

namespace pemba::telemetry {

struct OtlpOptions {
  std::string endpoint = "0.0.0.0:4317";  // HOST:PORT; `http://` or `https://` before it is fine.
  bool tls = false;                       // So does `https://`.
  std::string service_name = "openfga";
  // Further resource attributes; they win over service.name and service.version.
  std::vector<std::pair<std::string, std::string>> resource = {};
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::milliseconds export_timeout{10'000};
  std::chrono::milliseconds batch_delay{1000};  // The oldest span of a batch waits this long.
  std::size_t batch_max = 512;
  std::size_t queue_max = 8192;  // Spans that wait; more are dropped.
};

// `a=b,c=d`, values percent-decoded. Errors (kInvalidArgument): a pair without name or '='.
Result<std::vector<std::pair<std::string, std::string>>> ParseResourceAttributes(
    std::string_view text);

// Thread-safe. One thread exports, batch by batch; a batch that the collector does not take is
// dropped and counted.
class OtlpExporter final : public SpanQueue {
 public:
  // Errors (kUnavailable): no connection to the collector within the connect timeout.
  static Result<std::unique_ptr<OtlpExporter>> Connect(OtlpOptions options);
  ~OtlpExporter() override;  // Exports what waits, within the export timeout.
  OtlpExporter(const OtlpExporter&) = delete;
  OtlpExporter& operator=(const OtlpExporter&) = delete;

  void Push(SpanData span) override;
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  class Collector;
  OtlpExporter(OtlpOptions options, std::unique_ptr<Collector> collector);
  void Run();

  const OtlpOptions options_;
  const std::unique_ptr<Collector> collector_;
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;  // Guards what follows; held for an append or a swap.
  std::condition_variable wake_;
  std::vector<SpanData> spans_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pemba::telemetry
