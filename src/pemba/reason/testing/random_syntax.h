// Random syntax trees, for what must hold for all of them.
#pragma once

#include <random>

#include "pemba/reason/syntax.h"

namespace pemba::reason::testing {

// A query that the parser accepts, scopes included, of every kind and with every construct.
syntax::Query RandomQuery(std::mt19937_64& random);

}  // namespace pemba::reason::testing
