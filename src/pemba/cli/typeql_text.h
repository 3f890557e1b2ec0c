// Answers of TypeQL queries, as people read them.
#pragma once

#include <string>

#include <pemba/reason/v1/reason_service.pb.h>

namespace pemba::cli {

// `Kevin Morrison`, `permission 0x12`, `full-name`; inferred things end with ` *`.
std::string ConceptText(const ::pemba::reason::v1::Concept& shown);

// A table of the answers, then their proofs as trees. Ends with a line break; empty where there is
// nothing to answer. O(size).
std::string AnswersText(const ::pemba::reason::v1::QueryResponse& response);

// `3 answers`, `1 answer and more`; empty where there is nothing to answer.
std::string CountText(const ::pemba::reason::v1::QueryResponse& response);

}  // namespace pemba::cli
