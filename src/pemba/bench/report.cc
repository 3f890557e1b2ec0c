#include "pemba/bench/report.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

namespace pemba::bench {
namespace {

namespace json = boost::json;

// Every figure of a row: its name in JSON, its column's title, digits after the point.
struct Figure {
  const char* key;
  const char* title;
  int digits;
  std::optional<double> Row::*value;
};
constexpr Figure kFigures[] = {
    {"rate", "offered/s", 0, &Row::rate},
    {"throughput", "calls/s", 0, &Row::throughput},
    {"ids", "ids/s", 0, &Row::ids},
    {"p50_us", "p50 us", 2, &Row::p50_us},
    {"p95_us", "p95 us", 2, &Row::p95_us},
    {"p99_us", "p99 us", 2, &Row::p99_us},
    {"p999_us", "p99.9 us", 2, &Row::p999_us},
    {"max_us", "max us", 0, &Row::max_us},
    {"shed", "shed", 3, &Row::shed},
    {"cpu_us", "CPU us", 2, &Row::cpu_us},
    {"allocations", "allocs", 2, &Row::allocations},
    {"bytes_per_tuple", "B/tuple", 1, &Row::bytes_per_tuple},
    {"rss_per_tuple", "RSS/tuple", 1, &Row::rss_per_tuple},
    {"rss_peak_mib", "RSS MiB", 0, &Row::rss_peak_mib},
    {"transactions", "DB tx/call", 6, &Row::transactions},
    {"floor_us", "floor us", 2, &Row::floor_us},
    {"ratio", "ratio", 2, &Row::ratio},
};
struct Text {
  const char* key;
  std::string Row::*value;
};
constexpr Text kTexts[] = {
    {"scenario", &Row::scenario}, {"name", &Row::name}, {"driver", &Row::driver}};
struct Count {
  const char* key;
  std::uint32_t Row::*value;
};
constexpr Count kCounts[] = {
    {"threads", &Row::threads}, {"connections", &Row::connections}, {"streams", &Row::streams}};

constexpr const char* kVerdicts[] = {"pass", "miss", "not measured"};

json::object ToJson(const Row& row) {
  json::object object;
  for (const auto& text : kTexts) object[text.key] = row.*text.value;
  object["tuples"] = row.tuples;
  for (const auto& count : kCounts) object[count.key] = row.*count.value;
  for (const auto& figure : kFigures) {
    if (row.*figure.value) object[figure.key] = *(row.*figure.value);
  }
  return object;
}

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Result<std::string> TextAt(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) {
    return Invalid("`" + std::string(key) + "` must be a text");
  }
  return std::string(value->get_string());
}

Result<std::uint64_t> CountAt(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  json::error_code error;
  const auto count = value != nullptr ? value->to_number<std::uint64_t>(error) : 0;
  if (value == nullptr || error) return Invalid("`" + std::string(key) + "` must be a number");
  return count;
}

Result<const json::array*> ListAt(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_array()) {
    return Invalid("`" + std::string(key) + "` must be a list");
  }
  return &value->get_array();
}

Result<Row> RowFromJson(const json::value& value) {
  if (!value.is_object()) return Invalid("a row must be an object");
  const auto& object = value.get_object();
  Row row;
  for (const auto& text : kTexts) {
    PEMBA_TRY(row.*text.value, TextAt(object, text.key));
  }
  PEMBA_TRY(row.tuples, CountAt(object, "tuples"));
  for (const auto& count : kCounts) {
    PEMBA_TRY(const auto number, CountAt(object, count.key));
    row.*count.value = static_cast<std::uint32_t>(number);
  }
  for (const auto& figure : kFigures) {
    const auto* number = object.if_contains(figure.key);
    if (number == nullptr) continue;
    if (!number->is_number()) return Invalid(fmt::format("`{}` must be a number", figure.key));
    row.*figure.value = number->to_number<double>();
  }
  return row;
}

Result<Mark> MarkFromJson(const json::value& value) {
  if (!value.is_object()) return Invalid("a mark must be an object");
  Mark mark;
  PEMBA_TRY(mark.name, TextAt(value.get_object(), "name"));
  PEMBA_TRY(mark.measured, TextAt(value.get_object(), "measured"));
  PEMBA_TRY(const auto verdict, TextAt(value.get_object(), "verdict"));
  const auto at = std::ranges::find(kVerdicts, verdict);
  if (at == std::end(kVerdicts)) return Invalid("there is no verdict `" + verdict + "`");
  mark.verdict = static_cast<Verdict>(at - std::begin(kVerdicts));
  return mark;
}

// Columns as wide as their widest cell; texts to the left, numbers to the right.
class Table {
 public:
  explicit Table(std::size_t texts) : texts_(texts) {}
  void Add(std::vector<std::string> cells) { lines_.push_back(std::move(cells)); }
  std::string ToText() const {
    std::vector<std::size_t> widths;
    for (const auto& line : lines_) {
      widths.resize(std::max(widths.size(), line.size()));
      for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
    }
    std::string text;
    for (const auto& line : lines_) {
      std::string out;
      for (std::size_t i = 0; i < line.size(); ++i) {
        if (widths[i] == 0) continue;
        out += i < texts_ ? fmt::format("{:<{}}  ", line[i], widths[i])
                          : fmt::format("{:>{}}  ", line[i], widths[i]);
      }
      out.erase(out.find_last_not_of(' ') + 1);
      text += out + "\n";
    }
    return text;
  }

 private:
  std::size_t texts_;
  std::vector<std::vector<std::string>> lines_;
};

std::string HowAsked(const Row& row) {
  if (row.connections == 0) return fmt::format("{} thr", row.threads);
  if (row.streams == 0) return fmt::format("{} conn, open", row.connections);
  return fmt::format("{} conn x {}", row.connections, row.streams);
}

}  // namespace

std::string ToTable(const Report& report) {
  // A column that nobody has a figure for is left out.
  std::vector<const Figure*> figures;
  for (const auto& figure : kFigures) {
    const auto has = [&](const Row& row) { return (row.*figure.value).has_value(); };
    if (std::ranges::any_of(report.rows, has)) figures.push_back(&figure);
  }
  Table table(5);
  std::vector<std::string> head = {"what", "case", "driver", "asked by", "tuples"};
  for (const auto* figure : figures) head.emplace_back(figure->title);
  table.Add(std::move(head));
  for (const auto& row : report.rows) {
    std::vector<std::string> cells = {row.scenario, row.name, row.driver, HowAsked(row),
                                      std::to_string(row.tuples)};
    for (const auto* figure : figures) {
      const auto& value = row.*figure->value;
      cells.push_back(value ? fmt::format("{:.{}f}", *value, figure->digits) : "");
    }
    table.Add(std::move(cells));
  }
  std::string text = table.ToText();
  if (!report.marks.empty()) {
    Table marks(3);
    for (const auto& mark : report.marks) {
      marks.Add({kVerdicts[static_cast<std::size_t>(mark.verdict)], mark.name, mark.measured});
    }
    text += "\n" + marks.ToText();
  }
  for (const auto& note : report.notes) text += "\nnote: " + note;
  if (!report.notes.empty()) text += "\n";
  return text;
}

json::object ToJson(const Report& report) {
  json::array rows, marks, notes;
  for (const auto& row : report.rows) rows.push_back(ToJson(row));
  for (const auto& mark : report.marks) {
    marks.push_back(json::object{{"name", mark.name},
                                 {"verdict", kVerdicts[static_cast<std::size_t>(mark.verdict)]},
                                 {"measured", mark.measured}});
  }
  for (const auto& note : report.notes) notes.emplace_back(note);
  return {{"date", report.date},      {"commit", report.commit}, {"machine", report.machine},
          {"seed", report.seed},      {"rows", std::move(rows)}, {"marks", std::move(marks)},
          {"notes", std::move(notes)}};
}

Result<Report> ReportFromJson(std::string_view text) {
  json::error_code error;
  const auto value = json::parse({text.data(), text.size()}, error);
  if (error) return Invalid("not JSON: " + error.message());
  if (!value.is_object()) return Invalid("a report must be an object");
  const auto& object = value.get_object();
  Report report;
  PEMBA_TRY(report.date, TextAt(object, "date"));
  PEMBA_TRY(report.commit, TextAt(object, "commit"));
  PEMBA_TRY(report.machine, TextAt(object, "machine"));
  PEMBA_TRY(report.seed, CountAt(object, "seed"));
  PEMBA_TRY(const auto* rows, ListAt(object, "rows"));
  for (const auto& item : *rows) {
    PEMBA_TRY(auto row, RowFromJson(item));
    report.rows.push_back(std::move(row));
  }
  PEMBA_TRY(const auto* marks, ListAt(object, "marks"));
  for (const auto& item : *marks) {
    PEMBA_TRY(auto mark, MarkFromJson(item));
    report.marks.push_back(std::move(mark));
  }
  PEMBA_TRY(const auto* notes, ListAt(object, "notes"));
  for (const auto& item : *notes) {
    if (!item.is_string()) return Invalid("a note must be a text");
    report.notes.emplace_back(item.get_string());
  }
  return report;
}

Result<std::vector<Report>> ReportsFromLines(std::string_view text) {
  std::vector<Report> reports;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    auto report = ReportFromJson(line);
    if (!report.ok()) {
      return Invalid("line " + std::to_string(number) + ": " + report.error().message);
    }
    reports.push_back(*std::move(report));
  }
  return reports;
}

}  // namespace pemba::bench
