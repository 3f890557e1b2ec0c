// CSV as RFC 4180 describes it: quotes, doubled quotes, line breaks inside quotes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"

namespace pemba::cli {

struct CsvRecord {
  std::size_t line = 0;  // On which it begins, from 1.
  std::vector<std::string> fields;
};

// Records in order; empty lines are skipped, a byte order mark is dropped, LF and CRLF both end a
// record. Every record has as many fields as the first. O(n).
// Errors (kInvalidArgument), with the line: a quote in an unquoted field, text after a closing
// quote, an unclosed quote, another number of fields.
Result<std::vector<CsvRecord>> ParseCsv(std::string_view text);

// One record with its line break; fields are quoted where they must be.
std::string CsvLine(const std::vector<std::string>& fields);

}  // namespace pemba::cli
