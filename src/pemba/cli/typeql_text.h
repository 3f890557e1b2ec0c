// Answers of TypeQL queries, as people read them.
#pragma once

#include <cstddef>
#include <string>

#include <pemba/reason/v1/reason_service.pb.h>

namespace pemba::cli {

// `Kevin Morrison`, `permission 0x12`, `full-name`; inferred things end with ` *`.
std::string ConceptText(const ::pemba::reason::v1::Concept& shown);

// A table of the answers, then their proofs as trees. Ends with a line break; empty where there is
// nothing to answer. A table that is wider than `columns` (0: any width) becomes records of a line
// for each cell. O(size).
std::string AnswersText(const ::pemba::reason::v1::QueryResponse& response,
                        std::size_t columns = 0);

// Where an error of the form `name at LINE:COLUMN: ...` is in `text`: a line break, that
// line and below it a caret. Empty if the error does not say.
std::string PlaceOf(const std::string& error, const std::string& text);

// `3 answers`, `1 answer and more`; empty where there is nothing to answer.
std::string CountText(const ::pemba::reason::v1::QueryResponse& response);

}  // namespace pemba::cli
