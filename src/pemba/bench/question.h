// Question: what a benchmark asks, together with the right answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/engine/checker.h"

namespace pemba::bench {

using engine::Decision;

// What a list must hold: how many ids, and the sum of their hashes, which does not depend on their
// order. Two different lists of ids pass for the same with probability 2^-64.
struct ListDigest {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  void Add(std::string_view id) {
    ++count;
    sum += HashBytes(id);
  }
  friend bool operator==(const ListDigest&, const ListDigest&) = default;
};

enum class Ask : std::uint8_t {
  kCheck,
  kBatchCheck,   // `batch`, all of them checks.
  kListObjects,  // `object` is a type; `listed` the answer.
  kListUsers,    // `subject` is a type; `listed` the answer.
};

struct Question {
  Ask ask = Ask::kCheck;
  std::string object = {}, relation = {}, subject = {};
  std::string context = {};  // Of the request, as JSON; empty: none.
  Decision answer = Decision::kDenied;
  ListDigest listed = {};
  std::vector<Question> batch = {};
};

// For messages: "check document:1#viewer@user:anne".
std::string ToText(const Question& question);

}  // namespace pemba::bench
