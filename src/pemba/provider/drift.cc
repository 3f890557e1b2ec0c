#include "pemba/provider/drift.h"

#include <string>
#include <string_view>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <xxhash.h>

#include "pemba/base/hash.h"
#include "pemba/provider/internal/tuples.h"
#include "pemba/provider/model_merge.h"
#include "pemba/tuple/context.h"

namespace pemba::provider {
namespace {

// 128 bits stand for object, relation and subject: two of a billion tuples meet by chance once in
// 10^20 comparisons.
struct Print {
  std::uint64_t high, low;
  friend bool operator==(const Print&, const Print&) = default;
};
struct PrintHash {
  using is_avalanching = void;
  std::uint64_t operator()(const Print& print) const { return print.low; }
};

Print PrintOf(const tuple::TupleView& t) {
  const auto text = tuple::ToText(t);
  const auto hash = XXH3_128bits(text.data(), text.size());
  return {hash.high64, hash.low64};
}

std::uint64_t ConditionPrint(const tuple::Tuple& t) {
  if (!t.condition) return 0;
  return HashBytes(t.condition->name + "\n" + tuple::CanonicalText(t.condition->context));
}

struct Known {
  std::uint64_t condition = 0;
  bool seen = false;  // With the provider too.
};

class Comparison {
 public:
  Comparison(const store::Store& store, const Clock& clock, const CompareOptions& options)
      : store_(store), clock_(clock), options_(options) {}

  Result<Differences> Run(Provider& provider) {
    PEMBA_TRY(std::ignore, Visit([&](const tuple::Tuple& t) {
                known_.emplace(PrintOf(t.view()), Known{ConditionPrint(t)});
                return Status(Done{});
              }));
    PEMBA_TRY(std::ignore, provider.ReadTuples([&](tuple::Tuple t) -> Status {
      if (options_.pace) {
        PEMBA_TRY(std::ignore, options_.pace());
      }
      if (IsManagedTuple(t.view())) Look(std::move(t));
      return Done{};
    }));
    PEMBA_TRY(std::ignore, Visit([&](const tuple::Tuple& t) {
                const auto known = known_.find(PrintOf(t.view()));
                if (known != known_.end() && !known->second.seen) Add(found_.missing, t);
                return Status(Done{});
              }));
    if (options_.applied) {
      PEMBA_TRY(std::ignore, LeaveOutWhatMoves());
    }
    return std::move(found_);
  }

 private:
  Status Visit(const std::function<Status(const tuple::Tuple&)>& visit) {
    const auto view = store_.Pin();
    return internal::VisitTuples(view.snapshot(), clock_.Now(), [&](const tuple::Tuple& t) {
      return IsManagedTuple(t.view()) ? visit(t) : Status(Done{});
    });
  }

  void Look(tuple::Tuple t) {
    const auto known = known_.find(PrintOf(t.view()));
    if (known == known_.end()) {
      Add(found_.extra, std::move(t));
      return;
    }
    known->second.seen = true;
    if (known->second.condition != ConditionPrint(t)) Add(found_.changed, std::move(t));
  }

  void Add(std::vector<tuple::Tuple>& to, tuple::Tuple t) {
    if (found_.size() >= options_.differences_max) {
      found_.complete = false;
    } else {
      to.push_back(std::move(t));
    }
  }

  Status LeaveOutWhatMoves() {
    boost::unordered_flat_set<Print, PrintHash> moving;
    store::FeedPosition position{*options_.applied, 0};
    for (;;) {
      PEMBA_TRY(auto batch, store_.ReadFeed(position, "", 10'000));
      for (const auto& write : batch.writes) {
        for (const auto& change : write.changes) moving.insert(PrintOf(change.tuple.view()));
      }
      if (batch.next == position) break;
      position = batch.next;
    }
    for (auto* tuples : {&found_.missing, &found_.extra, &found_.changed}) {
      std::erase_if(*tuples, [&](const auto& t) { return moving.contains(PrintOf(t.view())); });
    }
    return Done{};
  }

  const store::Store& store_;
  const Clock& clock_;
  const CompareOptions& options_;
  boost::unordered_flat_map<Print, Known, PrintHash> known_;
  Differences found_;
};

}  // namespace

Result<Differences> CompareTuples(const store::Store& store, Provider& provider, const Clock& clock,
                                  const CompareOptions& options) {
  return Comparison(store, clock, options).Run(provider);
}

}  // namespace pemba::provider
