// What settings may not be in combination, also those that have no effect here: a contradiction is
// a mistake of the operator, and the server that Pemba replaces refuses to start with it.
#pragma once

#include "pemba/base/result.h"
#include "pemba/server/settings.h"

namespace pemba::server {

// Every given value is one of its kind. Errors (kInvalidArgument): the first finding, named by keys
// of the configuration file.
Status CheckTogether(const SettingSources& sources);

// A PEMBA_ variable that nobody reads is a typing error; foreign ones are not our business.
// `names`: of all variables; `known`: PEMBA_ variables that are no settings.
// Errors (kInvalidArgument): the first unknown one.
Status CheckVariables(const std::vector<std::string>& names, const std::vector<std::string>& known);

}  // namespace pemba::server
