// S11: every tuple carries a condition.
#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {
namespace {

// Grants that expire on one of 1,000 days, at both steps of a path: documents are shared with a
// user and with a group, and groups have members. A request says what time it is: half an hour
// before the grant ends, or half an hour after.
class Expiry final : public Scenario {
 public:
  explicit Expiry(const WorldSize& size)
      : documents_(std::max<std::uint64_t>(size.tuples / kTuplesPerDocument, 2)),
        popular_(documents_) {}

  std::string_view model() const override {
    return R"(model
  schema 1.1

type user

type group
  relations
    define member: [user with not_expired]

type document
  relations
    define viewer: [user with not_expired, group#member with not_expired]

condition not_expired(now: timestamp, until: timestamp) {
  now < until
}
)";
  }

  void EachTuple(const TupleSink& sink) const override {
    const auto write = [&](std::string_view object, std::string_view relation,
                           std::string_view subject, std::uint64_t day) {
      const auto context = fmt::format(R"({{"until":"{}T12:00:00Z"}})", Date(day));
      sink({.tuple = {object, relation, subject}, .condition = "not_expired", .context = context});
    };
    for (std::uint64_t d = 0; d < documents_; ++d) {
      const auto document = Name("document:d", d);
      const auto group = Name("group:g", d);
      for (std::uint64_t k = 0; k < kUsers; ++k) {
        write(document, "viewer", User(d, k), DayOf(d, k));
        write(group, "member", User(d, kUsers + k), DayOf(d, kUsers + k));
      }
      write(document, "viewer", group + "#member", kDays);  // Outlasts every membership.
    }
  }

  std::vector<Case> cases() const override { return {{.name = "expiry"}}; }

  Question Make(std::size_t, Random& random) const override {
    const auto document = popular_.Scattered(random);
    const auto answer = DecisionOf(random);
    const auto k = random.Below(2 * kUsers);
    const char* time = answer == Decision::kAllowed ? "11:30:00" : "12:30:00";
    return {.object = Name("document:d", document),
            .relation = "viewer",
            .subject = User(document, k),
            .context = fmt::format(R"({{"now":"{}T{}Z"}})", Date(DayOf(document, k)), time),
            .answer = answer};
  }

 private:
  static constexpr std::uint64_t kUsers = 4, kTuplesPerDocument = 2 * kUsers + 1, kDays = 1'000;

  static std::string User(std::uint64_t document, std::uint64_t k) {
    return Name("user:u", document * 2 * kUsers + k);
  }
  static std::uint64_t DayOf(std::uint64_t document, std::uint64_t k) {
    return Zipf::Scatter(document * 2 * kUsers + k, kDays);
  }
  static std::string Date(std::uint64_t day) {
    using namespace std::chrono;
    const year_month_day date(sys_days(2026y / January / 1) + days(day));
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  }

  std::uint64_t documents_;
  Zipf popular_;
};

}  // namespace

std::unique_ptr<Scenario> MakeExpiry(const WorldSize& size) {
  return std::make_unique<Expiry>(size);
}

}  // namespace pemba::bench::internal
