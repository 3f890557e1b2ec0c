// S6: organizations that have nothing to do with each other.
#include <algorithm>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {
namespace {

// 2,700 organizations (fewer in small worlds), each with four teams, people in the teams, and
// documents. Members see all documents of their organization and none of any other. Granted and
// denied are measured apart: a stranger must not cost more.
class Strangers final : public Scenario {
 public:
  explicit Strangers(const WorldSize& size)
      : organizations_(std::clamp<std::uint64_t>(size.tuples / 20, 2, 2'700)),
        each_(std::max<std::uint64_t>((size.tuples / organizations_ - kTeams) / 2, kTeams)),
        popular_(organizations_) {}

  std::string_view model() const override {
    return R"(model
  schema 1.1

type user

type team
  relations
    define member: [user]

type organization
  relations
    define member: [user, team#member]

type document
  relations
    define organization: [organization]
    define viewer: [user] or member from organization
)";
  }

  void EachTuple(const TupleSink& sink) const override {
    const TupleWriter write(sink);
    for (std::uint64_t o = 0; o < organizations_; ++o) {
      const auto organization = Name("organization:o", o);
      for (std::uint64_t t = 0; t < kTeams; ++t) {
        write(organization, "member", Team(o, t) + "#member");
      }
      for (std::uint64_t i = 0; i < each_; ++i) {
        write(Team(o, i % kTeams), "member", Name("user:u", o * each_ + i));
        write(Name("document:d", o * each_ + i), "organization", organization);
      }
    }
  }

  std::vector<Case> cases() const override { return {{.name = "granted"}, {.name = "denied"}}; }

  Question Make(std::size_t index, Random& random) const override {
    const auto organization = popular_.Scattered(random);
    const auto answer = index == 0 ? Decision::kAllowed : Decision::kDenied;
    const auto of = answer == Decision::kAllowed
                        ? organization
                        : (organization + 1 + random.Below(organizations_ - 1)) % organizations_;
    return {.object = Name("document:d", organization * each_ + random.Below(each_)),
            .relation = "viewer",
            .subject = Name("user:u", of * each_ + random.Below(each_)),
            .answer = answer};
  }

 private:
  static constexpr std::uint64_t kTeams = 4;

  static std::string Team(std::uint64_t organization, std::uint64_t t) {
    return Name("team:t", organization * kTeams + t);
  }

  std::uint64_t organizations_, each_;  // `each_` people and documents an organization.
  Zipf popular_;
};

}  // namespace

std::unique_ptr<Scenario> MakeStrangers(const WorldSize& size) {
  return std::make_unique<Strangers>(size);
}

}  // namespace pemba::bench::internal
