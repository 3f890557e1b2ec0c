#include "wire/world.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>
#include <openfga/v1/openfga_service.pb.h>
#include <yaml-cpp/yaml.h>

#include "pemba/api/json_writer.h"
#include "pemba/api/openfga/convert.h"
#include "pemba/model/dsl.h"

namespace pemba::wire_test {
namespace {

namespace json = boost::json;
using Variables = std::map<std::string, std::string>;

void ReplaceAll(std::string& text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

std::string Substituted(std::string text, const Variables& variables) {
  for (const auto& [name, value] : variables) ReplaceAll(text, "${" + name + "}", value);
  return text;
}

json::value ToJson(const YAML::Node& node, const Variables& variables);

json::value Scalar(const YAML::Node& node, const Variables& variables) {
  const auto text = Substituted(node.Scalar(), variables);
  if (node.Tag() == "!") return json::value(text);  // Quoted.
  if (text == "true" || text == "false") return json::value(text == "true");
  if (text == "null" || text == "~") return json::value(nullptr);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return json::parse(text);
  return json::value(text);
}

json::value Repeated(const YAML::Node& node, const Variables& variables) {
  json::array items;
  for (int i = 0; i < node["count"].as<int>(); ++i) {
    auto text = json::serialize(ToJson(node["item"], variables));
    ReplaceAll(text, "{i}", std::to_string(i));
    items.push_back(json::parse(text));
  }
  return items;
}

json::value LongText(const YAML::Node& node) {
  std::string text;
  for (int i = 0; i < node["count"].as<int>(); ++i) text += node["of"].Scalar();
  return json::value(text);
}

json::value ToJson(const YAML::Node& node, const Variables& variables) {
  if (node.IsNull()) return nullptr;
  if (node.IsScalar()) return Scalar(node, variables);
  if (node.IsSequence()) {
    json::array items;
    for (const auto& item : node) items.push_back(ToJson(item, variables));
    return items;
  }
  json::object object;
  for (const auto& member : node) {
    const auto key = Substituted(member.first.Scalar(), variables);
    if (key == "$repeat") return Repeated(member.second, variables);
    if (key == "$text") return LongText(member.second);
    if (key == "$dsl") {
      const auto fields = ModelFields(member.second.Scalar());
      for (const auto& field : fields) object.insert(field);
      continue;
    }
    object[key] = ToJson(member.second, variables);
  }
  return object;
}

::testing::AssertionResult TextMatches(std::string_view want, std::string_view got) {
  if (want == "*" && !got.empty()) return ::testing::AssertionSuccess();
  if (want.ends_with("...") && got.starts_with(want.substr(0, want.size() - 3))) {
    return ::testing::AssertionSuccess();
  }
  if (want == got) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "want `" << want << "`, got `" << got << "`";
}

::testing::AssertionResult Matches(const json::value& want, const json::value& got,
                                   const std::string& where);

::testing::AssertionResult MatchesInAnyOrder(const json::array& want, const json::value& got,
                                             const std::string& where) {
  if (!got.is_array() || got.get_array().size() != want.size()) {
    return ::testing::AssertionFailure() << where << ": got " << json::serialize(got);
  }
  json::array rest = got.get_array();
  for (const auto& item : want) {
    const auto found = std::find_if(rest.begin(), rest.end(), [&](const json::value& candidate) {
      return static_cast<bool>(Matches(item, candidate, where));
    });
    if (found == rest.end()) {
      return ::testing::AssertionFailure()
             << where << ": no " << json::serialize(item) << " in " << json::serialize(got);
    }
    rest.erase(found);
  }
  return ::testing::AssertionSuccess();
}

// Whether `got` has everything that `want` names.
::testing::AssertionResult Matches(const json::value& want, const json::value& got,
                                   const std::string& where) {
  if (want.is_object() && want.get_object().contains("$set")) {
    return MatchesInAnyOrder(want.get_object().at("$set").get_array(), got, where);
  }
  if (const auto* members = want.if_object()) {
    if (!got.is_object()) return ::testing::AssertionFailure() << where << ": not an object";
    for (const auto& member : *members) {
      const auto* found = got.get_object().if_contains(member.key());
      const auto inner = where + "." + std::string(member.key().data(), member.key().size());
      if (found == nullptr) return ::testing::AssertionFailure() << inner << ": missing";
      if (auto result = Matches(member.value(), *found, inner); !result) return result;
    }
    return ::testing::AssertionSuccess();
  }
  if (const auto* items = want.if_array()) {
    if (!got.is_array() || got.get_array().size() != items->size()) {
      return ::testing::AssertionFailure()
             << where << ": want " << json::serialize(want) << ", got " << json::serialize(got);
    }
    for (std::size_t i = 0; i < items->size(); ++i) {
      const auto inner = where + "[" + std::to_string(i) + "]";
      if (auto result = Matches((*items)[i], got.get_array()[i], inner); !result) return result;
    }
    return ::testing::AssertionSuccess();
  }
  if (want.is_string() && got.is_string()) {
    auto result =
        TextMatches(std::string_view(want.get_string()), std::string_view(got.get_string()));
    return result ? result : result << " at " << where;
  }
  const bool numbers = want.is_number() && got.is_number();
  if (numbers ? want.to_number<double>() == got.to_number<double>() : want == got) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure()
         << where << ": want " << json::serialize(want) << ", got " << json::serialize(got);
}

const json::value& At(const json::value& value, std::string_view path) {
  const json::value* at = &value;
  while (!path.empty()) {
    const auto dot = path.find('.');
    const auto part = path.substr(0, dot);
    std::size_t index = 0;
    if (at->is_array()) {
      std::from_chars(part.data(), part.data() + part.size(), index);
      at = &at->get_array().at(index);
    } else {
      at = &at->get_object().at(json::string_view(part.data(), part.size()));
    }
    path.remove_prefix(dot == path.npos ? path.size() : dot + 1);
  }
  return *at;
}

void ExpectError(const YAML::Node& error, const Answer& answer, bool http,
                 const Variables& variables) {
  ASSERT_FALSE(answer.ok) << json::serialize(answer.response);
  const auto text = Substituted(error["text"].Scalar(), variables);
  if (http) {
    EXPECT_EQ(answer.http_status, error["http"].as<int>());
    EXPECT_EQ(answer.code, error["code"].Scalar());
    const auto http_text =
        error["http_text"] ? Substituted(error["http_text"].Scalar(), variables) : text;
    EXPECT_TRUE(TextMatches(http_text, answer.message));
  } else {
    EXPECT_EQ(answer.grpc_code, error["grpc"].as<std::uint32_t>());
    EXPECT_TRUE(TextMatches(text, answer.message));
  }
}

void RunStep(const YAML::Node& step, WireClient& client, Variables& variables) {
  const bool http = std::string_view(client.name()) == "http";
  const auto request =
      step["request"] ? ToJson(step["request"], variables) : json::value(json::object());
  std::map<std::string, std::string> headers;
  for (const auto& header : step["request_headers"]) {
    headers[header.first.Scalar()] = Substituted(header.second.Scalar(), variables);
  }
  const auto answer = client.Call(step["rpc"].Scalar(), request.get_object(), headers);
  for (const auto& header : step["headers"]) {
    const auto found = answer.headers.find(header.first.Scalar());
    ASSERT_NE(found, answer.headers.end()) << header.first.Scalar();
    EXPECT_TRUE(TextMatches(Substituted(header.second.Scalar(), variables), found->second));
  }
  for (const auto& header : step["absent_headers"]) {
    EXPECT_FALSE(answer.headers.contains(header.Scalar())) << header.Scalar();
  }
  for (const auto& saved : step["save_headers"]) {
    const auto found = answer.headers.find(saved.second.Scalar());
    ASSERT_NE(found, answer.headers.end()) << saved.second.Scalar();
    variables[saved.first.Scalar()] = found->second;
  }
  if (step["error"]) return ExpectError(step["error"], answer, http, variables);
  ASSERT_TRUE(answer.ok) << answer.grpc_code << " " << answer.code << " " << answer.message;
  const int status = step["status"] ? step["status"].as<int>() : 200;
  if (http) {
    EXPECT_EQ(answer.http_status, status);
  }
  if (step["response"] && !(http && status == 204)) {
    EXPECT_TRUE(Matches(ToJson(step["response"], variables), answer.response, "response"));
  }
  for (const auto& saved : step["save"]) {
    const auto& value = At(answer.response, saved.second.Scalar());
    ASSERT_TRUE(value.is_string());
    variables[saved.first.Scalar()] =
        std::string(value.get_string().data(), value.get_string().size());
  }
}

}  // namespace

json::object ModelFields(const std::string& dsl) {
  const auto model = model::ModelFromDsl(dsl);
  if (!model.ok()) throw std::runtime_error(model.error().message);
  openfga::v1::AuthorizationModel wire;
  api::openfga::ToWire(*model, wire);
  auto value = json::parse(api::ToJson(wire));
  value.get_object().erase("id");
  return value.get_object();
}

json::value FromYaml(const YAML::Node& node) { return ToJson(node, {}); }

int RunWorld(const std::filesystem::path& file, WireClient& client) {
  const auto world = YAML::LoadFile(file.string());
  Variables variables;
  int steps = 0;
  for (const auto& step : world["steps"]) {
    if (step["only"] && step["only"].Scalar() != client.name()) continue;
    SCOPED_TRACE(file.stem().string() + ": " + step["name"].Scalar() + " (" + client.name() + ")");
    RunStep(step, client, variables);
    ++steps;
  }
  return steps;
}

}  // namespace pemba::wire_test
