// QuestionKinds: kinds of questions that were found to be valid, so that the next one of a kind
// need not be taken apart.
//
// A *kind* is what a question has around its two ids: `document:`, `viewer`, `user:`. As long as
// the ids are plain (printable ASCII without `:`, `#` and `*`), it is the kind alone that decides
// whether a question follows the field rules, and whether a model has its types and its relation.
// Models never change, so what was true of one stays true.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pemba/tuple/tuple.h"

namespace pemba::api::openfga::internal {

// A short text in place.
template <std::size_t kBytesMax>
class ShortText {
 public:
  static constexpr bool Fits(std::string_view text) { return text.size() <= kBytesMax; }
  void Set(std::string_view text) {
    size_ = static_cast<std::uint8_t>(std::copy(text.begin(), text.end(), bytes_) - bytes_);
  }
  std::string_view view() const { return {bytes_, size_}; }

 private:
  static_assert(kBytesMax < 256);
  std::uint8_t size_;
  char bytes_[kBytesMax];
};

// INVARIANT: a question that a kind covers passes the field rules of a Check, and ValidateQuery
// with `model`.
struct QuestionKind {
  ShortText<64> object_prefix, relation, subject_prefix;  // Prefixes end in a colon.
  ShortText<26> model;
};

// Of one thread. Zero bytes are an empty one; no heap.
class QuestionKinds {
 public:
  static QuestionKinds& OfThisThread();

  // The kind that covers the question; null if none is known to. Valid until Remember.
  const QuestionKind* Find(const tuple::TupleView& question);
  // The question has passed the field rules and ValidateQuery with this model. Questions that are
  // not plain have no kind.
  void Remember(const tuple::TupleView& question, std::string_view model);

 private:
  std::array<QuestionKind, 8> kinds_;
  std::size_t count_, last_;  // last_: found or remembered.
};

}  // namespace pemba::api::openfga::internal
