// Which state lists and watches are asked for.
#include "pemba/api/k8s/request.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pemba::api::k8s {
namespace {

using Reason = resource::Failure::Reason;

std::string Why(const resource::Failure& failure) {
  return std::string(failure.reason == Reason::kInvalid      ? "invalid"
                     : failure.reason == Reason::kBadRequest ? "bad"
                                                             : "?");
}

std::string StateOf(std::string_view text, ListPart part = ListPart::kFirst) {
  const auto query = Query::Read(text);
  const auto state = ReadWantedState(*query, part);
  if (!state.ok()) return Why(state.error());
  return fmt::format("exactly {} at least {}", state->exactly, state->at_least);
}

TEST(ReadWantedState, FollowsTheRulesOfLists) {
  const std::pair<const char*, const char*> rows[] = {
      {"", "exactly 0 at least 0"},
      {"resourceVersion=0", "exactly 0 at least 0"},
      {"resourceVersion=7", "exactly 0 at least 7"},
      {"resourceVersion=7&resourceVersionMatch=NotOlderThan", "exactly 0 at least 7"},
      {"resourceVersion=0&resourceVersionMatch=NotOlderThan", "exactly 0 at least 0"},
      {"resourceVersion=7&resourceVersionMatch=Exact", "exactly 7 at least 0"},
      {"resourceVersion=0&resourceVersionMatch=Exact", "invalid"},
      {"resourceVersion=7&resourceVersionMatch=Newest", "invalid"},
      {"resourceVersionMatch=Exact", "invalid"},
      {"sendInitialEvents=true", "invalid"},
      {"resourceVersion=seven", "bad"},
  };
  for (const auto& [text, want] : rows) EXPECT_EQ(StateOf(text), want) << text;
  EXPECT_EQ(StateOf("", ListPart::kContinued), "exactly 0 at least 0");
  EXPECT_EQ(StateOf("resourceVersion=7", ListPart::kContinued), "bad");
  EXPECT_EQ(StateOf("resourceVersion=7&resourceVersionMatch=Exact", ListPart::kContinued),
            "invalid");
}

TEST(ReadWantedStart, FollowsTheRulesOfWatches) {
  constexpr const char* kStreamed = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
  const std::pair<std::string, const char*> rows[] = {
      {"", "state, then after 0"},
      {"resourceVersion=0", "state, then after 0"},
      {"resourceVersion=7", "after 7"},
      {kStreamed, "state, then after 0"},
      {std::string(kStreamed) + "&allowWatchBookmarks=true", "state and its end, then after 0"},
      {std::string(kStreamed) + "&resourceVersion=7", "state, then after 7"},
      {"sendInitialEvents=false&resourceVersionMatch=NotOlderThan", "after 0"},
      {"sendInitialEvents=true", "invalid"},
      {"sendInitialEvents=true&resourceVersionMatch=Exact", "invalid"},
      {"resourceVersionMatch=NotOlderThan", "invalid"},
      {"resourceVersion=seven", "bad"},
  };
  for (const auto& [text, want] : rows) {
    const auto query = Query::Read(text);
    const auto start = ReadWantedStart(*query);
    const auto told = !start.ok() ? Why(start.error())
                                  : fmt::format("{}{}after {}", start->with_state ? "state" : "",
                                                start->state_end    ? " and its end, then "
                                                : start->with_state ? ", then "
                                                                    : "",
                                                start->after);
    EXPECT_EQ(told, want) << text;
  }
}

}  // namespace
}  // namespace pemba::api::k8s
