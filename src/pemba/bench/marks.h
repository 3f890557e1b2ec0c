// Marks: what Pemba's figures have to reach, judged from the rows of a report.
#pragma once

#include <span>
#include <vector>

#include "pemba/bench/report.h"

namespace pemba::bench {

// One verdict for each mark, in a fixed order. A mark is judged by all rows that it is about, the
// worst decides; without such a row it is kNotMeasured.
std::vector<Mark> JudgeMarks(std::span<const Row> rows);

}  // namespace pemba::bench
