// The acceptance cases of the reasoning layer, read from the conformance folder at run time.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pemba::reason::testing {

// Values in rows are written as people read them: `true`, `55`, `2.5`, text without quotes,
// `2023-05-16T11:20:38`; types by label.
using Row = std::vector<std::string>;

struct Dataset {
  std::vector<std::string> schema, data;  // Texts of TypeQL, in the order in which they are loaded.
};

struct QueryCase {
  std::string id, title, dataset;
  std::vector<std::string> setup;  // Queries; all in one write transaction.
  std::string query;
  bool infer = false;
  std::optional<std::size_t> answer_count;
  std::vector<std::string> vars;  // Without sigils.
  std::optional<std::vector<Row>> rows;
  bool ordered = false;
  std::optional<double> aggregate;
  std::optional<std::map<std::string, double>> groups;
};

struct BehaviourStep {
  std::string transaction;  // `read`, `write` or `schema-write`.
  bool infer = false;
  bool commit = false;
  std::string query;  // May hold several.
  std::optional<double> aggregate;
  std::optional<std::size_t> inserted_answers;
};
struct BehaviourCase {
  std::string id, title, dataset;
  std::vector<BehaviourStep> steps;
};

struct ExplanationCase {
  std::string id, title, dataset;
  std::vector<std::string> setup;
  std::string query;
  std::string explain;  // A variable, without sigil.
  bool explainable = true;
  std::map<std::string, std::size_t> rules;  // Rule -> number of explanations.
  std::map<std::string, std::vector<std::string>> variable_mapping;
  std::map<std::string, std::string> condition_includes;  // Rule variable -> action-name.
};

struct ErrorCase {
  std::string id, title, dataset;
  std::string transaction;
  std::string query;
  std::string error;  // Empty: accepted.
  std::string when;   // `parse`, `query`, `define` or `commit`: no later than that.
};

struct Acceptance {
  std::map<std::string, Dataset> datasets;
  std::vector<QueryCase> queries;
  std::vector<BehaviourCase> behaviour;
  std::vector<ExplanationCase> explanations;
  std::vector<ErrorCase> errors;
};

// Where the cases are. Need not exist.
std::string ConformanceFolder();

// Nothing if the folder is absent. Ends the process if a case cannot be read.
std::optional<Acceptance> LoadAcceptance();

// A file of the folder, whole.
std::string ReadConformanceFile(const std::string& name);

}  // namespace pemba::reason::testing
