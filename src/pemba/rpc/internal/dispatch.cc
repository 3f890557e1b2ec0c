#include "pemba/rpc/internal/dispatch.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "pemba/rpc/internal/grpc_wire.h"
#include "pemba/rpc/internal/gzip.h"

namespace pemba::rpc::internal {
namespace {

const Handler kPlainUnknownGrpcMethod = [](Call& call) {
  call.FinishGrpc({kGrpcUnimplemented, "unknown method " + std::string(call.path())}, {});
};
const Handler kPlainUnknownPath = [](Call& call) {
  call.FinishHttp(404, "text/plain", "not found\n");
};
const Handler kPlainWrongMethod = [](Call& call) {
  call.FinishHttp(405, "text/plain", "method not allowed\n");
};

constexpr std::uint32_t kCallsPerLook = 8;

const Handler* Or(const Handler& wanted, const Handler& plain) { return wanted ? &wanted : &plain; }

Dispatched Refuse(ConnectionContext& context, Exchange& exchange, std::uint32_t code,
                  std::string_view message) {
  exchange.Refuse(context.router.fallbacks(), code, message);
  return Dispatched::kAnswered;
}

Dispatched ReadDeadline(ConnectionContext& context, Exchange& exchange) {
  const auto text = exchange.request.headers.Find("grpc-timeout");
  if (!text) return Dispatched::kPending;
  const auto timeout = ParseTimeout(*text);
  if (timeout) {
    exchange.request.deadline = context.now + *timeout;
    return Dispatched::kPending;
  }
  const auto message = "malformed grpc-timeout `" + std::string(*text) + "`";
  if (exchange.request.protocol == Protocol::kHttp) {
    return Refuse(context, exchange, kGrpcInvalidArgument, message);
  }
  exchange.response.http_status = 400;
  return Refuse(context, exchange, kGrpcInternal, message);
}

Dispatched ReadEncoding(ConnectionContext& context, Exchange& exchange) {
  auto& request = exchange.request;
  const bool grpc = request.protocol == Protocol::kGrpc;
  const auto encoding = request.headers.Find(grpc ? "grpc-encoding" : "content-encoding");
  if (!encoding || encoding->empty() || *encoding == "identity") return Dispatched::kPending;
  request.gzip = *encoding == "gzip";
  if (request.gzip) return Dispatched::kPending;
  exchange.SetHeader(grpc ? "grpc-accept-encoding" : "accept-encoding",
                     grpc ? "identity,gzip" : "gzip");
  return Refuse(context, exchange, grpc ? kGrpcUnimplemented : kGrpcInvalidArgument,
                "unsupported encoding `" + std::string(*encoding) + "`");
}

// HTTP: a body that announces itself as too large need not arrive.
Dispatched ReadContentLength(ConnectionContext& context, Exchange& exchange) {
  if (exchange.request.protocol == Protocol::kGrpc) return Dispatched::kPending;
  const auto text = exchange.request.headers.Find("content-length");
  if (!text) return Dispatched::kPending;
  std::size_t length = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), length);
  const auto bytes_max = context.options.request_message_bytes_max;
  if (parsed.ec == std::errc() && length <= bytes_max) return Dispatched::kPending;
  return Refuse(context, exchange, kGrpcResourceExhausted, MessageTooLargeText(length, bytes_max));
}

void FindRoute(ConnectionContext& context, Exchange& exchange) {
  auto& request = exchange.request;
  const auto& fallbacks = context.router.fallbacks();
  if (request.protocol == Protocol::kGrpc) {
    request.route = context.router.FindGrpc(exchange.path());
    request.handler = request.route != nullptr
                          ? &request.route->handler
                          : Or(fallbacks.unknown_grpc_method, kPlainUnknownGrpcMethod);
    return;
  }
  switch (context.router.FindHttp(request.method, exchange.path(), request.route,
                                  request.path_parameters)) {
    case HttpMatch::kFound:
      request.handler = &request.route->handler;
      break;
    case HttpMatch::kUnknownPath:
      request.handler = Or(fallbacks.unknown_path, kPlainUnknownPath);
      break;
    case HttpMatch::kWrongMethod:
      request.handler = Or(fallbacks.wrong_http_method, kPlainWrongMethod);
      break;
  }
}

// Whether what is read now has waited too long: perhaps since right after `round_began`, and the
// round before was late as well. The clock is looked at for every eighth call only, and once a
// round is late it stays so.
bool IsOverloaded(ConnectionContext& context) {
  const auto waiting_max = context.options.waiting_max;
  if (context.late || waiting_max.count() == 0) return context.late && context.was_late;
  if (context.calls_until_look > 0) {
    --context.calls_until_look;
    return false;
  }
  context.calls_until_look = kCallsPerLook - 1;
  context.late = std::chrono::steady_clock::now() - context.round_began > waiting_max;
  return context.late && context.was_late;
}

Dispatched RunHandler(ConnectionContext& context, Exchange& exchange) {
  const auto& fallbacks = context.router.fallbacks();
  const auto* route = exchange.request.route;
  if (IsOverloaded(context) && route != nullptr && route->admission != Admission::kNever) {
    return Refuse(context, exchange, kGrpcResourceExhausted, "the server has too much to do");
  }
  if (route == nullptr || route->execution == Execution::kInline) {
    exchange.RunInline(fallbacks);
    if (exchange.response.finished) return Dispatched::kAnswered;
    if (!exchange.moves()) return Dispatched::kPending;
  }
  exchange.running = true;
  if (context.workers.Offer(exchange) == WorkerPool::Offered::kTaken) return Dispatched::kPending;
  exchange.running = false;
  return Refuse(context, exchange, kGrpcResourceExhausted, "too many calls are waiting");
}

// Replaces request.body by what it decompresses to. `malformed_code` says whose fault garbage is.
Dispatched Decompress(ConnectionContext& context, Exchange& exchange,
                      std::uint32_t malformed_code) {
  auto& request = exchange.request;
  const auto bytes_max = context.options.request_message_bytes_max;
  const auto outcome = Gunzip(request.body, bytes_max, request.decoded);
  // Small requests that decompress to large ones must not add up while workers are busy.
  exchange.buffered_bytes += request.decoded.size() - exchange.decoded_bytes;
  context.buffered_bytes += request.decoded.size() - exchange.decoded_bytes;
  exchange.decoded_bytes = request.decoded.size();
  if (outcome == GunzipOutcome::kTooLarge) {
    return Refuse(context, exchange, kGrpcResourceExhausted,
                  MessageTooLargeText(request.decoded.size(), bytes_max));
  }
  if (outcome == GunzipOutcome::kMalformed) {
    return Refuse(context, exchange, malformed_code, "malformed gzip data");
  }
  if (context.buffered_bytes > context.options.buffered_request_bytes_max) {
    return Refuse(context, exchange, kGrpcResourceExhausted,
                  "too many requests are being received");
  }
  request.body = request.decoded;
  return Dispatched::kPending;
}

// Sets `body` to the one framed message at the start of `bytes`.
Dispatched TakeMessage(ConnectionContext& context, Exchange& exchange, std::string_view bytes) {
  auto& request = exchange.request;
  const auto prefix = ReadFramePrefix(bytes);
  request.body = bytes.substr(kFramePrefixBytes, prefix.length);
  if (prefix.flags == 0) return Dispatched::kPending;
  if (prefix.flags != 1 || !request.gzip) {
    return Refuse(context, exchange, kGrpcInternal,
                  "compressed flag set without a matching grpc-encoding");
  }
  return Decompress(context, exchange, kGrpcInternal);
}

Dispatched TakeOnlyMessage(ConnectionContext& context, Exchange& exchange) {
  const std::string_view bytes = exchange.request.bytes;
  if (bytes.empty()) return Refuse(context, exchange, kGrpcInternal, "no request message");
  if (bytes.size() < kFramePrefixBytes ||
      bytes.size() - kFramePrefixBytes < ReadFramePrefix(bytes).length) {
    return Refuse(context, exchange, kGrpcInternal, "truncated request message");
  }
  return TakeMessage(context, exchange, bytes);
}

Dispatched TakeHttpBody(ConnectionContext& context, Exchange& exchange) {
  auto& request = exchange.request;
  request.body = request.bytes;
  if (!request.gzip || request.bytes.empty()) return Dispatched::kPending;
  return Decompress(context, exchange, kGrpcInvalidArgument);
}

}  // namespace

Dispatched ReadHead(ConnectionContext& context, Exchange& exchange) {
  auto& request = exchange.request;
  request.path_bytes = std::min(request.target.find('?'), request.target.size());
  if (ReadDeadline(context, exchange) == Dispatched::kAnswered ||
      ReadEncoding(context, exchange) == Dispatched::kAnswered ||
      ReadContentLength(context, exchange) == Dispatched::kAnswered) {
    return Dispatched::kAnswered;
  }
  FindRoute(context, exchange);
  if (request.protocol == Protocol::kGrpc && request.route == nullptr) {
    exchange.RunInline(context.router.fallbacks());
    return Dispatched::kAnswered;
  }
  return Dispatched::kPending;
}

Dispatched StartCall(ConnectionContext& context, Exchange& exchange) {
  const auto taken = exchange.request.protocol == Protocol::kGrpc
                         ? TakeOnlyMessage(context, exchange)
                         : TakeHttpBody(context, exchange);
  return taken == Dispatched::kAnswered ? taken : RunHandler(context, exchange);
}

void RunReady(ConnectionContext& context) {
  auto& answered = context.answered;
  while (Exchange* const exchange = context.ready.Next()) {
    if (StartCall(context, *exchange) == Dispatched::kAnswered) answered.push_back(exchange);
  }
  for (Exchange* const exchange : answered) exchange->connection->OnAnswered(*exchange);
  answered.clear();
}

Dispatched StartNextMessage(ConnectionContext& context, Exchange& exchange) {
  auto& incoming = exchange.incoming;
  while (!exchange.running) {
    if (exchange.response.finished) return Dispatched::kAnswered;
    const bool has_prefix = incoming.size() >= kFramePrefixBytes;
    const std::size_t length = has_prefix ? ReadFramePrefix(incoming).length : 0;
    const auto bytes_max = context.options.request_message_bytes_max;
    if (length > bytes_max) {
      return Refuse(context, exchange, kGrpcResourceExhausted,
                    MessageTooLargeText(length, bytes_max));
    }
    if (!has_prefix || incoming.size() - kFramePrefixBytes < length) {
      if (!exchange.request_ended) return Dispatched::kPending;
      if (!incoming.empty()) {
        return Refuse(context, exchange, kGrpcInternal, "truncated request message");
      }
      exchange.FinishStream({});
      return Dispatched::kAnswered;
    }
    exchange.request.bytes.assign(incoming, 0, kFramePrefixBytes + length);
    incoming.erase(0, kFramePrefixBytes + length);
    if (TakeMessage(context, exchange, exchange.request.bytes) == Dispatched::kAnswered ||
        RunHandler(context, exchange) == Dispatched::kAnswered) {
      return Dispatched::kAnswered;
    }
  }
  return Dispatched::kPending;
}

Dispatched CheckSize(ConnectionContext& context, Exchange& exchange) {
  const auto bytes_max = context.options.request_message_bytes_max;
  const std::string_view bytes = exchange.request.bytes;
  std::size_t size = bytes.size();
  if (exchange.request.protocol == Protocol::kGrpc) {
    if (size < kFramePrefixBytes) return Dispatched::kPending;
    size = ReadFramePrefix(bytes).length;
    if (size <= bytes_max && bytes.size() > kFramePrefixBytes + size) {
      return Refuse(context, exchange, kGrpcInternal, "more than one request message");
    }
  }
  if (size <= bytes_max) return Dispatched::kPending;
  // How large an HTTP body would have become, nobody knows.
  if (exchange.request.protocol == Protocol::kHttp) size = bytes_max + 1;
  return Refuse(context, exchange, kGrpcResourceExhausted, MessageTooLargeText(size, bytes_max));
}

}  // namespace pemba::rpc::internal
