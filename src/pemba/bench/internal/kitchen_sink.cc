// S15: one model with every feature.
#include <algorithm>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {
namespace {

// Departments that have nothing to do with each other. In each:
//
//   an organization with an admin and a group of staff; the group holds an inner group
//   people   0-3 in the inner group, 4-7 in the group, 4 and 7 also blocked on every document
//   four folders, each in the one before; the organization owns the first, staff views it
//   eight documents in the last folder, each with an owner who approves; odd ones are public;
//   every document has a guest, who views it during working hours
class KitchenSink final : public Scenario {
 public:
  explicit KitchenSink(const WorldSize& size)
      : departments_(std::max<std::uint64_t>(size.tuples / kTuplesPerDepartment, 2)),
        popular_(departments_) {}

  std::string_view model() const override {
    return R"(model
  schema 1.1

type user

type bot

type group
  relations
    define member: [user, bot, group#member]

type organization
  relations
    define admin: [user]
    define member: [user, group#member] or admin

type folder
  relations
    define organization: [organization]
    define parent: [folder]
    define owner: [user]
    define editor: [user, group#member] or owner or editor from parent
    define viewer: [user, user:*, group#member] or editor or viewer from parent or admin from organization

type document
  relations
    define parent: [folder]
    define organization: [organization]
    define owner: [user, bot]
    define approved: [user, user:*, bot]
    define blocked: [user, group#member]
    define editor: [user, group#member] or owner or editor from parent
    define viewer: [user, user:*, user with in_hours, group#member] or editor or viewer from parent
    define reader: (viewer but not blocked) and member from organization
    define publisher: editor and approved

condition in_hours(hour: int, first: int, last: int) {
  hour >= first && hour < last
}
)";
  }

  void EachTuple(const TupleSink& sink) const override {
    const TupleWriter write(sink);
    for (std::uint64_t d = 0; d < departments_; ++d) {
      const auto organization = Name("organization:o", d);
      const auto staff = Name("group:s", d) + "#member";
      write(organization, "admin", Name("user:a", d));
      write(organization, "member", staff);
      write(Name("group:s", d), "member", Name("group:i", d) + "#member");
      for (std::uint64_t p = 0; p < kPeople; ++p) {
        write(Name(p < 4 ? "group:i" : "group:s", d), "member", Person(d, p));
      }
      write(Folder(d, 0), "organization", organization);
      write(Folder(d, 0), "viewer", staff);
      for (std::uint64_t f = 1; f < kFolders; ++f) write(Folder(d, f), "parent", Folder(d, f - 1));
      for (std::uint64_t n = 0; n < kDocuments; ++n) {
        const auto document = Document(d, n);
        write(document, "parent", Folder(d, kFolders - 1));
        write(document, "organization", organization);
        write(document, "owner", Owner(d, n));
        write(document, "approved", Owner(d, n));
        write(document, "blocked", Person(d, 4));
        write(document, "blocked", Person(d, 7));
        if (n % 2 == 1) write(document, "viewer", "user:*");
        sink({.tuple = {document, "viewer", Guest(d, n)},
              .condition = "in_hours",
              .context = R"({"first":9,"last":17})"});
      }
    }
  }

  std::vector<Case> cases() const override { return {{.name = "every feature"}}; }

  Question Make(std::size_t, Random& random) const override {
    const auto d = popular_.Scattered(random);
    const auto other = (d + 1 + random.Below(departments_ - 1)) % departments_;
    const auto even = 2 * random.Below(kDocuments / 2);  // Not public.
    const auto person = random.Below(kPeople);
    const bool allowed = DecisionOf(random) == Decision::kAllowed;
    Question question{.object = Document(d, even),
                      .relation = "viewer",
                      .answer = allowed ? Decision::kAllowed : Decision::kDenied};
    switch (random.Below(6)) {
      case 0:  // Through folders and nested groups.
        question.subject = Person(allowed ? d : other, person);
        break;
      case 1:  // The admin, through the first folder's organization.
        question.subject = Name("user:a", allowed ? d : other);
        break;
      case 2:  // `but not` under `and`.
        question.relation = "reader";
        question.subject = Person(d, allowed ? 5 + random.Below(2) : 4 + 3 * random.Below(2));
        break;
      case 3:  // The condition.
        question.subject = Guest(d, even);
        question.context = allowed ? R"({"hour":12})" : R"({"hour":20})";
        break;
      case 4:  // Public for users, not for bots.
        question.object = Document(d, even + 1);
        question.subject = Name(allowed ? "user:x" : "bot:x", random.Below(1'000));
        question.context = R"({"hour":12})";
        break;
      default:  // `and` of two paths; half of the owners are bots.
        question.relation = "publisher";
        question.subject = allowed ? Owner(d, even) : Owner(other, even);
    }
    // A guest's condition is on the way of everybody who is not a viewer otherwise.
    if (question.context.empty()) question.context = R"({"hour":12})";
    return question;
  }

 private:
  static constexpr std::uint64_t kPeople = 8, kFolders = 4, kDocuments = 8;
  static constexpr std::uint64_t kTuplesPerDepartment =
      3 + kPeople + 1 + kFolders + kDocuments * 7 + kDocuments / 2;

  static std::string Person(std::uint64_t d, std::uint64_t p) {
    return Name("user:p", d * kPeople + p);
  }
  static std::string Folder(std::uint64_t d, std::uint64_t f) {
    return Name("folder:f", d * kFolders + f);
  }
  static std::string Document(std::uint64_t d, std::uint64_t n) {
    return Name("document:d", d * kDocuments + n);
  }
  static std::string Owner(std::uint64_t d, std::uint64_t n) {
    return Name(n % 4 < 2 ? "user:w" : "bot:w", d * kDocuments + n);
  }
  static std::string Guest(std::uint64_t d, std::uint64_t n) {
    return Name("user:g", d * kDocuments + n);
  }

  std::uint64_t departments_;
  Zipf popular_;
};

}  // namespace

std::unique_ptr<Scenario> MakeKitchenSink(const WorldSize& size) {
  return std::make_unique<KitchenSink>(size);
}

}  // namespace pemba::bench::internal
