// S13: lists with few and with very many answers, through every operator.
#include <algorithm>

#include "pemba/bench/internal/scenarios.h"

namespace pemba::bench::internal {
namespace {

// Circles of a user (or a document) and as many documents (or users) as there are to be listed: 10,
// 10,000 and 1,000,000, as long as they fit. Of the things in a circle, by number:
//
//   viewer    even ones directly, odd ones as editors through a group       or: all
//   cleared   every second                                                  and: half
//   blocked   every fourth                                                  but not: three quarters
//   timed     until day 2 the even ones, until day 1 the odd ones           at noon of day 1: half
class Listing final : public Scenario {
 public:
  explicit Listing(const WorldSize& size) {
    std::vector<std::uint64_t> lengths;
    for (const std::uint64_t length : {10, 10'000, 1'000'000}) {
      if (length * 6 <= size.tuples || lengths.empty()) lengths.push_back(length);
    }
    const auto share = size.tuples / lengths.size() / 2;  // Objects and users.
    std::uint64_t first_circle = 0, first_thing = 0;
    for (const auto length : lengths) {
      const auto circles = std::max<std::uint64_t>(share / (length * 11 / 4 + 2), 1);
      parts_.push_back({length, first_circle, first_thing, circles, Zipf(circles)});
      first_circle += circles;
      first_thing += circles * length;
    }
  }

  std::string_view model() const override {
    return R"(model
  schema 1.1

type user

type group
  relations
    define member: [user]

type document
  relations
    define editor: [user, group#member]
    define viewer: [user] or editor
    define cleared: [user]
    define blocked: [user]
    define readable: viewer and cleared
    define open: viewer but not blocked
    define timed: [user with not_expired]

condition not_expired(now: timestamp, until: timestamp) {
  now < until
}
)";
  }

  void EachTuple(const TupleSink& sink) const override {
    for (const auto& part : parts_) {
      for (std::uint64_t c = 0; c < part.circles; ++c) {
        for (const auto of : {ListsOf::kObjects, ListsOf::kUsers}) Write(sink, part, c, of);
      }
    }
  }

  std::vector<Case> cases() const override {
    std::vector<Case> cases;
    for (const auto& part : parts_) {
      for (const char* of : {"objects", "users"}) {
        for (const auto& way : kWays) {
          cases.push_back(
              {.name = std::string(of) + ", " + way.name + ", of " + SizeText(part.length),
               .listed = part.length});
        }
      }
    }
    return cases;
  }

  Question Make(std::size_t index, Random& random) const override {
    const auto& part = parts_[index / (2 * std::size(kWays))];
    const auto of = index / std::size(kWays) % 2 == 0 ? ListsOf::kObjects : ListsOf::kUsers;
    const auto& way = kWays[index % std::size(kWays)];
    const auto circle = part.popular.Scattered(random);
    Question question{.relation = way.relation};
    const char* things = "";
    if (of == ListsOf::kObjects) {
      question.ask = Ask::kListObjects;
      question.object = "document";
      question.subject = Name("user:lister", part.first_circle + circle);
      things = kDocument;
    } else {
      question.ask = Ask::kListUsers;
      question.object = Name("document:listed", part.first_circle + circle);
      question.subject = "user";
      things = kUser;
    }
    if (way.needs_time) question.context = R"({"now":"2026-01-01T12:00:00Z"})";
    for (std::uint64_t i = 0; i < part.length; ++i) {
      if (!way.listed(i)) continue;
      const auto name = Thing(things, part, circle, i);
      question.listed.Add(tuple::SplitObject(name).id);
    }
    return question;
  }

 private:
  enum class ListsOf : std::uint8_t { kObjects, kUsers };
  struct Way {
    const char* name;
    const char* relation;
    bool needs_time;
    bool (*listed)(std::uint64_t i);
  };
  static constexpr Way kWays[] = {
      {"or", "viewer", false, [](std::uint64_t) { return true; }},
      {"and", "readable", false, [](std::uint64_t i) { return i % 2 == 0; }},
      {"but not", "open", false, [](std::uint64_t i) { return i % 4 != 0; }},
      {"condition", "timed", true, [](std::uint64_t i) { return i % 2 == 0; }},
  };
  struct Part {
    std::uint64_t length, first_circle, first_thing, circles;
    Zipf popular;
  };
  static constexpr const char* kDocument = "document:d";
  static constexpr const char* kUser = "user:u";

  static std::string Thing(const char* prefix, const Part& part, std::uint64_t circle,
                           std::uint64_t i) {
    return Name(prefix, part.first_thing + circle * part.length + i);
  }

  static void Write(const TupleSink& sink, const Part& part, std::uint64_t c, ListsOf of) {
    const TupleWriter write(sink);
    const bool objects = of == ListsOf::kObjects;
    const auto number = part.first_circle + c;
    const auto centre = Name(objects ? "user:lister" : "document:listed", number);
    const auto group = Name(objects ? "group:of" : "group:for", number);
    // Lists of users have one group with all odd users, lists of objects one with the one user.
    if (objects) write(group, "member", centre);
    if (!objects) write(centre, "editor", group + "#member");
    for (std::uint64_t i = 0; i < part.length; ++i) {
      const auto thing = Thing(objects ? kDocument : kUser, part, c, i);
      const std::string& document = objects ? thing : centre;
      const std::string& user = objects ? centre : thing;
      if (i % 2 == 0) {
        write(document, "viewer", user);
        write(document, "cleared", user);
      } else if (objects) {
        write(document, "editor", group + "#member");
      } else {
        write(group, "member", user);
      }
      if (i % 4 == 0) write(document, "blocked", user);
      sink({.tuple = {document, "timed", user},
            .condition = "not_expired",
            .context = i % 2 == 0 ? R"({"until":"2026-01-02T00:00:00Z"})"
                                  : R"({"until":"2026-01-01T00:00:00Z"})"});
    }
  }

  std::vector<Part> parts_;
};

}  // namespace

std::unique_ptr<Scenario> MakeListing(const WorldSize& size) {
  return std::make_unique<Listing>(size);
}

}  // namespace pemba::bench::internal
