// Stamps: the writes of a graph, numbered densely, with their revisions and times.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/graph/internal/append_array.h"
#include "pemba/graph/types.h"

namespace pemba::graph::internal {

// Edges carry a stamp (4 bytes) instead of a revision and a time (16). Revisions mostly grow by
// one, so they are stored as runs; times take 8 bytes per write.
//
// One writer appends; any thread reads about stamps up to the one that it pinned, which was
// published after they were appended.
class Stamps {
 public:
  struct Run {
    Stamp first = 0;  // Stamp of `revision`; the next stamps have the next revisions.
    Revision revision = 0;
  };

  Stamp last() const { return times_.size(); }  // The writer's. Stamps begin at 1.
  Revision last_revision() const { return last_revision_; }

  void Append(Memory& memory, Revision revision, WallTime time) {
    if (times_.size() == 0 || revision != last_revision_ + 1) AppendRun(memory, revision);
    times_.Append(memory, Use::kWrites, time.time_since_epoch().count());
    last_revision_ = revision;
  }

  // The revision of a stamp up to the reader's; 0 for stamp 0.
  Revision RevisionOf(Stamp stamp) const {
    if (stamp == 0) return 0;
    const Run run = LastRun([stamp](const Run& r) { return r.first <= stamp; });
    return run.revision + (stamp - run.first);
  }

  // The greatest stamp up to `limit` whose revision is at most `revision`; 0: none.
  Stamp StampOf(Revision revision, Stamp limit) const {
    const Run run =
        LastRun([=](const Run& r) { return r.revision <= revision && r.first <= limit; });
    if (run.first == 0) return 0;
    Stamp end = limit;  // The run may end before.
    const auto runs = run_count_.load(std::memory_order_acquire);
    const auto next = FirstRunWhere([=](const Run& r) { return r.first > run.first; }, runs);
    if (next < runs) end = std::min(limit, runs_[next].first - 1);
    const auto steps = std::min<Revision>(revision - run.revision, end - run.first);
    return run.first + static_cast<Stamp>(steps);
  }

  WallTime TimeOf(Stamp stamp) const {
    if (stamp == 0) return WallTime{};
    return WallTime{std::chrono::nanoseconds{times_[stamp - 1]}};
  }

  // For files.
  std::vector<Run> Runs(Stamp last) const {
    std::vector<Run> runs;
    const auto count = run_count_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < count && runs_[i].first <= last; ++i) runs.push_back(runs_[i]);
    return runs;
  }
  enum class Adopted : std::uint8_t { kNo, kYes };
  Adopted Adopt(Memory& memory, std::span<const Run> runs, std::span<const std::int64_t> times) {
    Run before;
    for (const Run& run : runs) {
      const bool follows =
          before.first == 0 ? run.first == 1
                            : run.first > before.first &&
                                  run.revision > before.revision + (run.first - before.first - 1);
      if (!follows || run.first > times.size()) return Adopted::kNo;
      before = run;
    }
    if (runs.empty() != times.empty()) return Adopted::kNo;
    runs_.Adopt(runs.data(), static_cast<std::uint32_t>(runs.size()));
    times_.Adopt(times.data(), static_cast<std::uint32_t>(times.size()));
    memory.Count(Use::kWrites, static_cast<std::ptrdiff_t>(runs.size_bytes() + times.size_bytes()));
    run_count_.store(static_cast<std::uint32_t>(runs.size()), std::memory_order_release);
    last_revision_ = RevisionOf(last());
    return Adopted::kYes;
  }

 private:
  void AppendRun(Memory& memory, Revision revision) {
    runs_.Append(memory, Use::kWrites, Run{times_.size() + 1, revision});
    run_count_.store(runs_.size(), std::memory_order_release);
  }

  template <class Predicate>
  std::uint32_t FirstRunWhere(const Predicate& predicate, std::uint32_t count) const {
    std::uint32_t begin = 0;
    while (begin < count) {
      const auto middle = begin + (count - begin) / 2;
      if (predicate(runs_[middle])) {
        count = middle;
      } else {
        begin = middle + 1;
      }
    }
    return begin;
  }
  template <class Predicate>
  Run LastRun(const Predicate& holds) const {
    const auto end = FirstRunWhere([&](const Run& r) { return !holds(r); },
                                   run_count_.load(std::memory_order_acquire));
    return end == 0 ? Run{} : runs_[end - 1];
  }

  AppendArray<std::int64_t> times_;  // Nanoseconds since 1970; of stamp i at i - 1.
  AppendArray<Run> runs_;
  std::atomic<std::uint32_t> run_count_{0};  // Stored (release) after the run is there.
  Revision last_revision_ = 0;               // The writer's.
};

}  // namespace pemba::graph::internal
