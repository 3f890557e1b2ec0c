#include "pemba/reason/testing/acceptance.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include <yaml-cpp/yaml.h>

#include "pemba/base/assert.h"
#include "pemba/reason/parser.h"
#include "pemba/reason/printer.h"

namespace pemba::reason::testing {
namespace {

std::string WithoutSigil(const std::string& variable) {
  return variable.starts_with('$') || variable.starts_with('?') ? variable.substr(1) : variable;
}

std::string Text(const YAML::Node& node) { return node.as<std::string>(); }
std::string Text(const YAML::Node& node, const char* key) { return Text(node[key]); }

// The n-th query of a file, counted from 0.
std::string Referenced(const YAML::Node& ref) {
  const auto queries = ParseQueries(ReadConformanceFile(Text(ref, "file")));
  PEMBA_CHECK(queries.ok());
  return ToText(queries->at(ref["index"].as<std::size_t>()));
}

std::string QueryOf(const YAML::Node& node) {
  if (node["query_ref"]) return Referenced(node["query_ref"]);
  if (node["query_file"]) return ReadConformanceFile(Text(node, "query_file"));
  return node.IsScalar() ? Text(node) : Text(node, "query");
}

std::vector<std::string> SetupOf(const YAML::Node& node) {
  std::vector<std::string> setup;
  for (const auto& query : node["setup"]) setup.push_back(QueryOf(query));
  for (const auto& ref : node["setup_refs"]) setup.push_back(Referenced(ref));
  return setup;
}

template <class Case>
Case Named(const YAML::Node& node) {
  Case c;
  c.id = Text(node, "id");
  c.title = Text(node, "title");
  c.dataset = Text(node, "dataset");
  return c;
}

QueryCase ReadQueryCase(const YAML::Node& node) {
  auto c = Named<QueryCase>(node);
  c.setup = SetupOf(node);
  c.query = QueryOf(node);
  c.infer = node["infer"].as<bool>();
  const YAML::Node expect = node["expect"];
  if (expect["answer_count"]) c.answer_count = expect["answer_count"].as<std::size_t>();
  for (const auto& variable : expect["vars"]) c.vars.push_back(WithoutSigil(Text(variable)));
  if (expect["rows"]) {
    c.rows.emplace();
    for (const auto& row : expect["rows"]) c.rows->push_back(row.as<Row>());
  }
  if (expect["ordered"]) c.ordered = expect["ordered"].as<bool>();
  if (expect["aggregate"]) c.aggregate = expect["aggregate"].as<double>();
  if (expect["groups"]) c.groups = expect["groups"].as<std::map<std::string, double>>();
  return c;
}

BehaviourCase ReadBehaviourCase(const YAML::Node& node) {
  auto c = Named<BehaviourCase>(node);
  for (const auto& each : node["steps"]) {
    BehaviourStep step;
    step.transaction = Text(each, "transaction");
    if (each["infer"]) step.infer = each["infer"].as<bool>();
    if (each["commit"]) step.commit = each["commit"].as<bool>();
    step.query = QueryOf(each);
    const YAML::Node expect = each["expect"];
    if (expect["aggregate"]) step.aggregate = expect["aggregate"].as<double>();
    if (expect["inserted_answers"]) {
      step.inserted_answers = expect["inserted_answers"].as<std::size_t>();
    }
    c.steps.push_back(std::move(step));
  }
  return c;
}

ExplanationCase ReadExplanationCase(const YAML::Node& node) {
  auto c = Named<ExplanationCase>(node);
  c.setup = SetupOf(node);
  c.query = QueryOf(node);
  c.explain = WithoutSigil(Text(node, "explain"));
  const YAML::Node expect = node["expect"];
  if (expect["explainable"]) c.explainable = expect["explainable"].as<bool>();
  if (expect["rules"]) c.rules = expect["rules"].as<std::map<std::string, std::size_t>>();
  for (const auto& entry : expect["variable_mapping"]) {
    auto& variables = c.variable_mapping[WithoutSigil(Text(entry.first))];
    for (const auto& variable : entry.second) variables.push_back(WithoutSigil(Text(variable)));
  }
  for (const auto& entry : expect["condition_includes"]) {
    c.condition_includes[WithoutSigil(Text(entry.first))] = Text(entry.second);
  }
  return c;
}

ErrorCase ReadErrorCase(const YAML::Node& node) {
  auto c = Named<ErrorCase>(node);
  c.transaction = Text(node, "transaction");
  c.query = QueryOf(node);
  const YAML::Node expect = node["expect"];
  if (expect["error"]) {
    c.error = Text(expect, "error");
    c.when = Text(expect, "when");
  }
  return c;
}

Dataset ReadDataset(const YAML::Node& node, const YAML::Node& fixtures) {
  Dataset dataset;
  for (const auto& file : node["schema"]) {
    dataset.schema.push_back(ReadConformanceFile(Text(file)));
  }
  for (const auto& file : node["data"]) dataset.data.push_back(ReadConformanceFile(Text(file)));
  if (node["fixture"]) dataset.data.push_back(Text(fixtures[Text(node, "fixture")]));
  return dataset;
}

}  // namespace

std::string ConformanceFolder() { return PEMBA_SOURCE_DIR "/../shared/conformance/iam-reasoning"; }

std::string ReadConformanceFile(const std::string& name) {
  std::ifstream file(ConformanceFolder() + "/" + name, std::ios::binary);
  PEMBA_CHECK(file.is_open());
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::optional<Acceptance> LoadAcceptance() {
  const std::string path = ConformanceFolder() + "/cases.yaml";
  if (!std::filesystem::exists(path)) return std::nullopt;
  const YAML::Node root = YAML::LoadFile(path);
  Acceptance all;
  for (const auto& entry : root["datasets"]) {
    all.datasets.emplace(Text(entry.first), ReadDataset(entry.second, root["fixtures"]));
  }
  for (const auto& node : root["cases"]) all.queries.push_back(ReadQueryCase(node));
  for (const auto& node : root["behaviour_cases"]) {
    all.behaviour.push_back(ReadBehaviourCase(node));
  }
  for (const auto& node : root["explanation_cases"]) {
    all.explanations.push_back(ReadExplanationCase(node));
  }
  for (const auto& node : root["error_cases"]) all.errors.push_back(ReadErrorCase(node));
  return all;
}

}  // namespace pemba::reason::testing
