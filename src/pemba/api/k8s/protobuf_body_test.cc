// What typed clients send.
#include "pemba/api/k8s/protobuf_body.h"

#include <fstream>
#include <iterator>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace pemba::api::k8s {
namespace {

// Fields of a message, put together by hand.
std::string Text(char number, std::string_view text) {
  std::string field{static_cast<char>(number << 3 | 2), static_cast<char>(text.size())};
  return field.append(text);
}
std::string Flag(char number, char value) { return {static_cast<char>(number << 3), value}; }
std::string Body(std::string_view version, std::string_view kind, std::string_view message) {
  return std::string("k8s\0", 4) + Text(1, Text(1, version) + Text(2, kind)) + Text(2, message) +
         Text(3, "") + Text(4, "");
}

struct Row {
  const char* name;
  std::string body;
  const char* want;
};

TEST(ReadProtobuf, ReadsWhatComesWithEveryServer) {
  const auto labels =
      Text(11, Text(1, "team") + Text(2, "a")) + Text(11, Text(1, "b") + Text(2, ""));
  const auto owner = Text(13, Text(1, "Role") + Text(3, "r") + Text(5, "v1") + Flag(6, 1));
  const Row rows[] = {
      {"a namespace",
       Body("v1", "Namespace",
            Text(1, Text(1, "north") + Text(2, "") + labels + Text(14, "f") + Text(8, "")) +
                Text(2, "") + Text(3, Text(1, ""))),
       R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"north",)"
       R"("labels":{"team":"a","b":""},"finalizers":["f"]},"spec":{}})"},
      {"owners", Body("v1", "Namespace", Text(1, owner)),
       R"({"apiVersion":"v1","kind":"Namespace","metadata":{"ownerReferences":)"
       R"([{"kind":"Role","name":"r","apiVersion":"v1","controller":true}]}})"},
      {"options of a deletion",
       Body("v1", "DeleteOptions",
            Flag(1, 0) + Text(2, Text(1, "u")) + Flag(3, 0) + Text(4, "Foreground") +
                Text(5, "All")),
       R"({"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":0,)"
       R"("preconditions":{"uid":"u"},"orphanDependents":false,)"
       R"("propagationPolicy":"Foreground","dryRun":["All"]})"},
      {"a review",
       Body("authorization.k8s.io/v1", "SelfSubjectAccessReview",
            Text(1, "") + Text(2, Text(1, Text(1, "") + Text(2, "get") + Text(5, "users"))) +
                Text(3, Flag(1, 0))),
       R"({"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","metadata":{},)"
       R"("spec":{"resourceAttributes":{"verb":"get","resource":"users"}}})"},
      {"another kind", Body("v1", "Pod", ""), "unsupported"},
      {"no envelope", Text(1, "x"), "broken"},
      {"nothing", "", "broken"},
      {"a length beyond the end", Body("v1", "Namespace", "\x0a\x7f"), "broken"},
      {"not UTF-8", Body("v1", "Namespace", Text(1, Text(1, "\xff"))), "broken"},
      {"a number for a text", Body("v1", "Namespace", Text(1, Flag(1, 1))), "broken"},
      {"a field of no type", Body("v1", "Namespace", "\x0b"), "broken"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto read = ReadProtobuf(row.body);
    const auto told = read.ok() ? boost::json::serialize(*read)
                      : read.error().reason == resource::Failure::Reason::kUnsupported
                          ? std::string("unsupported")
                          : std::string("broken");
    EXPECT_EQ(told, row.want);
  }
}

}  // namespace
}  // namespace pemba::api::k8s
