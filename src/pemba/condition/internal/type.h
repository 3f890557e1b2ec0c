// Static types of expressions, and what may be used where.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/arena.h"

namespace pemba::condition::internal {

enum class TypeKind : std::uint8_t {
  kDyn,  // Decided at run time.
  kNull,
  kBool,
  kInt,
  kUint,
  kDouble,
  kString,
  kBytes,
  kTimestamp,
  kDuration,
  kList,       // parameters: element.
  kMap,        // parameters: key, value.
  kType,       // parameters: the type that is the value.
  kWrapper,    // parameters: a simple type; null is a value beside those of that type.
  kOpaque,     // name and parameters: types known only by name, such as IPAddress.
  kParameter,  // name: the type parameter of an overload that has not been instantiated.
  kVariable,   // number: stands for a type that is still to be found.
};

// Immutable. Types are compared by structure (Same); they live in an arena or for ever.
struct Type {
  TypeKind kind = TypeKind::kDyn;
  std::string_view name;
  std::uint32_t number = 0;
  std::uint32_t weight = 1;  // Nodes of the type when it is written out.
  std::span<const Type* const> parameters;
};

// Heavier types become dyn: `x.map(a, {a: a})` doubles the type of x, so a short expression could
// else have a type that fits no memory.
inline constexpr std::uint32_t kTypeWeightMax = 2000;

// The types without parameters.
const Type* SimpleType(TypeKind kind);

// Makes types. The arena outlives them.
const Type* ListType(const Type* element, Arena& arena);
const Type* MapType(const Type* key, const Type* value, Arena& arena);
const Type* TypeType(const Type* type, Arena& arena);
const Type* WrapperType(const Type* wrapped, Arena& arena);
const Type* OpaqueType(std::string_view name, std::span<const Type* const> parameters,
                       Arena& arena);
const Type* TypeParameter(std::string_view name, Arena& arena);
// A type like `pattern` with these parameters.
const Type* WithParameters(const Type& pattern, std::span<const Type* const> parameters,
                           Arena& arena);

bool Same(const Type& a, const Type& b);

// As complaints print it: `list(int)`, `map(string, dyn)`, `timestamp`.
std::string ToText(const Type& type);
// As the run-time names it: `google.protobuf.Timestamp`, `null_type`; else like ToText.
std::string RuntimeName(const Type& type);

// What is known about type variables. Unification in the manner of Hindley and Milner, relaxed by
// `dyn`, which fits everything, and by null, which fits timestamps, durations and opaque types.
class Substitution {
 public:
  explicit Substitution(Arena& arena) : arena_(arena) {}

  const Type* NewVariable();

  // Whether a `from` may be used as a `to`; if so, learns what that says about their variables.
  // A failed attempt may leave traces: take a snapshot before trying.
  bool Assignable(const Type* from, const Type* to);

  // The type with its known variables replaced. Unknown ones stay, or become dyn.
  enum class Unknown : std::uint8_t { kStays, kBecomesDyn };
  const Type* Apply(const Type* type, Unknown unknown);

  // The type that elements of both types have in common: the more general one, or dyn.
  const Type* Join(const Type* a, const Type* b);

  // Undoes what was learned since the snapshot. Variables made since then stay made, and unknown.
  using Snapshot = std::size_t;
  Snapshot TakeSnapshot() const { return trail_.size(); }
  void Restore(Snapshot snapshot);

 private:
  struct Fit {
    bool fits;
    bool was_known;
  };
  Fit Learn(const Type* variable, const Type* type);
  bool ParametersAssignable(const Type* from, const Type* to);
  bool Occurs(std::uint32_t variable, const Type* type) const;
  void SetKnown(std::uint32_t variable, const Type* type);

  Arena& arena_;
  std::vector<const Type*> known_;  // By number of the variable; null while unknown.
  struct Change {
    std::uint32_t variable;
    const Type* before;
  };
  std::vector<Change> trail_;  // All changes of `known_`, the latest last.
};

}  // namespace pemba::condition::internal
