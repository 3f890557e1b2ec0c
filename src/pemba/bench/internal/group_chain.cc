// S3: groups within groups.
#include <algorithm>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {
namespace {

// A fifth of the tuples for each depth: chains of groups with one user in the last, and such chains
// whose last group contains the first again.
class GroupChain final : public Scenario {
 public:
  explicit GroupChain(const WorldSize& size) {
    for (const auto& [name, depth, closes] : kKinds) {
      const auto chains = std::max<std::uint64_t>(size.tuples / std::size(kKinds) / (depth + 1), 2);
      parts_.push_back({depth, closes, first_group_, first_chain_, chains, Zipf(chains)});
      first_group_ += chains * (depth + 1);
      first_chain_ += chains;
    }
  }

  std::string_view model() const override {
    return "model\n  schema 1.1\n\ntype user\n\n"
           "type group\n  relations\n    define member: [user, group#member]\n";
  }

  void EachTuple(const TupleSink& sink) const override {
    const TupleWriter write(sink);
    for (const auto& part : parts_) {
      for (std::uint64_t c = 0; c < part.chains; ++c) {
        for (std::uint64_t level = 0; level < part.depth; ++level) {
          write(Group(part, c, level), "member", Group(part, c, level + 1) + "#member");
        }
        write(Group(part, c, part.depth), "member", User(part, c));
        if (part.closes) write(Group(part, c, part.depth), "member", Group(part, c, 0) + "#member");
      }
    }
  }

  std::vector<Case> cases() const override {
    std::vector<Case> cases;
    for (const auto& kind : kKinds) {
      cases.push_back({.name = kind.name, .hops = std::max<std::uint32_t>(25, kind.depth + 1)});
    }
    return cases;
  }

  Question Make(std::size_t index, Random& random) const override {
    const auto& part = parts_[index];
    const auto chain = part.popular.Scattered(random);
    const auto answer = DecisionOf(random);
    const auto of = answer == Decision::kAllowed ? chain : (chain + 1) % part.chains;
    return {.object = Group(part, chain, 0),
            .relation = "member",
            .subject = User(part, of),
            .answer = answer};
  }

 private:
  struct Kind {
    const char* name;
    std::uint32_t depth;
    bool closes;
  };
  static constexpr Kind kKinds[] = {{"depth 1", 1, false},
                                    {"depth 5", 5, false},
                                    {"depth 20", 20, false},
                                    {"depth 200", 200, false},
                                    {"cycle 20", 20, true}};
  struct Part {
    std::uint64_t depth;
    bool closes;
    std::uint64_t first_group, first_chain, chains;
    Zipf popular;
  };

  static std::string Group(const Part& part, std::uint64_t chain, std::uint64_t level) {
    return Name("group:g", part.first_group + chain * (part.depth + 1) + level);
  }
  static std::string User(const Part& part, std::uint64_t chain) {
    return Name("user:u", part.first_chain + chain);
  }

  std::uint64_t first_group_ = 0, first_chain_ = 0;
  std::vector<Part> parts_;
};

}  // namespace

std::unique_ptr<Scenario> MakeGroupChain(const WorldSize& size) {
  return std::make_unique<GroupChain>(size);
}

}  // namespace pemba::bench::internal
