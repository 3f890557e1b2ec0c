#include "pemba/bench/load_driver.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

namespace pemba::bench {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::nanoseconds;

constexpr std::size_t kQuestions = 4'096;      // That differ, for each thread.
constexpr std::size_t kBytesMax = 64u << 20;   // Of encoded questions.
constexpr std::uint64_t kAnswersMax = 40'000;  // Of lists and batches, of a thread.
constexpr std::chrono::seconds kPatience{10};  // With the last answers.

SteadyTime Now() { return Steady::now(); }

// When calls arrive.
class Arrivals {
 public:
  Arrivals(double rate, const Bursts& bursts, SteadyTime start, std::uint64_t seed)
      : rate_(rate), bursts_(bursts), start_(start), next_(start), random_(seed) {
    Advance();
  }
  SteadyTime next() const { return next_; }
  void Advance() {
    const bool burst = bursts_.factor > 1 && (next_ - start_) % bursts_.period < bursts_.length;
    const double rate = burst ? rate_ * bursts_.factor : rate_;
    next_ += nanoseconds(static_cast<std::int64_t>(-std::log1p(-random_.Unit()) / rate * 1e9));
  }

 private:
  double rate_;
  Bursts bursts_;
  SteadyTime start_, next_;
  Random random_;
};

struct Encoded {
  Question question;
  WireCall call;
};

// A tuple that is written, found, deleted and missed, again and again.
struct WriteCycle {
  explicit WriteCycle(Encoded asked) : check(std::move(asked)) {}
  Encoded check;  // Its answer is what holds now.
  WireCall write, remove;
};

class LoadThread {
 public:
  LoadThread(const WireCodec& codec, const LoadRun& run, std::uint32_t index)
      : codec_(codec.ForTheSameStore()),
        run_(run),
        index_(index),
        random_(run.seed * 7'919 + index) {}

  Status Prepare(const Endpoint& endpoint, const Scenario& scenario, std::size_t case_index) {
    std::uint64_t bytes = 0, answers = 0;
    while (questions_.size() < kQuestions && bytes < kBytesMax &&
           (answers < kAnswersMax || questions_.size() < 2)) {
      PEMBA_TRY(auto encoded, Encode(scenario.Make(case_index, random_)));
      bytes += encoded.call.body.size() + 100;
      answers += encoded.question.listed.count + encoded.question.batch.size();
      questions_.push_back(std::move(encoded));
    }
    for (std::uint64_t n = 0; run_.writes > 0 && n < kWritablePerThread; ++n) {
      auto question = scenario.Writable(run_.first_writable + index_ * kWritablePerThread + n);
      if (!question) return Error{ErrorCode::kInvalidArgument, "this world is not written to"};
      const OwnedTuple tuple({.tuple = {question->object, question->relation, question->subject}});
      PEMBA_TRY(auto check, Encode(*std::move(question)));
      cycles_.emplace_back(std::move(check));
      PEMBA_TRY(cycles_.back().write, codec_.Write({&tuple, 1}));
      cycles_.back().remove = codec_.Delete(tuple);
      idle_cycles_.push_back(n);
    }
    PEMBA_TRY(loop_, LoadLoop::Connect(endpoint, run_.shape));
    return Done{};
  }

  Status Run() {
    start_ = Now();
    count_from_ = start_ + run_.duration / 10;
    end_ = start_ + run_.duration;
    PEMBA_TRY(std::ignore, run_.rate ? RunOpen() : RunClosed());
    tally_.elapsed = run_.duration - run_.duration / 10;
    return Done{};
  }

  const LoadTally& tally() const { return tally_; }

 private:
  enum class Kind : std::uint8_t { kQuestion, kWrite, kRemove, kRecheck };
  struct Pending {
    Kind kind = Kind::kQuestion;
    std::size_t index = 0;  // Of the question or the cycle.
    SteadyTime arrived{};
  };

  Result<Encoded> Encode(Question question) {
    PEMBA_TRY(auto call, codec_.Encode(question));
    return Encoded{std::move(question), std::move(call)};
  }

  Status RunClosed() {
    while (loop_->HasRoom()) SubmitNext(Now());
    while (loop_->in_flight() > 0) {
      PEMBA_TRY(std::ignore, Turn(end_ + kPatience, /*refill=*/true));
    }
    return Done{};
  }

  Status RunOpen() {
    Arrivals arrivals(*run_.rate / run_.threads, run_.bursts, start_, random_.Next());
    std::deque<SteadyTime> waiting;
    while (arrivals.next() < end_ || !waiting.empty() || loop_->in_flight() > 0) {
      for (const auto now = Now(); arrivals.next() <= now && arrivals.next() < end_;
           arrivals.Advance()) {
        waiting.push_back(arrivals.next());
      }
      tally_.backlog_max =
          std::max<std::uint64_t>(tally_.backlog_max, waiting.size() + loop_->in_flight());
      while (!waiting.empty() && loop_->HasRoom()) {
        SubmitNext(waiting.front());
        waiting.pop_front();
      }
      const auto until = arrivals.next() < end_ ? arrivals.next() : end_ + kPatience;
      PEMBA_TRY(std::ignore, Turn(until, /*refill=*/false));
    }
    return Done{};
  }

  Status Turn(SteadyTime until, bool refill) {
    PEMBA_TRY(std::ignore, loop_->Turn(until, [&](std::uint64_t tag, const Reply& reply) {
      OnReply(tag, reply);
      if (refill && failure_.ok() && loop_->HasRoom() && Now() < end_) SubmitNext(Now());
    }));
    if (Now() > end_ + kPatience) {
      return Error{ErrorCode::kUnavailable, "the server leaves calls unanswered"};
    }
    return failure_;
  }

  void SubmitNext(SteadyTime arrived) {
    if (!idle_cycles_.empty() && random_.Unit() < run_.writes) {
      const auto cycle = idle_cycles_.front();
      idle_cycles_.pop_front();
      const bool exists = cycles_[cycle].check.question.answer == Decision::kAllowed;
      const auto kind = exists ? Kind::kRemove : Kind::kWrite;
      return Submit({kind, cycle, arrived}, exists ? cycles_[cycle].remove : cycles_[cycle].write);
    }
    const auto question = next_question_;
    next_question_ = next_question_ + 1 == questions_.size() ? 0 : next_question_ + 1;
    Submit({Kind::kQuestion, question, arrived}, questions_[question].call);
  }

  void Submit(const Pending& pending, const WireCall& call) {
    if (free_.empty()) {
      free_.push_back(pending_.size());
      pending_.emplace_back();
    }
    const auto tag = free_.back();
    free_.pop_back();
    pending_[tag] = pending;
    loop_->Submit(call, tag);
  }

  void OnReply(std::uint64_t tag, const Reply& reply) {
    const Pending pending = pending_[tag];
    free_.push_back(tag);
    ++tally_.answered;
    const auto now = Now();
    const bool counts = pending.arrived >= count_from_ && pending.arrived < end_;
    if (pending.kind == Kind::kWrite || pending.kind == Kind::kRemove) {
      return OnWritten(pending, reply, now, counts);
    }
    const bool recheck = pending.kind == Kind::kRecheck;
    const auto& question =
        recheck ? cycles_[pending.index].check.question : questions_[pending.index].question;
    if (recheck) idle_cycles_.push_back(pending.index);
    if (JudgeReply(question, reply) == Judgement::kShed) {
      tally_.shed += counts ? 1 : 0;
    } else if (counts && !recheck) {
      const bool list = question.ask == Ask::kListObjects || question.ask == Ask::kListUsers;
      Count(list ? tally_.lists : tally_.checks, now - pending.arrived);
      tally_.ids += question.listed.count;
    }
  }

  // What was acknowledged must be seen by whoever asks from now on.
  void OnWritten(const Pending& pending, const Reply& reply, SteadyTime now, bool counts) {
    auto& cycle = cycles_[pending.index];
    Question written = cycle.check.question;
    if (auto done = codec_.CheckDone(reply); !done.ok()) {
      if (codec_.Judge(written, reply) == Judgement::kShed) {
        tally_.shed += counts ? 1 : 0;
      } else if (failure_.ok()) {
        failure_ = Error{ErrorCode::kUnavailable,
                         "write of " + ToText(written) + ": " + done.error().message};
      }
      return idle_cycles_.push_back(pending.index);
    }
    if (counts) Count(tally_.writes, now - pending.arrived);
    cycle.check.question.answer =
        pending.kind == Kind::kWrite ? Decision::kAllowed : Decision::kDenied;
    if (!loop_->HasRoom()) return idle_cycles_.push_back(pending.index);
    Submit({Kind::kRecheck, pending.index, now}, cycle.check.call);
  }

  Judgement JudgeReply(const Question& question, const Reply& reply) {
    if (run_.verification == Verification::kStatusOnly && codec_.CheckDone(reply).ok()) {
      return Judgement::kRight;
    }
    const auto judgement = codec_.Judge(question, reply);
    if (judgement == Judgement::kRight || judgement == Judgement::kShed || !failure_.ok()) {
      return judgement;
    }
    const bool wrong = judgement == Judgement::kWrong;
    failure_ = Error{
        wrong ? ErrorCode::kInternal : ErrorCode::kUnavailable,
        (wrong ? "wrong answer: " : "no answer: ") + ToText(question) + ": " + codec_.complaint()};
    return judgement;
  }

  void Count(Histogram& histogram, nanoseconds took) {
    ++tally_.calls;
    histogram.Add(static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)));
  }

  WireCodec codec_;
  const LoadRun& run_;
  const std::uint32_t index_;
  Random random_;
  std::vector<Encoded> questions_;
  std::deque<WriteCycle> cycles_;
  std::deque<std::size_t> idle_cycles_;
  std::size_t next_question_ = 0;
  std::vector<Pending> pending_;
  std::vector<std::size_t> free_;
  SteadyTime start_{}, count_from_{}, end_{};
  LoadTally tally_;
  Status failure_ = Done{};
  // Last: what is under way borrows calls from above.
  std::unique_ptr<LoadLoop> loop_;
};

}  // namespace

void LoadTally::Merge(const LoadTally& other) {
  calls += other.calls;
  answered += other.answered;
  ids += other.ids;
  shed += other.shed;
  elapsed = std::max(elapsed, other.elapsed);
  checks.Merge(other.checks);
  lists.Merge(other.lists);
  writes.Merge(other.writes);
  backlog_max += other.backlog_max;
}

Result<LoadTally> RunLoad(const Endpoint& endpoint, const WireCodec& codec,
                          const Scenario& scenario, std::size_t case_index, const LoadRun& run) {
  std::deque<LoadThread> threads;
  for (std::uint32_t i = 0; i < run.threads; ++i) {
    threads.emplace_back(codec, run, i);
    PEMBA_TRY(std::ignore, threads.back().Prepare(endpoint, scenario, case_index));
  }
  std::vector<Status> outcomes(run.threads, Done{});
  std::vector<std::thread> others;
  for (std::uint32_t i = 1; i < run.threads; ++i) {
    others.emplace_back([&, i] { outcomes[i] = threads[i].Run(); });
  }
  outcomes[0] = threads[0].Run();
  for (auto& thread : others) thread.join();
  LoadTally all;
  for (std::uint32_t i = 0; i < run.threads; ++i) {
    PEMBA_TRY(std::ignore, outcomes[i]);
    all.Merge(threads[i].tally());
  }
  return all;
}

}  // namespace pemba::bench
