#include "pemba/reason/syntax.h"

#include <algorithm>

namespace pemba::reason::syntax {

std::string ToText(const Label& label) {
  return label.scope.empty() ? label.name : label.scope + ":" + label.name;
}

bool operator==(const Operation& a, const Operation& b) {
  return a.op == b.op && *a.left == *b.left && *a.right == *b.right;
}

bool operator==(const Call& a, const Call& b) {
  return a.function == b.function &&
         std::equal(a.arguments.begin(), a.arguments.end(), b.arguments.begin(), b.arguments.end(),
                    [](const ExpressionPtr& x, const ExpressionPtr& y) { return *x == *y; });
}

}  // namespace pemba::reason::syntax
