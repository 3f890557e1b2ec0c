#include "pemba/resource/resource_store.h"

#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <shared_mutex>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "pemba/base/text.h"
#include "pemba/resource/apply.h"
#include "pemba/resource/internal/history.h"
#include "pemba/resource/internal/object_records.h"
#include "pemba/resource/internal/object_table.h"

namespace pemba::resource {
namespace {

namespace json = boost::json;

Failure Expired(Revision revision) {
  return {Failure::Reason::kExpired, fmt::format("too old resource version: {}", revision)};
}

// Where a list goes on: after this object, as of that revision.
struct Position {
  Revision revision = 0;
  std::string name_space, name;
};

std::string EncodePosition(const Position& position) {
  return Base64UrlEncode(
      fmt::format("{}\n{}\n{}", position.revision, position.name_space, position.name));
}

std::optional<Position> DecodePosition(std::string_view token) {
  const auto text = Base64UrlDecode(token);
  if (!text) return std::nullopt;
  const auto first = text->find('\n');
  const auto second = first == std::string::npos ? first : text->find('\n', first + 1);
  if (second == std::string::npos || first == 0 || first > 19) return std::nullopt;
  Position position;
  for (std::size_t i = 0; i < first; ++i) {
    const char c = (*text)[i];
    if (c < '0' || c > '9') return std::nullopt;
    position.revision = position.revision * 10 + static_cast<Revision>(c - '0');
  }
  position.name_space = text->substr(first + 1, second - first - 1);
  position.name = text->substr(second + 1);
  return position;
}

bool Matches(const Object& object, const LabelSelector* labels, const FieldSelector* fields) {
  return (labels == nullptr || labels->Matches(object.labels())) &&
         (fields == nullptr || fields->Matches(object));
}

bool Matches(const ObjectPtr& object, const WatchRequest& request) {
  return object != nullptr &&
         (request.name_space.empty() || object->key.name_space == request.name_space) &&
         Matches(*object, &request.labels, &request.fields);
}

}  // namespace

class ResourceStore::Impl {
 public:
  Impl(store::Store& store, const Registry& registry, const Clock& clock,
       ResourceStoreOptions options)
      : store_(store),
        registry_(registry),
        clock_(clock),
        options_(std::move(options)),
        table_(options_.indexes) {
    for (const auto& kind : registry_.kinds()) {
      if (kind->scope == Scope::kNamespaced) namespaced_.push_back(kind.get());
    }
    namespaces_ = registry_.FindKind("", "Namespace");
  }

  Status Load() {
    Status read = Done{};
    PEMBA_TRY(revision_,
              store_.ReadRecords(internal::kObjectPrefix, [&](const storage::Record& record) {
                auto object = internal::ObjectFrom(record, registry_);
                if (!object.ok()) {
                  read = object.error();
                  return storage::Visit::kStop;
                }
                if (*object != nullptr) table_.Put(*std::move(object));
                return storage::Visit::kContinue;
              }));
    history_.emplace(revision_, options_.history_max);
    return read;
  }

  const Registry& registry() const { return registry_; }

  Revision revision() const {
    const std::shared_lock lock(mutex_);
    return revision_;
  }

  Outcome<ObjectPtr> Get(const ObjectKey& key) const {
    const std::shared_lock lock(mutex_);
    auto object = table_.Find(key);
    if (object != nullptr) return object;
    return Failure(Failure::Reason::kNotFound, Describe(*key.kind, key.name) + " not found");
  }

  ObjectPtr FindByUid(std::string_view uid) const {
    const std::shared_lock lock(mutex_);
    return table_.FindByUid(uid);
  }

  std::vector<ObjectPtr> FindBy(IndexId index, std::string_view key) const {
    const std::shared_lock lock(mutex_);
    return table_.FindBy(index, key);
  }

  // A continued list is made from the objects of today and what those that changed since were.
  Outcome<ObjectList> List(const ListRequest& request) const {
    Position from;
    if (!request.continue_token.empty()) {
      auto position = DecodePosition(request.continue_token);
      if (!position) {
        return Failure(Failure::Reason::kBadRequest, "continue key is not valid");
      }
      from = *std::move(position);
    }
    const std::shared_lock lock(mutex_);
    ObjectList list;
    list.revision = request.continue_token.empty() ? revision_ : from.revision;
    if (list.revision > revision_ || !history_->Reaches(list.revision)) {
      return Expired(list.revision);
    }
    internal::History::Past past;
    if (list.revision < revision_) past = history_->StateAt(list.revision, *request.kind);

    const std::pair after(from.name_space, from.name);
    const std::string only(request.name_space);
    const auto& objects = table_.OfKind(*request.kind);
    auto now = request.continue_token.empty() ? objects.lower_bound({only, ""})
                                              : objects.upper_bound(after);
    auto then =
        request.continue_token.empty() ? past.lower_bound({only, ""}) : past.upper_bound(after);
    // Both are in order; where both have a place, the past counts.
    const auto next = [&]() -> ObjectPtr {
      while (true) {
        const bool has_now = now != objects.end() && (only.empty() || now->first.first == only);
        const bool has_then = then != past.end() && (only.empty() || then->first.first == only);
        if (!has_now && !has_then) return nullptr;
        ObjectPtr object;
        if (has_then && (!has_now || then->first <= now->first)) {
          if (has_now && then->first == now->first) ++now;
          object = (then++)->second;
        } else {
          object = (now++)->second;
        }
        if (object != nullptr && Matches(*object, request.labels, request.fields)) return object;
      }
    };
    while (ObjectPtr object = next()) {
      if (request.count_max != 0 && list.objects.size() == request.count_max) {
        const auto& last = list.objects.back()->key;
        list.continue_token = EncodePosition({list.revision, last.name_space, last.name});
        break;
      }
      list.objects.push_back(std::move(object));
    }
    return list;
  }

  Outcome<Written> Run(const WriteOptions& options,
                       const std::function<Outcome<ObjectPtr>(Transaction&)>& body) {
    Written written;
    std::optional<ObjectKey> key;
    PEMBA_TRY(const auto committed, Commit(options, [&](Transaction& transaction) -> Outcome<Done> {
                PEMBA_TRY(written.object, body(transaction));
                if (written.object != nullptr) key = written.object->key;
                written.warnings = transaction.warnings();
                return Done{};
              }));
    if (!key) return written;
    // What readers see of it, under its revision.
    for (const auto& change : committed) {
      if (change.key() == *key && change.after != nullptr) written.object = change.after;
    }
    return written;
  }

  // Answers what changed, as readers see it.
  Outcome<std::vector<internal::PastChange>> Commit(const WriteOptions& options, const Body& body) {
    const std::lock_guard writing(write_mutex_);
    // Only this thread changes the table, so it may read it without the readers' lock.
    Transaction transaction(
        table_, {options.caller, clock_.Now(), options_.new_uid, options_.admission, namespaces_,
                 namespaced_, registry_, options_.indexes});
    PEMBA_TRY(std::ignore, body(transaction));
    PEMBA_TRY(std::ignore, transaction.Conclude());
    const auto changes = transaction.Changes();
    std::vector<internal::PastChange> done;
    done.reserve(changes.size());
    if (changes.empty()) return done;
    Consequences consequences;
    if (options_.projection != nullptr) {
      PEMBA_TRY(consequences, options_.projection->Project(transaction));
    }
    if (options.dry_run) {
      if (options_.projection != nullptr) options_.projection->Abandoned();
      for (const auto& change : changes) done.push_back({0, change.before, change.after});
      return done;
    }
    const auto written = Write(changes, consequences);
    if (!written.ok()) {
      if (options_.projection != nullptr) options_.projection->Abandoned();
      return written.error();
    }
    const Revision revision = *written;
    for (const auto& change : changes) {
      done.push_back(
          {revision, change.before,
           change.after == nullptr ? nullptr : internal::WithRevision(*change.after, revision)});
    }
    Publish(revision, done);
    if (options_.projection != nullptr) options_.projection->Committed(revision);
    return done;
  }

  Outcome<Events> EventsAfter(const WatchRequest& request, Revision after,
                              std::size_t count_max) const {
    const std::shared_lock lock(mutex_);
    if (after > revision_) return Events{{}, after};
    if (!history_->Reaches(after)) return Expired(after);
    Events events;
    events.revision = revision_;
    Revision last = after;
    for (auto at = history_->After(after); at != history_->end(); ++at) {
      if (events.events.size() >= count_max && at->revision != last) {
        events.revision = last;
        break;
      }
      last = at->revision;
      if (at->key().kind != request.kind) continue;
      const bool was = Matches(at->before, request);
      const bool is = Matches(at->after, request);
      if (is) {
        events.events.push_back({was ? Event::Type::kModified : Event::Type::kAdded, at->after});
      } else if (was) {
        const auto& state = at->after != nullptr ? at->after : at->before;
        events.events.push_back(
            {Event::Type::kDeleted, internal::WithRevision(*state, at->revision)});
      }
    }
    return events;
  }

  void AwaitChange(Revision after, SteadyTime deadline) const {
    std::shared_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [&] { return revision_ > after; });
  }

  std::unique_ptr<Subscription> Subscribe(std::function<void()> wake) const {
    return std::make_unique<Subscribed>(*this, std::move(wake));
  }

 private:
  class Subscribed final : public Subscription {
   public:
    Subscribed(const Impl& store, std::function<void()> wake) : store_(store) {
      const std::lock_guard lock(store_.wakes_mutex_);
      place_ = store_.wakes_.insert(store_.wakes_.end(), std::move(wake));
    }
    ~Subscribed() override {
      const std::lock_guard lock(store_.wakes_mutex_);
      store_.wakes_.erase(place_);
    }

   private:
    const Impl& store_;
    std::list<std::function<void()>>::iterator place_;
  };

  Result<Revision> Write(const std::vector<Transaction::Change>& changes,
                         Consequences& consequences) {
    if (consequences.model_before) {
      PEMBA_TRY(std::ignore, store_.WriteModel(*std::move(consequences.model_before)));
      owed_model_.reset();  // It knows nothing of what was added now.
    }
    std::vector<std::string> texts;
    texts.reserve(changes.size() * 2);  // INVARIANT: never grows beyond this; views point into it.
    std::vector<storage::RecordChange> records;
    records.reserve(changes.size());
    for (const auto& change : changes) {
      const auto& object = change.after != nullptr ? change.after : change.before;
      const auto& key = texts.emplace_back(internal::RecordKey(object->key));
      if (change.after == nullptr) {
        records.push_back({key, std::nullopt});
      } else {
        records.push_back({key, texts.emplace_back(internal::RecordValue(*change.after))});
      }
    }
    std::vector<tuple::TupleView> deletes;
    deletes.reserve(consequences.deletes.size());
    for (const auto& each : consequences.deletes) deletes.push_back(each.view());
    PEMBA_TRY(const Revision revision, store_.Write({.writes = consequences.writes,
                                                     .deletes = deletes,
                                                     .on_duplicate = "replace",
                                                     .on_missing = "ignore",
                                                     .records = records,
                                                     .form = store::WriteRequest::Form::kExtended,
                                                     .size = store::WriteRequest::Size::kAny}));
    if (consequences.model_after) owed_model_ = std::move(consequences.model_after);
    if (owed_model_ && store_.WriteModel(*owed_model_).ok()) owed_model_.reset();
    return revision;
  }

  void Publish(Revision revision, const std::vector<internal::PastChange>& changes) {
    {
      const std::unique_lock lock(mutex_);
      for (const auto& change : changes) {
        if (change.after == nullptr) {
          table_.Remove(change.key());
        } else {
          table_.Put(change.after);
        }
        history_->Add(change);
      }
      revision_ = revision;
    }
    changed_.notify_all();
    const std::lock_guard lock(wakes_mutex_);
    for (const auto& wake : wakes_) wake();
  }

  store::Store& store_;
  const Registry& registry_;
  const Clock& clock_;
  const ResourceStoreOptions options_;
  const Kind* namespaces_ = nullptr;
  std::vector<const Kind*> namespaced_;

  std::mutex write_mutex_;  // Serialises writers. Taken before mutex_.
  // The newest Consequences::model_after, until it is written. Guarded by write_mutex_.
  std::optional<model::Model> owed_model_;
  // Guards what follows: written by whoever holds both, read by who holds either.
  mutable std::shared_mutex mutex_;
  mutable std::condition_variable_any changed_;
  internal::ObjectTable table_;
  std::optional<internal::History> history_;  // Set by Load.
  Revision revision_ = 0;

  mutable std::mutex wakes_mutex_;
  mutable std::list<std::function<void()>> wakes_;
};

Result<std::unique_ptr<ResourceStore>> ResourceStore::Open(store::Store& store,
                                                           const Registry& registry,
                                                           const Clock& clock,
                                                           ResourceStoreOptions options) {
  auto impl = std::make_unique<Impl>(store, registry, clock, std::move(options));
  PEMBA_TRY(std::ignore, impl->Load());
  return std::unique_ptr<ResourceStore>(new ResourceStore(std::move(impl)));
}

ResourceStore::ResourceStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ResourceStore::~ResourceStore() = default;

const Registry& ResourceStore::registry() const { return impl_->registry(); }
Revision ResourceStore::revision() const { return impl_->revision(); }
Outcome<ObjectPtr> ResourceStore::Get(const ObjectKey& key) const { return impl_->Get(key); }
ObjectPtr ResourceStore::FindByUid(std::string_view uid) const { return impl_->FindByUid(uid); }
std::vector<ObjectPtr> ResourceStore::FindBy(IndexId index, std::string_view key) const {
  return impl_->FindBy(index, key);
}
Outcome<ObjectList> ResourceStore::List(const ListRequest& request) const {
  return impl_->List(request);
}

Outcome<Written> ResourceStore::Create(const Kind& kind, std::string_view name_space,
                                       json::object document, const WriteOptions& options) {
  return impl_->Run(options, [&](Transaction& transaction) {
    return transaction.Create(kind, name_space, std::move(document));
  });
}

Outcome<Written> ResourceStore::Update(const ObjectKey& key, json::object document, Part part,
                                       const WriteOptions& options) {
  return impl_->Run(options, [&](Transaction& transaction) {
    if (const ObjectPtr live = transaction.Find(key)) {
      TrackUpdate(*live, document, options.field_manager, part, transaction.now());
    }
    return transaction.Update(key, std::move(document), part);
  });
}

Outcome<ResourceStore::Applied> ResourceStore::Apply(const ObjectKey& key, json::object document,
                                                     Part part, Force force,
                                                     const WriteOptions& options) {
  auto was = Applied::Was::kThere;
  PEMBA_TRY(auto written, impl_->Run(options, [&](Transaction& transaction) -> Outcome<ObjectPtr> {
    const ObjectPtr live = transaction.Find(key);
    const ApplyRequest request{.manager = options.field_manager,
                               .force = force == Force::kYes,
                               .part = part,
                               .now = transaction.now()};
    PEMBA_TRY(auto result, resource::Apply(*key.kind, live.get(), document, request));
    if (live != nullptr) return transaction.Update(key, std::move(result), part);
    was = Applied::Was::kNew;
    return transaction.Create(*key.kind, key.name_space, std::move(result));
  }));
  return Applied{std::move(written), was};
}

Outcome<Written> ResourceStore::Modify(const ObjectKey& key, const Change& change, Part part,
                                       const WriteOptions& options) {
  return impl_->Run(options, [&](Transaction& transaction) -> Outcome<ObjectPtr> {
    const ObjectPtr old = transaction.Find(key);
    if (old == nullptr) {
      return Failure(Failure::Reason::kNotFound, Describe(*key.kind, key.name) + " not found");
    }
    json::value document = old->document;
    PEMBA_TRY(std::ignore, change(document));
    if (!document.is_object()) {
      return Failure(Failure::Reason::kBadRequest, "the patch leaves no object");
    }
    TrackUpdate(*old, document.get_object(), options.field_manager, part, transaction.now());
    return transaction.Update(key, std::move(document.get_object()), part);
  });
}

Outcome<Written> ResourceStore::Delete(const ObjectKey& key, const DeleteOptions& options) {
  const WriteOptions write{.caller = options.caller, .dry_run = options.dry_run};
  return impl_->Run(write, [&](Transaction& transaction) -> Outcome<ObjectPtr> {
    const ObjectPtr old = transaction.Find(key);
    const auto conflict = [&](std::string_view what, std::string_view wanted, std::string_view is) {
      return Failure(Failure::Reason::kConflict,
                     fmt::format("Operation cannot be fulfilled on {}: Precondition failed: {} in "
                                 "precondition: {}, {} in object meta: {}",
                                 Describe(*key.kind, key.name), what, wanted, what, is));
    };
    if (old != nullptr && !options.uid.empty() && options.uid != old->uid()) {
      return conflict("UID", options.uid, old->uid());
    }
    if (old != nullptr && !options.resource_version.empty() &&
        options.resource_version != std::to_string(old->revision)) {
      return conflict("ResourceVersion", options.resource_version, std::to_string(old->revision));
    }
    return transaction.Delete(key, options.propagation);
  });
}

Outcome<Revision> ResourceStore::Transact(const WriteOptions& options, const Body& body) {
  PEMBA_TRY(const auto changes, impl_->Commit(options, body));
  return changes.empty() ? revision() : changes.front().revision;
}

Outcome<Events> ResourceStore::EventsAfter(const WatchRequest& request, Revision after,
                                           std::size_t count_max) const {
  return impl_->EventsAfter(request, after, count_max);
}

void ResourceStore::AwaitChange(Revision after, SteadyTime deadline) const {
  impl_->AwaitChange(after, deadline);
}

std::unique_ptr<ResourceStore::Subscription> ResourceStore::Subscribe(
    std::function<void()> wake) const {
  return impl_->Subscribe(std::move(wake));
}

}  // namespace pemba::resource
