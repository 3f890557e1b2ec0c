#include "pemba/provider/outbox.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "pemba/provider/internal/backoff.h"
#include "pemba/provider/internal/outbox_metrics.h"

namespace pemba::provider {
namespace {

namespace json = boost::json;
using internal::Replicator;
using std::chrono::milliseconds;

// Behind the record by so much, the log takes long to look through at the next start.
constexpr Revision kRevisionsPerCursor = 10'000;
// How soon a provider that is well again is noticed while nothing is asked of it.
constexpr milliseconds kHealthPoll{200};

// How far the provider had come, as recorded.
struct Cursor {
  Revision revision = 0;
  std::string target;
};

std::string TextOf(const Cursor& cursor) {
  return json::serialize(
      json::object{{"revision", std::to_string(cursor.revision)}, {"target", cursor.target}});
}

std::optional<Cursor> ParseCursor(std::string_view text) {
  json::error_code error;
  const auto value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return std::nullopt;
  const auto* revision = value.get_object().if_contains("revision");
  const auto* target = value.get_object().if_contains("target");
  if (revision == nullptr || target == nullptr || !revision->is_string() || !target->is_string()) {
    return std::nullopt;
  }
  return Cursor{std::strtoull(revision->get_string().c_str(), nullptr, 10),
                std::string(target->get_string())};
}

}  // namespace

class Outbox::Impl {
 public:
  Impl(store::Stores& stores, store::StoreHandle store, StoreId id, Provider& provider,
       const Clock& clock, OutboxOptions options)
      : stores_(stores),
        store_(std::move(store)),
        id_(std::move(id)),
        provider_(provider),
        clock_(clock),
        options_(std::move(options)),
        metrics_(options_.metrics),
        replicator_(
            *store_, provider, clock,
            {.changes_per_step = options_.changes_per_step, .pace = [this] { return GoOn(); }}),
        backoff_({options_.retry_min, options_.retry_max}) {}

  Status Load() {
    std::optional<Cursor> cursor;
    PEMBA_TRY(std::ignore, store_->ReadRecords(key_, [&](const storage::Record& record) {
      if (record.key == key_) cursor = ParseCursor(record.value);
      return storage::Visit::kContinue;
    }));
    // Otherwise all is compared: the first thing that the worker does.
    if (cursor && cursor->target == options_.target) {
      resumed_ = replicator_.Resume(cursor->revision).ok();
    }
    if (resumed_) saved_ = cursor->revision;  // Told once the provider is seen to have it.
    return Done{};
  }

  void Start() {
    worker_ = std::thread([this] { Work(); });
    watcher_ = std::thread([this] { Watch(); });
  }

  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    worker_.join();
    watcher_.join();
    listener_.reset();
  }

  Revision applied() const {
    const std::lock_guard lock(mutex_);
    return applied_;
  }

  Status AwaitApplied(Revision revision, SteadyTime deadline) const {
    std::unique_lock lock(mutex_);
    const bool there =
        changed_.wait_until(lock, deadline, [&] { return stopping_ || applied_ >= revision; });
    if (there && applied_ >= revision) return Done{};
    return Error{ErrorCode::kUnavailable, "the provider is at revision " +
                                              std::to_string(applied_) + ", not yet at " +
                                              std::to_string(revision)};
  }

  void Nudge() {
    {
      const std::lock_guard lock(mutex_);
      news_ = true;
    }
    changed_.notify_all();
  }

  Result<Differences> Compare(DriftMode mode) {
    const std::lock_guard one_at_a_time(comparing_);
    CompareOptions options;
    {
      const std::lock_guard lock(mutex_);
      if (!resumed_) return Error{ErrorCode::kUnavailable, "the provider is not up to date yet"};
      options.applied = applied_;
    }
    options.pace = [this, begin = clock_.Steady(), read = std::uint64_t{0}]() mutable {
      return Pace(begin, ++read);
    };
    PEMBA_TRY(auto found, CompareTuples(*store_, provider_, clock_, options));
    LeaveOutRejected(found);
    Note(found);
    if (mode == DriftMode::kFix && found.size() > 0) {
      PEMBA_TRY(std::ignore, Repair(found));
      Note({});
    }
    return found;
  }

  std::vector<Rejection> rejected() const {
    const std::lock_guard lock(mutex_);
    return rejected_;
  }
  std::uint64_t backlog() const { return BacklogAt(applied()); }
  std::uint64_t BacklogAt(Revision applied) const {
    const auto head = store_->Pin().revision();
    return head > applied ? head - applied : 0;
  }

  void ShowBacklog() { metrics_.SetBacklog(backlog()); }
  Standing standing() const {
    const std::lock_guard lock(mutex_);
    Standing standing{.model_published = !published_model_.empty() && !model_since_,
                      .rejected = rejected_.size(),
                      .drifted = drifted_};
    if (behind_since_) {
      standing.behind = std::chrono::duration_cast<milliseconds>(clock_.Steady() - *behind_since_);
    }
    if (refused_) {
      standing.trouble = "the provider refuses what it is asked: " + failure_;
    } else if (model_refused_) {
      standing.trouble = "the provider refuses the authorization model";
    } else if (standing.behind > options_.degraded_after) {
      standing.trouble = "the provider has not been up to date for " +
                         std::to_string(standing.behind.count() / 1000) + " s" +
                         (failure_.empty() ? "" : ": " + failure_);
    }
    return standing;
  }

  Health health() const {
    const auto base = provider_.health();
    if (base != Health::kOk) return base;
    const std::lock_guard lock(mutex_);
    const bool late = behind_since_ && clock_.Steady() - *behind_since_ > options_.degraded_after;
    const bool well =
        resumed_ && !late && rejected_.empty() && drifted_ == 0 && !model_refused_ && !refused_;
    return well ? Health::kOk : Health::kDegraded;
  }

 private:
  struct Repairs {
    std::deque<tuple::Tuple> tuples;
    std::optional<Status> outcome;
  };

  // The worker.

  void Work() {
    while (GoOn().ok()) {
      auto turn = Turn();
      if (replicator_.lost()) turn = Forget();
      Settle(turn);
      AwaitWork();
    }
    SaveCursor();
    const std::lock_guard lock(mutex_);
    if (repairs_ != nullptr) repairs_->outcome = GoOnLocked();
    changed_.notify_all();
  }

  Status Turn() {
    BeginTurn();
    if (!resumed_) {
      PEMBA_TRY(std::ignore, MakeAnew());
    } else if (!seen_) {
      PEMBA_TRY(std::ignore, replicator_.PublishBeside());
      Tell();
    }
    seen_ = true;
    // Looked at before the log: tuples that had to go before the model came are in the log then.
    const auto model = replicator_.StoreModel();
    NoteModel(model);
    PEMBA_TRY(std::ignore, Follow());
    PEMBA_TRY(std::ignore, MakeRepairs());
    PEMBA_TRY(std::ignore, PublishModel(model));
    PEMBA_TRY(std::ignore, RetryRejected());
    const auto now = clock_.Steady();
    if (dirty_ && (now >= next_save_ || replicator_.applied() > saved_ + kRevisionsPerCursor)) {
      SaveCursor();
      PEMBA_TRY(std::ignore, Follow());  // Its own revision is not behind anything.
    }
    return Done{};
  }

  Status Forget() {
    Report("has lost what it had");
    const std::lock_guard lock(mutex_);
    resumed_ = false;
    applied_ = 0;
    news_ = true;
    return Done{};
  }

  Status MakeAnew() {
    Report("compares all tuples with the provider's");
    PEMBA_TRY(std::ignore, replicator_.Resync());
    dirty_ = true;
    NoteRejected();
    {
      const std::lock_guard lock(mutex_);
      resumed_ = true;
    }
    Tell();
    return Done{};
  }

  Status Follow() {
    for (bool more = true; more;) {
      PEMBA_TRY(std::ignore, GoOn());
      const auto begin = clock_.Steady();
      PEMBA_TRY(const auto step, replicator_.Follow());
      more = step.more;
      if (!step.committed.empty()) {
        dirty_ = true;
        metrics_.Applied(clock_.Steady() - begin, step.committed, clock_.Now());
      }
      if (replicator_.applied() > saved_ + kRevisionsPerCursor) dirty_ = true;
      NoteRejected();  // Who is told of a revision can ask what of it was refused.
      if (more) Tell();
    }
    return Done{};
  }

  // A part at a time, with what is new in between.
  Status MakeRepairs() {
    for (;;) {
      std::vector<tuple::Tuple> part;
      {
        const std::lock_guard lock(mutex_);
        if (repairs_ == nullptr) return Done{};
        const auto size = std::min(options_.changes_per_step, repairs_->tuples.size());
        part.assign(repairs_->tuples.begin(), repairs_->tuples.begin() + static_cast<long>(size));
      }
      PEMBA_TRY(std::ignore, GoOn());
      PEMBA_TRY(std::ignore, replicator_.Converge(part));
      {
        const std::lock_guard lock(mutex_);
        repairs_->tuples.erase(repairs_->tuples.begin(),
                               repairs_->tuples.begin() + static_cast<long>(part.size()));
        if (repairs_->tuples.empty()) {
          repairs_->outcome = Done{};
          repairs_ = nullptr;
        }
      }
      changed_.notify_all();
      PEMBA_TRY(std::ignore, Follow());
    }
  }

  void NoteModel(const std::string& model) {
    const auto now = clock_.Steady();
    const std::lock_guard lock(mutex_);
    if (model == published_model_) {
      model_since_.reset();
    } else if (!model_since_) {
      model_since_ = now;
    }
    if (model != noted_model_) {
      noted_model_ = model;
      model_noted_at_ = now;
      model_retry_at_ = {};
    }
  }

  bool ModelIsDue() const {
    const auto now = clock_.Steady();
    const std::lock_guard lock(mutex_);
    if (now < model_retry_at_) return false;
    if (now >= model_check_at_) return true;
    if (!model_since_) return false;
    return now - model_noted_at_ >= options_.model_quiet ||
           now - *model_since_ >= 10 * options_.model_quiet;
  }

  Status PublishModel(const std::string& model) {
    if (!ModelIsDue()) return Done{};
    // What was followed may already need the one that has come since: at the next turn.
    if (replicator_.StoreModel() != model) return Done{};
    if (model != published_model_) retry_rejected_at_ = {};  // What was refused may fit then.
    auto published = replicator_.PublishInstead(model);
    if (!published.ok() && ClassOf(published.error().code) != FailureClass::kPermanent) {
      return published;
    }
    {
      const std::lock_guard lock(mutex_);
      model_refused_ = !published.ok();
      model_check_at_ = clock_.Steady() + options_.model_check;
      if (published.ok()) {
        published_model_ = model;
        model_since_.reset();
      } else {
        model_retry_at_ = clock_.Steady() + options_.retry_rejected;
      }
    }
    if (!published.ok()) {
      Report("the provider refuses the authorization model: " + published.error().message);
    }
    return Done{};
  }

  Status RetryRejected() {
    if (replicator_.rejected().empty() || clock_.Steady() < retry_rejected_at_) return Done{};
    retry_rejected_at_ = clock_.Steady() + options_.retry_rejected;
    auto status = replicator_.RetryRejected();
    NoteRejected();
    return status;
  }

  void NoteRejected() {
    std::vector<Rejection> now;
    for (const auto& [text, rejection] : replicator_.rejected()) now.push_back(rejection);
    {
      const std::lock_guard lock(mutex_);
      const bool same = std::equal(
          now.begin(), now.end(), rejected_.begin(), rejected_.end(),
          [](const auto& a, const auto& b) { return a.tuple == b.tuple && a.error == b.error; });
      if (same) return;
      rejected_ = now;
    }
    if (!now.empty()) {
      Report("the provider refuses " + std::to_string(now.size()) +
             " tuples: " + now.front().error.message);
    }
    if (options_.on_rejected) options_.on_rejected(now);
  }

  void BeginTurn() {
    const std::lock_guard lock(mutex_);
    news_ = false;
    if (!behind_since_) behind_since_ = clock_.Steady();
  }

  // What a turn came to: when is the next one.
  void Settle(const Status& turn) {
    metrics_.SetBacklog(backlog());
    const bool stopped = !GoOn().ok();
    std::optional<std::string> said;
    {
      const std::lock_guard lock(mutex_);
      next_try_.reset();
      if (turn.ok()) {
        behind_since_.reset();
        backoff_.Reset();
        refused_ = false;
        failure_.clear();
      } else if (!stopped) {
        // Whatever is not going to pass by itself is asked for seldom.
        refused_ = ClassOf(turn.error().code) == FailureClass::kPermanent;
        next_try_ = clock_.Steady() + (refused_ ? options_.retry_max : backoff_.Next());
        was_down_ = provider_.health() == Health::kDown;
        if (failure_ != turn.error().message) said = failure_ = turn.error().message;
      }
    }
    if (said) Report("the provider cannot be brought up to date: " + *said);
  }

  void AwaitWork() {
    // It calls from wherever something is published, maybe at once: without the lock.
    listener_ = stores_.Listen(id_, replicator_.applied(), [this] { Nudge(); });
    std::unique_lock lock(mutex_);
    if (next_try_) {
      while (!stopping_ && clock_.Steady() < *next_try_) {
        changed_.wait_until(lock, std::min(*next_try_, clock_.Steady() + kHealthPoll));
        const bool down = provider_.health() == Health::kDown;
        if (was_down_ && !down) break;  // Somebody else has found it well.
        was_down_ = down;
      }
      return;
    }
    auto until = clock_.Steady() + options_.model_poll;
    if (model_since_) until = std::min(until, clock_.Steady() + options_.model_quiet / 2);
    if (dirty_) until = std::min(until, next_save_);
    changed_.wait_until(lock, until, [&] { return stopping_ || news_ || repairs_ != nullptr; });
  }

  void Tell() {
    const auto applied = replicator_.applied();
    metrics_.SetBacklog(BacklogAt(applied));  // Before anybody who waits for it looks.
    {
      const std::lock_guard lock(mutex_);
      if (applied <= applied_) return;
      applied_ = applied;
    }
    changed_.notify_all();
    if (options_.on_applied) options_.on_applied(applied);
  }

  void SaveCursor() {
    if (!dirty_) return;
    const auto revision = replicator_.applied();
    const auto text = TextOf({revision, options_.target});
    const storage::RecordChange record{.key = key_, .value = text};
    const auto saved = store_->WriteTuples({.records = {&record, 1}});
    next_save_ = clock_.Steady() + options_.cursor_interval;
    if (saved.ok()) {
      saved_ = revision;
      dirty_ = false;
    } else {
      Report("cannot record how far the provider is: " + saved.error().message);
    }
  }

  // The watcher, and whoever compares.

  void Watch() {
    if (options_.drift.mode == DriftMode::kOff) return;
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, options_.drift.interval, [&] { return stopping_; })) {
      lock.unlock();
      const auto compared = Compare(options_.drift.mode);
      if (!compared.ok() && GoOn().ok()) {
        Report("cannot compare the provider's tuples: " + compared.error().message);
      }
      lock.lock();
    }
  }

  Status Pace(SteadyTime begin, std::uint64_t read) {
    constexpr std::uint64_t kAtOnce = 100;
    const auto rate = options_.drift.tuples_per_second;
    if (read % kAtOnce != 0) return Done{};
    std::unique_lock lock(mutex_);
    if (rate > 0) {
      const auto due = begin + std::chrono::microseconds(read * 1'000'000 / rate);
      changed_.wait_until(lock, due, [&] { return stopping_; });
    }
    return GoOnLocked();
  }

  void LeaveOutRejected(Differences& found) const {
    const auto refused = rejected();
    std::erase_if(found.missing, [&](const auto& t) {
      return std::any_of(refused.begin(), refused.end(),
                         [&](const auto& r) { return r.tuple.view() == t.view(); });
    });
  }

  void Note(const Differences& found) {
    metrics_.SetDrift(found);
    if (found.size() > 0) {
      Report("the provider has drifted: " + std::to_string(found.missing.size()) +
             " tuples missing, " + std::to_string(found.extra.size()) + " too many, " +
             std::to_string(found.changed.size()) + " changed");
    }
    const std::lock_guard lock(mutex_);
    drifted_ = found.size();
  }

  Status Repair(const Differences& found) {
    auto repairs = std::make_shared<Repairs>();
    for (const auto* tuples : {&found.extra, &found.changed, &found.missing}) {
      repairs->tuples.insert(repairs->tuples.end(), tuples->begin(), tuples->end());
    }
    std::unique_lock lock(mutex_);
    if (stopping_) return GoOnLocked();
    repairs_ = repairs;
    changed_.notify_all();
    changed_.wait(lock, [&] { return repairs->outcome.has_value(); });
    return *repairs->outcome;
  }

  Status GoOn() const {
    const std::lock_guard lock(mutex_);
    return GoOnLocked();
  }
  Status GoOnLocked() const {
    if (!stopping_) return Done{};
    return Error{ErrorCode::kUnavailable, "the outbox is being stopped"};
  }

  void Report(const std::string& line) const {
    if (options_.report) options_.report("provider " + options_.name + ": " + line);
  }

  store::Stores& stores_;
  const store::StoreHandle store_;
  const StoreId id_;
  Provider& provider_;
  const Clock& clock_;
  const OutboxOptions options_;
  const std::string key_ = "provider/" + options_.name;
  internal::OutboxMetrics metrics_;

  // The worker's.
  Replicator replicator_;
  internal::Backoff backoff_;
  std::unique_ptr<store::Listener> listener_;
  Revision saved_ = 0;  // In the record.
  bool dirty_ = false;  // The record is behind.
  bool seen_ = false;   // The provider, since the start.
  SteadyTime next_save_{};
  bool was_down_ = false;

  std::mutex comparing_;

  mutable std::mutex mutex_;  // Guards what follows.
  mutable std::condition_variable changed_;
  bool stopping_ = false;
  bool news_ = false;
  bool resumed_ = false;  // Changed by the worker, which reads it without the lock.
  Revision applied_ = 0;
  std::optional<SteadyTime> behind_since_, next_try_;
  bool refused_ = false;                       // The provider refuses us, not a tuple.
  std::string failure_;                        // Of the last turn, as reported.
  std::string published_model_, noted_model_;  // Ids of the store's models.
  std::optional<SteadyTime> model_since_;      // Since when they differ.
  SteadyTime model_noted_at_{}, model_retry_at_{}, model_check_at_{}, retry_rejected_at_{};
  bool model_refused_ = false;
  std::vector<Rejection> rejected_;
  std::size_t drifted_ = 0;
  std::shared_ptr<Repairs> repairs_;

  std::thread worker_, watcher_;
};

Result<std::unique_ptr<Outbox>> Outbox::Start(store::Stores& stores, const StoreId& store,
                                              Provider& provider, const Clock& clock,
                                              OutboxOptions options) {
  PEMBA_TRY(auto handle, stores.Keep(store));
  auto impl =
      std::make_unique<Impl>(stores, std::move(handle), store, provider, clock, std::move(options));
  PEMBA_TRY(std::ignore, impl->Load());
  impl->Start();
  return std::unique_ptr<Outbox>(new Outbox(std::move(impl)));
}

Outbox::Outbox(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Outbox::~Outbox() { impl_->Stop(); }

Revision Outbox::applied() const { return impl_->applied(); }
Status Outbox::AwaitApplied(Revision revision, SteadyTime deadline) const {
  return impl_->AwaitApplied(revision, deadline);
}
void Outbox::ModelChanged() { impl_->Nudge(); }
Result<Differences> Outbox::Compare(DriftMode mode) { return impl_->Compare(mode); }
std::vector<Rejection> Outbox::rejected() const { return impl_->rejected(); }
std::uint64_t Outbox::backlog() const { return impl_->backlog(); }
Standing Outbox::standing() const { return impl_->standing(); }
void Outbox::ShowBacklog() { impl_->ShowBacklog(); }
Health Outbox::health() const { return impl_->health(); }

}  // namespace pemba::provider
