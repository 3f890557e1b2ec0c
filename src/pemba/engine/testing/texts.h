// Small worlds as texts: models in the language, tuples in a line each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pemba/model/model.h"
#include "pemba/tuple/tuple.h"

namespace pemba::engine::testing {

// The types (and conditions) of a model without its header. What a server would refuse ends the
// program.
model::Model ModelOf(std::string_view types);
// As ModelOf, but not validated.
model::Model UncheckedModelOf(std::string_view types);

// "document:1#viewer@user:anne", with " ? condition {context}" behind it if it has one. Anything
// else ends the program.
tuple::Tuple Parsed(std::string_view text);
std::vector<tuple::Tuple> Parsed(const std::vector<std::string>& texts);

}  // namespace pemba::engine::testing
