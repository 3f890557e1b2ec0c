// What enforcement points send: any bytes are read without harm, a review that is read is answered
// with JSON, and no path that could mean another one is mapped.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <boost/json/parse.hpp>

#include "pemba/api/access/http_mapping.h"
#include "pemba/api/access/subject_access_review.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pemba::api::access;  // NOLINT(google-build-using-namespace): this file is one.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = ParseSubjectAccessReview(text);
  if (read.review.has_value() == !read.problem.empty()) std::abort();
  if (!read.review) boost::json::parse(AnswerUnread(read, OnError::kDeny));

  const auto mapped = HttpMapping().Map("GET", text, "");
  if (mapped.kind == MappedRequest::Kind::kReview) {
    if (mapped.review.name.find('/') != std::string::npos || mapped.review.name == "..") {
      std::abort();
    }
    if (mapped.review.resource.empty()) std::abort();
  }
  (void)HttpMapping::FromYaml(text);
  return 0;
}
