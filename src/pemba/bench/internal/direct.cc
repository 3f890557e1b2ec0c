// S1: documents shared with users directly.
#include <algorithm>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {
namespace {

// Every document has four viewers. A near miss is a user who views other documents.
class Direct final : public Scenario {
 public:
  explicit Direct(const WorldSize& size)
      : documents_(std::max<std::uint64_t>(size.tuples / kViewers, 2)),
        users_(std::max<std::uint64_t>(size.tuples / 8, 2 * kViewers)),
        offset_(Random(size.seed).Below(users_)),
        popular_(documents_) {}

  std::string_view model() const override {
    return "model\n  schema 1.1\n\ntype user\n\n"
           "type document\n  relations\n    define viewer: [user]\n";
  }

  void EachTuple(const TupleSink& sink) const override {
    const TupleWriter write(sink);
    for (std::uint64_t d = 0; d < documents_; ++d) {
      const auto document = Name("document:d", d);
      for (std::uint64_t k = 0; k < kViewers; ++k) write(document, "viewer", User(d, k));
    }
  }

  std::vector<Case> cases() const override { return {{.name = "direct"}}; }

  Question Make(std::size_t, Random& random) const override {
    const auto document = popular_.Scattered(random);
    const auto answer = DecisionOf(random);
    const auto k = random.Below(kViewers) + (answer == Decision::kAllowed ? 0 : kViewers);
    return {.object = Name("document:d", document),
            .relation = "viewer",
            .subject = User(document, k),
            .answer = answer};
  }

 private:
  static constexpr std::uint64_t kViewers = 4;

  // Different users for the 2 * kViewers values of k; the first half are the viewers.
  std::string User(std::uint64_t document, std::uint64_t k) const {
    return Name("user:u", Zipf::Scatter((document * 3 + offset_ + k) % users_, users_));
  }

  std::uint64_t documents_, users_, offset_;
  Zipf popular_;
};

}  // namespace

std::unique_ptr<Scenario> MakeDirect(const WorldSize& size) {
  return std::make_unique<Direct>(size);
}

}  // namespace pemba::bench::internal
