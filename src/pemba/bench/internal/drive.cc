// S2: documents in nested folders.
#include <algorithm>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {
namespace {

// Trees of eight folders, each within the one before. The first folder is viewed by a group within
// a group; every folder and every document has an owner of its own. 34 tuples a tree.
class Drive final : public Scenario {
 public:
  explicit Drive(const WorldSize& size)
      : trees_(std::max<std::uint64_t>(size.tuples / 34, 2)), popular_(trees_) {}

  std::string_view model() const override {
    return R"(model
  schema 1.1

type user

type group
  relations
    define member: [user, group#member]

type folder
  relations
    define parent: [folder]
    define owner: [user]
    define viewer: [user, group#member] or owner or viewer from parent

type document
  relations
    define parent: [folder]
    define owner: [user]
    define viewer: [user, group#member] or owner or viewer from parent
)";
  }

  void EachTuple(const TupleSink& sink) const override {
    const TupleWriter write(sink);
    for (std::uint64_t t = 0; t < trees_; ++t) {
      for (std::uint64_t level = 0; level < kLevels; ++level) {
        if (level > 0) write(Folder(t, level), "parent", Folder(t, level - 1));
        write(Folder(t, level), "owner", FolderOwner(t, level));
      }
      const auto outer = Name("group:o", t);
      const auto inner = Name("group:i", t);
      write(Folder(t, 0), "viewer", outer + "#member");
      write(outer, "member", inner + "#member");
      for (std::uint64_t m = 0; m < kMembers; ++m) write(inner, "member", Member(t, m));
      for (std::uint64_t d = 0; d < kDocuments; ++d) {
        write(Document(t, d), "parent", Folder(t, kLevels - 1));
        write(Document(t, d), "owner", DocumentOwner(t, d));
      }
    }
  }

  std::vector<Case> cases() const override { return {{"viewer"}}; }

  // Who may view: a member of the inner group, the owner of a folder above, the owner. Who may not:
  // the same of another tree.
  Question Make(std::size_t, Random& random) const override {
    const auto tree = popular_.Scattered(random);
    const auto answer = DecisionOf(random);
    const auto of =
        answer == Decision::kAllowed ? tree : (tree + 1 + random.Below(trees_ - 1)) % trees_;
    const auto document = random.Below(kDocuments);
    const auto way = random.Below(4);
    return {.object = Document(tree, document),
            .relation = "viewer",
            .subject = way == 0   ? FolderOwner(of, random.Below(kLevels))
                       : way == 1 ? DocumentOwner(of, document)
                                  : Member(of, random.Below(kMembers)),
            .answer = answer};
  }

 private:
  static constexpr std::uint64_t kLevels = 8, kMembers = 4, kDocuments = 6;

  static std::string Folder(std::uint64_t tree, std::uint64_t level) {
    return Name("folder:f", tree * kLevels + level);
  }
  static std::string Document(std::uint64_t tree, std::uint64_t d) {
    return Name("document:d", tree * kDocuments + d);
  }
  static std::string Member(std::uint64_t tree, std::uint64_t m) {
    return Name("user:m", tree * kMembers + m);
  }
  static std::string FolderOwner(std::uint64_t tree, std::uint64_t level) {
    return Name("user:f", tree * kLevels + level);
  }
  static std::string DocumentOwner(std::uint64_t tree, std::uint64_t d) {
    return Name("user:d", tree * kDocuments + d);
  }

  std::uint64_t trees_;
  Zipf popular_;
};

}  // namespace

std::unique_ptr<Scenario> MakeDrive(const WorldSize& size) { return std::make_unique<Drive>(size); }

}  // namespace pemba::bench::internal
