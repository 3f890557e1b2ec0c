#include "pemba/storage/internal/pg_feed.h"

#include <algorithm>
#include <array>
#include <random>

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace pemba::storage::internal {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view kChannel = "pemba_log";
// A payload is an id in hexadecimal, or this; then the name of who sends it.
constexpr std::string_view kQuestion = "?";
constexpr std::chrono::milliseconds kReconnectAfter{200};
constexpr std::chrono::seconds kPatience{5};
// How long the listener sits before it looks whether it should stop, without being woken.
constexpr std::chrono::seconds kSit{10};

std::string RandomName() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

// Nothing for what is not the hexadecimal form of an id.
std::string Unhex(std::string_view text) {
  std::string out;
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || high > 15 || low < 0 || low > 15) return {};
    out.push_back(static_cast<char>(high << 4 | low));
  }
  return out;
}

PgStatement Notify(const std::string& payload) {
  return {"SELECT pg_notify($1, $2)", {PgValue::Text(kChannel), PgValue::Text(payload)}};
}

}  // namespace

PgFeed::PgFeed(PgFeedOptions options, PgPool& pool)
    : options_(std::move(options)),
      pool_(pool),
      name_(RandomName()),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

PgFeed::~PgFeed() {
  Stop();
  if (thread_.joinable()) thread_.join();
  close(wake_);
}

void PgFeed::Start() {
  if (!thread_.joinable() && !stopping_) thread_ = std::thread([this] { Run(); });
}

void PgFeed::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  news_.notify_all();
  eventfd_write(wake_, 1);
}

void PgFeed::EndWait() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  news_.notify_all();
}

void PgFeed::Announce(const StoreId& store) {
  {
    const std::lock_guard lock(mutex_);
    outgoing_.insert(store.value);
    Start();
  }
  eventfd_write(wake_, 1);
}

News PgFeed::AwaitNews() {
  std::unique_lock lock(mutex_);
  Start();
  const auto every = heard_ ? options_.poll_announced : options_.poll_unannounced;
  const auto look = looked_at_ + std::chrono::duration_cast<steady_clock::duration>(every);
  news_.wait_until(lock, look, [&] { return ended_ || !incoming_.empty(); });
  ended_ = false;
  News news;
  if (steady_clock::now() >= look) {
    looked_at_ = steady_clock::now();
    incoming_.clear();
    news.of = News::Of::kAny;
  }
  for (const auto& id : incoming_) news.stores.push_back({id});
  incoming_.clear();
  return news;
}

void PgFeed::Run() {
  while (!stopping()) {
    auto connection = PgConnection::Connect(
        options_.parameters,
        steady_clock::now() +
            std::chrono::duration_cast<steady_clock::duration>(options_.connect_timeout));
    if (connection.ok()) (void)Serve(**connection);
    {
      std::unique_lock lock(mutex_);
      heard_ = false;
      news_.wait_for(lock, kReconnectAfter, [&] { return stopping_; });
    }
  }
}

Status PgFeed::Serve(PgConnection& connection) {
  PEMBA_TRY(std::ignore, connection.RunScript(fmt::format("LISTEN {}", kChannel),
                                              steady_clock::now() + kPatience));
  AskWhetherHeard();
  while (!stopping()) {
    PEMBA_TRY(std::ignore, SendAnnouncements(connection));
    PEMBA_TRY(const auto notices, connection.AwaitNotices(steady_clock::now() + kSit, wake_));
    Take(notices);
  }
  return SendAnnouncements(connection);
}

// Over another connection than the one that listens: behind a pooler both may share one by chance,
// and an answer to oneself would prove nothing.
void PgFeed::AskWhetherHeard() {
  (void)pool_.Try(steady_clock::now() + kPatience, [&](PgConnection& connection) {
    return connection.Run(Notify(std::string(kQuestion) + "@" + name_),
                          steady_clock::now() + kPatience);
  });
}

std::set<std::string> PgFeed::TakeOutgoing() {
  eventfd_t ignored = 0;
  eventfd_read(wake_, &ignored);
  const std::lock_guard lock(mutex_);
  return std::exchange(outgoing_, {});
}

Status PgFeed::SendAnnouncements(PgConnection& connection) {
  const auto stores = TakeOutgoing();
  if (stores.empty()) return Done{};
  std::vector<PgStatement> statements;
  for (const auto& store : stores) statements.push_back(Notify(Hex(store) + "@" + name_));
  PEMBA_TRY(std::ignore, connection.Run(statements, steady_clock::now() + kPatience));
  return Done{};
}

void PgFeed::Take(const std::vector<PgNotice>& notices) {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& notice : notices) {
      const std::string_view payload = notice.payload;
      const auto at = std::min(payload.find('@'), payload.size());
      const bool own = payload.substr(std::min(at + 1, payload.size())) == name_;
      if (payload.substr(0, at) == kQuestion) {
        heard_ = heard_ || own;
      } else if (auto id = Unhex(payload.substr(0, at)); !own && !id.empty()) {
        incoming_.insert(std::move(id));
      }
    }
  }
  news_.notify_all();
}

bool PgFeed::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

}  // namespace pemba::storage::internal
