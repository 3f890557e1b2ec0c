#include "pemba/telemetry/otlp_exporter.h"

#include <algorithm>
#include <span>

#include <absl/synchronization/mutex.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>
#include <pthread.h>
#include <signal.h>

namespace pemba::telemetry {
namespace {

namespace common = ::opentelemetry::proto::common::v1;
namespace otlp = ::opentelemetry::proto::trace::v1;
using ExportRequest = ::opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;

constexpr const char* kExport = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

std::uint64_t Nanoseconds(WallTime time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

void AddAttribute(const std::string& key, const AttributeValue& value,
                  google::protobuf::RepeatedPtrField<common::KeyValue>& out) {
  auto& attribute = *out.Add();
  attribute.set_key(key);
  auto& to = *attribute.mutable_value();
  if (const auto* text = std::get_if<std::string>(&value)) to.set_string_value(*text);
  if (const auto* number = std::get_if<std::int64_t>(&value)) to.set_int_value(*number);
  if (const auto* flag = std::get_if<bool>(&value)) to.set_bool_value(*flag);
}

template <std::size_t kSize>
std::string Bytes(const std::array<std::uint8_t, kSize>& id) {
  return {id.begin(), id.end()};
}

void ToOtlp(const SpanData& span, otlp::Span& out) {
  out.set_trace_id(Bytes(span.trace_id));
  out.set_span_id(Bytes(span.span_id));
  if (span.parent_id != SpanId{}) out.set_parent_span_id(Bytes(span.parent_id));
  out.set_trace_state(span.trace_state);
  out.set_name(span.name);
  out.set_kind(otlp::Span::SPAN_KIND_SERVER);
  out.set_start_time_unix_nano(Nanoseconds(span.start));
  out.set_end_time_unix_nano(Nanoseconds(span.end));
  for (const auto& [key, value] : span.attributes) {
    AddAttribute(key, value, *out.mutable_attributes());
  }
  if (!span.error) return;
  out.mutable_status()->set_code(otlp::Status::STATUS_CODE_ERROR);
  out.mutable_status()->set_message(*span.error);
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> ParseResourceAttributes(
    std::string_view text) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 87 : -1;
  };
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto pair = text.substr(0, comma);
    text.remove_prefix(comma == text.npos ? text.size() : comma + 1);
    const auto equals = pair.find('=');
    if (equals == 0 || equals == pair.npos) {
      return Error{ErrorCode::kInvalidArgument, "resource attributes are not name=value,..."};
    }
    std::string value;
    for (std::size_t i = equals + 1; i < pair.size(); ++i) {
      if (pair[i] == '%' && i + 2 < pair.size() && digit(pair[i + 1]) >= 0 &&
          digit(pair[i + 2]) >= 0) {
        value += static_cast<char>(digit(pair[i + 1]) * 16 + digit(pair[i + 2]));
        i += 2;
      } else {
        value += pair[i];
      }
    }
    out.emplace_back(pair.substr(0, equals), std::move(value));
  }
  return out;
}

class OtlpExporter::Collector {
 public:
  explicit Collector(const OtlpOptions& options)
      : options_(options), channel_(NewChannel(options)), stub_(channel_) {
    auto resource = options.resource;
    const auto add = [&](const char* key, const std::string& value) {
      const bool given = std::any_of(resource.begin(), resource.end(),
                                     [&](const auto& pair) { return pair.first == key; });
      if (!given) resource.emplace_back(key, value);
    };
    add("service.name", options.service_name);
    add("service.version", PEMBA_VERSION);
    for (const auto& [key, value] : resource) AddAttribute(key, value, resource_);
  }

  bool Connected() {
    return channel_->WaitForConnected(std::chrono::system_clock::now() + options_.connect_timeout);
  }

  // Whether the collector has taken them.
  bool Export(std::span<const SpanData> spans) {
    ExportRequest request;
    auto& to = *request.add_resource_spans();
    *to.mutable_resource()->mutable_attributes() = resource_;
    auto& scope = *to.add_scope_spans();
    scope.mutable_scope()->set_name("pemba");
    for (const auto& span : spans) ToOtlp(span, *scope.add_spans());
    grpc::Slice slice(request.SerializeAsString());
    const grpc::ByteBuffer sent(&slice, 1);
    grpc::ByteBuffer received;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + options_.export_timeout);
    grpc::CompletionQueue queue;
    const auto call = stub_.PrepareUnaryCall(&context, kExport, sent, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&received, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status.ok();
  }

 private:
  static std::shared_ptr<grpc::Channel> NewChannel(const OtlpOptions& options) {
    // gRPC's own locks trip the detector that is on in debug builds of abseil.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    std::string_view endpoint = options.endpoint;
    bool tls = options.tls;
    if (endpoint.starts_with("http://")) endpoint.remove_prefix(7);
    if (endpoint.starts_with("https://")) {
      endpoint.remove_prefix(8);
      tls = true;
    }
    endpoint = endpoint.substr(0, endpoint.find('/'));
    return grpc::CreateChannel(std::string(endpoint),
                               tls ? grpc::SslCredentials(grpc::SslCredentialsOptions())
                                   : grpc::InsecureChannelCredentials());
  }

  const OtlpOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  google::protobuf::RepeatedPtrField<common::KeyValue> resource_;
};

Result<std::unique_ptr<OtlpExporter>> OtlpExporter::Connect(OtlpOptions options) {
  auto collector = std::make_unique<Collector>(options);
  if (!collector->Connected()) {
    return Error{ErrorCode::kUnavailable,
                 "the trace collector at `" + options.endpoint + "` cannot be reached"};
  }
  return std::unique_ptr<OtlpExporter>(new OtlpExporter(std::move(options), std::move(collector)));
}

OtlpExporter::OtlpExporter(OtlpOptions options, std::unique_ptr<Collector> collector)
    : options_(std::move(options)), collector_(std::move(collector)) {
  sigset_t all, before;  // Signals are for the main thread.
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

OtlpExporter::~OtlpExporter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void OtlpExporter::Push(SpanData span) {
  std::size_t waiting = 0;
  {
    const std::lock_guard lock(mutex_);
    if (spans_.size() >= options_.queue_max) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    spans_.push_back(std::move(span));
    waiting = spans_.size();
  }
  if (waiting == 1 || waiting == options_.batch_max) wake_.notify_one();
}

void OtlpExporter::Run() {
  for (;;) {
    std::vector<SpanData> spans;
    bool last = false;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !spans_.empty(); });
      wake_.wait_for(lock, options_.batch_delay,
                     [&] { return stopping_ || spans_.size() >= options_.batch_max; });
      spans.swap(spans_);
      last = stopping_;
    }
    const auto deadline = std::chrono::steady_clock::now() + options_.export_timeout;
    for (std::size_t at = 0; at < spans.size(); at += options_.batch_max) {
      const auto size = std::min(options_.batch_max, spans.size() - at);
      const bool late = last && std::chrono::steady_clock::now() > deadline;
      if (late || !collector_->Export(std::span(spans).subspan(at, size))) {
        dropped_.fetch_add(size, std::memory_order_relaxed);
      }
    }
    if (last) return;
  }
}

}  // namespace pemba::telemetry
