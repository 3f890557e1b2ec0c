// Checker: static types of an expression and the overloads of its calls.
#pragma once

#include "pemba/base/arena.h"
#include "pemba/condition/internal/ast.h"
#include "pemba/condition/internal/environment.h"
#include "pemba/condition/internal/source.h"
#include "pemba/condition/internal/type.h"

namespace pemba::condition::internal {

// Checks the tree and notes in its calls which overload is meant. Returns the type of the whole,
// free of type variables (what is undecided is dyn); null if there are complaints.
//
// Numbers of different types neither compare nor mix unless one side is dyn.
const Type* Check(Node& root, const Environment& environment, Issues& issues, Arena& arena);

}  // namespace pemba::condition::internal
