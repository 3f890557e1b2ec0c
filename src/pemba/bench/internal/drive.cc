// S2: documents in nested folders. S12: batches about them. S14: a mix of everything.
#include <algorithm>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {
namespace {

// Trees of eight folders, each within the one before. The first folder is viewed by a group within
// a group; every folder and every document has an owner of its own.
class Drive : public Scenario {
 public:
  Drive(const WorldSize& size, std::uint64_t documents)
      : documents_(documents),
        trees_(std::max<std::uint64_t>(size.tuples / (22 + 2 * documents), 2)),
        popular_(trees_) {}

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
      for (std::uint64_t d = 0; d < documents_; ++d) {
        write(Document(t, d), "parent", Folder(t, kLevels - 1));
        write(Document(t, d), "owner", DocumentOwner(t, d));
      }
    }
  }

  std::vector<Case> cases() const override { return {{.name = "viewer"}}; }
  Question Make(std::size_t, Random& random) const override { return Viewer(random); }

 protected:
  // Who may view: a member of the inner group, the owner of a folder above, the owner. Who may not:
  // the same of another tree.
  Question Viewer(Random& random) const {
    const auto tree = SomeTree(random);
    const auto answer = DecisionOf(random);
    const auto of = answer == Decision::kAllowed ? tree : OtherTree(tree, random);
    const auto document = random.Below(documents_);
    const auto way = random.Below(4);
    return {.object = Document(tree, document),
            .relation = "viewer",
            .subject = way == 0   ? FolderOwner(of, random.Below(kLevels))
                       : way == 1 ? DocumentOwner(of, document)
                                  : Member(of, random.Below(kMembers)),
            .answer = answer};
  }

  std::uint64_t SomeTree(Random& random) const { return popular_.Scattered(random); }
  std::uint64_t OtherTree(std::uint64_t tree, Random& random) const {
    return (tree + 1 + random.Below(trees_ - 1)) % trees_;
  }
  std::uint64_t documents() const { return documents_; }
  std::string Document(std::uint64_t tree, std::uint64_t d) const {
    return Name("document:d", tree * documents_ + d);
  }
  static std::string Member(std::uint64_t tree, std::uint64_t m) {
    return Name("user:m", tree * kMembers + m);
  }

  static constexpr std::uint64_t kLevels = 8, kMembers = 4;

 private:
  static std::string Folder(std::uint64_t tree, std::uint64_t level) {
    return Name("folder:f", tree * kLevels + level);
  }
  static std::string FolderOwner(std::uint64_t tree, std::uint64_t level) {
    return Name("user:f", tree * kLevels + level);
  }
  std::string DocumentOwner(std::uint64_t tree, std::uint64_t d) const {
    return Name("user:d", tree * documents_ + d);
  }

  std::uint64_t documents_, trees_;  // `documents_` in each tree.
  Zipf popular_;
};

// One user asks about 25 documents of a tree that is theirs and 25 of one that is not.
class SharedBatch final : public Drive {
 public:
  explicit SharedBatch(const WorldSize& size) : Drive(size, 25) {}

  std::vector<Case> cases() const override { return {{.name = "batch of 50"}}; }

  Question Make(std::size_t, Random& random) const override {
    const auto tree = SomeTree(random);
    const auto other = OtherTree(tree, random);
    const auto member = Member(tree, random.Below(kMembers));
    Question batch{.ask = Ask::kBatchCheck};
    for (std::uint64_t d = 0; d < documents(); ++d) {
      for (const auto of : {tree, other}) {
        batch.batch.push_back({.object = Document(of, d),
                               .relation = "viewer",
                               .subject = member,
                               .answer = of == tree ? Decision::kAllowed : Decision::kDenied});
      }
    }
    return batch;
  }
};

// 96 checks for 4 lists of what a member may view. Who can write adds the writes.
class Mixed final : public Drive {
 public:
  explicit Mixed(const WorldSize& size) : Drive(size, 6) {}

  std::vector<Case> cases() const override {
    return {{.name = "checks"}, {.name = "checks and lists"}};
  }

  Question Make(std::size_t index, Random& random) const override {
    if (index == 0 || random.Below(100) >= 4) return Viewer(random);
    const auto tree = SomeTree(random);
    Question list{.ask = Ask::kListObjects,
                  .object = "document",
                  .relation = "viewer",
                  .subject = Member(tree, random.Below(kMembers))};
    for (std::uint64_t d = 0; d < documents(); ++d) {
      list.listed.Add(tuple::SplitObject(Document(tree, d)).id);
    }
    return list;
  }

  std::optional<Question> Writable(std::uint64_t n) const override {
    return Question{.object = Name("document:w", n),
                    .relation = "viewer",
                    .subject = Name("user:w", n),
                    .answer = Decision::kDenied};
  }
};

}  // namespace

std::unique_ptr<Scenario> MakeDrive(const WorldSize& size) {
  return std::make_unique<Drive>(size, 6);
}
std::unique_ptr<Scenario> MakeSharedBatch(const WorldSize& size) {
  return std::make_unique<SharedBatch>(size);
}
std::unique_ptr<Scenario> MakeMixed(const WorldSize& size) { return std::make_unique<Mixed>(size); }

}  // namespace pemba::bench::internal
