// Whether a model can be stored and queried: the server's own rules.
//
// The language's validator (language_validation.h) is another one: it serves authors, reports all
// findings with positions, and differs in detail (cycles, unused conditions, names).
#pragma once

#include <memory>

#include "pemba/base/hash.h"
#include "pemba/base/result.h"
#include "pemba/condition/program.h"
#include "pemba/model/model.h"

namespace pemba::model {

// The conditions of a model, ready to run, by name.
using CompiledConditions = StringMap<std::shared_ptr<const condition::Program>>;

// Everything but the conditions' expressions: schema version, types, names, rewrites, type
// restrictions, entry points, cycles, condition keys. Stops at the first finding; types and
// relations are looked at by name.
//
// Errors (kInvalidModel): the wire's texts. O(size of model), whatever the model looks like.
Status ValidateModelStructure(const Model& model);

// Compiles all conditions, by name. Errors (kInvalidModel): "failed to compile expression on
// condition 'C' - CAUSE".
Result<CompiledConditions> CompileConditions(const Model& model);

// Both. What passes can be stored, planned and queried.
Status ValidateModel(const Model& model);
Result<CompiledConditions> ValidateAndCompile(const Model& model);

}  // namespace pemba::model
