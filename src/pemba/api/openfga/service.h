// Service: the relationship service, one typed implementation per RPC for every transport.
//
// A request has passed the field rules (field_rules_table.h) before it comes here; what is checked
// here needs the store, the model or the configuration, in the order that the wire contract fixes.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include <openfga/v1/openfga_service.pb.h>
#include <pemba/v1/pemba_service.pb.h>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/engine/checker.h"
#include "pemba/engine/explainer.h"
#include "pemba/store/stores.h"

namespace pemba::api::openfga {

namespace wire = ::openfga::v1;

struct ServiceOptions {
  std::size_t types_per_model_max = 100;
  std::size_t model_bytes_max = 262'144;  // Of the serialized wire message, id included.
  std::size_t checks_per_batch_max = 50;
  std::size_t read_changes_page_max = 100;
  engine::CheckLimits check_limits;
};

// What one call knows beside its message, and what its answer says beside its message.
struct RequestContext {
  std::optional<SteadyTime> deadline;
  std::optional<store::Revision> at_least;  // The caller wants to see this revision.
  // Whether the thread may wait for a revision to come. I/O threads may not.
  enum class Waiting : std::uint8_t { kNever, kUntilDeadline } waiting = Waiting::kNever;

  // Set by the service; they hold for errors too.
  std::string model_id;                     // Resolved authorization model.
  std::optional<store::Revision> revision;  // That the answer is from, or that the write made.
};

// Thread-safe. Every call reads one revision of one store. Responses must be empty when passed.
//
// Errors of every call: kUnavailable, kDataLoss, kInternal, and of those that resolve a model:
// kModelNotFound, kLatestModelNotFound, kValidation.
class Service {
 public:
  // Borrows the stores and the clock.
  Service(store::Stores& stores, const Clock& clock, ServiceOptions options = {})
      : stores_(stores),
        options_(options),
        checker_(options.check_limits, clock),
        explainer_({.check = options.check_limits}, clock) {}

  // Stores.
  Status CreateStore(RequestContext&, const wire::CreateStoreRequest&, wire::CreateStoreResponse&);
  Status ListStores(RequestContext&, const wire::ListStoresRequest&, wire::ListStoresResponse&);
  Status GetStore(RequestContext&, const wire::GetStoreRequest&, wire::GetStoreResponse&);
  Status UpdateStore(RequestContext&, const wire::UpdateStoreRequest&, wire::UpdateStoreResponse&);
  Status DeleteStore(RequestContext&, const wire::DeleteStoreRequest&, wire::DeleteStoreResponse&);

  // Models.
  Status WriteAuthorizationModel(RequestContext&, const wire::WriteAuthorizationModelRequest&,
                                 wire::WriteAuthorizationModelResponse&);
  Status ReadAuthorizationModel(RequestContext&, const wire::ReadAuthorizationModelRequest&,
                                wire::ReadAuthorizationModelResponse&);
  Status ReadAuthorizationModels(RequestContext&, const wire::ReadAuthorizationModelsRequest&,
                                 wire::ReadAuthorizationModelsResponse&);

  // Tuples.
  Status Write(RequestContext&, const wire::WriteRequest&, wire::WriteResponse&);
  Status Read(RequestContext&, const wire::ReadRequest&, wire::ReadResponse&);
  Status ReadChanges(RequestContext&, const wire::ReadChangesRequest&, wire::ReadChangesResponse&);

  // Questions. Check and BatchCheck never block.
  Status Check(RequestContext&, const wire::CheckRequest&, wire::CheckResponse&);
  // Failures of single checks go into their results.
  Status BatchCheck(RequestContext&, const wire::BatchCheckRequest&, wire::BatchCheckResponse&);
  // Not offered yet: kUnimplemented.
  Status Expand(RequestContext&, const wire::ExpandRequest&, wire::ExpandResponse&);
  Status ListObjects(RequestContext&, const wire::ListObjectsRequest&, wire::ListObjectsResponse&);
  Status StreamedListObjects(RequestContext&, const wire::StreamedListObjectsRequest&,
                             wire::StreamedListObjectsResponse&);
  Status ListUsers(RequestContext&, const wire::ListUsersRequest&, wire::ListUsersResponse&);

  // pemba.v1: Check, and why it comes out so. Never blocks, but takes its time: not for I/O
  // threads.
  Status Explain(RequestContext&, const ::pemba::v1::ExplainRequest&,
                 ::pemba::v1::ExplainResponse&);

  // Assertions.
  Status WriteAssertions(RequestContext&, const wire::WriteAssertionsRequest&,
                         wire::WriteAssertionsResponse&);
  Status ReadAssertions(RequestContext&, const wire::ReadAssertionsRequest&,
                        wire::ReadAssertionsResponse&);

 private:
  Result<store::StoreHandle> Open(const std::string& store_id);
  // Pins what the caller may see and notes its revision.
  Result<store::View> Pin(RequestContext& context, const store::StoreHandle& store) const;
  // Waits as Pin does, for calls that read without a view.
  Status Await(RequestContext& context, const store::StoreHandle& store) const;
  // Resolves the model of the view and notes its id; an empty id is the latest model.
  Result<const engine::BoundModel*> Resolve(RequestContext& context, const store::View& view,
                                            const std::string& model_id) const;

  store::Stores& stores_;
  const ServiceOptions options_;
  const engine::Checker checker_;
  const engine::Explainer explainer_;
};

}  // namespace pemba::api::openfga
