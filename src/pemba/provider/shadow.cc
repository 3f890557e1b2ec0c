#include "pemba/provider/shadow.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace pemba::provider {

class Shadow::Comparer {
 public:
  Comparer(Provider& primary, Provider& secondary, const Clock& clock, ShadowOptions options)
      : primary_(primary), secondary_(secondary), clock_(clock), options_(std::move(options)) {
    if (options_.metrics != nullptr) {
      const auto add = [&](const char* outcome) {
        return &options_.metrics->AddCounter(
            "provider_shadow_checks_total",
            "Decisions that were compared with those of the provider in the shadow.",
            {{"outcome", outcome}});
      };
      same_ = add("same");
      mismatch_ = add("mismatch");
      failed_ = add("failed");
      dropped_ = add("dropped");
    }
    thread_ = std::thread([this] { Run(); });
  }

  ~Comparer() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void Add(std::span<const tuple::Tuple> questions, const std::vector<Result<Decision>>& outcomes) {
    {
      const std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < questions.size(); ++i) {
        if (!outcomes[i].ok()) continue;  // Nothing to compare with.
        if (queue_.size() >= options_.queue_max) {
          ++counts_.dropped;
          if (dropped_ != nullptr) dropped_->Add();
          continue;
        }
        queue_.push_back({questions[i], *outcomes[i]});
      }
    }
    changed_.notify_all();
  }

  Counts counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

  void AwaitIdle() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopping_ || (queue_.empty() && !busy_); });
  }

 private:
  struct Decided {
    tuple::Tuple question;
    Decision primary;
  };

  void Run() {
    constexpr std::size_t kAtOnce = 50;
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      std::vector<Decided> part;
      while (!queue_.empty() && part.size() < kAtOnce) {
        part.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
      busy_ = true;
      lock.unlock();
      Compare(part);
      lock.lock();
      busy_ = false;
      changed_.notify_all();
    }
  }

  void Compare(const std::vector<Decided>& part) {
    std::vector<tuple::Tuple> questions;
    for (const auto& decided : part) questions.push_back(decided.question);
    const auto answers = Ask(secondary_, questions);
    for (std::size_t i = 0; i < part.size(); ++i) {
      auto outcome = Comparison::kUnknown;
      if (answers[i].ok()) {
        outcome =
            *answers[i] == part[i].primary ? Comparison::kSame : CompareAgain(part[i].question);
      }
      switch (outcome) {
        case Comparison::kUnknown:
          Count(&Counts::failed, failed_);
          break;
        case Comparison::kSame:
          Count(&Counts::compared, same_);
          break;
        case Comparison::kDifferent:
          Count(&Counts::compared, mismatch_);
          Count(&Counts::mismatches, nullptr);
          Tell(part[i], *answers[i]);
          break;
      }
    }
  }

  enum class Comparison : std::uint8_t { kUnknown, kSame, kDifferent };

  // A change may have come in between: both as of one revision, with no other meanwhile.
  Comparison CompareAgain(const tuple::Tuple& question) {
    constexpr int kTries = 10;
    for (int i = 0; i < kTries; ++i) {
      const auto before = Now();
      const auto second = Ask(secondary_, {&question, 1}).front();
      const auto first = Ask(primary_, {&question, 1}).front();
      if (!first.ok() || !second.ok()) return Comparison::kUnknown;
      if (*first == *second) return Comparison::kSame;
      if (Now() == before) return Comparison::kDifferent;
    }
    return Comparison::kUnknown;
  }

  void Tell(const Decided& decided, Decision secondary) {
    if (!options_.on_mismatch) return;
    options_.on_mismatch({decided.question, decided.primary, secondary,
                          Explain(primary_, decided.question),
                          Explain(secondary_, decided.question)});
  }

  std::optional<engine::Explanation> Explain(Provider& provider, const tuple::Tuple& question) {
    auto explained = provider.Explain(question, Patience());
    if (!explained.ok()) return std::nullopt;
    return *std::move(explained);
  }
  std::vector<Result<Decision>> Ask(Provider& provider, std::span<const tuple::Tuple> questions) {
    return provider.Check(questions, Patience());
  }
  std::optional<Revision> Now() const {
    if (!options_.revision) return std::nullopt;
    return options_.revision();
  }
  ReadOptions Patience() const {
    return {.at_least = Now(), .deadline = clock_.Steady() + options_.patience};
  }

  void Count(std::uint64_t Counts::*count, telemetry::Counter* counter) {
    if (counter != nullptr) counter->Add();
    const std::lock_guard lock(mutex_);
    ++(counts_.*count);
  }

  Provider& primary_;
  Provider& secondary_;
  const Clock& clock_;
  const ShadowOptions options_;
  telemetry::Counter *same_ = nullptr, *mismatch_ = nullptr, *failed_ = nullptr,
                     *dropped_ = nullptr;

  mutable std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  std::deque<Decided> queue_;
  Counts counts_;
  bool busy_ = false;
  bool stopping_ = false;

  std::thread thread_;
};

Shadow::Shadow(Provider& primary, Provider& secondary, const Clock& clock, ShadowOptions options)
    : Decorator(primary),
      comparer_(std::make_unique<Comparer>(primary, secondary, clock, std::move(options))) {}
Shadow::~Shadow() = default;

std::vector<Result<Decision>> Shadow::Check(std::span<const tuple::Tuple> questions,
                                            const ReadOptions& options) {
  auto outcomes = base().Check(questions, options);
  comparer_->Add(questions, outcomes);
  return outcomes;
}

Shadow::Counts Shadow::counts() const { return comparer_->counts(); }
void Shadow::AwaitIdle() { comparer_->AwaitIdle(); }

}  // namespace pemba::provider
