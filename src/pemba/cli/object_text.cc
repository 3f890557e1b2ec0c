#include "pemba/cli/object_text.h"

#include <algorithm>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "pemba/cli/json_text.h"
#include "pemba/resource/members.h"
#include "pemba/yaml/yaml.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kContext = 3;
constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kRed = "\x1b[31m";
constexpr const char* kYellow = "\x1b[33m";
constexpr const char* kBold = "\x1b[1m";
constexpr const char* kPlain = "\x1b[0m";

std::string Painted(const char* colour, std::string text, Colours colours) {
  return colours == Colours::kNo || colour == nullptr ? text : colour + std::move(text) + kPlain;
}

// Of a condition's status.
const char* ColourOf(std::string_view cell) {
  if (cell == "True") return kGreen;
  if (cell == "False") return kRed;
  return cell == "Unknown" ? kYellow : nullptr;
}

const json::object* ObjectAt(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

std::string CellText(const json::value& cell) {
  if (cell.is_null()) return "";
  return cell.is_string() ? std::string(cell.get_string()) : JsonText(cell);
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// A longest common subsequence, as pairs of equal lines.
std::vector<std::pair<std::size_t, std::size_t>> Common(const std::vector<std::string>& a,
                                                        const std::vector<std::string>& b) {
  std::vector<std::vector<std::uint32_t>> length(a.size() + 1,
                                                 std::vector<std::uint32_t>(b.size() + 1));
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      length[i][j] =
          a[i] == b[j] ? length[i + 1][j + 1] + 1 : std::max(length[i + 1][j], length[i][j + 1]);
    }
  }
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      pairs.emplace_back(i++, j++);
    } else if (length[i + 1][j] >= length[i][j + 1]) {
      ++i;
    } else {
      ++j;
    }
  }
  return pairs;
}

void AddConditions(const json::object& status, Colours colours, std::string& text) {
  const auto* conditions = status.if_contains("conditions");
  if (conditions == nullptr || !conditions->is_array() || conditions->get_array().empty()) return;
  std::vector<std::vector<std::string>> rows{{"  TYPE", "STATUS", "REASON", "MESSAGE"}};
  for (const auto& one : conditions->get_array()) {
    if (!one.is_object()) continue;
    const auto& condition = one.get_object();
    rows.push_back({"  " + resource::TextOf(condition, "type"),
                    resource::TextOf(condition, "status"), resource::TextOf(condition, "reason"),
                    resource::TextOf(condition, "message")});
  }
  text += "Conditions:\n" + ColumnsText(rows, colours);
}

void AddPart(std::string_view title, const json::object& part, std::string& text) {
  if (part.empty()) return;
  text += fmt::format("{}:\n", title);
  for (const auto& line : LinesOf(YamlText(part))) text += "  " + line + "\n";
}

}  // namespace

std::string ColumnsText(const std::vector<std::vector<std::string>>& rows, Colours colours) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto& row = rows[r];
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto padding =
          i + 1 == row.size() ? std::string() : std::string(widths[i] - row[i].size() + 3, ' ');
      line += Painted(r == 0 ? kBold : ColourOf(row[i]), row[i], colours) + padding;
    }
    while (line.ends_with(' ')) line.pop_back();
    text += line + "\n";
  }
  return text;
}

std::string TableText(const json::object& table, Width width, Namespaces namespaces,
                      Colours colours) {
  const auto* columns = table.if_contains("columnDefinitions");
  const auto* rows = table.if_contains("rows");
  if (columns == nullptr || rows == nullptr || !columns->is_array() || !rows->is_array() ||
      rows->get_array().empty()) {
    return "";
  }
  std::vector<std::size_t> shown;
  std::vector<std::string> head;
  if (namespaces == Namespaces::kShown) head.emplace_back("NAMESPACE");
  for (std::size_t i = 0; i < columns->get_array().size(); ++i) {
    const auto& column = columns->get_array()[i].as_object();
    const auto* priority = column.if_contains("priority");
    const bool wide = priority != nullptr && priority->is_int64() && priority->get_int64() > 0;
    if (wide && width == Width::kNarrow) continue;
    shown.push_back(i);
    auto name = resource::TextOf(column, "name");
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
    head.push_back(std::move(name));
  }
  std::vector<std::vector<std::string>> lines{std::move(head)};
  for (const auto& row : rows->get_array()) {
    if (!row.is_object()) continue;
    auto& line = lines.emplace_back();
    if (namespaces == Namespaces::kShown) {
      const auto* object = ObjectAt(row.get_object(), "object");
      const auto* metadata = object == nullptr ? nullptr : ObjectAt(*object, "metadata");
      line.push_back(metadata == nullptr ? "" : resource::TextOf(*metadata, "namespace"));
    }
    const auto* cells = row.get_object().if_contains("cells");
    for (const auto i : shown) {
      const bool there = cells != nullptr && cells->is_array() && i < cells->get_array().size();
      line.push_back(there ? CellText(cells->get_array()[i]) : "");
    }
  }
  return ColumnsText(lines, colours);
}

std::string YamlText(const json::object& document) {
  YAML::Emitter out;
  yaml::Emit(out, document);
  return std::string(out.c_str()) + "\n";
}

json::object Plain(const json::object& object) {
  auto plain = object;
  if (auto* metadata = plain["metadata"].if_object()) {
    for (const char* name :
         {"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp"}) {
      metadata->erase(name);
    }
  }
  return plain;
}

std::string DescriptionText(const json::object& object, Colours colours) {
  std::string text;
  static const json::object kEmpty;
  const auto* metadata = ObjectAt(object, "metadata");
  if (metadata == nullptr) metadata = &kEmpty;
  const auto line = [&](const char* name, const std::string& value) {
    if (!value.empty()) text += fmt::format("{:<14}{}\n", std::string(name) + ":", value);
  };
  line("Name", resource::TextOf(*metadata, "name"));
  line("Namespace", resource::TextOf(*metadata, "namespace"));
  line("Kind", resource::TextOf(object, "kind"));
  line("API version", resource::TextOf(object, "apiVersion"));
  line("Uid", resource::TextOf(*metadata, "uid"));
  line("Created", resource::TextOf(*metadata, "creationTimestamp"));
  line("Deleting", resource::TextOf(*metadata, "deletionTimestamp"));
  for (const auto& [name, key] : {std::pair{"Labels", "labels"}, {"Annotations", "annotations"}}) {
    if (const auto* map = ObjectAt(*metadata, key)) AddPart(name, *map, text);
  }
  if (const auto* spec = ObjectAt(object, "spec")) AddPart("Spec", *spec, text);
  if (const auto* status = ObjectAt(object, "status")) {
    AddConditions(*status, colours, text);
    auto rest = *status;
    rest.erase("conditions");
    AddPart("Status", rest, text);
  }
  return text;
}

std::string DifferenceText(const std::string& before, const std::string& after, Colours colours) {
  if (before == after) return "";
  const auto a = LinesOf(before), b = LinesOf(after);
  struct Line {
    char mark;
    const std::string* text;
  };
  std::vector<Line> lines;
  std::size_t i = 0, j = 0;
  auto pairs = Common(a, b);
  pairs.emplace_back(a.size(), b.size());
  for (const auto& [x, y] : pairs) {
    while (i < x) lines.push_back({'-', &a[i++]});
    while (j < y) lines.push_back({'+', &b[j++]});
    if (x == a.size()) break;
    lines.push_back({' ', &a[i++]});
    ++j;
  }
  std::string text;
  for (std::size_t at = 0; at < lines.size(); ++at) {
    const auto from = at < kContext ? 0 : at - kContext;
    const auto to = std::min(lines.size(), at + kContext + 1);
    const bool near = std::any_of(lines.begin() + static_cast<std::ptrdiff_t>(from),
                                  lines.begin() + static_cast<std::ptrdiff_t>(to),
                                  [](const Line& line) { return line.mark != ' '; });
    if (!near) continue;
    const auto whole = std::string(1, lines[at].mark) + " " + *lines[at].text;
    const char* colour = lines[at].mark == '-' ? kRed : lines[at].mark == '+' ? kGreen : nullptr;
    text += Painted(colour, whole, colours) + "\n";
  }
  return text;
}

}  // namespace pemba::cli
