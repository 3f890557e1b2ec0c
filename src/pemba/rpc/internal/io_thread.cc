#include "pemba/rpc/internal/io_thread.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <limits>
#include <utility>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "pemba/base/assert.h"
#include "pemba/rpc/internal/dispatch.h"
#include "pemba/rpc/internal/http1_connection.h"
#include "pemba/rpc/internal/http2_connection.h"

namespace pemba::rpc::internal {
namespace {

constexpr std::size_t kEventsMax = 256;
constexpr int kAcceptsPerWakeup = 64;
constexpr std::chrono::milliseconds kLingerMax{2000};
constexpr std::chrono::milliseconds kLingerInDrainMax{500};  // The process wants to end.
constexpr std::chrono::milliseconds kTickInDrain{50};

// Often enough for the shortest time-out, at most once a second.
std::chrono::milliseconds TickFor(const ServerOptions& options) {
  auto shortest =
      std::min({options.request_read_timeout, options.stall_timeout, options.idle_timeout});
  if (options.connection_age_max.count() > 0) {
    shortest = std::min(shortest, options.connection_age_max);
  }
  return std::clamp(shortest / 4, std::chrono::milliseconds(10), std::chrono::milliseconds(1000));
}

void SetOption(int socket, int level, int name, int value) {
  setsockopt(socket, level, name, &value, sizeof value);
}

// Whether the other end has acknowledged all that was sent, and nothing waits to be read: then
// closing resets nothing.
bool IsDelivered(int socket) {
  int unsent = 0, unread = 0;
  return ioctl(socket, SIOCOUTQ, &unsent) == 0 && unsent == 0 &&
         ioctl(socket, SIOCINQ, &unread) == 0 && unread == 0;
}

bool IsPreface(std::string_view bytes) {
  return kHttp2Preface.starts_with(bytes.substr(0, kHttp2Preface.size()));
}

}  // namespace

IoThread::IoThread(const ServerOptions& options, const Router& router, WorkerPool& workers,
                   ServerShared& shared)
    : options_(options),
      shared_(shared),
      tick_(TickFor(options)),
      exchanges_(mailbox_),
      suspended_(options.worker_threads, options.io_threads),
      context_{.options = options,
               .router = router,
               .exchanges = exchanges_,
               .workers = workers,
               .suspended = suspended_,
               .calls_max = std::max<std::size_t>(1, options.calls_max / options.io_threads),
               .http_date = {}},
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  PEMBA_CHECK(epoll_.get() >= 0);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &mailbox_source_}};
  PEMBA_CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, mailbox_.event_fd(), &event) == 0);
}

IoThread::~IoThread() {
  Stop();
  Join();
  OnMail();  // From workers that returned after the loop: their calls go back to the pool.
}

void IoThread::AddListener(Descriptor socket, TlsContext* tls) {
  listeners_.push_back(std::make_unique<Listener>(std::move(socket), tls));
  auto& listener = *listeners_.back();
  epoll_event event{.events = EPOLLIN, .data = {.ptr = static_cast<EventSource*>(&listener)}};
  PEMBA_CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener.socket.get(), &event) == 0);
}

void IoThread::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void IoThread::Drain() {
  drain_requested_.store(true, std::memory_order_release);
  mailbox_.Wake();
}

void IoThread::Stop() {
  stop_requested_.store(true, std::memory_order_release);
  mailbox_.Wake();
}

void IoThread::Join() {
  if (thread_.joinable()) thread_.join();
}

void IoThread::Loop() {
  TakeTime();
  next_tick_ = context_.now + tick_;
  std::array<epoll_event, kEventsMax> events;
  while (!stop_requested_.load(std::memory_order_acquire)) {
    // Links that have more to send wait for nothing.
    const auto next =
        dirty_.empty() ? std::min(next_tick_, suspended_.NextDue(context_.now)) : context_.now;
    const auto until_tick =
        std::chrono::ceil<std::chrono::milliseconds>(next - context_.now).count();
    const int count = epoll_wait(epoll_.get(), events.data(), kEventsMax,
                                 static_cast<int>(std::max<std::int64_t>(until_tick, 0)));
    TakeTime();
    BeginRound(count);
    for (int i = 0; i < count; ++i) {
      OnEvent(*static_cast<EventSource*>(events[static_cast<std::size_t>(i)].data.ptr),
              events[static_cast<std::size_t>(i)].events);
    }
    RunReady(context_);
    if (drain_requested_.load(std::memory_order_acquire) && !draining_) BeginDrain();
    if (context_.now >= next_tick_) Tick();
    FlushDirty();
    Reap();
    suspended_.Resume(context_.now, context_.workers);
  }
  while (!links_.empty()) Close(*links_.back());
  Reap();
}

// A full list of events may leave others out, which have waited since the round before.
void IoThread::BeginRound(int events) {
  if (!events_left_out_) context_.round_began = context_.now;
  events_left_out_ = events == static_cast<int>(kEventsMax);
  context_.was_late = std::exchange(context_.late, false);
}

void IoThread::TakeTime() {
  context_.now = std::chrono::steady_clock::now();
  const auto second = std::time(nullptr);
  if (second == date_second_) return;
  date_second_ = second;
  std::tm parts{};
  gmtime_r(&second, &parts);
  std::array<char, 64> text;
  const auto size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  context_.http_date.assign(text.data(), size);
}

void IoThread::OnEvent(EventSource& source, std::uint32_t events) {
  switch (source.kind) {
    case EventSource::Kind::kMailbox:
      OnMail();
      break;
    case EventSource::Kind::kListener:
      Accept(static_cast<Listener&>(source));
      break;
    case EventSource::Kind::kLink:
      OnLinkEvent(static_cast<Link&>(source), events);
      break;
  }
}

void IoThread::OnMail() {
  mailbox_.Take(mails_, wakes_);
  for (const auto& mail : mails_) {
    Exchange& exchange = *mail.exchange;
    if (mail.kind != Mail::Kind::kProgress) suspended_.OnReturn(exchange);
    if (auto* connection = exchange.connection; connection != nullptr) {
      connection->OnMail(exchange, mail.kind);
      MarkDirty(*connection->link);
    } else if (mail.kind != Mail::Kind::kProgress) {
      exchange.running = false;
      ReleaseDetached(context_, exchange);
    }
  }
  mails_.clear();
  for (const auto& wake : wakes_) {
    if (Exchange* const exchange = wake->Open()) suspended_.Wake(*exchange);
  }
  wakes_.clear();
}

void IoThread::Accept(Listener& listener) {
  for (int i = 0; i < kAcceptsPerWakeup; ++i) {
    Descriptor accepted(
        accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted.get() < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        // The listener stays readable; without a pause this loop would spin.
        epoll_event event{.events = 0, .data = {.ptr = static_cast<EventSource*>(&listener)}};
        epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener.socket.get(), &event);
        listeners_paused_ = true;
      }
      return;
    }
    if (shared_.connections.load(std::memory_order_relaxed) >= options_.connections_max) continue;
    SetOption(accepted.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    // A peer that vanished without a word is noticed after two minutes even if nothing is sent.
    SetOption(accepted.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
    SetOption(accepted.get(), IPPROTO_TCP, TCP_KEEPIDLE, 60);
    SetOption(accepted.get(), IPPROTO_TCP, TCP_KEEPINTVL, 15);
    SetOption(accepted.get(), IPPROTO_TCP, TCP_KEEPCNT, 4);
    auto link = std::make_unique<Link>(std::move(accepted));
    link->opened = link->write_progress = context_.now;
    link->expires = SteadyTime::max();
    if (options_.connection_age_max.count() > 0) {
      // Spread over a tenth, so that connections made together do not all come back together.
      const auto spread = options_.connection_age_max / 10 * (link->socket.get() % 16) / 16;
      link->expires = context_.now + options_.connection_age_max + spread;
    }
    link->handshake_done = listener.tls == nullptr;
    if (listener.tls != nullptr) {
      link->tls = listener.tls->NewSession(link->socket.get());
      if (link->tls == nullptr) continue;
    }
    epoll_event event{.events = EPOLLIN, .data = {.ptr = static_cast<EventSource*>(link.get())}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, link->socket.get(), &event) != 0) continue;
    link->interest = EPOLLIN;
    link->position = links_.size();
    links_.push_back(std::move(link));
    shared_.connections.fetch_add(1, std::memory_order_relaxed);
  }
}

void IoThread::BeginDrain() {
  draining_ = true;
  // Connections that the kernel has accepted already would be reset with the listener.
  for (auto& listener : listeners_) Accept(*listener);
  listeners_.clear();
  for (std::size_t i = links_.size(); i-- > 0;) {
    Link& link = *links_[i];
    if (link.connection != nullptr) {
      link.connection->Drain();
      MarkDirty(link);
    }
  }
  next_tick_ = context_.now;
  TellIfDrained();
}

void IoThread::Tick() {
  next_tick_ = context_.now + (draining_ ? std::min(tick_, kTickInDrain) : tick_);
  if (listeners_paused_) {
    listeners_paused_ = false;
    for (auto& listener : listeners_) {
      epoll_event event{.events = EPOLLIN,
                        .data = {.ptr = static_cast<EventSource*>(listener.get())}};
      epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener->socket.get(), &event);
    }
  }
  for (std::size_t i = links_.size(); i-- > 0;) {
    Link& link = *links_[i];
    if (link.lingering) {
      // The process wants to end: no longer than until the peer's system has every byte.
      const bool delivered = draining_ && IsDelivered(link.socket.get());
      if (delivered || context_.now >= link.linger_until) Close(link);
      continue;
    }
    const bool has_output = link.out_at < link.out.size();
    if (has_output && context_.now - link.write_progress > options_.stall_timeout) {
      Close(link);
      continue;
    }
    if (link.connection == nullptr) {
      const auto patience =
          draining_ ? std::chrono::milliseconds(kLingerMax) : options_.request_read_timeout;
      if (context_.now - link.opened > patience) Close(link);
      continue;
    }
    if (context_.now >= link.expires) {
      link.expires = SteadyTime::max();
      link.connection->Drain();
    }
    if (link.connection->Tick() == Connection::Next::kClose) {
      Close(link);
    } else {
      MarkDirty(link);
    }
  }
}

void IoThread::OnLinkEvent(Link& link, std::uint32_t events) {
  if (link.dead) return;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return Close(link);
  if (!link.handshake_done) return ContinueHandshake(link);
  if ((events & EPOLLOUT) != 0) {
    link.write_blocked = false;
    MarkDirty(link);
  }
  if ((events & EPOLLIN) != 0) return Read(link);
  if ((events & EPOLLRDHUP) != 0) OnEndOfInput(link);
}

void IoThread::ContinueHandshake(Link& link) {
  ERR_clear_error();
  const int code = SSL_accept(link.tls.get());
  if (code == 1) {
    link.handshake_done = true;
    link.tls_wants_write = false;
    UpdateInterest(link);
    return Read(link);  // Bytes of the client may have come with its last handshake message.
  }
  switch (SSL_get_error(link.tls.get(), code)) {
    case SSL_ERROR_WANT_READ:
      link.tls_wants_write = false;
      break;
    case SSL_ERROR_WANT_WRITE:
      link.tls_wants_write = true;
      break;
    default:
      return Close(link);
  }
  UpdateInterest(link);
}

void IoThread::Read(Link& link) {
  for (;;) {
    if (link.dead) return;
    if (link.connection != nullptr && !link.connection->wants_input()) return MarkDirty(link);
    if (link.tls == nullptr) {
      const auto bytes = recv(link.socket.get(), read_buffer_.data(), read_buffer_.size(), 0);
      if (bytes > 0) return OnBytes(link, {read_buffer_.data(), static_cast<std::size_t>(bytes)});
      if (bytes == 0) return OnEndOfInput(link);
      if (errno == EAGAIN || errno == EINTR) return;
      return Close(link);
    }
    // All that OpenSSL holds must be taken: epoll does not know of it.
    ERR_clear_error();
    const int bytes =
        SSL_read(link.tls.get(), read_buffer_.data(), static_cast<int>(read_buffer_.size()));
    if (bytes > 0) {
      OnBytes(link, {read_buffer_.data(), static_cast<std::size_t>(bytes)});
      continue;
    }
    switch (SSL_get_error(link.tls.get(), bytes)) {
      case SSL_ERROR_WANT_READ:
        return;
      case SSL_ERROR_WANT_WRITE:  // An answer to the peer's key update, and the socket is full.
        link.write_blocked = true;
        return UpdateInterest(link);
      case SSL_ERROR_ZERO_RETURN:
        return OnEndOfInput(link);
      default:
        return Close(link);
    }
  }
}

void IoThread::OnBytes(Link& link, std::string_view bytes) {
  if (link.lingering || link.input_ended) return;
  if (link.connection == nullptr) return ChooseProtocol(link, bytes);
  MarkDirty(link);
  if (link.connection->Receive(bytes) == Connection::Next::kContinue) return;
  RunReady(context_);  // What came before the end is answered.
  BeginClose(link);
}

void IoThread::ChooseProtocol(Link& link, std::string_view bytes) {
  link.first_bytes.append(bytes);
  const bool http2 = IsPreface(link.first_bytes);
  if (http2 && link.first_bytes.size() < kHttp2Preface.size()) return;
  auto peer = PeerName(link.socket.get());
  auto certificate = link.tls != nullptr ? CertificateOfPeer(link.tls.get()) : PeerCertificate();
  if (http2) {
    link.connection =
        std::make_unique<Http2Connection>(context_, std::move(peer), std::move(certificate));
  } else {
    link.connection =
        std::make_unique<Http1Connection>(context_, std::move(peer), std::move(certificate));
  }
  link.connection->link = &link;
  const auto first_bytes = std::exchange(link.first_bytes, {});
  OnBytes(link, first_bytes);
  if (draining_ && link.connection != nullptr) link.connection->Drain();
}

void IoThread::OnEndOfInput(Link& link) {
  RunReady(
      context_);  // A call that came before the end is made, whether its answer is read or not.
  if (link.input_ended || link.lingering || link.connection == nullptr) return Close(link);
  link.input_ended = true;
  if (link.connection->OnEndOfInput() == Connection::Next::kClose) return Close(link);
  MarkDirty(link);
}

void IoThread::MarkDirty(Link& link) {
  if (link.dirty || link.dead) return;
  link.dirty = true;
  dirty_.push_back(&link);
}

void IoThread::FlushDirty() {
  // Flushing may make a link dirty again (input that waited for room); the list grows meanwhile.
  for (std::size_t i = 0; i < dirty_.size(); ++i) {
    Link& link = *dirty_[i];
    link.dirty = false;
    if (link.dead) continue;
    Flush(link);
    RunReady(context_);  // Whoever has read more is in the list again.
  }
  dirty_.clear();
  dirty_.swap(unfinished_);
}

void IoThread::Flush(Link& link) {
  if (!link.handshake_done || link.write_blocked) return;
  auto next = Connection::Next::kContinue;
  std::size_t sent = 0;
  for (;;) {
    if (link.out_at == link.out.size()) {
      link.out.clear();
      link.out_at = 0;
      if (sent >= Connection::kOutputBytesMax) {  // The others have their turn.
        link.dirty = true;
        unfinished_.push_back(&link);
        return UpdateInterest(link);
      }
      if (link.connection != nullptr) next = link.connection->Produce(link.out);
      if (link.out.empty()) break;
      sent += link.out.size();
    }
    switch (Write(link)) {
      case Written::kAll:
        continue;
      case Written::kBlocked:
        link.write_blocked = true;
        return UpdateInterest(link);
      case Written::kFailed:
        return Close(link);
    }
  }
  if (next == Connection::Next::kClose) return BeginClose(link);
  if (link.connection == nullptr && !link.lingering) return;
  UpdateInterest(link);
  // What OpenSSL holds while input was not wanted raises no event.
  if (link.tls != nullptr && link.connection != nullptr && link.connection->wants_input() &&
      SSL_has_pending(link.tls.get()) == 1) {
    Read(link);
  }
}

IoThread::Written IoThread::Write(Link& link) {
  const std::string_view bytes = std::string_view(link.out).substr(link.out_at);
  std::int64_t written = 0;
  if (link.tls == nullptr) {
    written = send(link.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written < 0) {
      return errno == EAGAIN || errno == EINTR ? Written::kBlocked : Written::kFailed;
    }
  } else {
    ERR_clear_error();
    written = SSL_write(link.tls.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (written <= 0) {
      return SSL_get_error(link.tls.get(), static_cast<int>(written)) == SSL_ERROR_WANT_WRITE
                 ? Written::kBlocked
                 : Written::kFailed;
    }
  }
  link.out_at += static_cast<std::size_t>(written);
  link.write_progress = context_.now;
  return link.out_at == link.out.size() || link.tls != nullptr ? Written::kAll : Written::kBlocked;
}

void IoThread::UpdateInterest(Link& link) {
  std::uint32_t interest = 0;
  if (!link.handshake_done) {
    interest = link.tls_wants_write ? EPOLLOUT : EPOLLIN;
  } else {
    // A peer that does not read is not read from.
    const bool room = link.out.size() - link.out_at < Connection::kOutputBytesMax;
    if (link.input_ended) {
      interest = 0;
    } else if (link.connection == nullptr || (room && link.connection->wants_input())) {
      interest = EPOLLIN;
    } else {
      interest = EPOLLRDHUP;  // Nothing to read for now, but its going away matters to the call.
    }
    if (link.write_blocked) interest |= EPOLLOUT;
  }
  if (interest == link.interest) return;
  link.interest = interest;
  epoll_event event{.events = interest, .data = {.ptr = static_cast<EventSource*>(&link)}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, link.socket.get(), &event);
}

// Everything is said. Closing with unread input would reset the connection and might destroy what
// the peer has not read yet, so this half closes first.
void IoThread::BeginClose(Link& link) {
  if (link.connection != nullptr) {
    // Last words: why a connection ends.
    if (link.out_at == link.out.size()) {
      link.out.clear();
      link.out_at = 0;
    }
    link.connection->Produce(link.out);
    link.connection.reset();
    if (link.out_at < link.out.size() && !link.write_blocked) Write(link);
  }
  if (link.input_ended) return Close(link);
  if (link.tls != nullptr) SSL_shutdown(link.tls.get());
  shutdown(link.socket.get(), SHUT_WR);
  link.lingering = true;
  link.linger_until = context_.now + (draining_ ? kLingerInDrainMax : kLingerMax);
  link.out.clear();
  link.out_at = 0;
  link.write_blocked = false;
  UpdateInterest(link);
}

void IoThread::Close(Link& link) {
  if (link.dead) return;
  link.dead = true;
  link.connection.reset();  // Cancels its calls.
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, link.socket.get(), nullptr);
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  // Kept until the end of this wake-up: events and lists may still name it.
  auto& place = links_[link.position];
  dead_.push_back(std::move(place));
  if (&place != &links_.back()) {
    place = std::move(links_.back());
    place->position = link.position;
  }
  links_.pop_back();
}

void IoThread::Reap() {
  if (dead_.empty()) return;
  std::erase_if(dirty_, [](const Link* link) { return link->dead; });
  dead_.clear();
  TellIfDrained();
}

void IoThread::TellIfDrained() {
  if (!draining_ || !links_.empty()) return;
  drained_.store(true, std::memory_order_release);
  const std::lock_guard lock(shared_.mutex);
  shared_.drained.notify_all();
}

}  // namespace pemba::rpc::internal
