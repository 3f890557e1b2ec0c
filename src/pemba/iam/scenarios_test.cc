// What becomes of declared objects, told as data: testdata/scenarios, one file for each idea.
//
// A file is a list of steps. A step does one thing and says what is there afterwards:
//
//   step:    what it shows
//   as:      who acts, the name of a user; without it somebody who may do everything
//   apply:   objects, server-side applied one after another
//   patch:   {object: KIND PLACE, with: a merge patch}
//   delete:  KIND PLACE
//   after:   seconds that go by before
//   refused: what the last of these is answered (plane.h: Verdict); without it they must succeed
//   expect:  objects; each has at least these fields. One without a name is found by what it says.
//   absent:  objects that are not there, by KIND PLACE or as in `expect`
//
// A place is `name` or `namespace/name`.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <boost/json/array.hpp>

#include "pemba/iam/testing/plane.h"

namespace pemba::iam::testing {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

const fs::path kDirectory = fs::path(PEMBA_SOURCE_DIR) / "src/pemba/iam/testdata/scenarios";

std::vector<std::string> ScenarioNames() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kDirectory)) {
    names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

json::array StepsOf(const std::string& name) {
  std::ifstream in(kDirectory / (name + ".yaml"));
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto node = yaml::Parse(text);
  EXPECT_TRUE(node.ok()) << (node.ok() ? "" : node.error().message);
  const auto value = yaml::ToJson(*node);
  EXPECT_TRUE(value.ok() && value->is_array());
  return value->as_array();
}

// Where `whole` lacks what `part` has; empty: nowhere. Lists have the same items in the same order.
std::string Missing(const json::value& part, const json::value& whole, const std::string& path) {
  if (part.is_object()) {
    if (!whole.is_object()) return path + " is no object";
    for (const auto& [key, value] : part.get_object()) {
      const auto* there = whole.get_object().if_contains(key);
      const auto field = path + "." + std::string(key);
      if (there == nullptr) return field + " is absent";
      if (auto why = Missing(value, *there, field); !why.empty()) return why;
    }
    return "";
  }
  if (part.is_array() && whole.is_array() && part.get_array().size() == whole.get_array().size()) {
    for (std::size_t i = 0; i < part.get_array().size(); ++i) {
      auto why = Missing(part.get_array()[i], whole.get_array()[i], fmt::format("{}[{}]", path, i));
      if (!why.empty()) return why;
    }
    return "";
  }
  if (part == whole) return "";
  return fmt::format("{} is {}, not {}", path, json::serialize(whole), json::serialize(part));
}

class Scenarios : public Plane, public ::testing::WithParamInterface<std::string> {
 protected:
  void Run(const json::object& step) {
    if (const auto* seconds = step.if_contains("after")) {
      clock_.Advance(std::chrono::seconds(seconds->as_int64()));
    }
    const auto verdict = Act(step);
    const auto* refused = step.if_contains("refused");
    EXPECT_EQ(verdict, refused == nullptr ? "ok" : std::string(refused->as_string()));
    for (const auto& one : ListIn(step, "expect")) {
      EXPECT_EQ(Look(one.as_object()), "") << json::serialize(one);
    }
    for (const auto& one : ListIn(step, "absent")) {
      if (one.is_string()) {
        EXPECT_FALSE(Exists(std::string(one.as_string()))) << one;
      } else {
        EXPECT_NE(Look(one.as_object()), "") << json::serialize(one);
      }
    }
  }

 private:
  static json::array ListIn(const json::object& step, std::string_view name) {
    const auto* list = step.if_contains({name.data(), name.size()});
    return list == nullptr ? json::array() : list->as_array();
  }

  // Of the first thing that is refused.
  std::string Act(const json::object& step) {
    const auto* as = step.if_contains("as");
    const auto caller = as == nullptr ? Masters() : User(std::string(as->as_string()));
    for (const auto& one : ListIn(step, "apply")) {
      auto document = one.as_object();
      const auto applied = resources().Apply(KeyOf(document), document, resource::Part::kMain,
                                             resource::ResourceStore::Force::kYes, As(caller));
      if (!applied.ok()) return Verdict(applied);
    }
    if (const auto* patch = step.if_contains("patch")) {
      const json::value with = patch->at("with");
      const auto change = [&](json::value& document) -> Outcome<Done> {
        resource::ApplyMergePatch(document, with);
        return Done{};
      };
      const auto patched = resources().Modify(Key(std::string(patch->at("object").as_string())),
                                              change, resource::Part::kMain, As(caller));
      if (!patched.ok()) return Verdict(patched);
    }
    if (const auto* place = step.if_contains("delete")) {
      return Verdict(Delete(std::string(place->as_string()), caller));
    }
    return "ok";
  }

  resource::ObjectKey KeyOf(const json::object& document) const {
    const auto& of = kind(std::string(document.at("kind").as_string()));
    return {&of, internal::TextAt(document, {"metadata", "namespace"}),
            internal::TextAt(document, {"metadata", "name"})};
  }

  // Empty if there is such an object; else what it lacks.
  std::string Look(const json::object& wanted) {
    const auto key = KeyOf(wanted);
    if (!key.name.empty()) {
      const auto found = resources().Get(key);
      return found.ok() ? Missing(wanted, (*found)->document, "") : "it is not there";
    }
    const auto list = resources().List({.kind = key.kind, .name_space = key.name_space});
    std::string why = "there is none";
    for (const auto& object : list->objects) {
      why = Missing(wanted, object->document, "");
      if (why.empty()) break;
    }
    return why;
  }
};

TEST_P(Scenarios, GoAsTheyAreTold) {
  for (const auto& step : StepsOf(GetParam())) {
    SCOPED_TRACE(std::string(step.at("step").as_string()));
    Run(step.as_object());
  }
}

INSTANTIATE_TEST_SUITE_P(OfDeclaredObjects, Scenarios, ::testing::ValuesIn(ScenarioNames()),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace pemba::iam::testing
