#include "pemba/cli/typeql_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <set>
#include <vector>

#include "pemba/base/text.h"
#include "pemba/reason/value.h"

namespace pemba::cli {
namespace {

namespace wire = ::pemba::reason::v1;

constexpr std::size_t kDepthMax = 100;  // Of proofs; what is deeper is left to the JSON form.

std::string ValueText(const wire::Value& value) {
  switch (value.value_case()) {
    case wire::Value::kBoolean:
      return value.boolean() ? "true" : "false";
    case wire::Value::kLong:
      return std::to_string(value.long_());
    case wire::Value::kDouble:
      return pemba::reason::ToText(pemba::reason::Value(value.double_()));
    case wire::Value::kString:
      return value.string();
    case wire::Value::kDatetime:
      return value.datetime();
    case wire::Value::VALUE_NOT_SET:
      return {};
  }
  return {};
}

// Control characters would break the table, or worse, the terminal.
std::string Printable(const std::string& text) {
  std::string printable;
  for (const char c : text) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    printable.push_back(control ? ' ' : c);
  }
  return printable;
}

using Row = std::vector<std::string>;

// Each row below the one before, a line for each cell.
std::string RecordsText(const Row& header, const std::vector<Row>& rows) {
  std::size_t width = 0;
  for (const auto& cell : header) width = std::max(width, CodePoints(cell));
  std::string text;
  for (std::size_t number = 0; number < rows.size(); ++number) {
    text.append("-- ").append(std::to_string(number + 1)).append("\n");
    for (std::size_t i = 0; i < header.size() && i < rows[number].size(); ++i) {
      text.append(header[i]).append(width - CodePoints(header[i]) + 2, ' ');
      text.append(rows[number][i]).append("\n");
    }
  }
  return text;
}

std::string TableText(const Row& header, const std::vector<Row>& rows, std::size_t columns) {
  std::vector<std::size_t> widths;
  for (const auto& cell : header) widths.push_back(CodePoints(cell));
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], CodePoints(row[i]));
    }
  }
  std::size_t total = widths.empty() ? 0 : 2 * (widths.size() - 1);
  for (const std::size_t width : widths) total += width;
  if (columns != 0 && total > columns) return RecordsText(header, rows);
  const auto line = [&](const Row& row) {
    std::string text;
    for (std::size_t i = 0; i < row.size(); ++i) {
      text.append(i == 0 ? "" : "  ").append(row[i]);
      if (i + 1 < row.size()) text.append(widths[i] - CodePoints(row[i]), ' ');
    }
    return text + "\n";
  };
  Row rule;
  for (const std::size_t width : widths) rule.emplace_back(width, '-');
  std::string text = line(header) + line(rule);
  for (const Row& row : rows) text += line(row);
  return text;
}

std::string NumberText(const wire::Answer& answer) {
  return answer.has_number() ? ValueText(answer.number()) : "not a number";
}

// The tree below one node. What stood above is not told again.
void AppendProof(const wire::Proof& proof, std::uint32_t position, std::size_t depth,
                 std::set<std::uint32_t>& told, std::string& text) {
  const auto& node = proof.nodes(static_cast<int>(position));
  text.append(depth * 2, ' ').append(Printable(node.fact().text()));
  if (!node.has_step()) {
    text.append("  stored\n");
    return;
  }
  text.append("  by ").append(node.step().rule());
  if (!told.insert(position).second) {
    text.append(", as above\n");
    return;
  }
  text.append("\n");
  if (depth >= kDepthMax) {
    text.append((depth + 1) * 2, ' ').append("...\n");
    return;
  }
  for (const std::uint32_t premise : node.premises()) {
    AppendProof(proof, premise, depth + 1, told, text);
  }
  for (const auto& absent : node.step().absent()) {
    text.append((depth + 1) * 2, ' ').append("and nothing of: ").append(Printable(absent));
    text.append("\n");
  }
}

std::string ProofsText(const wire::Answer& answer) {
  std::string text;
  for (const auto& proof : answer.proofs()) {
    if (proof.nodes_size() == 0) continue;
    text.append("\n$").append(proof.variable());
    if (!proof.attribute().empty()) text.append(" has $").append(proof.attribute());
    text.append(":\n");
    std::set<std::uint32_t> told;
    AppendProof(proof, static_cast<std::uint32_t>(proof.nodes_size() - 1), 1, told, text);
  }
  return text;
}

}  // namespace

std::string ConceptText(const wire::Concept& shown) {
  std::string text;
  switch (shown.form()) {
    case wire::Concept::FORM_ENTITY:
    case wire::Concept::FORM_RELATION:
      text = shown.type() + " " + shown.iid();
      break;
    case wire::Concept::FORM_ATTRIBUTE:
    case wire::Concept::FORM_VALUE:
      text = Printable(ValueText(shown.value()));
      break;
    default:
      return shown.type();
  }
  return shown.inferred() ? text + " *" : text;
}

std::string AnswersText(const wire::QueryResponse& response, std::size_t columns) {
  const bool owners = response.kind() == wire::QueryResponse::KIND_GROUPS ||
                      response.kind() == wire::QueryResponse::KIND_GROUP_NUMBERS;
  const bool numbers = response.kind() == wire::QueryResponse::KIND_NUMBER ||
                       response.kind() == wire::QueryResponse::KIND_GROUP_NUMBERS;
  if (response.kind() == wire::QueryResponse::KIND_UNSPECIFIED) return {};
  if (numbers && !owners) {
    return response.answers_size() == 0 ? "" : NumberText(response.answers(0)) + "\n";
  }
  Row header;
  if (owners) header.emplace_back("group");
  if (numbers) header.emplace_back("number");
  if (!numbers) {
    for (const auto& variable : response.variables()) header.push_back("$" + variable);
  }
  std::vector<Row> rows;
  std::string proofs;
  for (const auto& answer : response.answers()) {
    Row row;
    if (owners) row.push_back(ConceptText(answer.owner()));
    if (numbers) row.push_back(NumberText(answer));
    if (!numbers) {
      for (const auto& shown : answer.concepts()) row.push_back(ConceptText(shown));
    }
    rows.push_back(std::move(row));
    proofs += ProofsText(answer);
  }
  return TableText(header, rows, columns) + proofs;
}

std::string PlaceOf(const std::string& error, const std::string& text) {
  constexpr std::size_t kBefore = 60, kShown = 76;  // Columns: the place, and some of what follows.
  std::size_t line = 0, column = 0;
  for (auto at = error.find(" at "); at != error.npos; at = error.find(" at ", at + 1)) {
    int end = 0;
    const int read = std::sscanf(error.c_str() + at, " at %7zu:%7zu:%n", &line, &column, &end);
    if (read == 2 && end != 0) break;
    line = 0;
  }
  if (line == 0) return {};
  std::size_t begin = 0;
  for (std::size_t number = 1; number < line && begin != text.npos; ++number) {
    begin = text.find('\n', begin);
    if (begin != text.npos) ++begin;
  }
  if (begin == text.npos || column == 0) return {};
  // Code points are cut out whole, and each is a column.
  std::vector<std::string> points;
  for (std::size_t at = begin; at < text.size() && text[at] != '\n'; ++at) {
    const bool continues = (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
    if (!continues || points.empty()) points.emplace_back();
    points.back().push_back(text[at]);
  }
  if (column > points.size() + 1) return {};
  const std::size_t first = column - 1 > kBefore ? column - 1 - kBefore : 0;
  std::string shown = first == 0 ? "" : "...";
  for (std::size_t i = first; i < points.size() && i < first + kShown; ++i) shown += points[i];
  const std::size_t indent = column - 1 - first + (first == 0 ? 0 : 3);
  return "\n  " + Printable(shown) + "\n  " + std::string(indent, ' ') + "^";
}

std::string CountText(const wire::QueryResponse& response) {
  if (response.kind() == wire::QueryResponse::KIND_UNSPECIFIED) return {};
  const int count = response.answers_size();
  return std::to_string(count) + (count == 1 ? " answer" : " answers") +
         (response.truncated() ? " and more" : "");
}

}  // namespace pemba::cli
