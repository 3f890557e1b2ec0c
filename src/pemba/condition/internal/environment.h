// Environment: the names that an expression may use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/condition/internal/ast.h"
#include "pemba/condition/internal/library.h"
#include "pemba/condition/internal/type.h"

namespace pemba::condition::internal {

struct Variable {
  std::string name;  // May contain dots: `a.b` then names a variable before it names a field.
  const Type* type = nullptr;
};

struct Environment {
  const Library* library = nullptr;
  std::vector<Variable> variables;  // Values come in this order.

  std::optional<std::uint32_t> FindVariable(std::string_view name) const;
};

// The names of the comprehensions around a node, the innermost last.
class Scope {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  void Push(std::string_view name) { names_.push_back(name); }
  void Pop() { names_.pop_back(); }
  std::uint32_t size() const { return static_cast<std::uint32_t>(names_.size()); }
  // The place of the innermost name like this, counted from the outermost; kNone if there is none.
  std::uint32_t Find(std::string_view name) const;

 private:
  std::vector<std::string_view> names_;
};

// What an identifier or a chain of selections names.
struct Reference {
  enum class Target : std::uint8_t { kNothing, kLocal, kVariable, kType };
  Target target = Target::kNothing;
  std::uint32_t index = 0;  // Of a local in its scope, of a variable in its environment.
  const Type* type = nullptr;
  std::string name;
};

// Of several readings the longest name wins, except that names of comprehensions hide variables.
Reference Resolve(const Node& node, const Scope& scope, const Environment& environment);

}  // namespace pemba::condition::internal
