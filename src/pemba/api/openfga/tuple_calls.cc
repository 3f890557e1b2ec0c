// Write, Read, ReadChanges.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "pemba/api/authn/authenticator.h"
#include "pemba/api/openfga/convert.h"
#include "pemba/api/openfga/internal/paging.h"
#include "pemba/api/openfga/service.h"

namespace pemba::api::openfga {
namespace {

// The first second of the calendar is what some clients send for no time at all.
bool HasStartTime(const wire::ReadChangesRequest& request) {
  constexpr std::int64_t kNever = -62'135'596'800;  // 0001-01-01T00:00:00Z
  const auto& start = request.start_time();
  return request.has_start_time() && (start.seconds() != kNever || start.nanos() != 0);
}

}  // namespace

Result<store::StoreHandle> Service::OpenForWrite(RequestContext& context, std::string_view store_id,
                                                 std::string_view model_id, Touched touched) {
  if (!context.caller.admitted()) return authn::Unauthenticated();
  PEMBA_TRY(auto store, Open(std::string(store_id)));
  {
    PEMBA_TRY(const auto view, Pin(context, store));
    PEMBA_TRY(std::ignore, Resolve(context, view, model_id));
  }
  PEMBA_TRY(std::ignore, PermitWrite(context, store, touched));
  context.revision.reset();
  return store;
}

Status Service::Write(RequestContext& context, const wire::WriteRequest& request,
                      wire::WriteResponse&) {
  std::vector<std::pair<std::string_view, std::string_view>> touched;
  for (const auto& key : request.writes().tuple_keys()) {
    touched.emplace_back(key.object(), key.relation());
  }
  for (const auto& key : request.deletes().tuple_keys()) {
    touched.emplace_back(key.object(), key.relation());
  }
  PEMBA_TRY(const auto store,
            OpenForWrite(context, request.store_id(), request.authorization_model_id(), touched));
  PEMBA_TRY(const auto writes, FromWire(request.writes().tuple_keys()));
  std::vector<tuple::TupleView> deletes;
  for (const auto& key : request.deletes().tuple_keys()) deletes.push_back(ViewOf(key));
  store::WriteRequest write;
  write.writes = writes;
  write.deletes = deletes;
  write.model_id = context.model_id;
  write.on_duplicate = request.writes().on_duplicate();
  write.on_missing = request.deletes().on_missing();
  write.deadline = context.deadline;
  write.preconditions.revision = context.if_revision;
  PEMBA_TRY(context.revision, store->Write(write));
  return Done{};
}

Status Service::Write(RequestContext& context, const PlainWrite& plain) {
  std::vector<std::pair<std::string_view, std::string_view>> touched;
  touched.reserve(plain.writes.size() + plain.deletes.size());
  for (const auto* keys : {&plain.writes, &plain.deletes}) {
    for (const auto& key : *keys) touched.emplace_back(key.object, key.relation);
  }
  PEMBA_TRY(const auto store, OpenForWrite(context, plain.store_id, plain.model_id, touched));
  store::WriteRequest write;
  write.plain_writes = plain.writes;
  write.deletes = plain.deletes;
  write.model_id = context.model_id;
  write.on_duplicate = plain.on_duplicate;
  write.on_missing = plain.on_missing;
  write.deadline = context.deadline;
  write.preconditions.revision = context.if_revision;
  PEMBA_TRY(context.revision, store->Write(write));
  return Done{};
}

Status Service::Read(RequestContext& context, const wire::ReadRequest& request,
                     wire::ReadResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kRead, request.store_id()));
  PEMBA_TRY(const auto store, Open(request.store_id()));
  PEMBA_TRY(std::ignore, Await(context, store));
  store::ReadRequest read;
  if (request.has_tuple_key()) read.filter = ViewOf(request.tuple_key());
  read.page_size = PageSize(request);
  read.continuation_token = request.continuation_token();
  read.deadline = context.deadline;
  PEMBA_TRY(auto page, store->Read(read));
  context.revision = page.revision;
  for (const auto& stored : page.tuples) {
    auto& out = *response.add_tuples();
    ToWire(stored.tuple, *out.mutable_key());
    ToWire(stored.written_at, *out.mutable_timestamp());
  }
  response.set_continuation_token(std::move(page.continuation_token));
  return Done{};
}

Status Service::ReadChanges(RequestContext& context, const wire::ReadChangesRequest& request,
                            wire::ReadChangesResponse& response) {
  store::ReadChangesRequest read;
  read.page_size = PageSize(request);
  if (read.page_size > options_.read_changes_page_max) {
    return Error{ErrorCode::kInvalidArgument,
                 "invalid ReadChangesRequest.PageSize: value must be inside range [1, " +
                     std::to_string(options_.read_changes_page_max) + "]"};
  }
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kReadChanges, request.store_id()));
  read.type = request.type();
  read.continuation_token = request.continuation_token();
  read.deadline = context.deadline;
  if (HasStartTime(request) && request.continuation_token().empty()) {
    const auto& start = request.start_time();
    if (start.seconds() < 0) return Error{ErrorCode::kInvalidStartTime, "Invalid start time"};
    read.start_time =
        WallTime(std::chrono::seconds(start.seconds()) + std::chrono::nanoseconds(start.nanos()));
  }
  PEMBA_TRY(const auto store, Open(request.store_id()));
  PEMBA_TRY(std::ignore, Await(context, store));
  PEMBA_TRY(auto page, store->ReadChanges(read));
  for (const auto& change : page.changes) {
    auto& out = *response.add_changes();
    ToWire(change.tuple, *out.mutable_tuple_key());
    out.set_operation(ToWire(change.operation));
    ToWire(change.time, *out.mutable_timestamp());
  }
  response.set_continuation_token(std::move(page.continuation_token));
  return Done{};
}

}  // namespace pemba::api::openfga
