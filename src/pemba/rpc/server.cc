#include "pemba/rpc/server.h"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>
#include <utility>

#include <pthread.h>

#include "pemba/base/assert.h"
#include "pemba/rpc/internal/io_thread.h"
#include "pemba/rpc/internal/socket.h"
#include "pemba/rpc/internal/tls.h"
#include "pemba/rpc/internal/worker_pool.h"

namespace pemba::rpc {
namespace {

using internal::IoThread;
using internal::Listen;
using internal::TlsContext;
using internal::WorkerPool;

// Threads inherit the mask of the thread that makes them. Signals are the main thread's business,
// and a peer that is gone must not raise SIGPIPE from inside OpenSSL.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, const Router& router)
      : options_(std::move(options)), router_(router) {
    if (options_.io_threads == 0) {
      options_.io_threads = std::max(1u, std::thread::hardware_concurrency());
    }
  }
  ~Impl() { Shutdown(std::chrono::milliseconds(0)); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status Start();
  void Shutdown(std::chrono::milliseconds grace);
  const std::vector<std::string>& addresses() const { return addresses_; }
  ServerLoad load() const {
    return {.connections = shared_.connections.load(std::memory_order_relaxed),
            .waiting_calls = workers_->waiting()};
  }

 private:
  Status BindListeners();
  void WatchCertificates();

  ServerOptions options_;
  const Router& router_;
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<TlsContext>> tls_;  // Of the listeners that have it.
  internal::ServerShared shared_;
  std::vector<std::unique_ptr<IoThread>> io_threads_;
  std::unique_ptr<WorkerPool> workers_;

  std::thread certificate_watch_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;  // Guarded by mutex_.
};

Status Server::Impl::Start() {
  PEMBA_CHECK(io_threads_.empty());
  if (options_.listeners.empty()) {
    return Error{ErrorCode::kInvalidArgument, "no address to listen on"};
  }
  const SignalsBlocked blocked;
  workers_ =
      std::make_unique<WorkerPool>(WorkerPool::Threads{.workers = options_.worker_threads,
                                                       .committers = options_.commit_threads},
                                   options_.worker_queue_max, router_.fallbacks());
  for (std::size_t i = 0; i < options_.io_threads; ++i) {
    io_threads_.push_back(std::make_unique<IoThread>(options_, router_, *workers_, shared_));
  }
  PEMBA_TRY(std::ignore, BindListeners());
  for (auto& thread : io_threads_) thread->Start();
  if (!tls_.empty()) certificate_watch_ = std::thread([this] { WatchCertificates(); });
  return Done{};
}

Status Server::Impl::BindListeners() {
  for (const auto& listener : options_.listeners) {
    TlsContext* tls = nullptr;
    if (listener.tls) {
      PEMBA_TRY(auto loaded, TlsContext::Load(*listener.tls));
      tls = loaded.get();
      tls_.push_back(std::move(loaded));
    }
    PEMBA_TRY(auto listening, Listen(listener.address, io_threads_.size()));
    for (std::size_t i = 0; i < io_threads_.size(); ++i) {
      io_threads_[i]->AddListener(std::move(listening.sockets[i]), tls);
    }
    addresses_.push_back(std::move(listening.address));
  }
  return Done{};
}

// Reading files may block, so no I/O thread does it.
void Server::Impl::WatchCertificates() {
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, std::chrono::seconds(1), [&] { return stopping_; })) {
    lock.unlock();
    for (auto& tls : tls_) {
      const auto reloaded = tls->ReloadIfChanged();
      if (!reloaded.ok() && options_.on_event) {
        options_.on_event("the old certificate stays in use: " + reloaded.error().message);
      }
    }
    lock.lock();
  }
}

void Server::Impl::Shutdown(std::chrono::milliseconds grace) {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  if (certificate_watch_.joinable()) certificate_watch_.join();
  if (grace.count() > 0) {
    for (auto& thread : io_threads_) thread->Drain();
    std::unique_lock lock(shared_.mutex);
    shared_.drained.wait_for(lock, grace, [&] {
      return std::all_of(io_threads_.begin(), io_threads_.end(),
                         [](const auto& thread) { return thread->drained(); });
    });
  }
  for (auto& thread : io_threads_) thread->Stop();
  for (auto& thread : io_threads_) thread->Join();  // All calls are cancelled now.
  workers_.reset();  // Handlers return; their mail goes to threads that are still there.
  io_threads_.clear();
}

Server::Server(ServerOptions options, const Router& router)
    : impl_(std::make_unique<Impl>(std::move(options), router)) {}
Server::~Server() = default;

Status Server::Start() { return impl_->Start(); }
std::vector<std::string> Server::addresses() const { return impl_->addresses(); }
ServerLoad Server::load() const { return impl_->load(); }
void Server::Shutdown(std::chrono::milliseconds grace) { impl_->Shutdown(grace); }

}  // namespace pemba::rpc
