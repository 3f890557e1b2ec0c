// Batch: several objects applied in one transaction.
//
//   POST /pemba/v1/apply?fieldManager=NAME&force=true&dryRun=All
//   {"items": [OBJECT, ...]}
//
// Each item is what server-side apply takes (a document with apiVersion, kind and metadata.name).
// All are applied, in this order, or none is. The answer has `resourceVersion`, and for each item
// its object and whether it was `created`, `configured` or is `unchanged`. What is refused is a
// Status whose `details.item` is the number of the item, from 0.
#pragma once

#include <cstddef>

#include "pemba/api/authn/authenticator.h"
#include "pemba/api/k8s/service.h"
#include "pemba/resource/resource_store.h"
#include "pemba/rpc/router.h"

namespace pemba::api::k8s {

inline constexpr std::size_t kBatchItemsMax = 1'000;

// Borrows resources, authenticator and the authorizer of the options.
void AddBatchRoute(resource::ResourceStore& resources, const authn::Authenticator& authenticator,
                   const ServiceOptions& options, rpc::Router& router);

}  // namespace pemba::api::k8s
