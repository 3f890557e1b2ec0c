// WriteTuples, ReadTuples.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pemba/api/authn/authenticator.h"
#include "pemba/api/openfga/convert.h"
#include "pemba/api/openfga/service.h"

namespace pemba::api::openfga {
namespace {

namespace v1 = ::pemba::v1;

constexpr std::size_t kTuplesPerPage = 100;

using Touched = std::vector<std::pair<std::string_view, std::string_view>>;

Result<std::optional<WallTime>> ExpiryOf(bool present, const google::protobuf::Timestamp& time) {
  if (!present) return std::optional<WallTime>();
  PEMBA_TRY(const auto at, FromWire(time));
  return std::optional(at);
}

Result<std::vector<tuple::Tuple>> WritesOf(const v1::WriteTuplesRequest& request) {
  std::vector<tuple::Tuple> writes;
  writes.reserve(static_cast<std::size_t>(request.writes_size()));
  for (const auto& write : request.writes()) {
    PEMBA_TRY(auto t, FromWire(write.tuple_key()));
    PEMBA_TRY(t.expires_at, ExpiryOf(write.has_expires_at(), write.expires_at()));
    writes.push_back(std::move(t));
  }
  return writes;
}

Result<std::vector<tuple::Tuple>> TuplesOf(const v1::RelationReplacement& replacement) {
  std::vector<tuple::Tuple> tuples;
  for (const auto& user : replacement.users()) {
    wire::TupleKey key;
    key.set_object(replacement.object());
    key.set_relation(replacement.relation());
    key.set_user(user.user());
    if (user.has_condition()) *key.mutable_condition() = user.condition();
    PEMBA_TRY(auto t, FromWire(key));
    PEMBA_TRY(t.expires_at, ExpiryOf(user.has_expires_at(), user.expires_at()));
    tuples.push_back(std::move(t));
  }
  return tuples;
}

template <class Keys>
std::vector<tuple::TupleView> ViewsOf(const Keys& keys) {
  std::vector<tuple::TupleView> views;
  for (const auto& key : keys) views.push_back(ViewOf(key));
  return views;
}

store::TupleFilter FilterOf(const v1::TupleFilter& filter) {
  store::TupleFilter out;
  out.object_type = filter.object_type();
  out.object_id = filter.object_id();
  out.relation = filter.relation();
  out.subject_type = filter.user_type();
  out.subject_id = filter.user_id();
  if (filter.has_user_relation()) out.subject_relation = filter.user_relation();
  return out;
}

// What a write touches, by object and relation; nothing stands for what is not known.
Touched TouchedBy(const v1::WriteTuplesRequest& request) {
  Touched touched;
  for (const auto& write : request.writes()) {
    touched.emplace_back(write.tuple_key().object(), write.tuple_key().relation());
  }
  for (const auto& key : request.deletes()) touched.emplace_back(key.object(), key.relation());
  for (const auto& replacement : request.replacements()) {
    touched.emplace_back(replacement.object(), replacement.relation());
  }
  // A filter may reach into every module.
  for (int i = 0; i < request.delete_filters_size(); ++i) touched.emplace_back("", "");
  return touched;
}

bool TellsWhatIsStored(const v1::WriteTuplesRequest& request) {
  const auto& preconditions = request.preconditions();
  return request.delete_filters_size() > 0 || request.replacements_size() > 0 ||
         preconditions.present_size() > 0 || preconditions.absent_size() > 0;
}

}  // namespace

Status Service::WriteTuples(RequestContext& context, const v1::WriteTuplesRequest& request,
                            v1::WriteTuplesResponse& response) {
  if (!context.caller.admitted()) return authn::Unauthenticated();
  PEMBA_TRY(const auto store, Open(request.store_id()));
  {
    PEMBA_TRY(const auto view, Pin(context, store));
    PEMBA_TRY(std::ignore, Resolve(context, view, request.authorization_model_id()));
  }
  PEMBA_TRY(std::ignore, PermitWrite(context, store, TouchedBy(request)));
  if (TellsWhatIsStored(request)) {
    PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kRead, request.store_id()));
  }
  context.revision.reset();

  PEMBA_TRY(const auto writes, WritesOf(request));
  const auto deletes = ViewsOf(request.deletes());
  const auto present = ViewsOf(request.preconditions().present());
  const auto absent = ViewsOf(request.preconditions().absent());
  std::vector<store::FilteredDelete> filtered;
  for (const auto& filter : request.delete_filters()) {
    filtered.push_back({FilterOf(filter.filter()), filter.limit()});
  }
  std::vector<std::vector<tuple::Tuple>> tuples;
  std::vector<store::Replacement> replacements;
  tuples.reserve(static_cast<std::size_t>(request.replacements_size()));
  for (const auto& replacement : request.replacements()) {
    PEMBA_TRY(tuples.emplace_back(), TuplesOf(replacement));
    replacements.push_back({replacement.object(), replacement.relation(), tuples.back()});
  }

  store::WriteRequest write;
  write.form = store::WriteRequest::Form::kExtended;
  write.deadline = context.deadline;
  write.writes = writes;
  write.deletes = deletes;
  write.model_id = context.model_id;
  write.on_duplicate = request.on_duplicate();
  write.on_missing = request.on_missing();
  if (request.preconditions().has_revision()) {
    write.preconditions.revision = request.preconditions().revision();
  }
  write.preconditions.present = present;
  write.preconditions.absent = absent;
  write.filtered_deletes = filtered;
  write.replacements = replacements;
  if (request.dry_run()) write.effect = store::WriteRequest::Effect::kNone;
  PEMBA_TRY(const auto result, store->WriteTuples(write));
  context.revision = result.revision;
  response.set_revision(result.revision);
  response.set_written(static_cast<std::uint32_t>(result.written));
  response.set_deleted(static_cast<std::uint32_t>(result.deleted));
  return Done{};
}

Status Service::ReadTuples(RequestContext& context, const v1::ReadTuplesRequest& request,
                           v1::ReadTuplesResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kRead, request.store_id()));
  PEMBA_TRY(const auto store, Open(request.store_id()));
  PEMBA_TRY(std::ignore, Await(context, store));
  store::ReadRequest read;
  read.match = FilterOf(request.filter());
  read.page_size = request.has_page_size() ? static_cast<std::size_t>(request.page_size().value())
                                           : kTuplesPerPage;
  read.continuation_token = request.continuation_token();
  PEMBA_TRY(auto page, store->Read(read));
  context.revision = page.revision;
  for (const auto& stored : page.tuples) {
    auto& out = *response.add_tuples();
    ToWire(stored.tuple, *out.mutable_tuple_key());
    ToWire(stored.written_at, *out.mutable_timestamp());
    if (stored.tuple.expires_at) ToWire(*stored.tuple.expires_at, *out.mutable_expires_at());
  }
  response.set_continuation_token(std::move(page.continuation_token));
  return Done{};
}

}  // namespace pemba::api::openfga
