// S8: objects with many parents. S9: users and objects with many teams.
#include <algorithm>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {
namespace {

// Every document lies in 200 folders; a quarter as many folders as tuples, two viewers each.
class WideParents final : public Scenario {
 public:
  explicit WideParents(const WorldSize& size)
      : folders_(std::max<std::uint64_t>(size.tuples / 4, 2 * kParents)),
        documents_(std::max<std::uint64_t>(size.tuples / (2 * kParents), 2)),
        popular_(documents_) {}

  std::string_view model() const override {
    return R"(model
  schema 1.1

type user

type folder
  relations
    define viewer: [user]

type document
  relations
    define parent: [folder]
    define viewer: viewer from parent
)";
  }

  void EachTuple(const TupleSink& sink) const override {
    const TupleWriter write(sink);
    for (std::uint64_t f = 0; f < folders_; ++f) {
      for (std::uint64_t v = 0; v < kViewers; ++v)
        write(Name("folder:f", f), "viewer", Viewer(f, v));
    }
    for (std::uint64_t d = 0; d < documents_; ++d) {
      for (std::uint64_t k = 0; k < kParents; ++k) {
        write(Name("document:d", d), "parent", Name("folder:f", Folder(d, k)));
      }
    }
  }

  std::vector<Case> cases() const override { return {{.name = "200 parents"}}; }

  Question Make(std::size_t, Random& random) const override {
    const auto document = popular_.Scattered(random);
    const auto answer = DecisionOf(random);
    const auto k = answer == Decision::kAllowed ? random.Below(kParents)
                                                : kParents + random.Below(folders_ - kParents);
    return {.object = Name("document:d", document),
            .relation = "viewer",
            .subject = Viewer(Folder(document, k), random.Below(kViewers)),
            .answer = answer};
  }

 private:
  static constexpr std::uint64_t kParents = 200, kViewers = 2;

  // A different folder for every k; the first kParents are the document's.
  std::uint64_t Folder(std::uint64_t document, std::uint64_t k) const {
    return Zipf::Scatter((document * kParents + k) % folders_, folders_);
  }
  static std::string Viewer(std::uint64_t folder, std::uint64_t v) {
    return Name("user:v", folder * kViewers + v);
  }

  std::uint64_t folders_, documents_;
  Zipf popular_;
};

// Pairs of a user in 1,000 teams (fewer in small worlds) and a document shared with 1,000 other
// teams. In every other pair one team is both.
class SharedTeams final : public Scenario {
 public:
  explicit SharedTeams(const WorldSize& size)
      : teams_(std::clamp<std::uint64_t>(size.tuples / 8, 4, 1'000)),
        pairs_(std::max<std::uint64_t>(size.tuples / (4 * teams_), 1)),
        popular_(pairs_) {}

  std::string_view model() const override {
    return R"(model
  schema 1.1

type user

type team
  relations
    define member: [user]

type document
  relations
    define viewer: [user, team#member]
)";
  }

  void EachTuple(const TupleSink& sink) const override {
    const TupleWriter write(sink);
    for (std::uint64_t p = 0; p < 2 * pairs_; ++p) {
      const auto user = Name("user:u", p);
      const auto document = Name("document:d", p);
      for (std::uint64_t t = 0; t < teams_; ++t) {
        write(Team(p, t), "member", user);
        write(document, "viewer", Team(p, teams_ + t) + "#member");
      }
      if (p % 2 == 0) write(document, "viewer", Team(p, p % teams_) + "#member");
    }
  }

  std::vector<Case> cases() const override { return {{.name = "one or none in common"}}; }

  Question Make(std::size_t, Random& random) const override {
    const auto answer = DecisionOf(random);
    const auto pair = 2 * popular_.Scattered(random) + (answer == Decision::kAllowed ? 0 : 1);
    return {.object = Name("document:d", pair),
            .relation = "viewer",
            .subject = Name("user:u", pair),
            .answer = answer};
  }

 private:
  std::string Team(std::uint64_t pair, std::uint64_t t) const {
    return Name("team:t", Zipf::Scatter(pair * 2 * teams_ + t, 4 * pairs_ * teams_));
  }

  std::uint64_t teams_, pairs_;  // There are 2 * pairs_: half with a team in common.
  Zipf popular_;
};

}  // namespace

std::unique_ptr<Scenario> MakeWideParents(const WorldSize& size) {
  return std::make_unique<WideParents>(size);
}
std::unique_ptr<Scenario> MakeSharedTeams(const WorldSize& size) {
  return std::make_unique<SharedTeams>(size);
}

}  // namespace pemba::bench::internal
