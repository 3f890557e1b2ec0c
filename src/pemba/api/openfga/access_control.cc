#include "pemba/api/openfga/access_control.h"

#include <array>
#include <utility>

#include "pemba/model/tuple_validation.h"
#include "pemba/tuple/tuple.h"

namespace pemba::api::openfga {
namespace {

constexpr std::string_view kSystem = "system:fga";

Error Forbidden() {
  return {ErrorCode::kForbidden, "the principal is not authorized to perform the action"};
}

// A client id becomes the id of a subject: it must not read as a userset or as everyone.
bool IsSafeId(std::string_view id) { return !id.empty() && id != "*" && id.find('#') == id.npos; }

Arena& ThreadArena() {
  static thread_local Arena arena;
  arena.Reset();
  return arena;
}

}  // namespace

std::string_view RelationOf(Permission permission) {
  switch (permission) {
    case Permission::kCreateStores:
      return "can_call_create_stores";
    case Permission::kListStores:
      return "can_call_list_stores";
    case Permission::kGetStore:
      return "can_call_get_store";
    case Permission::kDeleteStore:
      return "can_call_delete_store";
    case Permission::kReadAuthorizationModels:
      return "can_call_read_authorization_models";
    case Permission::kWriteAuthorizationModels:
      return "can_call_write_authorization_models";
    case Permission::kReadAssertions:
      return "can_call_read_assertions";
    case Permission::kWriteAssertions:
      return "can_call_write_assertions";
    case Permission::kRead:
      return "can_call_read";
    case Permission::kWrite:
      return "can_call_write";
    case Permission::kReadChanges:
      return "can_call_read_changes";
    case Permission::kCheck:
      return "can_call_check";
    case Permission::kExpand:
      return "can_call_expand";
    case Permission::kListObjects:
      return "can_call_list_objects";
    case Permission::kListUsers:
      return "can_call_list_users";
  }
  return {};
}

Status AccessControl::OnSystem(const authn::Caller& caller, Permission permission,
                               std::optional<SteadyTime> deadline) const {
  return Ask(caller, permission, kSystem, {}, deadline);
}

Status AccessControl::OnStore(const authn::Caller& caller, Permission permission,
                              std::string_view store_id, std::optional<SteadyTime> deadline) const {
  const auto object = "store:" + std::string(store_id);
  const std::array contextual{tuple::Tuple{object, "system", std::string(kSystem), {}}};
  return Ask(caller, permission, object, contextual, deadline);
}

Status AccessControl::OnModule(const authn::Caller& caller, std::string_view store_id,
                               std::string_view module, std::optional<SteadyTime> deadline) const {
  const auto store = "store:" + std::string(store_id);
  const auto object = "module:" + std::string(store_id) + "|" + std::string(module);
  const std::array contextual{tuple::Tuple{store, "system", std::string(kSystem), {}},
                              tuple::Tuple{object, "store", store, {}}};
  return Ask(caller, Permission::kWrite, object, contextual, deadline);
}

Status AccessControl::Ask(const authn::Caller& caller, Permission permission,
                          std::string_view object, std::span<const tuple::Tuple> contextual_tuples,
                          std::optional<SteadyTime> deadline) const {
  if (!caller.admitted() || !IsSafeId(caller.client_id())) return Forbidden();
  const auto decide = [&]() -> Result<engine::Decision> {
    PEMBA_TRY(const auto store, stores_.Open(options_.store));
    const auto view = store->Pin();
    PEMBA_TRY(const auto model, view.ResolveModel(options_.model.value));
    const auto& plan = model.bound->plan();
    const auto subject = "application:" + caller.client_id();
    engine::CheckQuery query;
    query.tuple = {.object = object, .relation = RelationOf(permission), .subject = subject};
    query.contextual_tuples = contextual_tuples;
    query.deadline = deadline;
    PEMBA_TRY(std::ignore, model::ValidateQuery(plan, query.tuple));
    for (const auto& tuple : contextual_tuples) {
      PEMBA_TRY(std::ignore, model::ValidateContextual(plan, tuple));
    }
    return checker_.Check(view.snapshot(), *model.bound, query, ThreadArena());
  };
  const auto start = clock_.Steady();
  const auto decision = decide();
  if (options_.duration != nullptr) {
    options_.duration->Observe(static_cast<std::uint64_t>((clock_.Steady() - start).count()));
  }
  if (!decision.ok() || *decision != engine::Decision::kAllowed) return Forbidden();
  return Done{};
}

void ModuleOfWrite::Add(std::string_view object, std::string_view relation) {
  const auto type_name = tuple::SplitObject(object).type;
  for (const auto& type : model_.types) {
    if (type.type != type_name || !type.metadata) continue;
    const auto own = type.metadata->relations.find(relation);
    const bool has_own = own != type.metadata->relations.end() && !own->second.module.empty();
    modules_.insert(has_own ? own->second.module : type.metadata->module);
    return;
  }
  modules_.insert("");
}

std::optional<std::string> ModuleOfWrite::module() const {
  if (modules_.size() != 1 || modules_.begin()->empty()) return std::nullopt;
  return *modules_.begin();
}

}  // namespace pemba::api::openfga
