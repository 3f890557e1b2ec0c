#include "pemba/bench/load_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pemba/base/assert.h"
#include "pemba/bench/internal/client_protocol.h"

namespace pemba::bench {
namespace {

using internal::ClientProtocol;

constexpr int kConnectPatienceMs = 10'000;

struct TlsDelete {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsPointer = std::unique_ptr<SSL, TlsDelete>;
using TlsContextPointer = std::unique_ptr<SSL_CTX, TlsDelete>;

Error Unavailable(const Endpoint& endpoint, std::string_view what) {
  return {ErrorCode::kUnavailable, endpoint.authority() + ": " + std::string(what)};
}
std::string LastError() { return std::strerror(errno); }

class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// Waits until the socket can be written or read.
bool Wait(int socket, short events) {
  pollfd waiting{.fd = socket, .events = events, .revents = 0};
  return poll(&waiting, 1, kConnectPatienceMs) == 1;
}

Result<Socket> ConnectTo(const Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code =
      getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (code != 0) return Unavailable(endpoint, gai_strerror(code));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  std::string why = "no address";
  for (const auto* at = found; at != nullptr; at = at->ai_next) {
    Socket socket(::socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) return Unavailable(endpoint, LastError());
    int error = 0;
    if (connect(socket.get(), at->ai_addr, at->ai_addrlen) != 0) {
      error = errno;
      socklen_t size = sizeof error;
      if (error == EINPROGRESS && !Wait(socket.get(), POLLOUT)) {
        error = ETIMEDOUT;
      } else if (error == EINPROGRESS) {
        getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      }
    }
    if (error == 0) {
      const int on = 1;
      setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return socket;
    }
    why = std::strerror(error);
  }
  return Unavailable(endpoint, why);
}

Result<TlsContextPointer> NewTlsContext(const Endpoint& endpoint) {
  TlsContextPointer context(SSL_CTX_new(TLS_client_method()));
  PEMBA_CHECK(context != nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_default_verify_paths(context.get());
  if (!endpoint.ca_file.empty() &&
      SSL_CTX_load_verify_locations(context.get(), endpoint.ca_file.c_str(), nullptr) != 1) {
    return Error{ErrorCode::kInvalidArgument,
                 "`" + endpoint.ca_file + "` holds no certificates in PEM form"};
  }
  SSL_CTX_set_verify(context.get(), endpoint.verify_peer ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                     nullptr);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const std::string_view protocols =
      endpoint.protocol == Protocol::kHttp1 ? "\x08http/1.1" : "\x02h2";
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const std::uint8_t*>(protocols.data()),
                          static_cast<unsigned>(protocols.size()));
  return context;
}

// Blocks, on a socket that does not.
Result<TlsPointer> Handshake(const Endpoint& endpoint, SSL_CTX& context, int socket) {
  TlsPointer tls(SSL_new(&context));
  PEMBA_CHECK(tls != nullptr && SSL_set_fd(tls.get(), socket) == 1);
  SSL_set_tlsext_host_name(tls.get(), endpoint.host.c_str());
  in6_addr address{};
  const bool is_address = inet_pton(AF_INET, endpoint.host.c_str(), &address) == 1 ||
                          inet_pton(AF_INET6, endpoint.host.c_str(), &address) == 1;
  if (is_address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls.get()), endpoint.host.c_str());
  } else {
    SSL_set1_host(tls.get(), endpoint.host.c_str());
  }
  for (;;) {
    ERR_clear_error();
    const int code = SSL_connect(tls.get());
    if (code == 1) return tls;
    const int why = SSL_get_error(tls.get(), code);
    const bool waits = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    if (waits && Wait(socket, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT)) continue;
    const auto verified = SSL_get_verify_result(tls.get());
    return Unavailable(endpoint, verified == X509_V_OK
                                     ? std::string("the TLS handshake failed")
                                     : std::string(X509_verify_cert_error_string(verified)));
  }
}

struct Connection {
  Socket socket;
  TlsPointer tls;  // Null without.
  std::unique_ptr<ClientProtocol> protocol;
  std::string out;
  std::size_t out_at = 0;
  std::uint32_t in_flight = 0;
  std::uint32_t interest = EPOLLIN;
  bool dirty = false;
};

class Loop final : public LoadLoop {
 public:
  Loop(Endpoint endpoint, LoadShape shape)
      : endpoint_(std::move(endpoint)), shape_(shape), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    PEMBA_CHECK(epoll_.get() >= 0);
    if (endpoint_.protocol == Protocol::kHttp1) shape_.streams = 1;
  }

  Status Open() {
    if (endpoint_.tls) {
      PEMBA_TRY(tls_context_, NewTlsContext(endpoint_));
    }
    for (std::uint32_t i = 0; i < shape_.connections; ++i) {
      auto connection = std::make_unique<Connection>();
      PEMBA_TRY(connection->socket, ConnectTo(endpoint_));
      if (tls_context_ != nullptr) {
        PEMBA_TRY(connection->tls, Handshake(endpoint_, *tls_context_, connection->socket.get()));
      }
      connection->protocol = endpoint_.protocol == Protocol::kHttp1
                                 ? internal::NewHttp1Client(endpoint_)
                                 : internal::NewHttp2Client(endpoint_);
      epoll_event event{.events = EPOLLIN, .data = {.ptr = connection.get()}};
      PEMBA_CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection->socket.get(), &event) == 0);
      connections_.push_back(std::move(connection));
    }
    return Done{};
  }

  bool HasRoom() const override {
    return in_flight_ < std::size_t{shape_.connections} * shape_.streams;
  }
  std::size_t in_flight() const override { return in_flight_; }

  // In turn, so that all connections are used alike.
  void Submit(const WireCall& call, std::uint64_t tag) override {
    PEMBA_ASSERT(HasRoom());
    while (connections_[next_]->in_flight >= shape_.streams) Advance();
    auto& connection = *connections_[next_];
    Advance();
    ++connection.in_flight;
    ++in_flight_;
    connection.protocol->Submit(call, tag);
    if (!std::exchange(connection.dirty, true)) dirty_.push_back(&connection);
  }

  Status Turn(SteadyTime until, const ReplyHandler& on_reply) override {
    PEMBA_TRY(std::ignore, FlushDirty());
    const auto wait = std::max(until - std::chrono::steady_clock::now(),
                               std::chrono::steady_clock::duration::zero());
    const timespec timeout{.tv_sec = static_cast<std::time_t>(wait / std::chrono::seconds(1)),
                           .tv_nsec = static_cast<long>((wait % std::chrono::seconds(1)).count())};
    std::array<epoll_event, 256> events;
    const int count = epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   &timeout, nullptr);
    if (count < 0 && errno != EINTR) return Unavailable(endpoint_, LastError());
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      PEMBA_TRY(std::ignore,
                OnEvent(*static_cast<Connection*>(event.data.ptr), event.events, on_reply));
    }
    return FlushDirty();
  }

 private:
  void Advance() { next_ = next_ + 1 == connections_.size() ? 0 : next_ + 1; }

  Status OnEvent(Connection& connection, std::uint32_t events, const ReplyHandler& on_reply) {
    if (!std::exchange(connection.dirty, true)) dirty_.push_back(&connection);
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0) return Done{};
    const ReplyHandler counted = [&](std::uint64_t tag, const Reply& reply) {
      --connection.in_flight;
      --in_flight_;
      on_reply(tag, reply);
    };
    for (;;) {
      PEMBA_TRY(const auto bytes, Read(connection));
      if (bytes.empty()) return Done{};
      auto fed = connection.protocol->Feed(bytes, counted);
      if (!fed.ok()) return Unavailable(endpoint_, fed.error().message);
      // Without TLS, epoll tells if there is more.
      if (connection.tls == nullptr && bytes.size() < buffer_.size()) return Done{};
    }
  }

  // Empty: nothing there now.
  Result<std::string_view> Read(Connection& connection) {
    if (connection.tls == nullptr) {
      const auto bytes = recv(connection.socket.get(), buffer_.data(), buffer_.size(), 0);
      if (bytes > 0) return std::string_view(buffer_.data(), static_cast<std::size_t>(bytes));
      if (bytes == 0) return Unavailable(endpoint_, "the server closed a connection");
      if (errno == EAGAIN || errno == EINTR) return std::string_view();
      return Unavailable(endpoint_, LastError());
    }
    ERR_clear_error();
    const int bytes =
        SSL_read(connection.tls.get(), buffer_.data(), static_cast<int>(buffer_.size()));
    if (bytes > 0) return std::string_view(buffer_.data(), static_cast<std::size_t>(bytes));
    switch (SSL_get_error(connection.tls.get(), bytes)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return std::string_view();
      default:
        return Unavailable(endpoint_, "the server closed a connection");
    }
  }

  Status FlushDirty() {
    for (std::size_t i = 0; i < dirty_.size(); ++i) {
      dirty_[i]->dirty = false;
      PEMBA_TRY(std::ignore, Flush(*dirty_[i]));
    }
    dirty_.clear();
    return Done{};
  }

  Status Flush(Connection& connection) {
    for (;;) {
      if (connection.out_at == connection.out.size()) {
        connection.out.clear();
        connection.out_at = 0;
        connection.protocol->Produce(connection.out);
        if (connection.out.empty()) break;
      }
      const auto rest = std::string_view(connection.out).substr(connection.out_at);
      PEMBA_TRY(const auto written, Write(connection, rest));
      if (written == 0) break;
      connection.out_at += written;
    }
    const bool blocked = connection.out_at < connection.out.size();
    const std::uint32_t interest = blocked ? EPOLLIN | EPOLLOUT : EPOLLIN;
    if (std::exchange(connection.interest, interest) != interest) {
      epoll_event event{.events = interest, .data = {.ptr = &connection}};
      epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.socket.get(), &event);
    }
    return Done{};
  }

  // 0: the socket is full.
  Result<std::size_t> Write(Connection& connection, std::string_view bytes) {
    if (connection.tls == nullptr) {
      const auto written = send(connection.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (written >= 0) return static_cast<std::size_t>(written);
      if (errno == EAGAIN || errno == EINTR) return std::size_t{0};
      return Unavailable(endpoint_, LastError());
    }
    ERR_clear_error();
    const int written =
        SSL_write(connection.tls.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (written > 0) return static_cast<std::size_t>(written);
    switch (SSL_get_error(connection.tls.get(), written)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return std::size_t{0};
      default:
        return Unavailable(endpoint_, "the server closed a connection");
    }
  }

  const Endpoint endpoint_;
  LoadShape shape_;
  Socket epoll_;
  TlsContextPointer tls_context_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> dirty_;
  std::size_t next_ = 0;
  std::size_t in_flight_ = 0;
  std::array<char, std::size_t{64} << 10> buffer_;
};

}  // namespace

Result<std::unique_ptr<LoadLoop>> LoadLoop::Connect(const Endpoint& endpoint, LoadShape shape) {
  auto loop = std::make_unique<Loop>(endpoint, shape);
  PEMBA_TRY(std::ignore, loop->Open());
  return std::unique_ptr<LoadLoop>(std::move(loop));
}

Result<LoadLoop::Answer> LoadLoop::Ask(const WireCall& call, std::chrono::milliseconds patience) {
  std::optional<Answer> answer;
  Submit(call, 0);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!answer) {
    if (std::chrono::steady_clock::now() >= until) {
      return Error{ErrorCode::kUnavailable, "no answer in time to " + call.path};
    }
    PEMBA_TRY(std::ignore, Turn(until, [&](std::uint64_t, const Reply& reply) {
                answer = Answer{.http_status = reply.http_status,
                                .grpc_status = reply.grpc_status,
                                .body = std::string(reply.body),
                                .message = std::string(reply.grpc_message)};
              }));
  }
  return *std::move(answer);
}

}  // namespace pemba::bench
