// SubjectAccessReview (authorization.k8s.io/v1) as bytes in and out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pemba/iam/decider.h"

namespace pemba::api::access {

// What an unreadable question is answered with, beside the text.
enum class OnError : std::uint8_t {
  kNoOpinion,  // The API server asks its next authorizer.
  kDeny,
};

struct ReadReview {
  std::optional<iam::AccessReview> review;  // Nothing: `problem` says why.
  std::string problem;
  // The question has an answer already: it is about a resource and about a path.
  bool denied = false;
};
// Unknown fields are ignored. Cost: O(bytes).
ReadReview ParseSubjectAccessReview(std::string_view body);

// The answer, whole. `binding` is one that grants what was asked for; may be empty.
std::string AnswerSubjectAccessReview(const iam::AccessDecision& decision, std::string_view binding,
                                      OnError on_error);
std::string AnswerUnread(const ReadReview& read, OnError on_error);

// "reason=granted item=instance on=... binding=..." for programs; no spaces within values.
std::string ReasonText(const iam::AccessDecision& decision, std::string_view binding);

}  // namespace pemba::api::access
