// S5: a relation that recurses through parents and through children at once.
#include <algorithm>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {
namespace {

// Binary trees of 15 nodes with both directions stored: who reads one node reads the whole tree,
// and nothing of the others. Two readers a tree.
class TwoWay final : public Scenario {
 public:
  explicit TwoWay(const WorldSize& size)
      : trees_(std::max<std::uint64_t>(size.tuples / (2 * kNodes), 2)), popular_(trees_) {}

  std::string_view model() const override {
    return R"(model
  schema 1.1

type user

type node
  relations
    define parent: [node]
    define child: [node]
    define reader: [user] or reader from parent or reader from child
)";
  }

  void EachTuple(const TupleSink& sink) const override {
    const TupleWriter write(sink);
    for (std::uint64_t t = 0; t < trees_; ++t) {
      for (std::uint64_t n = 1; n < kNodes; ++n) {
        write(Node(t, n), "parent", Node(t, (n - 1) / 2));
        write(Node(t, (n - 1) / 2), "child", Node(t, n));
      }
      for (std::uint64_t r = 0; r < 2; ++r)
        write(Node(t, (t * 7 + r * 4) % kNodes), "reader", Reader(t, r));
    }
  }

  std::vector<Case> cases() const override { return {{.name = "reader"}}; }

  Question Make(std::size_t, Random& random) const override {
    const auto tree = popular_.Scattered(random);
    const auto answer = DecisionOf(random);
    const auto of = answer == Decision::kAllowed ? tree : (tree + 1) % trees_;
    return {.object = Node(tree, random.Below(kNodes)),
            .relation = "reader",
            .subject = Reader(of, random.Below(2)),
            .answer = answer};
  }

 private:
  static constexpr std::uint64_t kNodes = 15;

  static std::string Node(std::uint64_t tree, std::uint64_t n) {
    return Name("node:n", tree * kNodes + n);
  }
  static std::string Reader(std::uint64_t tree, std::uint64_t r) {
    return Name("user:r", tree * 2 + r);
  }

  std::uint64_t trees_;
  Zipf popular_;
};

}  // namespace

std::unique_ptr<Scenario> MakeTwoWay(const WorldSize& size) {
  return std::make_unique<TwoWay>(size);
}

}  // namespace pemba::bench::internal
