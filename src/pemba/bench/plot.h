// Plot: reports as pictures (SVG), by a small writer of our own.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/bench/report.h"

namespace pemba::bench {

struct Point {
  double x = 0, y = 0;
};
struct Series {
  std::string name = {};
  std::vector<Point> points = {};  // By x.
};
struct Chart {
  std::string title = {}, x_title = {}, y_title = {};
  std::vector<Series> series = {};
};

// A line for each series, both axes logarithmic, a legend, and each point's figures as its tooltip.
// Points that are not positive are left out. The text is a whole SVG document.
std::string ToSvg(const Chart& chart);

// Time of a check in process against the number of tuples, a line for each scenario's case.
Chart LatencyBySize(std::span<const Report> reports);
// Calls a second against calls at once, closed loop, a line for each driver and scenario's case.
Chart ThroughputByConcurrency(std::span<const Report> reports);

}  // namespace pemba::bench
