#include "pemba/bench/plot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>

#include <fmt/format.h>

namespace pemba::bench {
namespace {

constexpr double kWidth = 960, kHeight = 540;
constexpr double kLeft = 90, kRight = 270, kTop = 50, kBottom = 60;
constexpr std::size_t kLegendMax = 22;

// Distinguishable also for the colour-blind (Okabe and Ito, "Color universal design", 2008).
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#e69f00", "#56b4e9", "#000000"};

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// 0.5, 20, 10k, 1m
std::string NumberText(double value) {
  if (value >= 1e6) return fmt::format("{:g}m", value / 1e6);
  if (value >= 1e3) return fmt::format("{:g}k", value / 1e3);
  return fmt::format("{:g}", value);
}

// A logarithmic axis over whole decades.
class Axis {
 public:
  Axis(double from, double to) : from_(from), to_(to) {}
  void Include(double value) {
    low_ = std::min(low_, std::log10(value));
    high_ = std::max(high_, std::log10(value));
  }
  void Round() {
    if (low_ > high_) low_ = high_ = 0;
    low_ = std::floor(low_);
    high_ = std::max(std::ceil(high_), low_ + 1);
  }
  double At(double value) const {
    return from_ + (std::log10(value) - low_) / (high_ - low_) * (to_ - from_);
  }
  std::vector<double> decades() const {
    std::vector<double> all;
    for (double e = low_; e <= high_ + 0.5; ++e) all.push_back(std::pow(10, e));
    return all;
  }

 private:
  double from_, to_;
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
};

bool Drawable(const Point& point) {
  return point.x > 0 && point.y > 0 && std::isfinite(point.x) && std::isfinite(point.y);
}

std::string Line(double x1, double y1, double x2, double y2) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#ddd\"/>\n", x1, y1,
      x2, y2);
}

std::string Label(double x, double y, std::string_view anchor, std::string_view text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     Escaped(text));
}

std::string Grid(const Axis& x, const Axis& y) {
  std::string svg;
  for (const double value : x.decades()) {
    svg += Line(x.At(value), kTop, x.At(value), kHeight - kBottom);
    svg += Label(x.At(value), kHeight - kBottom + 18, "middle", NumberText(value));
  }
  for (const double value : y.decades()) {
    svg += Line(kLeft, y.At(value), kWidth - kRight, y.At(value));
    svg += Label(kLeft - 8, y.At(value) + 4, "end", NumberText(value));
  }
  return svg;
}

std::string Draw(const Series& series, const char* colour, const Axis& x, const Axis& y) {
  std::string path, dots;
  for (const auto& point : series.points) {
    if (!Drawable(point)) continue;
    const auto at_x = x.At(point.x), at_y = y.At(point.y);
    path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", at_x, at_y);
    dots += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"><title>{}: {}, "
        "{}</title></circle>\n",
        at_x, at_y, colour, Escaped(series.name), NumberText(point.x), NumberText(point.y));
  }
  return fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>\n",
                     path, colour) +
         dots;
}

// Rows as lines: `key` names the line, `point` gives what is drawn.
template <class Key, class PointOf>
std::vector<Series> Lines(std::span<const Report> reports, Key key, PointOf point) {
  std::map<std::string, std::map<double, double>> lines;  // A later run replaces an earlier one.
  for (const auto& report : reports) {
    for (const auto& row : report.rows) {
      const std::optional<Point> at = point(row);
      if (at) lines[key(row)][at->x] = at->y;
    }
  }
  std::vector<Series> all;
  for (const auto& [name, points] : lines) {
    Series series{name, {}};
    for (const auto& [x, y] : points) series.points.push_back({x, y});
    all.push_back(std::move(series));
  }
  return all;
}

}  // namespace

std::string ToSvg(const Chart& chart) {
  Axis x(kLeft, kWidth - kRight), y(kHeight - kBottom, kTop);
  for (const auto& series : chart.series) {
    for (const auto& point : series.points) {
      if (!Drawable(point)) continue;
      x.Include(point.x);
      y.Include(point.y);
    }
  }
  x.Round();
  y.Round();
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" "
      "fill=\"white\"/>\n",
      kWidth, kHeight);
  svg += Grid(x, y);
  svg += fmt::format("<text x=\"{}\" y=\"28\" font-size=\"16\">{}</text>\n", kLeft,
                     Escaped(chart.title));
  svg += Label((kLeft + kWidth - kRight) / 2, kHeight - 16, "middle", chart.x_title);
  svg += fmt::format(
      "<text transform=\"translate(24 {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
      (kTop + kHeight - kBottom) / 2, Escaped(chart.y_title));
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const auto* colour = kColours[i % std::size(kColours)];
    svg += Draw(chart.series[i], colour, x, y);
    if (i >= kLegendMax) continue;
    const double at = kTop + 10 + 18 * static_cast<double>(i);
    svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"10\" height=\"10\" fill=\"{}\"/>\n",
                       kWidth - kRight + 14, at - 9, colour);
    svg += Label(kWidth - kRight + 30, at, "start", chart.series[i].name);
  }
  if (chart.series.size() > kLegendMax) {
    svg += Label(kWidth - kRight + 30, kTop + 10 + 18 * static_cast<double>(kLegendMax), "start",
                 fmt::format("and {} more", chart.series.size() - kLegendMax));
  }
  return svg + "</svg>\n";
}

Chart LatencyBySize(std::span<const Report> reports) {
  return {.title = "Time of a call in process",
          .x_title = "tuples",
          .y_title = "microseconds, median",
          .series = Lines(
              reports, [](const Row& row) { return row.scenario + " " + row.name; },
              [](const Row& row) -> std::optional<Point> {
                if (row.driver != "engine" || row.threads != 1 || !row.p50_us) return std::nullopt;
                return Point{static_cast<double>(row.tuples), *row.p50_us};
              })};
}

Chart ThroughputByConcurrency(std::span<const Report> reports) {
  return {
      .title = "Calls a second, closed loop",
      .x_title = "calls at once",
      .y_title = "calls a second",
      .series = Lines(
          reports, [](const Row& row) { return row.driver + " " + row.scenario + " " + row.name; },
          [](const Row& row) -> std::optional<Point> {
            if (row.connections == 0 || row.streams == 0 || !row.throughput) return std::nullopt;
            return Point{static_cast<double>(row.connections) * row.streams, *row.throughput};
          })};
}

}  // namespace pemba::bench
