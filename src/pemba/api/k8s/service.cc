#include "pemba/api/k8s/service.h"

#include <functional>
#include <utility>

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "pemba/api/call_text.h"
#include "pemba/api/k8s/answer.h"
#include "pemba/api/k8s/batch.h"
#include "pemba/api/k8s/discovery.h"
#include "pemba/api/k8s/media.h"
#include "pemba/api/k8s/openapi.h"
#include "pemba/api/k8s/openapi_v2_bytes.h"
#include "pemba/api/k8s/request.h"
#include "pemba/api/k8s/scope_limits.h"
#include "pemba/api/k8s/scope_path.h"
#include "pemba/api/k8s/self_reviews.h"
#include "pemba/api/k8s/table.h"
#include "pemba/api/k8s/watch.h"
#include "pemba/resource/members.h"
#include "pemba/resource/patch.h"

namespace pemba::api::k8s {
namespace {

namespace json = boost::json;

// A strategic merge patch, which kubectl sends for core kinds, differs from a merge patch in what
// it says of lists and by directives (`$patch`). Without both it is one.
bool IsMergePatch(const json::value& patch) {
  if (patch.is_array()) return false;
  if (!patch.is_object()) return true;
  return std::ranges::all_of(patch.get_object(), [](const auto& field) {
    return !field.key().starts_with('$') && IsMergePatch(field.value());
  });
}

using resource::Failure;
using resource::ObjectOf;
using resource::ObjectPtr;
using resource::Outcome;
using resource::Part;
using resource::ResourceStore;
using resource::TextOf;
using resource::Written;

constexpr const char* kAggregatedType =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

// What the handlers share. Lives as long as the routes.
struct Front {
  ResourceStore& resources;
  const Clock& clock;
  const authn::Authenticator& authenticator;
  const ServiceOptions options;
};

// One call on objects.
class ObjectCall {
 public:
  ObjectCall(Front& front, rpc::Call& call, resource::Caller caller,
             std::optional<iam::ParentContext> parent)
      : front_(front), call_(call), parent_(std::move(parent)) {
    options_.caller = std::move(caller);
    if (parent_) iam::SetParentContext(*parent_, options_.caller.extra);
  }

  void Run(std::string_view group, std::string_view version, std::string_view rest) {
    const auto done = Try(group, version, rest);
    if (!done.ok()) Fail(call_, done.error(), target_.kind, target_.name);
  }

 private:
  Outcome<Done> Try(std::string_view group, std::string_view version, std::string_view rest) {
    PEMBA_TRY(target_, FindTarget(front_.resources.registry(), group, version, rest));
    PEMBA_TRY(query_, Query::Read(call_.query()));
    const auto method = call_.http_method();
    const bool one = !target_.name.empty();
    const bool streams = !one && query_.Flag("watch");
    PEMBA_TRY(media_, WantedMedia(AcceptOf(call_), streams ? Answers::kStream : Answers::kOnce));
    // Who reads and names a version takes what is here; everybody else is to see the newest.
    const bool reads = method == "GET" || method == "HEAD";
    if (!reads || query_.Text("resourceVersion").empty()) {
      PEMBA_TRY(std::ignore, front_.resources.Refresh());
    }
    PEMBA_TRY(std::ignore, Permit(VerbOf(method)));
    if (reads) {
      if (one) return Get();
      return streams ? Watch() : List();
    }
    PEMBA_TRY(const auto dry, DryRun());
    options_.dry_run = dry == Dry::kYes;
    options_.field_manager = FieldManager();
    if (method == "POST" && !one) return Create();
    if (method == "PUT" && one) return Replace();
    if (method == "PATCH" && one) return Patch();
    if (method == "DELETE") return one ? Delete() : DeleteAll();
    return Failure(Failure::Reason::kBadRequest, fmt::format("{} is not possible here", method));
  }

  std::string_view VerbOf(std::string_view method) const {
    const bool one = !target_.name.empty();
    if (method == "POST") return "create";
    if (method == "PUT") return "update";
    if (method == "PATCH") return "patch";
    if (method == "DELETE") return one ? "delete" : "deletecollection";
    if (one) return "get";
    return query_.Flag("watch") ? "watch" : "list";
  }

  Outcome<Done> Permit(std::string_view verb) {
    if (front_.options.authorizer == nullptr) return Done{};
    const bool one = !target_.name.empty() && verb != "create";
    const bool within =
        parent_ && (one || CollectionWithin(*parent_, *target_.kind, target_.name_space, verb) ==
                               Within::kYes);
    return front_.options.authorizer->Authorize(
        {.caller = options_.caller,
         .verb = verb,
         .kind = *target_.kind,
         .name_space = target_.name_space,
         .name = one ? std::string_view(target_.name) : std::string_view(),
         .subresource = target_.part == Part::kStatus ? "status" : "",
         .parent = within ? parent_ : std::nullopt});
  }

  enum class Dry : std::uint8_t { kNo, kYes };

  Outcome<Dry> DryRun() const {
    const auto text = query_.Text("dryRun");
    if (text.empty()) return Dry::kNo;
    if (text == "All") return Dry::kYes;
    return Failure(
        Failure::Reason::kBadRequest,
        fmt::format("dryRun: Unsupported value: \"{}\": supported values: \"All\"", text));
  }

  // Who does not say is named after the program.
  std::string FieldManager() const {
    if (const auto named = query_.Text("fieldManager"); !named.empty()) return std::string(named);
    const auto agent = call_.header("user-agent").value_or("unknown");
    return std::string(agent.substr(0, agent.find_first_of("/ ")));
  }

  void Send(int status, const json::object& body) {
    AnswerAs(call_, status, body, media_.encoding);
  }

  // `list`: everything but the items.
  void ShowList(json::object list, std::span<const ObjectPtr> objects) {
    if (media_.form == Form::kTable) return ShowTable(200, objects, list.at("metadata"));
    if (media_.form == Form::kObject && media_.encoding == Encoding::kJson) {
      return AnswerList(call_, list, objects);
    }
    if (media_.form == Form::kMetadata) {
      list["apiVersion"] = "meta.k8s.io/v1";
      list["kind"] = "PartialObjectMetadataList";
    }
    json::array items;
    items.reserve(objects.size());
    for (const auto& object : objects) {
      items.emplace_back(media_.form == Form::kMetadata ? PartialMetadata(*object)
                                                        : object->document);
    }
    list["items"] = std::move(items);
    Send(200, list);
  }

  void ShowObject(int status, const ObjectPtr& object) {
    switch (media_.form) {
      case Form::kObject:
        return Send(status, object->document);
      case Form::kMetadata:
        return Send(status, PartialMetadata(*object));
      case Form::kTable:
        return ShowTable(status, {&object, 1},
                         json::object{{"resourceVersion", std::to_string(object->revision)}});
    }
  }

  void ShowTable(int status, std::span<const ObjectPtr> objects, const json::value& metadata) {
    const auto include = query_.Text("includeObject");
    const auto row = include == "Object" ? RowObject::kWhole
                     : include == "None" ? RowObject::kNone
                                         : RowObject::kMetadata;
    auto table = ToTable(*target_.kind, objects, row, Columns::kNamed, front_.clock.Now());
    table["metadata"] = metadata;
    Send(status, table);
  }

  Outcome<Done> Get() {
    PEMBA_TRY(const auto object, front_.resources.Get(target_.key()));
    ShowObject(200, object);
    return Done{};
  }

  Outcome<Done> ReadSelectors(resource::LabelSelector& labels, resource::FieldSelector& fields) {
    std::string label_text(query_.Text("labelSelector"));
    std::string field_text(query_.Text("fieldSelector"));
    const auto term = parent_ ? ForcedTermOf(*parent_, *target_.kind) : ForcedTerm();
    if (term.where == ForcedTerm::Where::kLabels) {
      label_text = WithTerm(label_text, term.key, term.value);
    } else if (term.where == ForcedTerm::Where::kFields) {
      field_text = WithTerm(field_text, term.key, term.value);
    }
    PEMBA_TRY(labels, resource::LabelSelector::Parse(label_text));
    PEMBA_TRY(fields, resource::FieldSelector::Parse(field_text, *target_.kind));
    return Done{};
  }

  Outcome<Done> List() {
    resource::LabelSelector labels;
    resource::FieldSelector fields;
    PEMBA_TRY(std::ignore, ReadSelectors(labels, fields));
    PEMBA_TRY(const auto limit, query_.Count("limit"));
    const auto token = query_.Text("continue");
    PEMBA_TRY(const auto state,
              ReadWantedState(query_, token.empty() ? ListPart::kFirst : ListPart::kContinued));
    PEMBA_TRY(std::ignore, Reach(std::max(state.at_least, state.exactly)));
    PEMBA_TRY(const auto list, front_.resources.List({.kind = target_.kind,
                                                      .name_space = target_.name_space,
                                                      .labels = &labels,
                                                      .fields = &fields,
                                                      .at = state.exactly,
                                                      .count_max = static_cast<std::size_t>(limit),
                                                      .continue_token = token}));
    json::object metadata{{"resourceVersion", std::to_string(list.revision)}};
    if (!list.continue_token.empty()) metadata["continue"] = list.continue_token;
    ShowList({{"apiVersion", target_.kind->api_version()},
              {"kind", target_.kind->list_name},
              {"metadata", std::move(metadata)}},
             list.objects);
    return Done{};
  }

  // A version that is not here yet may have been written elsewhere.
  Outcome<Done> Reach(resource::Revision version) {
    if (version <= front_.resources.revision()) return Done{};
    PEMBA_TRY(std::ignore, front_.resources.Refresh());
    const auto current = front_.resources.revision();
    if (version <= current) return Done{};
    return Failure(Failure::Reason::kTooNew,
                   fmt::format("Too large resource version: {}, current: {}", version, current));
  }

  Outcome<Done> Watch() {
    WatchOptions options;
    options.what.kind = target_.kind;
    options.what.name_space = target_.name_space;
    PEMBA_TRY(std::ignore, ReadSelectors(options.what.labels, options.what.fields));
    PEMBA_TRY(const auto start, ReadWantedStart(query_));
    options.start =
        start.with_state ? WatchOptions::Start::kWithState : WatchOptions::Start::kAfter;
    options.after = start.after == 0 ? front_.resources.revision() : start.after;
    options.form = media_.form;
    options.bookmarks = query_.Flag("allowWatchBookmarks");
    options.initial_events_end = start.state_end;
    options.bookmark_interval = front_.options.bookmark_interval;
    PEMBA_TRY(const auto seconds, query_.Count("timeoutSeconds"));
    options.timeout = seconds == 0 ? front_.options.watch_timeout
                                   : std::chrono::seconds(std::min<std::uint64_t>(seconds, 86'400));
    StartWatch(front_.resources, front_.clock, std::move(options), call_);
    return Done{};
  }

  // The document of a request: of this kind, and about this object.
  Outcome<json::object> ReadDocument() {
    PEMBA_TRY(auto body, ReadBody(call_));
    if (!body.is_object()) {
      return Failure(Failure::Reason::kBadRequest, "the body of the request is not an object");
    }
    json::object document = std::move(body.get_object());
    PEMBA_TRY(std::ignore, CheckAddress(document));
    PEMBA_TRY(std::ignore, CheckUnknown(document));
    return document;
  }

  Outcome<Done> CheckAddress(const json::object& document) {
    const auto& kind = *target_.kind;
    const auto mismatch = [](std::string_view what, std::string_view got, std::string_view want) {
      return Failure(Failure::Reason::kBadRequest,
                     fmt::format("the {} in the data ({}) does not match the one expected by the "
                                 "endpoint ({})",
                                 what, got, want));
    };
    // Typed clients leave out what the endpoint says.
    const auto version = TextOf(document, "apiVersion"), name_of_kind = TextOf(document, "kind");
    if (!version.empty() && version != kind.api_version()) {
      return mismatch("API version", version, kind.api_version());
    }
    if (!name_of_kind.empty() && name_of_kind != kind.name) {
      return mismatch("kind", name_of_kind, kind.name);
    }
    const auto* metadata = ObjectOf(document, "metadata");
    if (metadata == nullptr) return Done{};
    const auto name_space = TextOf(*metadata, "namespace");
    if (!name_space.empty() && name_space != target_.name_space) {
      return Failure(Failure::Reason::kBadRequest,
                     "the namespace of the provided object does not match the namespace sent on "
                     "the request");
    }
    const auto name = TextOf(*metadata, "name");
    if (!target_.name.empty() && !name.empty() && name != target_.name) {
      return Failure(Failure::Reason::kBadRequest,
                     fmt::format("the name of the object ({}) does not match the name on the URL "
                                 "({})",
                                 name, target_.name));
    }
    return Done{};
  }

  // Unknown fields are dropped; who wants to know is told.
  Outcome<Done> CheckUnknown(json::object& document) {
    const auto unknown = UnknownFields(target_.kind->schema, document);
    if (unknown.empty()) return Done{};
    const auto validation = query_.Text("fieldValidation");
    std::string texts;
    for (const auto& field : unknown) {
      texts += fmt::format("{}unknown field \"{}\"", texts.empty() ? "" : ", ", field);
    }
    if (validation == "Strict") {
      return Failure(
          Failure::Reason::kBadRequest,
          fmt::format("{} in version \"{}\" cannot be handled as a {}: strict decoding "
                      "error: {}",
                      target_.kind->name, target_.kind->version, target_.kind->name, texts));
    }
    if (validation != "Ignore") Warn(texts);
    Prune(target_.kind->schema, document);
    return Done{};
  }

  void Warn(std::string_view text) {
    std::string quoted;
    for (const char c : text) {
      if (c == '"' || c == '\\') quoted.push_back('\\');
      quoted.push_back(c);
    }
    warnings_ += fmt::format("{}299 - \"{}\"", warnings_.empty() ? "" : ", ", quoted);
  }

  // The answer to a change.
  void ShowWritten(int status, const Written& written) {
    for (const auto& warning : written.warnings) Warn(warning);
    if (!warnings_.empty()) call_.SetHeader("warning", warnings_);
    ShowObject(status, written.object);
  }

  Outcome<Done> Create() {
    PEMBA_TRY(auto document, ReadDocument());
    if (target_.kind->scope == resource::Scope::kNamespaced && target_.name_space.empty()) {
      return Failure(Failure::Reason::kBadRequest,
                     "an empty namespace may not be set during creation");
    }
    if (const auto* metadata = ObjectOf(document, "metadata")) {
      target_.name = TextOf(*metadata, "name");
    }
    PEMBA_TRY(const auto written, front_.resources.Create(*target_.kind, target_.name_space,
                                                          std::move(document), options_));
    ShowWritten(201, written);
    return Done{};
  }

  Outcome<Done> Replace() {
    PEMBA_TRY(auto document, ReadDocument());
    const auto* metadata = ObjectOf(document, "metadata");
    if (metadata == nullptr || TextOf(*metadata, "resourceVersion").empty()) {
      return Failure(Failure::Reason::kInvalid,
                     fmt::format("{} \"{}\" is invalid: metadata.resourceVersion: Invalid value: "
                                 "0x0: must be specified for an update",
                                 target_.kind->qualified_name(), target_.name),
                     {resource::Invalid("metadata.resourceVersion", "0x0",
                                        "must be specified for an update")});
    }
    PEMBA_TRY(const auto written,
              front_.resources.Update(target_.key(), std::move(document), target_.part, options_));
    ShowWritten(200, written);
    return Done{};
  }

  Outcome<Done> Patch() {
    const auto type = ContentType(call_);
    if (type == "application/apply-patch+yaml") return Apply();
    PEMBA_TRY(const auto patch, ReadBody(call_));
    const auto change = [&](json::value& document) -> Outcome<Done> {
      if (type == "application/json-patch+json") {
        PEMBA_TRY(std::ignore, resource::ApplyJsonPatch(document, patch));
      } else if (type == "application/merge-patch+json" ||
                 (type == "application/strategic-merge-patch+json" && target_.kind->group.empty() &&
                  IsMergePatch(patch))) {
        resource::ApplyMergePatch(document, patch);
      } else {
        return Failure(Failure::Reason::kUnsupported,
                       "the body of the request was in an unknown format - accepted media types "
                       "include: application/json-patch+json, application/merge-patch+json, "
                       "application/apply-patch+yaml");
      }
      if (!document.is_object()) {
        return Failure(Failure::Reason::kInvalid, "the patch leaves no object");
      }
      PEMBA_TRY(std::ignore, CheckAddress(document.get_object()));
      return CheckUnknown(document.get_object());
    };
    PEMBA_TRY(const auto written,
              front_.resources.Modify(target_.key(), change, target_.part, options_));
    ShowWritten(200, written);
    return Done{};
  }

  Outcome<Done> Apply() {
    if (front_.options.authorizer != nullptr && !front_.resources.Get(target_.key()).ok()) {
      PEMBA_TRY(std::ignore, Permit("create"));
    }
    if (query_.Text("fieldManager").empty()) {
      return Failure(Failure::Reason::kBadRequest, "fieldManager is required for apply patch");
    }
    PEMBA_TRY(auto document, ReadDocument());
    json::value& metadata = document["metadata"];
    if (!metadata.is_object()) metadata = json::object();
    const auto* managed = metadata.get_object().if_contains("managedFields");
    if (managed != nullptr && !managed->is_null()) {
      return Failure(Failure::Reason::kBadRequest, "metadata.managedFields must be nil");
    }
    metadata.get_object()["name"] = target_.name;
    const auto force =
        query_.Flag("force") ? ResourceStore::Force::kYes : ResourceStore::Force::kNo;
    PEMBA_TRY(const auto applied, front_.resources.Apply(target_.key(), std::move(document),
                                                         target_.part, force, options_));
    ShowWritten(applied.was == ResourceStore::Applied::Was::kNew ? 201 : 200, applied.written);
    return Done{};
  }

  Outcome<resource::DeleteOptions> ReadDeleteOptions() {
    resource::DeleteOptions options;
    options.caller = options_.caller;
    options.dry_run = options_.dry_run;
    json::object body;
    if (!call_.body().empty()) {
      PEMBA_TRY(auto value, ReadBody(call_));
      if (value.is_object()) body = std::move(value.get_object());
    }
    auto propagation = TextOf(body, "propagationPolicy");
    if (propagation.empty()) propagation = query_.Text("propagationPolicy");
    if (const auto* orphan = body.if_contains("orphanDependents");
        orphan != nullptr && *orphan == true) {
      propagation = "Orphan";
    }
    if (propagation == "Foreground") {
      options.propagation = resource::Propagation::kForeground;
    } else if (propagation == "Orphan") {
      options.propagation = resource::Propagation::kOrphan;
    } else if (!propagation.empty() && propagation != "Background") {
      return Failure(Failure::Reason::kBadRequest,
                     fmt::format("propagationPolicy: Unsupported value: \"{}\": supported values: "
                                 "\"Background\", \"Foreground\", \"Orphan\"",
                                 propagation));
    }
    if (const auto* dry = body.if_contains("dryRun"); dry != nullptr && dry->is_array()) {
      options.dry_run |= !dry->get_array().empty();
    }
    if (const auto* preconditions = ObjectOf(body, "preconditions")) {
      options.uid = TextOf(*preconditions, "uid");
      options.resource_version = TextOf(*preconditions, "resourceVersion");
    }
    return options;
  }

  Outcome<Done> Delete() {
    PEMBA_TRY(const auto options, ReadDeleteOptions());
    PEMBA_TRY(const auto before, front_.resources.Get(target_.key()));
    PEMBA_TRY(const auto written, front_.resources.Delete(target_.key(), options));
    if (written.object != nullptr) {
      ShowWritten(200, written);
    } else {
      Send(200, Deleted(*target_.kind, target_.name, before->uid()));
    }
    return Done{};
  }

  // All that are selected, in one transaction.
  Outcome<Done> DeleteAll() {
    resource::LabelSelector labels;
    resource::FieldSelector fields;
    PEMBA_TRY(std::ignore, ReadSelectors(labels, fields));
    PEMBA_TRY(const auto options, ReadDeleteOptions());
    json::array items;
    options_.dry_run = options.dry_run;
    const auto remove = [&](resource::Transaction& transaction) -> Outcome<Done> {
      items.clear();  // It may be called again.
      for (const auto& object : transaction.List(*target_.kind, target_.name_space)) {
        if (!labels.Matches(object->labels()) || !fields.Matches(*object)) continue;
        if (transaction.Find(object->key) == nullptr) continue;  // Gone with one before.
        items.push_back(object->document);
        PEMBA_TRY(std::ignore, transaction.Delete(object->key, options.propagation));
      }
      return Done{};
    };
    PEMBA_TRY(const auto revision, front_.resources.Transact(options_, remove));
    Send(200, {{"apiVersion", target_.kind->api_version()},
               {"kind", target_.kind->list_name},
               {"metadata", json::object{{"resourceVersion", std::to_string(revision)}}},
               {"items", std::move(items)}});
    return Done{};
  }

  Front& front_;
  rpc::Call& call_;
  const std::optional<iam::ParentContext> parent_;
  Target target_;
  Query query_;
  Media media_;
  resource::WriteOptions options_;
  std::string warnings_;  // The header's value.
};

Failure Unknown() {
  return {Failure::Reason::kKindNotFound, "the server could not find the requested resource"};
}

// What is asked for, by the segments of a path.
class Dispatcher {
 public:
  Dispatcher(Front& front, rpc::Call& call, resource::Caller caller)
      : front_(front), call_(call), caller_(std::move(caller)) {}

  void Run() {
    const auto scoped = SplitScope(call_.path());
    parent_ = scoped.parent;
    const auto path = PercentDecoded(scoped.path);
    rest_ = path;
    const auto first = Next();
    if (first == "api") return Core();
    if (first == "apis") return Named();
    if (call_.http_method() != "GET" && call_.http_method() != "HEAD")
      return Fail(call_, Unknown());
    if (first == "version" && rest_.empty()) return Answer(call_, 200, VersionInfo());
    if (first == "openapi") return OpenApi();
    Fail(call_, Unknown());
  }

 private:
  // Takes the next segment; empty at the end.
  std::string_view Next() {
    if (rest_.starts_with('/')) rest_.remove_prefix(1);
    const auto segment = rest_.substr(0, rest_.find('/'));
    rest_.remove_prefix(segment.size());
    return segment;
  }

  void Core() {
    if (rest_.empty()) {
      if (WantedDiscovery(AcceptOf(call_)) == DiscoveryForm::kPlain)
        return Answer(call_, 200, ApiVersions());
      return Answer(call_, 200, AggregatedDiscovery(shown(), Groups::kCore), kAggregatedType);
    }
    Version("", Next());
  }

  void Named() {
    if (rest_.empty()) {
      if (WantedDiscovery(AcceptOf(call_)) == DiscoveryForm::kPlain) {
        return Answer(call_, 200, ApiGroupList(shown()));
      }
      return Answer(call_, 200, AggregatedDiscovery(shown(), Groups::kNamed), kAggregatedType);
    }
    const auto group = Next();
    if (rest_.empty()) return AnswerOrUnknown(ApiGroup(shown(), group));
    Version(group, Next());
  }

  void Version(std::string_view group, std::string_view version) {
    if (rest_.empty()) return AnswerOrUnknown(ApiResourceList(shown(), group, version));
    if (call_.http_method() == "POST" && IsSelfReview(group, version, rest_.substr(1))) {
      return SelfReview(rest_.substr(1));
    }
    ObjectCall object(front_, call_, std::move(caller_), parent_);
    object.Run(group, version, rest_.substr(1));
  }

  void SelfReview(std::string_view resource) {
    const auto done = TrySelfReview(resource);
    if (!done.ok()) Fail(call_, done.error());
  }

  Outcome<Done> TrySelfReview(std::string_view resource) {
    PEMBA_TRY(const auto media, WantedMedia(AcceptOf(call_), Answers::kOnce));
    PEMBA_TRY(auto body, ReadBody(call_));
    if (!body.is_object()) {
      return Failure(Failure::Reason::kBadRequest, "the body of the request is not an object");
    }
    const SelfAsker asker{front_.resources.registry(), front_.options.authorizer, caller_, parent_};
    PEMBA_TRY(const auto review, AnswerSelfReview(asker, resource, std::move(body.get_object())));
    AnswerAs(call_, 201, review, media.encoding);
    return Done{};
  }

  Shown shown() const { return {front_.resources.registry(), parent_}; }

  void OpenApi() {
    const auto& registry = front_.resources.registry();
    const auto form = Next();
    if (form == "v2" && rest_.empty()) {
      const auto document = OpenApiV2(registry);
      if (!WantsProtobuf(AcceptOf(call_))) return Answer(call_, 200, document);
      return call_.FinishHttp(200, kOpenApiV2BytesType, OpenApiV2Bytes(document));
    }
    if (form != "v3") return Fail(call_, Unknown());
    if (rest_.empty()) return Answer(call_, 200, OpenApiV3Index(registry));
    const auto root = Next();
    const auto group = root == "apis" ? Next() : std::string_view();
    const auto version = Next();
    if ((root != "api" && root != "apis") || !rest_.empty()) return Fail(call_, Unknown());
    AnswerOrUnknown(OpenApiV3(registry, group, version));
  }

  void AnswerOrUnknown(const std::optional<json::object>& body) {
    if (body) return Answer(call_, 200, *body);
    Fail(call_, Unknown());
  }

  Front& front_;
  rpc::Call& call_;
  resource::Caller caller_;
  std::optional<iam::ParentContext> parent_;
  std::string_view rest_;  // Of the path, decoded.
};

void Serve(Front& front, rpc::Call& call) {
  const auto authenticated = front.authenticator.Authenticate(call);
  if (!authenticated.ok()) return Answer(call, 401, Unauthorized());
  auto caller = Impersonated(CallerOf(*authenticated, front.options.callers), call);
  if (!caller.ok()) return Fail(call, caller.error());
  Dispatcher(front, call, *std::move(caller)).Run();
}

}  // namespace

void AddRoutes(ResourceStore& resources, const Clock& clock,
               const authn::Authenticator& authenticator, rpc::Router& router,
               ServiceOptions options) {
  const auto front = std::make_shared<Front>(Front{resources, clock, authenticator, options});
  const auto add = [&](const char* method, const char* pattern, rpc::Execution execution) {
    rpc::Route route;
    route.http_method = method;
    route.http_pattern = pattern;
    route.execution = execution;
    route.admission = rpc::Admission::kWithin;
    route.handler = [front](rpc::Call& call) { Serve(*front, call); };
    router.Add(std::move(route));
  };
  for (const char* const pattern :
       {"/version", "/api", "/apis", "/apis/{group}", "/api/{version}", "/apis/{group}/{version}",
        "/openapi/v2", "/openapi/v3", "/openapi/v3/api/{version}",
        "/openapi/v3/apis/{group}/{version}"}) {
    add("GET", pattern, rpc::Execution::kInline);
  }
  AddBatchRoute(resources, authenticator, options, router);
  for (const char* const method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
    add(method, "/api/{version}/{rest...}", rpc::Execution::kWorker);
    add(method, "/apis/{group}/{version}/{rest...}", rpc::Execution::kWorker);
  }
}

}  // namespace pemba::api::k8s
