// S7: who is a member and not on the block list.
#include <algorithm>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {
namespace {

// Documents with block lists of 1, 100, 10,000 and 100,000, as long as they fit, an equal share of
// the tuples for each. Four members a document, the last of whom is blocked. `either` asks the same
// two relations through `or`: what `but not` may cost is measured against it.
class BlockList final : public Scenario {
 public:
  explicit BlockList(const WorldSize& size) {
    std::vector<std::uint64_t> lengths;
    for (const std::uint64_t length : {1, 100, 10'000, 100'000}) {
      if (length * 4 <= size.tuples || lengths.empty()) lengths.push_back(length);
    }
    std::uint64_t first = 0;
    for (const auto length : lengths) {
      const auto tuples = length + kMembers + 1;
      const auto documents = std::max<std::uint64_t>(size.tuples / lengths.size() / tuples, 1);
      parts_.push_back({length, first, documents, Zipf(documents)});
      first += documents;
    }
    strangers_ = 4 * lengths.back() + 16;
  }

  std::string_view model() const override {
    return R"(model
  schema 1.1

type user

type document
  relations
    define member: [user]
    define blocked: [user]
    define viewer: member but not blocked
    define either: member or blocked
)";
  }

  void EachTuple(const TupleSink& sink) const override {
    const TupleWriter write(sink);
    for (const auto& part : parts_) {
      for (std::uint64_t d = part.first; d < part.first + part.documents; ++d) {
        const auto document = Name("document:d", d);
        for (std::uint64_t m = 0; m < kMembers; ++m) write(document, "member", Member(d, m));
        write(document, "blocked", Member(d, kMembers - 1));
        for (std::uint64_t i = 0; i < part.length; ++i) write(document, "blocked", Blocked(d, i));
      }
    }
  }

  std::vector<Case> cases() const override {
    std::vector<Case> cases;
    for (const auto& part : parts_) {
      cases.push_back({.name = "but not, list of " + SizeText(part.length)});
      cases.push_back({.name = "or, list of " + SizeText(part.length)});
    }
    return cases;
  }

  Question Make(std::size_t index, Random& random) const override {
    const auto& part = parts_[index / 2];
    const auto d = part.first + part.popular.Scattered(random);
    const auto answer = DecisionOf(random);
    const bool allowed = answer == Decision::kAllowed;
    Question question{.object = Name("document:d", d), .answer = answer};
    if (index % 2 == 0) {
      question.relation = "viewer";
      question.subject =
          allowed ? Member(d, random.Below(kMembers - 1)) : NotViewer(part, d, random);
    } else {
      // The blocked are found at the second operand only, as in the other case.
      question.relation = "either";
      question.subject =
          allowed ? Blocked(d, random.Below(part.length)) : Stranger(d, part, random);
    }
    return question;
  }

 private:
  static constexpr std::uint64_t kMembers = 4;
  struct Part {
    std::uint64_t length, first, documents;
    Zipf popular;
  };

  std::string NotViewer(const Part& part, std::uint64_t d, Random& random) const {
    return random.Below(2) == 0 ? Member(d, kMembers - 1) : Stranger(d, part, random);
  }
  static std::string Member(std::uint64_t document, std::uint64_t m) {
    return Name("user:m", document * kMembers + m);
  }
  // All lists draw from the same people: entries i, i + 1, ... of one circle, from a place of the
  // document's own.
  std::string Circle(std::uint64_t i) const {
    return Name("user:b", Zipf::Scatter(i % strangers_, strangers_));
  }
  std::string Blocked(std::uint64_t document, std::uint64_t i) const {
    return Circle(document * 31 + i);
  }
  std::string Stranger(std::uint64_t document, const Part& part, Random& random) const {
    return Circle(document * 31 + part.length + random.Below(strangers_ - part.length));
  }

  std::vector<Part> parts_;
  std::uint64_t strangers_ = 0;
};

}  // namespace

std::unique_ptr<Scenario> MakeBlockList(const WorldSize& size) {
  return std::make_unique<BlockList>(size);
}

}  // namespace pemba::bench::internal
