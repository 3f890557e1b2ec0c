#include "pemba/api/k8s/batch.h"

#include <memory>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "pemba/api/k8s/answer.h"
#include "pemba/api/k8s/request.h"
#include "pemba/resource/apply.h"
#include "pemba/resource/members.h"

namespace pemba::api::k8s {
namespace {

namespace json = boost::json;

using resource::Failure;
using resource::Kind;
using resource::ObjectKey;
using resource::Outcome;
using resource::ResourceStore;
using resource::TextOf;
using resource::Transaction;

struct Front {
  ResourceStore& resources;
  const authn::Authenticator& authenticator;
  const ServiceOptions options;
};

struct Item {
  ObjectKey key;
  json::object document;
  const char* result = "unchanged";
};

const Kind* FindKind(const resource::Registry& registry, const std::string& api_version,
                     const std::string& name) {
  for (const auto& kind : registry.kinds()) {
    if (kind->name == name && kind->api_version() == api_version) return kind.get();
  }
  return nullptr;
}

class Batch {
 public:
  Batch(Front& front, rpc::Call& call, resource::Caller caller) : front_(front), call_(call) {
    write_.caller = std::move(caller);
  }

  void Run() {
    const auto done = Try();
    if (done.ok()) return;
    const auto* kind = at_ < items_.size() ? items_[at_].key.kind : nullptr;
    auto http = ToHttp(done.error(), kind, at_ < items_.size() ? items_[at_].key.name : "");
    http.body["details"].as_object()["item"] = at_;
    Answer(call_, http.status, http.body);
  }

 private:
  Outcome<Done> Try() {
    PEMBA_TRY(const auto query, Query::Read(call_.query()));
    write_.dry_run = query.Text("dryRun") == "All";
    force_ = query.Flag("force");
    if (const auto manager = query.Text("fieldManager"); !manager.empty()) {
      write_.field_manager = manager;
    }
    PEMBA_TRY(std::ignore, ReadItems());
    PEMBA_TRY(const auto revision,
              front_.resources.Transact(
                  write_, [this](Transaction& transaction) { return ApplyAll(transaction); }));
    json::array items;
    for (auto& item : items_) {
      items.push_back(json::object{{"result", item.result}, {"object", std::move(item.document)}});
    }
    Answer(call_, 200,
           {{"resourceVersion", std::to_string(revision)}, {"items", std::move(items)}});
    return Done{};
  }

  Outcome<Done> ReadItems() {
    PEMBA_TRY(auto body, ReadBody(call_));
    auto* items = body.is_object() ? body.get_object().if_contains("items") : nullptr;
    if (items == nullptr || !items->is_array()) {
      return Failure(Failure::Reason::kBadRequest, "the body has no list `items`");
    }
    if (items->get_array().size() > kBatchItemsMax) {
      return Failure(Failure::Reason::kTooLarge, fmt::format("more than {} items", kBatchItemsMax));
    }
    for (auto& value : items->get_array()) {
      at_ = items_.size();
      if (!value.is_object()) return Failure(Failure::Reason::kBadRequest, "an item is no object");
      PEMBA_TRY(std::ignore, ReadItem(std::move(value.get_object())));
    }
    return Done{};
  }

  Outcome<Done> ReadItem(json::object document) {
    const auto* kind = FindKind(front_.resources.registry(), TextOf(document, "apiVersion"),
                                TextOf(document, "kind"));
    if (kind == nullptr) {
      return Failure(Failure::Reason::kKindNotFound,
                     fmt::format("there is no kind {} of {}", TextOf(document, "kind"),
                                 TextOf(document, "apiVersion")));
    }
    const auto* metadata = document.if_contains("metadata");
    if (metadata == nullptr || !metadata->is_object() ||
        TextOf(metadata->get_object(), "name").empty()) {
      return Failure(Failure::Reason::kBadRequest, "an item has no metadata.name");
    }
    ObjectKey key{kind, TextOf(metadata->get_object(), "namespace"),
                  TextOf(metadata->get_object(), "name")};
    if (kind->scope == resource::Scope::kCluster) key.name_space.clear();
    if (kind->scope == resource::Scope::kNamespaced && key.name_space.empty()) {
      key.name_space = "default";
      document["metadata"].as_object()["namespace"] = key.name_space;
    }
    const auto unknown = UnknownFields(kind->schema, document);
    if (!unknown.empty()) {
      return Failure(Failure::Reason::kBadRequest,
                     fmt::format("unknown field \"{}\"", unknown.front()));
    }
    items_.push_back({std::move(key), std::move(document)});
    return Permit(items_.back());
  }

  // Whether it will be made or changed is not known before the transaction: it must be allowed to
  // do what it will do, and nothing else changes that.
  Outcome<Done> Permit(const Item& item) {
    if (front_.options.authorizer == nullptr) return Done{};
    const bool there = front_.resources.Get(item.key).ok();
    const auto permit = [&](std::string_view verb) {
      return front_.options.authorizer->Authorize(
          {.caller = write_.caller,
           .verb = verb,
           .kind = *item.key.kind,
           .name_space = item.key.name_space,
           .name = verb == "create" ? std::string_view() : std::string_view(item.key.name),
           .subresource = {},
           .parent = {}});
    };
    PEMBA_TRY(std::ignore, permit("patch"));
    return there ? Outcome<Done>(Done{}) : permit("create");
  }

  Outcome<Done> ApplyAll(Transaction& transaction) {
    for (at_ = 0; at_ < items_.size(); ++at_) {
      PEMBA_TRY(std::ignore, ApplyOne(transaction, items_[at_]));
    }
    at_ = items_.size();
    return Done{};
  }

  Outcome<Done> ApplyOne(Transaction& transaction, Item& item) {
    const auto live = transaction.Find(item.key);
    const resource::ApplyRequest request{.manager = write_.field_manager,
                                         .force = force_,
                                         .part = resource::Part::kMain,
                                         .now = transaction.now()};
    PEMBA_TRY(auto document, resource::Apply(*item.key.kind, live.get(), item.document, request));
    if (live == nullptr) {
      PEMBA_TRY(const auto made,
                transaction.Create(*item.key.kind, item.key.name_space, std::move(document)));
      item.result = "created";
      item.document = made->document;
      return Done{};
    }
    PEMBA_TRY(const auto now, transaction.Update(item.key, std::move(document)));
    if (now != live) item.result = "configured";
    item.document = now->document;
    return Done{};
  }

  Front& front_;
  rpc::Call& call_;
  resource::WriteOptions write_;
  bool force_ = false;
  std::vector<Item> items_;
  std::size_t at_ = 0;  // The item that is looked at.
};

}  // namespace

void AddBatchRoute(ResourceStore& resources, const authn::Authenticator& authenticator,
                   const ServiceOptions& options, rpc::Router& router) {
  const auto front = std::make_shared<Front>(Front{resources, authenticator, options});
  rpc::Route route;
  route.http_method = "POST";
  route.http_pattern = "/pemba/v1/apply";
  route.execution = rpc::Execution::kWorker;
  route.admission = rpc::Admission::kWithin;
  route.handler = [front](rpc::Call& call) {
    const auto authenticated = front->authenticator.Authenticate(call);
    if (!authenticated.ok()) return Answer(call, 401, Unauthorized());
    auto caller = Impersonated(CallerOf(*authenticated, front->options.callers), call);
    if (!caller.ok()) return Fail(call, caller.error());
    Batch(*front, call, *std::move(caller)).Run();
  };
  router.Add(std::move(route));
}

}  // namespace pemba::api::k8s
