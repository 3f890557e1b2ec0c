// Service: OpenID AuthZEN 1.0 as a reading of the relationship service. A subject is the user
// `type:id`, an action a relation, a resource an object; an evaluation is a Check, a search a list.
//
// A request has passed the field rules (field_rules_table.h). Which model answers is said by
// RequestContext::wanted_model_id; empty: the latest.
#pragma once

#include <string>

#include <authzen/v1/authzen_service.pb.h>

#include "pemba/api/openfga/service.h"
#include "pemba/base/result.h"

namespace pemba::api::authzen {

namespace wire = ::authzen::v1;
using openfga::RequestContext;

struct ServiceOptions {
  enum class Offered : std::uint8_t { kNo, kYes } offered = Offered::kNo;
  // Where callers reach this server, without trailing slash; empty: not known.
  std::string base_url = {};
};

// Thread-safe. Errors of every call: kUnimplemented unless offered; then those of the calls that it
// is made of, and kInvalidArgument for what only AuthZEN asks.
class Service {
 public:
  // Borrows the relationship service.
  Service(openfga::Service& relationships, ServiceOptions options)
      : relationships_(relationships), options_(std::move(options)) {}

  Status Evaluation(RequestContext&, const wire::EvaluationRequest&, wire::EvaluationResponse&);
  // An item that cannot be decided is `decision: false` with an error in its context. The two
  // semantics that stop early answer as many items as they looked at.
  Status Evaluations(RequestContext&, const wire::EvaluationsRequest&, wire::EvaluationsResponse&);
  // A wildcard is the id `*`; pages are accepted and ignored.
  Status SubjectSearch(RequestContext&, const wire::SubjectSearchRequest&,
                       wire::SubjectSearchResponse&);
  Status ResourceSearch(RequestContext&, const wire::ResourceSearchRequest&,
                        wire::ResourceSearchResponse&);
  // Sorted. Actions that could not be decided are not in the response but in
  // RequestContext::undecided.
  Status ActionSearch(RequestContext&, const wire::ActionSearchRequest&,
                      wire::ActionSearchResponse&);
  // Of any store id. Errors: kFailedPrecondition without a base URL.
  Status GetConfiguration(RequestContext&, const wire::GetConfigurationRequest&,
                          wire::GetConfigurationResponse&);
  // The same of the paths that name no store.
  Status GetDefaultConfiguration(RequestContext&, const wire::GetConfigurationRequest&,
                                 wire::GetConfigurationResponse&);

 private:
  Status CheckOffered() const;
  Status SetConfiguration(const std::string& path, wire::GetConfigurationResponse& response) const;

  openfga::Service& relationships_;
  const ServiceOptions options_;
};

}  // namespace pemba::api::authzen
