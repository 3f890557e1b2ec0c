// What makes a tuple, a subject or a context acceptable under a model, with the wire's texts.
//
// Three levels: shape and existence (questions), fit to the model (what queries see of the stored
// tuples), and both (what may be written or travel with a request).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/base/result.h"
#include "pemba/model/plan.h"
#include "pemba/tuple/tuple.h"

namespace pemba::model {

// Level 1, for questions: shape, then existence, of subject, object and relation in this order.
// The subject may be one that no restriction allows; the answer is then "no".
// Errors (kValidation): the cause alone, e.g. "the 'user' field is malformed".
Status ValidateQuery(const Plan& plan, const tuple::TupleView& tuple);

// The subject's part of level 1, and whether its type and relation exist.
Status ValidateSubject(const Plan& plan, std::string_view subject);

// Object and relation alone, for questions about everyone who has that relation.
Status ValidateObjectRelation(const Plan& plan, std::string_view object, std::string_view relation);

// Level 2: the tuple falls into an entry of the plan and its condition context is acceptable.
// `tuple` has passed level 1. Errors (kValidation): the cause alone.
Status ValidateFit(const Plan& plan, const tuple::Tuple& tuple);

// Level 3, for tuples to be written. Also refuses the implicit tuple o#r@o#r and contexts of more
// than kContextBytesMax. Errors (kValidation), wrapped as the wire does:
// "Invalid tuple 'O#R@U'. Reason: CAUSE", for conditions "Invalid tuple 'O#R@U (condition C)'.
// ...".
Status ValidateWrite(const Plan& plan, const tuple::Tuple& tuple);
inline constexpr std::size_t kContextBytesMax = 32'768;

// ValidateWrite of the tuples of one write, which are of few kinds: what the model says about a
// kind is found once. Borrows the plan and the tuples that it has seen. For one thread.
class WriteValidator {
 public:
  explicit WriteValidator(const Plan& plan) : plan_(plan) {}
  Status Validate(const tuple::TupleView& tuple);  // Without a condition.
  Status Validate(const tuple::Tuple& tuple) {
    return tuple.condition ? ValidateWrite(plan_, tuple) : Validate(tuple.view());
  }

 private:
  // Tuples without a condition that differ from one that was accepted in their ids alone.
  struct Kind {
    std::string_view object_prefix;  // `type:`
    std::string_view relation;
    std::string_view subject_prefix;  // `type:`, and of a wildcard all of it
    std::string_view subject_suffix;  // `#relation` of a userset
    bool wildcard = false;

    bool Covers(const tuple::TupleView& tuple) const;
  };
  void Remember(const tuple::TupleView& tuple);

  const Plan& plan_;
  std::array<Kind, 8> kinds_;  // Unused ones have no prefix.
  std::size_t last_ = 0;       // The one that was right, or new, last.
};

// Level 3, for contextual tuples of queries. Errors: as ValidateWrite, code kInvalidTuple; for
// conditions the code that the caller's request type uses (Check: kInvalidTuple, lists:
// kValidation).
Status ValidateContextual(const Plan& plan, const tuple::Tuple& tuple,
                          ErrorCode condition_error = ErrorCode::kInvalidTuple);

// Tuples to be deleted need no model: only the subject's shape counts.
// Errors (kValidation): "Invalid tuple 'O#R@U'. Reason: the 'user' field is malformed".
Status ValidateDelete(const tuple::TupleView& tuple);

// The context of a request. Errors (kValidation): "invalid context: ...", for control characters.
Status ValidateRequestContext(const boost::json::object& context);

}  // namespace pemba::model
