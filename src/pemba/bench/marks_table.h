// MarksTable: the marks over sizes, from the reports of many runs, as a page.
#pragma once

#include <span>
#include <string>

#include "pemba/bench/report.h"

namespace pemba::bench {

// Markdown: a line for each mark, a column for each size (10k, 1m, ...) that the reports of the
// newest one's commit are about; rows of all of them that are of one size are judged together.
// Misses are in bold. Empty without a report.
std::string MarksTable(std::span<const Report> reports);

}  // namespace pemba::bench
