// Every constraint of every kind's schema is broken once: the answer names the field and says why.
//
// The constraints are read from the schemas that ship, so one that is added is tested with them; a
// field that no sample below has fails the test.
#include <algorithm>
#include <functional>
#include <set>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "pemba/iam/kinds.h"
#include "pemba/resource/schema.h"

namespace pemba::iam {
namespace {

namespace json = boost::json;
using resource::FieldError;
using resource::Schema;
using resource::SchemaType;
using Reason = FieldError::Reason;

// Valid, and together with every field.
struct Sample {
  const char* kind;
  const char* spec;
};
const Sample kSamples[] = {
    {"Folder", R"({"ownerRef":{"kind":"Folder","name":"f"}})"},
    {"GroupMembership", R"({"userRef":{"name":"u"},"groupRef":{"name":"g","namespace":"n"}})"},
    {"GroupMembership", R"({"memberRef":{"kind":"Group","name":"u","namespace":"m"},
                            "groupRef":{"name":"g","namespace":"n"}})"},
    {"Organization", R"({"type":"Standard"})"},
    {"OrganizationMembership", R"({"organizationRef":{"name":"o"},"userRef":{"name":"u"},
                                   "roles":[{"name":"r","namespace":"n"}]})"},
    {"PlatformAccessApproval", R"({"subjectRef":{"email":"a@b"},"approverRef":{"name":"x"}})"},
    {"PlatformAccessApproval", R"({"subjectRef":{"userRef":{"name":"u"}}})"},
    {"PlatformAccessRejection",
     R"({"subjectRef":{"name":"u"},"reason":"r","rejecterRef":{"name":"x"}})"},
    {"PlatformInvitation",
     R"({"email":"a@b","givenName":"A","familyName":"B","scheduleAt":"2030-01-01T00:00:00Z",
         "invitedBy":{"name":"x"}})"},
    {"PolicyBinding",
     R"({"roleRef":{"name":"r","namespace":"n"},
         "subjects":[{"kind":"Group","name":"g","namespace":"n","uid":"1"}],
         "resourceSelector":{"resourceRef":
             {"apiGroup":"a.org","kind":"B","name":"b","namespace":"n","uid":"2"}}})"},
    {"PolicyBinding",
     R"({"roleRef":{"name":"r"},"subjects":[{"kind":"User","name":"u","uid":"1"}],
         "resourceSelector":{"resourceKind":{"apiGroup":"a.org","kind":"B"}}})"},
    {"Project", R"({"ownerRef":{"kind":"Organization","name":"o"}})"},
    {"ProtectedResource",
     R"({"serviceRef":{"name":"a.org"},"kind":"B","singular":"b","plural":"bs",
         "parentResources":[{"apiGroup":"a.org","kind":"C"}],"permissions":["get"]})"},
    {"Role",
     R"({"includedPermissions":["a.org/bs.get"],"inheritedRoles":[{"name":"r","namespace":"n"}],
         "launchStage":"Beta"})"},
    {"Service",
     R"({"displayName":"A","resources":[{"type":"a/B","singular":"b","plural":"bs",
         "permissions":["get"],"resourceNamePatterns":["bs/{b}"],"parentResources":["a/C"]}]})"},
    {"ServiceAccount", R"({"state":"Inactive"})"},
    {"ServiceAccountKey", R"({"serviceAccountUserName":"s@x","publicKey":"p",
                              "expirationDate":"2030-01-01T00:00:00Z"})"},
    {"User", R"({"email":"a@b","givenName":"A","familyName":"B"})"},
    {"UserDeactivation",
     R"({"userRef":{"name":"u"},"reason":"r","description":"d","deactivatedBy":"x"})"},
    {"UserInvitation",
     R"({"organizationRef":{"name":"o"},"email":"a@b","givenName":"A","familyName":"B",
         "roles":[{"name":"r","namespace":"n"}],"invitedBy":{"name":"x"},
         "expirationDate":"2030-01-01T00:00:00Z","state":"Pending"})"},
    {"UserPreference", R"({"userRef":{"name":"u"},"theme":"dark"})"},
};

// Breaks one constraint after the other in a document that is otherwise valid.
class Breaker {
 public:
  Breaker(const resource::Kind& kind, json::object document)
      : schema_(kind.schema), valid_(document), document_(std::move(document)) {}

  void BreakAll() {
    ASSERT_THAT(resource::Validate(schema_, document_), ::testing::IsEmpty());
    Visit(*schema_.Find("spec"), document_.at("spec"), "spec", "spec");
  }
  // Fields that the document has, lists as `roles[]`.
  const std::set<std::string>& visited() const { return visited_; }
  std::size_t broken() const { return broken_; }

 private:
  void Visit(const Schema& schema, json::value& node, const std::string& path,
             const std::string& place) {
    visited_.insert(place);
    const bool text = schema.type == SchemaType::kString;
    With(node, text ? json::value(42) : json::value("text"),
         [&] { Expect(path, Reason::kTypeInvalid); });
    if (text) VisitText(schema, node, path);
    if (schema.type == SchemaType::kArray) VisitList(schema, node, path, place);
    if (schema.type == SchemaType::kObject) VisitObject(schema, node, path, place);
    if (schema.immutable) {
      With(node, Changed(node), [&] { Expect(path, Reason::kInvalid, &valid_); });
    }
  }

  void VisitText(const Schema& schema, json::value& node, const std::string& path) {
    if (schema.length_min) {
      With(node, json::value(std::string(*schema.length_min - 1, 'x')),
           [&] { Expect(path, Reason::kInvalid); });
    }
    if (schema.length_max) {
      With(node, json::value(std::string(*schema.length_max + 1, 'x')),
           [&] { Expect(path, Reason::kTooLong); });
    }
    if (!schema.enumeration.empty()) {
      With(node, "none of these", [&] { Expect(path, Reason::kNotSupported); });
    }
    if (schema.pattern != nullptr) {
      With(node, "no address", [&] { Expect(path, Reason::kInvalid); });
    }
    if (schema.format == "date-time") {
      With(node, "tomorrow", [&] { Expect(path, Reason::kInvalid); });
    }
  }

  void VisitList(const Schema& schema, json::value& node, const std::string& path,
                 const std::string& place) {
    const json::value item = node.as_array().front();
    if (schema.length_min && *schema.length_min > 0) {
      With(node, json::array(), [&] { Expect(path, Reason::kInvalid); });
    }
    if (schema.length_max) {
      json::array many;
      for (std::size_t i = 0; i <= *schema.length_max; ++i) many.push_back(item);
      With(node, std::move(many), [&] { Expect(path, Reason::kTooMany); });
    }
    if (schema.list_type != resource::ListType::kAtomic) {
      With(node, json::array{item, item}, [&] { Expect(path + "[1]", Reason::kDuplicate); });
    }
    Visit(*schema.items, node.as_array().front(), path + "[0]", place + "[]");
  }

  void VisitObject(const Schema& schema, json::value& node, const std::string& path,
                   const std::string& place) {
    for (const auto& name : schema.required) {
      auto without = node.as_object();
      without.erase(name);
      With(node, std::move(without), [&] { Expect(path + "." + name, Reason::kRequired); });
    }
    if (!schema.preserve_unknown) {
      auto more = node.as_object();
      more["surplus"] = 1;
      With(node, std::move(more), [&] {
        EXPECT_THAT(resource::UnknownFields(schema_, document_),
                    ::testing::ElementsAre(path + ".surplus"));
        ++broken_;
      });
    }
    for (const auto& property : schema.properties) {
      if (auto* value = node.as_object().if_contains(property.name)) {
        Visit(property.schema, *value, path + "." + property.name, place + "." + property.name);
      }
    }
  }

  static json::value Changed(const json::value& node) {
    if (node.is_string()) return json::value(std::string(node.as_string()) + "0");
    auto copy = node;
    if (auto* object = copy.if_object()) {
      auto& first = object->begin()->value();
      first = Changed(first);
    } else if (auto* list = copy.if_array()) {
      list->front() = Changed(list->front());
    }
    return copy;
  }

  // While `check` runs, the node has another value.
  static void With(json::value& node, json::value other, const std::function<void()>& check) {
    std::swap(node, other);
    check();
    std::swap(node, other);
  }

  void Expect(const std::string& path, Reason reason, const json::object* old = nullptr) {
    const auto errors = resource::Validate(schema_, document_, old);
    const bool named = std::ranges::any_of(errors, [&](const FieldError& error) {
      return error.field == path && error.reason == reason && !error.message.empty();
    });
    std::string all;
    for (const auto& e : errors) {
      all += fmt::format("\n  {} {} {}", e.field, static_cast<int>(e.reason), e.message);
    }
    EXPECT_TRUE(named) << path << " wants reason " << static_cast<int>(reason) << ", got" << all;
    ++broken_;
  }

  const Schema& schema_;
  const json::object valid_;
  json::object document_;
  std::set<std::string> visited_;
  std::size_t broken_ = 0;
};

void CollectFields(const Schema& schema, const std::string& place, std::set<std::string>& all) {
  all.insert(place);
  if (schema.items != nullptr) CollectFields(*schema.items, place + "[]", all);
  for (const auto& property : schema.properties) {
    CollectFields(property.schema, place + "." + property.name, all);
  }
}

TEST(ConstraintsOfKinds, AreAllEnforcedAndNameTheirField) {
  resource::Registry registry;
  ASSERT_TRUE(AddKinds(registry).ok());
  std::size_t broken = 0;
  for (const auto& kind : registry.kinds()) {
    SCOPED_TRACE(kind->name);
    const auto* spec = kind->schema.Find("spec");
    if (spec == nullptr || kind->name == "Namespace") continue;
    std::set<std::string> fields, visited;
    CollectFields(*spec, "spec", fields);
    for (const auto& sample : kSamples) {
      if (kind->name != sample.kind) continue;
      SCOPED_TRACE(sample.spec);
      Breaker breaker(*kind, {{"metadata", {{"name", "a"}}}, {"spec", json::parse(sample.spec)}});
      breaker.BreakAll();
      visited.insert(breaker.visited().begin(), breaker.visited().end());
      broken += breaker.broken();
    }
    EXPECT_EQ(visited, fields);
  }
  EXPECT_GT(broken, 300U);
}

// Rules of more than one field, which kinds_test.cc and rules_test.cc have in words: none is dead.
TEST(ConstraintsOfKinds, RulesAreBrokenByWhatTheySay) {
  struct Row {
    const char* kind;
    const char* name;
    const char* spec;
    const char* field;
    Reason reason;
  };
  const std::string long_name(60, 'n');
  const Row rows[] = {
      {"GroupMembership", "a", R"({"groupRef":{"name":"g","namespace":"n"}})", "spec",
       Reason::kInvalid},
      {"PlatformAccessApproval", "a", R"({"subjectRef":{}})", "spec.subjectRef", Reason::kInvalid},
      {"PolicyBinding", "a",
       R"({"roleRef":{"name":"r"},"subjects":[{"kind":"User","name":"u"}],
           "resourceSelector":{"resourceKind":{"kind":"B"}}})",
       "spec.subjects[0].uid", Reason::kRequired},
      {"PolicyBinding", "a",
       R"({"roleRef":{"name":"r"},"subjects":[{"kind":"Group","name":"system:all"}],
           "resourceSelector":{}})",
       "spec.resourceSelector", Reason::kInvalid},
      {"Service", "a",
       R"({"resources":[{"type":"b/B","singular":"b","plural":"bs","permissions":["get"]}]})",
       "spec.resources", Reason::kInvalid},
      {"Organization", long_name.c_str(), R"({"type":"Standard"})", "metadata.name",
       Reason::kInvalid},
      {"Project", long_name.c_str(), R"({"ownerRef":{"kind":"Organization","name":"o"}})",
       "metadata.name", Reason::kInvalid},
      {"Folder", long_name.c_str(), R"({"ownerRef":{"kind":"Organization","name":"o"}})",
       "metadata.name", Reason::kInvalid},
  };
  resource::Registry registry;
  ASSERT_TRUE(AddKinds(registry).ok());
  for (const auto& row : rows) {
    SCOPED_TRACE(std::string(row.kind) + " " + row.spec);
    for (const auto& kind : registry.kinds()) {
      if (kind->name != row.kind) continue;
      const auto errors = resource::Validate(
          kind->schema, {{"metadata", {{"name", row.name}}}, {"spec", json::parse(row.spec)}});
      ASSERT_EQ(errors.size(), 1U);
      EXPECT_EQ(errors[0].field, row.field);
      EXPECT_EQ(errors[0].reason, row.reason);
    }
  }
}

}  // namespace
}  // namespace pemba::iam
