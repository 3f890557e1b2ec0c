#include "pemba/iam/control_plane.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "pemba/iam/controllers/conditions.h"
#include "pemba/iam/indexes.h"
#include "pemba/iam/internal/alarm_clock.h"
#include "pemba/iam/internal/kinds_in.h"
#include "pemba/iam/internal/settled.h"
#include "pemba/iam/internal/work.h"
#include "pemba/iam/projector.h"
#include "pemba/iam/rules.h"

namespace pemba::iam {
namespace {

namespace json = boost::json;
using resource::ObjectKey;
using resource::ObjectPtr;
using resource::Outcome;
using resource::Transaction;

// So many objects are looked at in one transaction.
constexpr std::size_t kReconciledAtOnce = 1000;

Error ErrorFrom(const resource::Failure& failure) {
  if (failure.reason == resource::Failure::Reason::kStorage) return failure.error;
  return {ErrorCode::kInternal, failure.message};
}

// The control plane itself.
resource::WriteOptions AsSystem() {
  resource::WriteOptions options;
  options.caller.name = "system:control-plane";
  options.caller.groups = {std::string(kMasters)};
  options.field_manager = "pemba-control-plane";
  return options;
}

// Tells everybody else what became of the transaction that the projector saw last, and what other
// servers have changed.
class Ending final : public resource::Projection {
 public:
  using Wake = std::function<void(const ObjectKey&)>;
  // `wake` has objects looked at that wait for a time.
  Ending(Projector& projector, Rules& rules, Wake wake)
      : projector_(projector), rules_(rules), wake_(std::move(wake)) {}

  Outcome<resource::Consequences> Project(const Transaction& transaction) override {
    auto consequences = projector_.Project(transaction);
    if (!consequences.ok()) rules_.Abandoned();
    return consequences;
  }
  std::vector<resource::OwnRecord> RecordsBeside(
      std::span<const Transaction::Change> changes,
      const resource::Consequences& consequences) override {
    return projector_.RecordsBeside(changes, consequences);
  }
  void Written() override { projector_.Written(); }
  void Committed(resource::Revision revision) override {
    projector_.Committed(revision);
    rules_.Committed();
  }
  void Abandoned() override {
    projector_.Abandoned();
    rules_.Abandoned();
  }
  void FollowedRecord(const storage::Record& record) override { projector_.FollowedRecord(record); }
  void Followed(const Transaction& now, std::span<const ObjectKey> changed) override {
    projector_.Followed(now, changed);
    rules_.Followed(changed);
    for (const auto& key : changed) wake_(key);
  }

 private:
  Projector& projector_;
  Rules& rules_;
  const Wake wake_;
};

}  // namespace

class ControlPlane::Impl {
 public:
  Impl(store::Store& store, const resource::Registry& registry, const Clock& clock,
       ControlPlaneOptions options, internal::Kinds kinds)
      : store_(store),
        registry_(registry),
        clock_(clock),
        options_(std::move(options)),
        kinds_(kinds),
        alarms_(clock),
        environment_{kinds_, options_.settings, options_.authority, &alarms_,
                     options_.linked_emails},
        rules_(environment_) {}

  ~Impl() { alarms_.Stop(); }

  Status Open() {
    const auto& settings = options_.settings;
    const ProjectionOptions projection{.kind = options_.projection,
                                       .platform_namespaces = PlatformNamespaces(settings)};
    projector_.emplace(store_, registry_,
                       ProjectorOptions{.projection = projection,
                                        .model_types_max = options_.model_types_max,
                                        .model_bytes_max = options_.model_bytes_max,
                                        .fingerprint = internal::FingerprintOf(
                                            options_.program, settings, projection, registry_)});
    ending_.emplace(*projector_, rules_, [this](const ObjectKey& key) { WakeElsewhere(key); });
    // Servers that share the store have to agree on program, rules, projection and kinds.
    const auto terms = internal::FingerprintOf(options_.program.empty() ? "?" : options_.program,
                                               settings, projection, registry_);
    PEMBA_TRY(resources_, resource::ResourceStore::Open(store_, registry_, clock_,
                                                        {.admission = &rules_,
                                                         .projection = &*ending_,
                                                         .history_max = options_.history_max,
                                                         .indexes = MakeIndexes(registry_),
                                                         .new_uid = options_.new_uid,
                                                         .listen = options_.listen,
                                                         .terms = terms}));
    PEMBA_TRY(started_.drift, projector_->Start(*resources_));
    PEMBA_TRY(std::ignore, Prepare());
    if (projector_->settled()) {
      for (const auto* const kind :
           {kinds_.user_invitation, kinds_.platform_invitation, kinds_.service_account_key}) {
        PEMBA_TRY(std::ignore, LookAtAll(*kind));  // They set their alarms.
      }
    } else {
      PEMBA_TRY(std::ignore, Reconcile());
      PEMBA_TRY(std::ignore, projector_->Settle(*resources_));
      started_.reconciled = true;
    }
    alarms_.Start([this](std::set<ObjectKey> due) { return LookAt(std::move(due)); });
    return Done{};
  }

  resource::ResourceStore& resources() { return *resources_; }
  const Settings& settings() const { return options_.settings; }
  ProjectionKind projection() const { return options_.projection; }
  CatalogPtr catalog() const { return projector_->catalog(); }
  void UseAuthority(Authority& authority) { environment_.authority = &authority; }

  Status LookAt(std::set<ObjectKey> keys) {
    return Transact([&](Transaction&) -> Outcome<Done> {
      rules_.LookAt(keys);  // Again, if another server was faster.
      return Done{};
    });
  }

  Status Reconcile() {
    for (const auto& kind : registry_.kinds()) {
      PEMBA_TRY(std::ignore, LookAtAll(*kind));
    }
    return Done{};
  }

  const Started& started() const { return started_; }

  Result<Drift> Audit(Projector::Repair repair) { return projector_->Audit(*resources_, repair); }

  Status RunDue() {
    auto due = alarms_.TakeDue();
    return due.empty() ? Status(Done{}) : LookAt(std::move(due));
  }

  Status Provided(resource::Revision revision, std::span<const Refusal> refused) {
    return Transact([&](Transaction& transaction) -> Outcome<Done> {
      std::map<std::string, const Refusal*, std::less<>> refused_of;  // By uid of the binding.
      for (const auto& one : refused) {
        const auto key = TargetAndSubjectKey(one.object, one.subject);
        for (const auto& binding : transaction.FindBy(kBindingsByTargetAndSubject, key)) {
          refused_of.emplace(binding->uid(), &one);
        }
      }
      for (const auto& binding : transaction.FindBy(kBindingsByReason, "Reconciling")) {
        if (binding->revision > revision) continue;
        internal::StatusDraft status(transaction, binding);
        using Value = internal::Condition::Value;
        if (const auto found = refused_of.find(binding->uid()); found != refused_of.end()) {
          status.Set({"Ready", Value::kFalse, "Reconciling",
                      "the provider refuses a tuple of it: " + found->second->why});
        } else {
          status.Set({"Ready", Value::kTrue, "ReconciliationSuccessful"});
        }
        PEMBA_TRY(std::ignore, status.Save());
      }
      return Done{};
    });
  }

  std::vector<std::string> Problems() const {
    const auto& settings = options_.settings;
    const std::pair<const char*, RoleKey> named[] = {
        {"organization owners", {settings.OwnerRolesNamespace(), settings.organization_owner_role}},
        {"project owners", {settings.OwnerRolesNamespace(), settings.project_owner_role}},
        {"who is invited", {settings.system_namespace, settings.get_invitation_role}},
        {"who is invited", {settings.system_namespace, settings.accept_invitation_role}},
        {"members", {settings.system_namespace, settings.membership_self_delete_role}},
        {"users", {settings.system_namespace, settings.user_self_manage_role}},
        {"users", {settings.system_namespace, settings.user_preferences_role}},
    };
    std::vector<std::string> problems;
    for (const auto& [whose, role] : named) {
      if (resources_->Get({kinds_.role, role.name_space, role.name}).ok()) continue;
      problems.push_back(
          fmt::format("role `{}` of {} does not exist: it grants nothing", role.ToText(), whose));
    }
    return problems;
  }

 private:
  // Every server that shares the store waits for the time of what any of them has changed, so that
  // it is kept if one of them is gone. Who is first changes the object; the others find that done.
  void WakeElsewhere(const ObjectKey& key) {
    if (key.kind == kinds_.user_invitation || key.kind == kinds_.platform_invitation) {
      alarms_.WakeAt(clock_.Now(), key);
    }
  }

  Status Transact(const resource::ResourceStore::Body& body) {
    const auto done = resources_->Transact(AsSystem(), body);
    if (!done.ok()) return ErrorFrom(done.error());
    return Done{};
  }

  // As they are when it comes to them: page by page.
  Status LookAtAll(const resource::Kind& kind) {
    for (std::optional<ObjectKey> after;;) {
      auto keys = resources_->KeysAfter(kind, after ? &*after : nullptr, kReconciledAtOnce);
      if (keys.empty()) return Done{};
      after = keys.back();
      PEMBA_TRY(std::ignore, LookAt({std::make_move_iterator(keys.begin()),
                                     std::make_move_iterator(keys.end())}));
    }
  }

  // The namespaces that the control plane itself needs, and what is registered so far.
  Status Prepare() {
    const auto& settings = options_.settings;
    return Transact([&](Transaction& transaction) -> Outcome<Done> {
      rules_.Start(transaction);
      for (const auto& name :
           {std::string("default"), settings.system_namespace, settings.OwnerRolesNamespace(),
            settings.assignable_roles_namespace}) {
        if (transaction.Find({kinds_.name_space, "", name}) != nullptr) continue;
        PEMBA_TRY(std::ignore, transaction.Create(*kinds_.name_space, "",
                                                  json::object{{"metadata", {{"name", name}}}}));
      }
      return Done{};
    });
  }

  // Where roles lie that all share.
  std::vector<std::string> PlatformNamespaces(const Settings& settings) const {
    auto all = options_.platform_namespaces;
    for (const auto* one : {&settings.system_namespace, &settings.OwnerRolesNamespace(),
                            &settings.assignable_roles_namespace}) {
      if (std::ranges::find(all, *one) == all.end()) all.push_back(*one);
    }
    return all;
  }

  store::Store& store_;
  const resource::Registry& registry_;
  const Clock& clock_;
  const ControlPlaneOptions options_;
  const internal::Kinds kinds_;
  internal::AlarmClock alarms_;
  internal::Environment environment_;
  Rules rules_;
  std::optional<Projector> projector_;
  std::optional<Ending> ending_;
  std::unique_ptr<resource::ResourceStore> resources_;
  Started started_;
};

Result<std::unique_ptr<ControlPlane>> ControlPlane::Open(store::Store& store,
                                                         const resource::Registry& registry,
                                                         const Clock& clock,
                                                         ControlPlaneOptions options) {
  PEMBA_TRY(std::ignore, Validate(options.settings));
  PEMBA_TRY(const auto kinds, internal::Kinds::In(registry));
  auto impl = std::make_unique<Impl>(store, registry, clock, std::move(options), kinds);
  PEMBA_TRY(std::ignore, impl->Open());
  return std::unique_ptr<ControlPlane>(new ControlPlane(std::move(impl)));
}

ControlPlane::ControlPlane(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlPlane::~ControlPlane() = default;

const ControlPlane::Started& ControlPlane::started() const { return impl_->started(); }
resource::ResourceStore& ControlPlane::resources() { return impl_->resources(); }
const Settings& ControlPlane::settings() const { return impl_->settings(); }
ProjectionKind ControlPlane::projection() const { return impl_->projection(); }
CatalogPtr ControlPlane::catalog() const { return impl_->catalog(); }
void ControlPlane::UseAuthority(Authority& authority) { impl_->UseAuthority(authority); }
Status ControlPlane::Provided(resource::Revision revision, std::span<const Refusal> refused) {
  return impl_->Provided(revision, refused);
}
Status ControlPlane::Reconcile() { return impl_->Reconcile(); }
Result<Drift> ControlPlane::Audit(Projector::Repair repair) { return impl_->Audit(repair); }
Status ControlPlane::RunDue() { return impl_->RunDue(); }
std::vector<std::string> ControlPlane::Problems() const { return impl_->Problems(); }

}  // namespace pemba::iam
