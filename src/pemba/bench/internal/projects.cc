// S4: relations that are unions of relations which recurse.
#include <algorithm>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {
namespace {

// Sites of 30 projects: five chains, six deep. Ten people; at the top of each chain every other one
// of them has one of three roles, and every project has holders of its own for each role. One page
// shows whether somebody may view each project of a site.
class Projects final : public Scenario {
 public:
  explicit Projects(const WorldSize& size)
      : sites_(std::max<std::uint64_t>(size.tuples / kTuplesPerSite, 2)), popular_(sites_) {}

  std::string_view model() const override {
    return R"(model
  schema 1.1

type user

type project
  relations
    define parent: [project]
    define writer: [user] or writer from parent
    define auditor: [user] or auditor from parent
    define coordinator: [user] or coordinator from parent
    define viewer: writer or auditor or coordinator
)";
  }

  void EachTuple(const TupleSink& sink) const override {
    const TupleWriter write(sink);
    for (std::uint64_t s = 0; s < sites_; ++s) {
      for (std::uint64_t c = 0; c < kChains; ++c) {
        for (std::uint64_t p = 0; p < kPeople; ++p) {
          if (Holds(c, p)) write(Project(s, c, 0), kRoles[(c + p / 2) % 3], Person(s, p));
        }
        for (std::uint64_t level = 0; level < kDepth; ++level) {
          const auto project = Project(s, c, level);
          if (level > 0) write(project, "parent", Project(s, c, level - 1));
          for (std::uint64_t r = 0; r < 3; ++r) write(project, kRoles[r], Holder(project, r));
        }
      }
    }
  }

  std::vector<Case> cases() const override {
    return {{.name = "one project"}, {.name = "page of 30"}};
  }

  Question Make(std::size_t index, Random& random) const override {
    const auto site = popular_.Scattered(random);
    const auto person = random.Below(kPeople);
    if (index == 0) return Check(site, random.Below(kChains), random.Below(kDepth), person);
    Question page{.ask = Ask::kBatchCheck};
    for (std::uint64_t c = 0; c < kChains; ++c) {
      for (std::uint64_t level = 0; level < kDepth; ++level) {
        page.batch.push_back(Check(site, c, level, person));
      }
    }
    return page;
  }

 private:
  static constexpr std::uint64_t kChains = 5, kDepth = 6, kPeople = 10;
  static constexpr std::uint64_t kTuplesPerSite = kChains * (kPeople / 2 + kDepth * 4 - 1);
  static constexpr const char* kRoles[] = {"writer", "auditor", "coordinator"};

  static bool Holds(std::uint64_t chain, std::uint64_t person) { return (chain + person) % 2 == 0; }
  static std::string Project(std::uint64_t site, std::uint64_t chain, std::uint64_t level) {
    return Name("project:p", (site * kChains + chain) * kDepth + level);
  }
  static std::string Person(std::uint64_t site, std::uint64_t person) {
    return Name("user:u", site * kPeople + person);
  }
  static std::string Holder(const std::string& project, std::uint64_t role) {
    return "user:" + std::string(kRoles[role]).substr(0, 1) + project.substr(project.find(':') + 1);
  }

  static Question Check(std::uint64_t site, std::uint64_t chain, std::uint64_t level,
                        std::uint64_t person) {
    return {.object = Project(site, chain, level),
            .relation = "viewer",
            .subject = Person(site, person),
            .answer = Holds(chain, person) ? Decision::kAllowed : Decision::kDenied};
  }

  std::uint64_t sites_;
  Zipf popular_;
};

}  // namespace

std::unique_ptr<Scenario> MakeProjects(const WorldSize& size) {
  return std::make_unique<Projects>(size);
}

}  // namespace pemba::bench::internal
