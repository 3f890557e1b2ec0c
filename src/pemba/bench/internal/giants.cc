// S10: the largest things of a store.
#include <algorithm>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {
namespace {

// One group of 1,000,000 members, one user in 10,000 groups, one document with 10,000 viewers
// (fewer in small worlds); the rest of the tuples are documents shared with one group each.
class Giants final : public Scenario {
 public:
  explicit Giants(const WorldSize& size)
      : members_(std::clamp<std::uint64_t>(size.tuples / 4, 8, 1'000'000)),
        many_(std::clamp<std::uint64_t>(size.tuples / 8, 8, 10'000)),
        documents_(std::max<std::uint64_t>(
            size.tuples - std::min(size.tuples, members_ + 2 * many_ + 1), 2 * many_)),
        member_(members_),
        document_(documents_ / 2),
        viewer_(many_) {}

  std::string_view model() const override {
    return R"(model
  schema 1.1

type user

type group
  relations
    define member: [user]

type document
  relations
    define viewer: [user, group#member]
)";
  }

  void EachTuple(const TupleSink& sink) const override {
    const TupleWriter write(sink);
    for (std::uint64_t m = 0; m < members_; ++m) write(kGiantGroup, "member", Name("user:m", m));
    write(kSharedDocument, "viewer", std::string(kGiantGroup) + "#member");
    for (std::uint64_t i = 0; i < many_; ++i) {
      write(Group(i), "member", kBusyUser);
      write(kPopularDocument, "viewer", Name("user:v", i));
    }
    for (std::uint64_t d = 0; d < documents_; ++d) {
      write(Name("document:d", d), "viewer", Group(GroupOf(d)) + "#member");
    }
  }

  std::vector<Case> cases() const override {
    return {{.name = "giant group"},
            {.name = "user in many groups"},
            {.name = "object with many grantees"}};
  }

  Question Make(std::size_t index, Random& random) const override {
    const auto answer = DecisionOf(random);
    const bool allowed = answer == Decision::kAllowed;
    Question question{.relation = "viewer", .answer = answer};
    if (index == 0) {
      question.object = kSharedDocument;
      question.subject = allowed ? Name("user:m", member_.Scattered(random))
                                 : Name("user:v", viewer_.Scattered(random));
    } else if (index == 1) {
      // Even documents are shared with groups of the busy user, odd ones with others.
      question.object = Name("document:d", 2 * document_.Scattered(random) + (allowed ? 0 : 1));
      question.subject = kBusyUser;
    } else {
      question.object = kPopularDocument;
      question.subject = allowed ? Name("user:v", viewer_.Scattered(random))
                                 : Name("user:m", member_.Scattered(random));
    }
    return question;
  }

 private:
  static constexpr const char* kGiantGroup = "group:everyone";
  static constexpr const char* kBusyUser = "user:busy00000";
  static constexpr const char* kSharedDocument = "document:handbook";
  static constexpr const char* kPopularDocument = "document:popular";

  static std::string Group(std::uint64_t i) { return Name("group:g", i); }
  std::uint64_t GroupOf(std::uint64_t document) const {
    return Zipf::Scatter(document / 2 % many_, many_) + (document % 2 == 0 ? 0 : many_);
  }

  std::uint64_t members_, many_, documents_;
  Zipf member_, document_, viewer_;
};

}  // namespace

std::unique_ptr<Scenario> MakeGiants(const WorldSize& size) {
  return std::make_unique<Giants>(size);
}

}  // namespace pemba::bench::internal
