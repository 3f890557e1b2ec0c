// Service: the relationship service, one typed implementation per RPC for every transport.
//
// A request has passed the field rules (field_rules_table.h) before it comes here; what is checked
// here needs the store, the model or the configuration, in the order that the wire contract fixes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <google/protobuf/message.h>
#include <openfga/v1/openfga_service.pb.h>
#include <pemba/v1/pemba_service.pb.h>

#include "pemba/api/authn/caller.h"
#include "pemba/api/openfga/access_control.h"
#include "pemba/api/openfga/feed.h"
#include "pemba/api/openfga/list_page.h"
#include "pemba/api/openfga/plain_check.h"
#include "pemba/api/openfga/plain_write.h"
#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/engine/checker.h"
#include "pemba/engine/expander.h"
#include "pemba/engine/explainer.h"
#include "pemba/engine/lister.h"
#include "pemba/store/stores.h"

namespace pemba::api::openfga {

namespace wire = ::openfga::v1;

namespace internal {
class ListBody;
}

struct ServiceOptions {
  std::size_t types_per_model_max = 100;
  std::size_t model_bytes_max = 262'144;  // Of the serialized wire message, id included.
  std::size_t checks_per_batch_max = 50;
  std::size_t read_changes_page_max = 100;
  // Of ListObjects and ListUsers. What comes first cuts the list, which is then a success.
  struct ListLimits {
    std::uint64_t results_max = 1000;          // 0: no limit. Streams ignore it.
    std::chrono::milliseconds deadline{3000};  // 0: the request's alone.
  };
  ListLimits list_objects, list_users;
  // Of one list while it is worked out, and of its answer; 0: no limit. Beyond:
  // kResourceExhausted.
  std::uint64_t list_memory_bytes_max = std::uint64_t{256} << 20;
  engine::CheckLimits check_limits;
  std::optional<AccessControlOptions> access_control;  // Nothing: whoever is let in may call all.
};

// What one call knows beside its message, and what its answer says beside its message.
struct RequestContext {
  authn::Caller caller;  // Nobody at first: no call runs for whom no front has let in.
  std::optional<SteadyTime> deadline;
  std::optional<store::Revision> at_least;     // The caller wants to see this revision.
  std::optional<store::Revision> if_revision;  // Write only: nobody may have written since.
  // Nothing older than the call will do (HIGHER_CONSISTENCY).
  bool newest = false;
  // Whether the thread may wait: for a revision to come, for a database. I/O threads may not.
  enum class Waiting : std::uint8_t { kNever, kUntilDeadline } waiting = Waiting::kNever;
  // Set by the service instead of waiting: make this call again where one may wait. The error that
  // comes with it is nobody's answer.
  bool must_wait = false;
  // When a Check or BatchCheck that is not decided yet must_wait: before the deadline. Nothing:
  // never.
  std::optional<SteadyTime> moves_at;

  // StreamedListObjects only: takes the answers, some at a time. The ids lack their type.
  using Sent = FeedReader::Sent;
  using Ids = std::span<const std::string_view>;
  std::function<Sent(std::string_view type, Ids ids)> send_objects;

  // ListObjects and ListUsers: takes the answers in the place of the response. Null: nobody does.
  internal::ListBody* list_body = nullptr;

  ListPageRequest list;         // Lists only.
  std::string wanted_model_id;  // AuthZEN only: of a header; empty: the latest.

  // Set by the service; they hold for errors too.
  std::string model_id;                     // Resolved authorization model.
  std::optional<store::Revision> revision;  // That the answer is from, or that the write made.
  // How old what was read may be, if other servers write too and cannot be heard.
  std::optional<std::chrono::seconds> staleness;
  ListPageResponse listed;
  // ListObjects in both forms: answers, and candidates that Check had to be asked about.
  std::uint64_t list_found = 0, list_confirmed = 0;
  std::unique_ptr<Feed> feed;          // Streams only: what the stream goes on with.
  std::vector<std::string> undecided;  // AuthZEN's ActionSearch: neither allowed nor denied.
};

// Thread-safe. Every call reads one revision of one store. Responses must be empty when passed.
//
// Errors of every call: kUnauthenticated (nobody asked who calls), kForbidden, kUnavailable,
// kDataLoss, kInternal, and of those that resolve a model: kModelNotFound, kLatestModelNotFound,
// kValidation.
class Service {
 public:
  // Borrows the stores and the clock.
  Service(store::Stores& stores, const Clock& clock, ServiceOptions options = {});

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
  Status Write(RequestContext&, const PlainWrite&);
  Status Read(RequestContext&, const wire::ReadRequest&, wire::ReadResponse&);
  Status ReadChanges(RequestContext&, const wire::ReadChangesRequest&, wire::ReadChangesResponse&);

  // pemba.v1. Needs kWrite, and kRead where the answer tells what is stored: preconditions on
  // tuples, filtered deletes, replacements.
  Status WriteTuples(RequestContext&, const ::pemba::v1::WriteTuplesRequest&,
                     ::pemba::v1::WriteTuplesResponse&);
  Status ReadTuples(RequestContext&, const ::pemba::v1::ReadTuplesRequest&,
                    ::pemba::v1::ReadTuplesResponse&);
  // pemba.v1: sets `feed`; the response is not used. Errors: kStoreNotFound, also later, once the
  // store is deleted, and kForbidden, once the permission is gone.
  Status Watch(RequestContext&, const ::pemba::v1::WatchRequest&, ::pemba::v1::WatchResponse&);

  // Questions. Check and BatchCheck never block.
  Status Check(RequestContext&, const wire::CheckRequest&, wire::CheckResponse&);
  // Failures of single checks go into their results.
  Result<engine::Decision> Check(RequestContext&, const PlainCheck&);
  Status BatchCheck(RequestContext&, const wire::BatchCheckRequest&, wire::BatchCheckResponse&);
  Status Expand(RequestContext&, const wire::ExpandRequest&, wire::ExpandResponse&);
  // Lists take up to their deadline; a list that was cut says so in `listed`.
  Status ListObjects(RequestContext&, const wire::ListObjectsRequest&, wire::ListObjectsResponse&);
  // Every answer goes to `send_objects`; the response is not used. An error may follow answers.
  Status StreamedListObjects(RequestContext&, const wire::StreamedListObjectsRequest&,
                             wire::StreamedListObjectsResponse&);
  Status ListUsers(RequestContext&, const wire::ListUsersRequest&, wire::ListUsersResponse&);

  // pemba.v1: Check, and why it comes out so. Never blocks, but takes its time: not for I/O
  // threads.
  Status Explain(RequestContext&, const ::pemba::v1::ExplainRequest&,
                 ::pemba::v1::ExplainResponse&);
  // pemba.v1: lists of several kinds, page by page.
  Status ListObjectsOfKinds(RequestContext&, const ::pemba::v1::ListObjectsOfKindsRequest&,
                            ::pemba::v1::ListObjectsOfKindsResponse&);
  Status ListUsersOfKinds(RequestContext&, const ::pemba::v1::ListUsersOfKindsRequest&,
                          ::pemba::v1::ListUsersOfKindsResponse&);
  // The relations of a type in that model (empty: the latest), sorted. For those who ask about all
  // of them. Errors: kInvalidArgument (no such type).
  Result<std::vector<std::string>> RelationsOf(RequestContext&, const std::string& store_id,
                                               const std::string& model_id, std::string_view type);

  // Assertions.
  Status WriteAssertions(RequestContext&, const wire::WriteAssertionsRequest&,
                         wire::WriteAssertionsResponse&);
  Status ReadAssertions(RequestContext&, const wire::ReadAssertionsRequest&,
                        wire::ReadAssertionsResponse&);

 private:
  // Every call begins with one of these: whether its caller may make it. Without access control,
  // everyone may who was let in. Errors: kUnauthenticated (a front forgot to ask), kForbidden.
  Status PermitOnSystem(const RequestContext& context, Permission permission) const;
  Status PermitOnStore(const RequestContext& context, Permission permission,
                       std::string_view store_id) const;
  // As PermitOnStore with kWrite, or else by the module that all that is `touched` belongs to,
  // given as objects and relations.
  using Touched = std::span<const std::pair<std::string_view, std::string_view>>;
  Status PermitWrite(const RequestContext& context, const store::StoreHandle& store,
                     Touched touched) const;
  // For Write in both forms: opens the store, resolves the model and asks for permission.
  Result<store::StoreHandle> OpenForWrite(RequestContext& context, std::string_view store_id,
                                          std::string_view model_id, Touched touched);
  // Whether ListStores shows the store.
  enum class Visible : std::uint8_t { kNo, kYes };
  Visible VisibleTo(const RequestContext& context, std::string_view store_id) const;

  Result<store::StoreHandle> Open(const std::string& store_id);
  // For calls on I/O threads: as Open, but where that would ask a database, must_wait.
  Result<store::StoreHandle> Open(RequestContext& context, std::string_view store_id);
  Error MustWait(RequestContext& context) const;
  // Until when a question is worked at here: the deadline, or before that when it moves elsewhere.
  static const std::optional<SteadyTime>& AnswerBy(const RequestContext& context) {
    return context.moves_at ? context.moves_at : context.deadline;
  }
  // Whether an answer says no more than that the question should have moved.
  static bool ShouldMove(const RequestContext& context, const Result<engine::Decision>& answer) {
    return !answer.ok() && context.moves_at && answer.error().code == ErrorCode::kDeadlineExceeded;
  }
  // Pins what the caller may see and notes its revision.
  Result<store::View> Pin(RequestContext& context, const store::StoreHandle& store) const;
  // Waits as Pin does, for calls that read without a view.
  Status Await(RequestContext& context, const store::StoreHandle& store) const;
  // Resolves the model of the view and notes its id; an empty id is the latest model.
  Result<const engine::BoundModel*> Resolve(RequestContext& context, const store::View& view,
                                            std::string_view model_id) const;

  // For both forms of ListObjects, whose requests are alike.
  template <class Request>
  Result<engine::ListSummary> FindObjects(RequestContext& context, const store::StoreHandle& store,
                                          const Request& request, engine::ListOptions options,
                                          std::optional<SteadyTime> deadline,
                                          const engine::ListSink& sink) const;
  std::optional<SteadyTime> ListDeadline(const RequestContext& context,
                                         const ServiceOptions::ListLimits& limits) const;

  Result<store::View> PinFor(RequestContext& context, const store::StoreHandle& store) const;

  store::Stores& stores_;
  const bool shared_;  // Other servers write too; some questions must ask the datastore.
  const Clock& clock_;
  const ServiceOptions options_;
  const engine::Checker checker_;
  const engine::Explainer explainer_;
  const engine::Lister lister_;
  const engine::Expander expander_;
  const std::optional<AccessControl> access_control_;
};

}  // namespace pemba::api::openfga
