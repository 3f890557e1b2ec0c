#include "pemba/iam/testing/scenario.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/yaml/yaml.h"

namespace pemba::iam::testing {
namespace {

namespace json = boost::json;

std::string Text(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

class Player {
 public:
  explicit Player(Stage& stage) : stage_(stage) {}

  void Run(const json::object& scenario) {
    for (const auto& object : scenario.at("objects").as_array()) {
      EXPECT_EQ(Create(object.as_object()), "ok") << json::serialize(object);
    }
    ExpectModel(scenario.at("model").as_object());
    ExpectConditions(scenario.at("conditions").as_object());
    std::set<std::string> wanted;
    for (const auto& tuple : scenario.at("tuples").as_array()) wanted.insert(Filled(Text(tuple)));
    EXPECT_EQ(stage_.Tuples(), wanted);
    for (const auto& step : scenario.at("steps").as_array()) Play(step.as_object());
  }

 private:
  void Play(const json::object& step) {
    SCOPED_TRACE(Text(step.at("name")));
    const auto before = stage_.Tuples();
    const auto models = stage_.ModelCount();
    const auto* verdict = step.if_contains("verdict");
    EXPECT_EQ(Do(step), verdict == nullptr ? "ok" : Text(*verdict));
    const auto after = stage_.Tuples();
    EXPECT_EQ(Missing(before, after), Number(step, "written")) << "written";
    EXPECT_EQ(Missing(after, before), Number(step, "deleted")) << "deleted";
    if (step.contains("models")) {
      EXPECT_EQ(stage_.ModelCount() - models, Number(step, "models")) << "models";
    }
    if (const auto* all = step.if_contains("conditions")) ExpectConditions(all->as_object());
    if (const auto* all = step.if_contains("answers")) {
      for (const auto& one : all->as_array()) {
        const auto& row = one.as_array();
        EXPECT_EQ(stage_.Ask(Text(row.at(0)), Text(row.at(1)), Text(row.at(2))), Text(row.at(3)))
            << json::serialize(one);
      }
    }
    if (const auto* all = step.if_contains("values")) {
      for (const auto& one : all->as_array()) {
        const auto& row = one.as_array();
        EXPECT_EQ(ValueAt(Text(row.at(0)), Text(row.at(1))), Text(row.at(2)));
      }
    }
  }

  std::string Do(const json::object& step) {
    if (const auto* what = step.if_contains("create")) return Create(what->as_object());
    if (const auto* what = step.if_contains("delete")) return stage_.Delete(Text(*what));
    if (const auto* what = step.if_contains("patch")) {
      return stage_.Patch(Text(*what), FilledIn(step.at("with")).as_object());
    }
    if (const auto* what = step.if_contains("behind")) stage_.DeleteBehind(Text(*what));
    if (const auto* what = step.if_contains("repair")) {
      EXPECT_EQ(stage_.Repair(), static_cast<std::size_t>(what->as_int64()));
    }
    if (const auto* what = step.if_contains("reconcile")) {
      for (std::int64_t i = 0; i < what->as_int64(); ++i) stage_.Reconcile();
    }
    return "ok";
  }

  std::string Create(const json::object& object) {
    json::object document = FilledIn(object).as_object();
    const auto place = Text(document.at("place"));
    document.erase("place");
    return stage_.Create(place, document);
  }

  void ExpectModel(const json::object& wanted) {
    const auto model = stage_.Model();
    EXPECT_EQ(model.schema_version, Text(wanted.at("schema")));
    std::vector<std::string> got, want;
    for (const auto& type : model.types) {
      const bool below = type.relations.contains("parent");
      got.push_back(fmt::format("{} {}{}", type.type, type.relations.size() - (below ? 1 : 0),
                                below ? " below another" : ""));
    }
    for (const auto& one : wanted.at("types").as_array()) {
      const auto& type = one.as_object();
      want.push_back(fmt::format("{} {}{}", Text(type.at("type")), Text(type.at("relations")),
                                 type.contains("parent") ? " below another" : ""));
    }
    EXPECT_EQ(got, want);
  }

  void ExpectConditions(const json::object& wanted) {
    for (const auto& [place, want] : wanted) {
      const std::string_view name(place.data(), place.size());
      EXPECT_EQ(Condition(name), Text(want)) << name;
    }
  }

  // "True Reconciled" of its condition Ready.
  std::string Condition(std::string_view place) {
    const auto object = stage_.Find(place);
    if (object.is_null()) return "gone";
    const auto& status = object.as_object().at("status").as_object();
    for (const auto& one : status.at("conditions").as_array()) {
      const auto& condition = one.as_object();
      if (condition.at("type") != "Ready") continue;
      return Text(condition.at("status")) + " " + Text(condition.at("reason"));
    }
    return "";
  }

  std::string ValueAt(std::string_view place, const std::string& path) {
    json::value value = stage_.Find(place);
    std::istringstream steps(path);
    for (std::string step; std::getline(steps, step, '.');) {
      value = json::value(value.as_object().at(step));
    }
    return Text(value);
  }

  // With uids in the place of ${uid:PLACE}.
  std::string Filled(std::string text) {
    while (true) {
      const auto at = text.find("${uid:");
      if (at == std::string::npos) return text;
      const auto end = text.find('}', at);
      const auto object = stage_.Find(text.substr(at + 6, end - at - 6));
      if (object.is_null()) {
        ADD_FAILURE() << "nothing to take the uid of: " << text;
        return text;
      }
      text.replace(at, end + 1 - at, Text(object.as_object().at("metadata").as_object().at("uid")));
    }
  }
  json::value FilledIn(const json::value& value) {
    if (value.is_string()) return json::value(Filled(Text(value)));
    if (value.is_array()) {
      json::array filled;
      for (const auto& one : value.get_array()) filled.push_back(FilledIn(one));
      return filled;
    }
    if (!value.is_object()) return value;
    json::object filled;
    for (const auto& [name, one] : value.get_object()) filled[name] = FilledIn(one);
    return filled;
  }

  // How many of `now` are not in `then`.
  static std::size_t Missing(const std::set<std::string>& then, const std::set<std::string>& now) {
    return static_cast<std::size_t>(
        std::ranges::count_if(now, [&](const auto& one) { return !then.contains(one); }));
  }
  static std::size_t Number(const json::object& step, std::string_view name) {
    const auto* value = step.if_contains({name.data(), name.size()});
    return value == nullptr ? 0 : static_cast<std::size_t>(value->as_int64());
  }

  Stage& stage_;
};

}  // namespace

void Play(std::string_view file, Stage& stage) {
  const auto path = fmt::format("{}/src/pemba/iam/testdata/{}", PEMBA_SOURCE_DIR, file);
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  const auto node = yaml::Parse(text.str());
  ASSERT_TRUE(node.ok()) << path << ": " << (node.ok() ? "" : node.error().message);
  const auto document = yaml::ToJson(*node);
  ASSERT_TRUE(document.ok() && document->is_object()) << path;
  Player(stage).Run(document->get_object());
}

}  // namespace pemba::iam::testing
