// Managed types beside foreign ones in one authorization model.
//
// A type whose name has a slash is managed: `resourcemanager.miloapis.com/Project`. All others are
// foreign: somebody wrote them by hand, and they stay as they are. A managed type that is no longer
// wanted goes, whoever wrote it.
//
// Pure but for PublishModel. O(size of the models).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/model/model.h"
#include "pemba/provider/provider.h"
#include "pemba/tuple/tuple.h"

namespace pemba::provider {

bool IsManagedType(std::string_view type);
bool IsManagedTuple(const tuple::TupleView& tuple);  // By the type of its object.

// The managed types of a model and nothing else.
model::Model ManagedPart(const model::Model& model);

// The foreign types of `current`, in their order, then those of `managed`. Schema 1.2; conditions
// are those of `current`, and those that only `managed` has.
model::Model MergeModels(const model::Model& current, const model::Model& managed);

// What both allow, so that tuples of either are valid. A relation that both have is as in `after`,
// with the type restrictions of both where it is directly assignable in both.
model::Model UnionOfModels(const model::Model& before, const model::Model& after);

// Whether they mean the same: without regard to ids, to the order of types and of type
// restrictions, and to metadata that says nothing.
bool SameModels(const model::Model& a, const model::Model& b);

// Whether such a tuple can be written: object type, relation and the subject's kind are there.
bool AcceptsTuple(const model::Model& model, const tuple::TupleView& tuple);

struct PublishedModel {
  model::Model model;  // The newest one, with its id.
  enum class Was : std::uint8_t { kThere, kWritten } was = Was::kThere;
};

// Makes sure that the newest model of the provider has exactly these managed types, and keeps the
// foreign ones, also those that somebody else writes meanwhile. Nothing is written if the newest
// model means the same already. Errors: those of the provider; kConflict after `tries` collisions.
Result<PublishedModel> PublishModel(Provider& provider, const model::Model& managed,
                                    std::size_t tries = 8);

}  // namespace pemba::provider
