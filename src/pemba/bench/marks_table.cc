#include "pemba/bench/marks_table.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "pemba/bench/marks.h"
#include "pemba/bench/scenario.h"

namespace pemba::bench {
namespace {

// The power of ten that the report's worlds were asked to have: they are a little smaller or
// larger. 0 if it has none.
std::uint64_t SizeOf(const Report& report) {
  std::uint64_t tuples = 0;
  for (const auto& row : report.rows) tuples = std::max(tuples, row.tuples);
  if (tuples == 0) return 0;
  return static_cast<std::uint64_t>(
      std::llround(std::pow(10.0, std::round(std::log10(static_cast<double>(tuples))))));
}

std::string Cell(const Mark& mark) {
  switch (mark.verdict) {
    case Verdict::kPass:
      return mark.measured;
    case Verdict::kMiss:
      return "**" + mark.measured + "**";
    case Verdict::kNotMeasured:
      break;
  }
  return "";
}

}  // namespace

std::string MarksTable(std::span<const Report> reports) {
  if (reports.empty()) return "";
  const Report& newest = *std::max_element(
      reports.begin(), reports.end(),
      [](const Report& left, const Report& right) { return left.date < right.date; });
  std::map<std::uint64_t, std::vector<Row>> rows_of;
  for (const auto& report : reports) {
    const auto size = SizeOf(report);
    if (report.commit != newest.commit || size == 0) continue;
    rows_of[size].insert(rows_of[size].end(), report.rows.begin(), report.rows.end());
  }

  std::vector<std::vector<Mark>> columns;
  std::string head = "| Mark |", line = "|---|";
  for (const auto& [size, rows] : rows_of) {
    columns.push_back(JudgeMarks(rows));
    head += " " + SizeText(size) + " |";
    line += "---|";
  }
  std::string text =
      fmt::format("# Marks\n\n{}, {}, commit {}. Missed marks are in bold.\n\n{}\n{}\n",
                  newest.date, newest.machine, newest.commit, head, line);
  for (std::size_t mark = 0; !columns.empty() && mark < columns.front().size(); ++mark) {
    text += "| " + columns.front()[mark].name + " |";
    for (const auto& column : columns) text += " " + Cell(column[mark]) + " |";
    text += "\n";
  }
  return text;
}

}  // namespace pemba::bench
