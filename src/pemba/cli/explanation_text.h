// An explanation, as people read it.
#pragma once

#include <string>

#include <boost/json/value.hpp>

namespace pemba::cli {

// `answer`: of POST /stores/{store_id}/explain. Several lines, each with its line break. What is
// deeper than 100 levels is left to the JSON form. O(size).
std::string ExplanationText(const boost::json::value& answer);

}  // namespace pemba::cli
