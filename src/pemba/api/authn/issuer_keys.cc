#include "pemba/api/authn/issuer_keys.h"

#include <algorithm>
#include <utility>

#include <boost/json/parse.hpp>

namespace pemba::api::authn {
namespace {

namespace json = boost::json;

std::string_view WithoutSlash(std::string_view url) {
  if (url.ends_with('/')) url.remove_suffix(1);
  return url;
}

Error Unavailable(std::string why) { return {ErrorCode::kUnavailable, std::move(why)}; }

// A text member of the discovery document.
Result<std::string> MemberOf(const json::object& document, const char* name) {
  const auto* value = document.if_contains(name);
  if (value == nullptr || !value->is_string() || value->get_string().empty()) {
    return Unavailable("the discovery document has no `" + std::string(name) + "`");
  }
  return std::string(value->get_string().data(), value->get_string().size());
}

}  // namespace

Result<std::unique_ptr<IssuerKeys>> IssuerKeys::Start(IssuerKeysOptions options,
                                                      const Clock& clock) {
  std::unique_ptr<IssuerKeys> self(new IssuerKeys(std::move(options), clock));
  auto delay = self->options_.start_retry_delay;
  for (int attempt = 1;; ++attempt) {
    auto keys = self->Read();
    if (keys.ok()) {
      self->Publish(*std::move(keys));
      break;
    }
    if (attempt >= self->options_.start_attempts) {
      return Unavailable("cannot read the keys of the OpenID issuer `" + self->options_.issuer +
                         "`: " + keys.error().message);
    }
    std::this_thread::sleep_for(delay);
    delay *= 2;
  }
  self->thread_ = std::thread([keys = self.get()] { keys->Run(); });
  return self;
}

IssuerKeys::~IssuerKeys() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// OpenID Connect Discovery 1.0, section 4.
Result<std::shared_ptr<const KeySet>> IssuerKeys::Read() const {
  const auto issuer = std::string(WithoutSlash(options_.issuer));
  PEMBA_TRY(const auto text, options_.get(issuer + "/.well-known/openid-configuration"));
  boost::system::error_code error;
  const auto document = json::parse(text, error);
  if (error || !document.is_object()) {
    return Unavailable("the discovery document is not a JSON object");
  }
  PEMBA_TRY(const auto name, MemberOf(document.get_object(), "issuer"));
  const auto is = [&name](std::string_view other) {
    return WithoutSlash(name) == WithoutSlash(other);
  };
  if (!is(options_.issuer) &&
      std::none_of(options_.also_named.begin(), options_.also_named.end(), is)) {
    return Unavailable("the discovery document is of another issuer, `" + name + "`");
  }
  PEMBA_TRY(const auto url, MemberOf(document.get_object(), "jwks_uri"));
  PEMBA_TRY(const auto jwks, options_.get(url));
  return KeySet::Parse(jwks);
}

void IssuerKeys::Publish(std::shared_ptr<const KeySet> keys) {
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
  generation_.fetch_add(1, std::memory_order_release);
}

IssuerKeys::Current IssuerKeys::current() const {
  const std::lock_guard lock(mutex_);
  return {keys_, generation_.load(std::memory_order_relaxed)};
}

IssuerKeys::Refresh IssuerKeys::RefreshForUnknownKey() {
  const std::lock_guard lock(mutex_);
  if (refresh_wanted_) return Refresh::kUnderWay;
  const auto now = clock_.Steady();
  if (now < next_for_unknown_key_) return Refresh::kTooSoon;
  next_for_unknown_key_ = now + options_.refresh_interval_min;
  refresh_wanted_ = true;
  changed_.notify_all();
  return Refresh::kUnderWay;
}

void IssuerKeys::Run() {
  auto wait = options_.refresh_interval;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait_for(lock, wait, [this] { return stopping_ || refresh_wanted_; });
    if (stopping_) return;
    lock.unlock();
    auto keys = Read();
    const bool ok = keys.ok();
    if (ok) {
      Publish(*std::move(keys));
    } else if (options_.report) {
      options_.report("the keys of the OpenID issuer stay as they are: " + keys.error().message);
    }
    wait = ok ? options_.refresh_interval
              : std::min(options_.refresh_interval, options_.refresh_interval_min);
    lock.lock();
    refresh_wanted_ = false;
  }
}

}  // namespace pemba::api::authn
