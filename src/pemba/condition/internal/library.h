// Library: the functions of the language, their overloads and what they cost.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/arena.h"
#include "pemba/condition/internal/type.h"

namespace pemba::condition::internal {

// What a call does at run time. One function for all overloads of a name: which of them is meant
// is seen from the kinds of the arguments.
enum class Function : std::uint8_t {
  kNone,  // Declared without a definition.
  kAnd,
  kOr,
  kConditional,
  kNotStrictlyFalse,
  kNot,
  kNegate,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kIndex,
  kSize,
  kContains,
  kStartsWith,
  kEndsWith,
  kMatches,
  kType,
  kToBool,
  kToBytes,
  kToDouble,
  kToDuration,
  kToDyn,
  kToInt,
  kToString,
  kToTimestamp,
  kToUint,
  kGetFullYear,
  kGetMonth,
  kGetDate,
  kGetDayOfMonth,
  kGetDayOfWeek,
  kGetDayOfYear,
  kGetHours,
  kGetMinutes,
  kGetSeconds,
  kGetMilliseconds,
  kIpAddress,
  kInCidr,
};

// The cost of a call besides that of its arguments. Text is counted at a tenth of its size.
enum class CostRule : std::uint8_t {
  kOne,
  kNothing,
  kFirstText,   // ceil(size of the first / 10)
  kSecondList,  // size of the second
  kSmaller,     // ceil(smaller size / 10)
  kSum,         // ceil(sum of sizes / 10)
  kContains,    // ceil(first / 10) * ceil(second / 10)
  kMatches,     // ceil((first + 1) / 10) * ceil(second / 4)
};

struct Overload {
  Function function = Function::kNone;
  CostRule cost = CostRule::kOne;
  bool is_member = false;
  std::vector<const Type*> parameters;  // Of a member the receiver first.
  const Type* result = nullptr;
};

// Functions by name. Immutable once built; then thread-safe.
class Library {
 public:
  // The standard functions and those on IP addresses.
  static const Library& Standard();

  // An empty library with `base` below it.
  explicit Library(const Library* base) : base_(base) {}

  // `signature`: parameter types, `->`, result type; a leading dot makes it a member function.
  // Single capital letters are type parameters: `.list(A) int -> A`.
  void Declare(std::string_view name, Function function, std::string_view signature,
               CostRule cost = CostRule::kOne);
  void Declare(std::string_view name, Overload overload);

  // Null if there is no function of this name.
  const std::vector<Overload>* Find(std::string_view name) const;
  // What the name means where the checker has not decided. kNone if nothing.
  Function FindFunction(std::string_view name) const;

  Arena& arena() { return arena_; }

 private:
  const Library* base_;
  Arena arena_;  // Of the types.
  std::map<std::string, std::vector<Overload>, std::less<>> functions_;
};

// True for conversions, which are carried out at compile time if their argument is constant.
bool IsConversion(Function function);

const Type* IpAddressType();

// The type that `name` denotes when it is used as a value; null if it denotes none.
const Type* NamedType(std::string_view name);

}  // namespace pemba::condition::internal
