#include "pemba/telemetry/testing/metrics_text.h"

#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace pemba::telemetry {
namespace {

struct Sample {
  std::string name;
  std::vector<Label> labels;
  double value = 0;
};

bool IsNameCharacter(char c, bool first) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' ||
         (!first && std::isdigit(static_cast<unsigned char>(c)) != 0);
}

// Takes a name from the front of `text`; empty if there is none.
std::string TakeName(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && IsNameCharacter(text[size], size == 0)) ++size;
  std::string name(text.substr(0, size));
  text.remove_prefix(size);
  return name;
}

std::optional<double> NumberOf(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A quoted label value at the front of `text`.
std::optional<std::string> TakeValue(std::string_view& text) {
  if (!text.starts_with('"')) return std::nullopt;
  text.remove_prefix(1);
  std::string value;
  while (!text.empty() && text[0] != '"') {
    if (text[0] != '\\') {
      value += text[0];
      text.remove_prefix(1);
      continue;
    }
    if (text.size() < 2 || (text[1] != '\\' && text[1] != '"' && text[1] != 'n')) {
      return std::nullopt;
    }
    value += text[1] == 'n' ? '\n' : text[1];
    text.remove_prefix(2);
  }
  if (text.empty()) return std::nullopt;
  text.remove_prefix(1);
  return value;
}

const char* ParseSample(std::string_view line, Sample& out) {
  out.name = TakeName(line);
  if (out.name.empty()) return "no metric name";
  if (line.starts_with('{')) {
    do {
      line.remove_prefix(1);
      const auto name = TakeName(line);
      if (name.empty() || !line.starts_with('=')) return "no label name";
      line.remove_prefix(1);
      const auto value = TakeValue(line);
      if (!value) return "broken label value";
      for (const auto& [other, ignored] : out.labels) {
        if (other == name) return "a label twice";
      }
      out.labels.emplace_back(name, *value);
    } while (line.starts_with(','));
    if (!line.starts_with('}')) return "labels do not end";
    line.remove_prefix(1);
  }
  if (!line.starts_with(' ')) return "no value";
  const auto value = NumberOf(line.substr(1));
  if (!value) return "the value is no number";
  out.value = *value;
  return nullptr;
}

// A histogram's series while its samples go by.
struct HistogramSeries {
  double bound = -std::numeric_limits<double>::infinity();
  double count = 0;
  bool has_sum = false, has_count = false;
};

class Parser {
 public:
  const char* Line(std::string_view line) {
    if (line.starts_with("# HELP ")) return Help(line.substr(7));
    if (line.starts_with("# TYPE ")) return Type(line.substr(7));
    if (line.starts_with('#')) return "a comment of no known kind";
    Sample sample;
    if (const char* wrong = ParseSample(line, sample)) return wrong;
    const auto series = std::string(line.substr(0, line.rfind(' ')));
    if (!out_.samples.emplace(series, sample.value).second) return "a series twice";
    return type_ == "histogram" ? HistogramSample(sample) : PlainSample(sample);
  }

  const char* EndOfFamily() {
    for (const auto& [labels, series] : histograms_) {
      if (!std::isinf(series.bound)) return "a histogram without +Inf";
      if (!series.has_sum || !series.has_count) return "a histogram without _sum or _count";
    }
    histograms_.clear();
    return nullptr;
  }

  MetricsText Take() { return std::move(out_); }

 private:
  const char* Help(std::string_view rest) {
    if (const char* wrong = EndOfFamily()) return wrong;
    family_ = TakeName(rest);
    type_.clear();
    if (family_.empty() || !rest.starts_with(' ') || rest.size() < 2) return "HELP without text";
    if (!families_.insert(family_).second) return "a family in two places";
    return nullptr;
  }

  const char* Type(std::string_view rest) {
    if (TakeName(rest) != family_) return "TYPE does not follow its HELP";
    if (rest != " counter" && rest != " gauge" && rest != " histogram") return "unknown TYPE";
    type_ = rest.substr(1);
    out_.types[family_] = type_;
    return nullptr;
  }

  const char* PlainSample(const Sample& sample) const {
    if (sample.name != family_ || type_.empty()) return "a sample without HELP and TYPE above";
    if (type_ == "counter" && !(sample.value >= 0)) return "a negative counter";
    return nullptr;
  }

  const char* HistogramSample(const Sample& sample) {
    std::string labels;
    std::optional<double> bound;
    for (const auto& [name, value] : sample.labels) {
      if (name == "le") {
        bound = NumberOf(value);
        if (!bound) return "`le` is no number";
      } else {
        labels.append(name).append("=").append(value).append(",");
      }
    }
    auto& series = histograms_[labels];
    if (sample.name == family_ + "_bucket") {
      if (!bound || *bound <= series.bound) return "bounds do not ascend";
      if (sample.value < series.count) return "bucket counts fall";
      series.bound = *bound;
      series.count = sample.value;
    } else if (sample.name == family_ + "_sum") {
      series.has_sum = true;
    } else if (sample.name == family_ + "_count") {
      if (sample.value != series.count) return "_count is not the last bucket";
      series.has_count = true;
    } else {
      return "a sample without HELP and TYPE above";
    }
    return nullptr;
  }

  MetricsText out_;
  std::set<std::string> families_;
  std::string family_, type_;
  std::map<std::string, HistogramSeries> histograms_;  // Of the family, by other labels.
};

}  // namespace

double MetricsText::Value(const std::string& series) const {
  const auto found = samples.find(series);
  return found == samples.end() ? 0 : found->second;
}

Result<MetricsText> ParseMetricsText(std::string_view text) {
  const auto wrong = [](std::size_t line, const char* why) {
    return Error{ErrorCode::kInvalidArgument, "line " + std::to_string(line) + ": " + why};
  };
  Parser parser;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    if (end == text.npos) return wrong(number, "the last line does not end");
    if (const char* why = parser.Line(text.substr(0, end))) return wrong(number, why);
    text.remove_prefix(end + 1);
  }
  if (const char* why = parser.EndOfFamily()) return wrong(number, why);
  return parser.Take();
}

}  // namespace pemba::telemetry
