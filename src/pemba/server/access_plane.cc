#include "pemba/server/access_plane.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "pemba/iam/kinds.h"
#include "pemba/provider/embedded.h"
#include "pemba/provider/openfga.h"
#include "pemba/provider/replica.h"
#include "pemba/server/declared_objects.h"

namespace pemba::server {
namespace {

provider::DriftMode DriftModeOf(IamConfig::Repair repair) {
  switch (repair) {
    case IamConfig::Repair::kOff:
      return provider::DriftMode::kOff;
    case IamConfig::Repair::kReport:
      return provider::DriftMode::kReport;
    case IamConfig::Repair::kFix:
      break;
  }
  return provider::DriftMode::kFix;
}

iam::ProjectionKind ProjectionOf(const IamConfig& config) {
  const bool embedded = config.provider == IamConfig::ProviderKind::kEmbedded;
  return config.projection.value_or(embedded ? iam::ProjectionKind::kRoleRelation
                                             : iam::ProjectionKind::kDirect);
}

}  // namespace

Result<api::access::HttpMapping> ReadHttpMapping(const std::filesystem::path& path) {
  if (path.empty()) return api::access::HttpMapping();
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in.good() && !in.eof()) {
    return Error{ErrorCode::kInvalidArgument,
                 "iam.httpMapping: `" + path.string() + "` cannot be read"};
  }
  auto mapping = api::access::HttpMapping::FromYaml(text);
  if (mapping.ok()) return mapping;
  return Error{ErrorCode::kInvalidArgument,
               "iam.httpMapping: `" + path.string() + "`: " + mapping.error().message};
}

api::k8s::CallerOptions CallerOptionsOf(const ServerConfig& config) {
  using api::k8s::Nameless;
  return {.nameless = config.authn.method == AuthnMethod::kPreshared ? Nameless::kAdmin
                                                                     : Nameless::kEveryone,
          .admins = config.iam.admins};
}

provider::OpenFgaOptions OpenFgaOptionsOf(const IamConfig& config) {
  provider::OpenFgaOptions options;
  options.address = config.openfga.address;
  options.tls = config.openfga.tls;
  options.ca_file = config.openfga.ca_file;
  options.token = config.openfga.token;
  options.store_id = config.openfga.store_id;
  options.store_name = config.openfga.store_name;
  return options;
}

Status AccessPlane::Provided(iam::ControlPlane& control, store::Revision revision) {
  std::vector<iam::ControlPlane::Refusal> refused;
  {
    const std::lock_guard lock(refused_mutex_);
    refused = refused_;
  }
  return control.Provided(revision, refused);
}

Status AccessPlane::OpenRemote(store::Stores& stores, const Clock& clock, const Report& report) {
  auto options = OpenFgaOptionsOf(config_);
  options.report = report;
  const auto target =
      options.address + " " + (options.store_id.empty() ? options.store_name : options.store_id);
  PEMBA_TRY(remote_, provider::OpenFga::Open(std::move(options), clock));
  provider::OutboxOptions outbox;
  outbox.target = target;
  outbox.drift.mode = DriftModeOf(config_.repair);
  outbox.drift.interval =
      std::chrono::duration_cast<std::chrono::milliseconds>(config_.repair_interval);
  outbox.metrics = metrics_;
  outbox.report = report;
  outbox.on_rejected = [this](const std::vector<provider::Rejection>& rejections) {
    std::vector<iam::ControlPlane::Refusal> refused;
    refused.reserve(rejections.size());
    for (const auto& [tuple, error] : rejections) {
      refused.push_back({tuple.object, tuple.subject, error.message});
    }
    const std::lock_guard lock(refused_mutex_);
    refused_ = std::move(refused);
  };
  if (config_.provider == IamConfig::ProviderKind::kOpenFga) {
    outbox.on_applied = [this, report](store::Revision revision) {
      if (!open_) return;
      if (const auto told = Provided(*plane_, revision); !told.ok()) report(told.error().message);
    };
  }
  PEMBA_TRY(outbox_, provider::Outbox::Start(stores, StoreId{kResourceStoreId}, *remote_, clock,
                                             std::move(outbox)));
  replica_ = std::make_unique<provider::Replica>(*remote_, *outbox_, clock);
  return Done{};
}

// A server that differs in much differs in every question: one line a second is enough to start.
void AccessPlane::OpenShadow(const Clock& clock, const Report& report) {
  static constexpr auto kBetweenLines = std::chrono::seconds(1);
  const auto word = [](provider::Decision decision) {
    return decision == provider::Decision::kAllowed ? "allows" : "denies";
  };
  provider::ShadowOptions options;
  options.metrics = metrics_;
  options.revision = [this] { return (*store_)->Pin().revision(); };
  options.on_mismatch = [this, &clock, report, word, next = SteadyTime{},
                         unsaid = std::uint64_t{0}](const provider::Mismatch& found) mutable {
    if (clock.Steady() < next) {
      ++unsaid;
      return;
    }
    next = clock.Steady() + kBetweenLines;
    const auto& asked = found.question;
    const bool embedded = config_.provider == IamConfig::ProviderKind::kEmbedded;
    report(std::string("provider shadow: ") + (embedded ? "embedded " : "openfga ") +
           word(found.primary) + ", " + (embedded ? "openfga " : "embedded ") +
           word(found.secondary) + ": " + asked.object + "#" + asked.relation + "@" +
           asked.subject +
           (unsaid == 0 ? "" : " (and " + std::to_string(unsaid) + " before that)"));
    unsaid = 0;
  };
  auto& secondary = provider_ == embedded_.get() ? *replica_ : *embedded_;
  shadow_ = std::make_unique<provider::Shadow>(*provider_, secondary, clock, std::move(options));
  provider_ = shadow_.get();
}

void AccessPlane::WatchProvider() {
  if (metrics_ == nullptr || outbox_ == nullptr) return;
  const auto add = [this](const char* name, const char* help) {
    return &metrics_->AddReading(telemetry::MetricKind::kGauge, name, help);
  };
  auto* up = add("provider_up", "1 if the provider can be reached.");
  auto* model = add("provider_model_published", "1 if the provider has the model that counts.");
  auto* rejected = add("provider_rejected_tuples", "Tuples that the provider refuses.");
  auto* behind = add("provider_behind_seconds",
                     "For how long the provider has not been up to date; 0 if it is.");
  metrics_->OnScrape([this, up, model, rejected, behind] {
    outbox_->ShowBacklog();
    const auto standing = outbox_->standing();
    up->Set(remote_->health() == provider::Health::kDown ? 0 : 1);
    model->Set(standing.model_published ? 1 : 0);
    rejected->Set(static_cast<double>(standing.rejected));
    behind->Set(static_cast<double>(standing.behind.count()) / 1000);
  });
}

Status AccessPlane::OpenProvider(store::Stores& stores, const Clock& clock, const Report& report) {
  using Kind = IamConfig::ProviderKind;
  if (config_.provider == Kind::kEmbedded || config_.shadow == Kind::kEmbedded) {
    PEMBA_TRY(embedded_, provider::Embedded::Open(stores, StoreId{kResourceStoreId}, clock));
  }
  if (config_.remote()) {
    PEMBA_TRY(std::ignore, OpenRemote(stores, clock, report));
  }
  provider_ = config_.provider == Kind::kEmbedded ? embedded_.get() : replica_.get();
  if (config_.shadow) OpenShadow(clock, report);
  WatchProvider();
  return Done{};
}

Status AccessPlane::Ready() const {
  if (config_.provider == IamConfig::ProviderKind::kEmbedded) return Done{};  // As the stores are.
  if (provider_->health() == provider::Health::kDown) {
    return Error{ErrorCode::kUnavailable, "the provider cannot be reached"};
  }
  auto trouble = outbox_->standing().trouble;
  if (trouble.empty()) return Done{};
  return Error{ErrorCode::kUnavailable, std::move(trouble)};
}

Result<std::unique_ptr<AccessPlane>> AccessPlane::Open(
    const ServerConfig& config, store::Stores& stores, storage::Datastore& datastore,
    const Clock& clock, telemetry::Registry* metrics,
    std::function<void(std::string_view)> report) {
  std::unique_ptr<AccessPlane> plane(new AccessPlane(config));
  plane->callers_ = CallerOptionsOf(config);
  plane->metrics_ = metrics;
  PEMBA_TRY(plane->mapping_, ReadHttpMapping(config.iam.http_mapping));
  PEMBA_TRY(std::ignore, iam::AddKinds(plane->registry_));
  PEMBA_TRY(std::ignore, AddDeclaredKinds(config.resource_kinds, plane->registry_));
  PEMBA_TRY(plane->store_, OpenResourceStore(stores, datastore, clock));

  iam::ControlPlaneOptions options;
  options.settings = config.iam.settings;
  options.settings.grants = config.iam.provider == IamConfig::ProviderKind::kEmbedded
                                ? iam::Settings::Grants::kAtCommit
                                : iam::Settings::Grants::kWhenProvided;
  options.projection = ProjectionOf(config.iam);
  if ((*plane->store_)->writers() == store::Store::Writers::kOthersToo) {
    options.listen = [&stores](store::Revision after, std::function<void()> tell) {
      return stores.Listen({kResourceStoreId}, after, std::move(tell));
    };
  }
  PEMBA_TRY(plane->plane_,
            iam::ControlPlane::Open(**plane->store_, plane->registry_, clock, std::move(options)));
  PEMBA_TRY(std::ignore, plane->OpenProvider(stores, clock, report));

  auto& control = *plane->plane_;
  iam::DeciderOptions deciding;
  deciding.subresources = config.iam.subresource_actions;
  if (config.iam.require_approval) deciding.approval = iam::DeciderOptions::Approval::kNeeded;
  plane->decider_ = std::make_unique<iam::Decider>(
      **plane->store_, control.resources(), *plane->provider_,
      [&control] { return control.catalog(); }, std::move(deciding));
  control.UseAuthority(*plane->decider_);
  plane->grants_ = std::make_unique<iam::Grants>(control.resources(), *plane->decider_);
  const auto& assignable = config.iam.settings.assignable_roles_namespace;
  plane->authorizer_ = std::make_unique<api::access::ObjectAuthorizer>(
      *plane->decider_, clock, assignable, config.iam.trusted_parents);
  plane->service_ = std::make_unique<api::access::Service>(
      *plane->decider_, *plane->grants_, control.resources(), *plane->provider_,
      api::access::ServiceOptions{.callers = plane->callers_,
                                  .assignable_roles_namespace = assignable});
  for (const auto& problem : control.Problems()) report(problem);
  plane->open_ = true;
  if (config.iam.provider == IamConfig::ProviderKind::kOpenFga) {
    PEMBA_TRY(std::ignore, plane->Provided(control, plane->outbox_->applied()));
  }
  return plane;
}

// Who calls the control plane back goes before it does, and who asks it before that.
AccessPlane::~AccessPlane() {
  shadow_.reset();
  outbox_.reset();
}

api::access::WebhookOptions AccessPlane::webhook_options() const {
  api::access::WebhookOptions options;
  options.on_error =
      config_.strict ? api::access::OnError::kDeny : api::access::OnError::kNoOpinion;
  options.trusted_parents = config_.trusted_parents;
  options.mapping = mapping_;
  options.callers = callers_;
  options.metrics = metrics_;
  options.binding_of = [this](const std::string& uid, const iam::AccessDecision& decision) {
    return grants_->BindingOf(uid, decision);
  };
  return options;
}

}  // namespace pemba::server
