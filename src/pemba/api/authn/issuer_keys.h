// IssuerKeys: the public keys of an OpenID issuer, kept fresh in the background.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "pemba/api/authn/key_set.h"
#include "pemba/base/clock.h"
#include "pemba/base/result.h"

namespace pemba::api::authn {

// The body of a successful GET. Errors (kUnavailable) say what failed.
using HttpGet = std::function<Result<std::string>(const std::string& url)>;

// Over libcurl: https or http, at most three redirects, at most `bytes_max`, 10 seconds.
HttpGet CurlGet(std::size_t bytes_max = std::size_t{1} << 20);

struct IssuerKeysOptions {
  std::string issuer;                   // Its keys are discovered below this URL.
  std::vector<std::string> also_named;  // What discovery may call it beside that.
  HttpGet get;
  // Told in a sentence when keys could not be refreshed. From the background thread.
  std::function<void(std::string_view)> report = nullptr;
  std::chrono::milliseconds refresh_interval = std::chrono::hours(48);
  // Between refreshes for unknown keys, and after a refresh that failed.
  std::chrono::milliseconds refresh_interval_min = std::chrono::minutes(1);
  int start_attempts = 5;
  std::chrono::milliseconds start_retry_delay{500};  // Doubles with each attempt.
};

// Thread-safe.
class IssuerKeys {
 public:
  // Discovers and reads the keys before it returns, with retries. Borrows the clock.
  // Errors (kUnavailable): name the issuer and what failed last.
  static Result<std::unique_ptr<IssuerKeys>> Start(IssuerKeysOptions options, const Clock& clock);
  ~IssuerKeys();

  struct Current {
    std::shared_ptr<const KeySet> keys;
    std::uint64_t generation;
  };
  // Takes a lock for a moment: for tokens that were not seen before.
  Current current() const;
  // Grows whenever the keys were read again. Lock-free.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  enum class Refresh : std::uint8_t {
    kUnderWay,  // Begun now or before: ask again in a moment.
    kTooSoon,   // There was one less than refresh_interval_min ago: the key does not exist.
  };
  // A token names a key that is not in the set. Never blocks.
  Refresh RefreshForUnknownKey();

 private:
  IssuerKeys(IssuerKeysOptions options, const Clock& clock)
      : options_(std::move(options)), clock_(clock) {}
  Result<std::shared_ptr<const KeySet>> Read() const;
  void Publish(std::shared_ptr<const KeySet> keys);
  void Run();

  const IssuerKeysOptions options_;
  const Clock& clock_;
  std::atomic<std::uint64_t> generation_{0};  // Written under mutex_.
  mutable std::mutex mutex_;                  // Guards everything below.
  std::condition_variable changed_;
  std::shared_ptr<const KeySet> keys_;
  bool refresh_wanted_ = false;  // Until it is done.
  bool stopping_ = false;
  SteadyTime next_for_unknown_key_{};
  std::thread thread_;
};

}  // namespace pemba::api::authn
