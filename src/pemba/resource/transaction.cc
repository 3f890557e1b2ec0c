#include "pemba/resource/transaction.h"

#include <algorithm>
#include <random>

#include <boost/json/array.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pemba/resource/internal/staging.h"
#include "pemba/resource/members.h"

namespace pemba::resource {
namespace {

namespace json = boost::json;

constexpr int kDepthMax = 16;
constexpr std::string_view kForegroundFinalizer = "foregroundDeletion";
constexpr std::string_view kContentsFinalizer = "pemba.dev/contents";

Failure NotFoundFailure(const ObjectKey& key) {
  return {Failure::Reason::kNotFound, Describe(*key.kind, key.name) + " not found"};
}

Failure ConflictFailure(const ObjectKey& key, std::string_view why) {
  return {Failure::Reason::kConflict, fmt::format("Operation cannot be fulfilled on {}: {}",
                                                  Describe(*key.kind, key.name), why)};
}

Failure InvalidFailure(const ObjectKey& key, std::vector<FieldError> errors) {
  std::vector<std::string> texts;
  for (const auto& error : errors) texts.push_back(error.field + ": " + error.message);
  const Kind& kind = *key.kind;
  const std::string all = fmt::format("{}", fmt::join(texts, ", "));
  return {Failure::Reason::kInvalid,
          fmt::format("{}{}{} \"{}\" is invalid: {}", kind.name, kind.group.empty() ? "" : ".",
                      kind.group, key.name, texts.size() == 1 ? all : "[" + all + "]"),
          std::move(errors)};
}

json::object& MetadataOf(json::object& document) {
  json::value& metadata = document["metadata"];
  if (!metadata.is_object()) metadata = json::object();
  return metadata.get_object();
}

void Erase(json::object& object, std::string_view name) {
  if (const auto at = object.find(name); at != object.end()) object.stable_erase(at);
}

// Five characters that make no words.
std::string RandomSuffix() {
  static constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  static thread_local std::random_device random;
  std::string text;
  for (int i = 0; i < 5; ++i) text.push_back(kLetters[random() % kLetters.size()]);
  return text;
}

// Whether something other than metadata and, if it is written apart, status differs.
bool SpecDiffers(const Kind& kind, const json::object& a, const json::object& b) {
  const auto counts = [&](json::string_view name) {
    return name != "metadata" && !(kind.has_status && name == "status");
  };
  std::size_t fields = 0;
  for (const auto& [name, value] : a) {
    if (!counts(name)) continue;
    const auto* other = b.if_contains(name);
    if (other == nullptr || *other != value) return true;
    ++fields;
  }
  for (const auto& field : b) fields -= counts(field.key()) ? 1 : 0;
  return fields != 0;
}

// The owner of an object may be named by several; the last one that is left keeps it.
bool HasOtherOwner(const Transaction& transaction, const Object& object, std::string_view uid) {
  return std::ranges::any_of(object.owners(), [&](const OwnerReference& owner) {
    return owner.uid != uid && transaction.FindByUid(owner.uid) != nullptr;
  });
}

bool HasFinalizer(const Object& object, std::string_view name) {
  const auto finalizers = object.finalizers();
  return std::ranges::find(finalizers, name) != finalizers.end();
}

void EraseFinalizer(json::object& metadata, std::string_view name) {
  auto* list = metadata.if_contains("finalizers");
  if (list == nullptr || !list->is_array()) return;
  json::array kept;
  for (auto& one : list->get_array()) {
    if (one != json::string_view(name.data(), name.size())) kept.push_back(std::move(one));
  }
  if (kept.empty()) {
    Erase(metadata, "finalizers");
  } else {
    *list = std::move(kept);
  }
}

}  // namespace

// Counts the operations that lie within one another; when the outermost ends, what was waiting for
// the removals is looked at.
class Transaction::Within {
 public:
  explicit Within(Transaction& transaction) : transaction_(transaction) { ++transaction_.depth_; }
  ~Within() { --transaction_.depth_; }
  Within(const Within&) = delete;
  Within& operator=(const Within&) = delete;

 private:
  Transaction& transaction_;
};

Outcome<Done> Admission::Conclude(Transaction&) { return Done{}; }

Transaction::Transaction(const internal::ObjectView& base, const TransactionScope& scope)
    : scope_(scope), staging_(std::make_unique<internal::Staging>(base, scope.indexes)) {}
Transaction::~Transaction() = default;

bool Transaction::empty() const { return staging_->staged().empty(); }
ObjectPtr Transaction::Find(const ObjectKey& key) const { return staging_->Find(key); }
ObjectPtr Transaction::FindByUid(std::string_view uid) const { return staging_->FindByUid(uid); }
std::vector<ObjectPtr> Transaction::OwnedBy(std::string_view uid) const {
  return staging_->OwnedBy(uid);
}
std::vector<ObjectPtr> Transaction::FindBy(IndexId index, std::string_view key) const {
  return staging_->FindBy(index, key);
}
void Transaction::ForEach(const Kind& kind, std::string_view name_space,
                          const std::function<storage::Visit(const ObjectPtr&)>& visit) const {
  staging_->ForEach(kind, name_space, visit);
}

std::vector<ObjectPtr> Transaction::List(const Kind& kind, std::string_view name_space) const {
  std::vector<ObjectPtr> list;
  ForEach(kind, name_space, [&](const ObjectPtr& object) {
    list.push_back(object);
    return storage::Visit::kContinue;
  });
  return list;
}

Outcome<Done> Transaction::CheckDepth() const {
  if (depth_ <= kDepthMax) return Done{};
  return Failure(Failure::Reason::kForbidden,
                 "changes follow from changes more than 16 levels deep");
}

ObjectPtr Transaction::Stage(const ObjectKey& key, json::object document) {
  auto object = std::make_shared<Object>();
  object->key = key;
  object->document = std::move(document);
  staging_->Put(key, object);
  return object;
}

Outcome<ObjectPtr> Transaction::Create(const Kind& kind, std::string_view name_space,
                                       json::object document) {
  const Within within(*this);
  PEMBA_TRY(std::ignore, CheckDepth());
  json::object& metadata = MetadataOf(document);
  if (!TextOf(metadata, "resourceVersion").empty()) {
    return Failure(Failure::Reason::kBadRequest,
                   "resourceVersion should not be set on objects to be created");
  }
  if (TextOf(metadata, "name").empty() && !TextOf(metadata, "generateName").empty()) {
    metadata["name"] = TextOf(metadata, "generateName") + RandomSuffix();
  }
  for (const char* const name : {"resourceVersion", "deletionTimestamp", "selfLink", "namespace",
                                 "deletionGracePeriodSeconds"}) {
    Erase(metadata, name);
  }
  const ObjectKey key{&kind, std::string(name_space), TextOf(metadata, "name")};
  if (kind.scope == Scope::kNamespaced) metadata["namespace"] = key.name_space;
  metadata["uid"] = scope_.new_uid();
  metadata["generation"] = 1;
  metadata["creationTimestamp"] = TimeText(scope_.now);
  document["apiVersion"] = kind.api_version();
  document["kind"] = kind.name;
  if (kind.has_status) Erase(document, "status");

  Operation operation{.type = Operation::Type::kCreate,
                      .kind = &kind,
                      .document = &document,
                      .derived = derived_ > 0};
  PEMBA_TRY(std::ignore, Prepare(operation, key));
  PEMBA_TRY(std::ignore, CheckNamespace(key));
  if (Find(key) != nullptr) {
    return Failure(Failure::Reason::kAlreadyExists, Describe(kind, key.name) + " already exists");
  }
  auto object = Stage(key, std::move(document));
  operation.document = nullptr;
  operation.now = object;
  PEMBA_TRY(std::ignore, Admit(operation));
  return Find(key);
}

// Defaults, admission's additions, and what the schema says.
Outcome<Done> Transaction::Prepare(Operation& operation, const ObjectKey& key) {
  const Kind& kind = *operation.kind;
  json::object& document = *operation.document;
  ApplyDefaults(kind.schema, document);
  if (scope_.admission != nullptr) {
    const Derived derived(*this);
    PEMBA_TRY(std::ignore, scope_.admission->Mutate(*this, operation));
    ApplyDefaults(kind.schema, document);
  }
  auto errors = ValidateMetadata(MetadataOf(document));
  const auto* old = operation.old == nullptr ? nullptr : &operation.old->document;
  auto more = Validate(kind.schema, document, old);
  errors.insert(errors.end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
  if (!errors.empty()) return InvalidFailure(key, std::move(errors));
  return Done{};
}

Outcome<Done> Transaction::Admit(const Operation& operation) {
  if (scope_.admission == nullptr) return Done{};
  const Derived derived(*this);
  return scope_.admission->Admit(*this, operation);
}

Outcome<Done> Transaction::Conclude() {
  if (scope_.admission == nullptr) return Done{};
  const Derived derived(*this);
  return scope_.admission->Conclude(*this);
}

Outcome<Done> Transaction::CheckNamespace(const ObjectKey& key) const {
  if (key.kind->scope == Scope::kCluster || scope_.namespaces == nullptr) return Done{};
  const ObjectPtr found = Find({scope_.namespaces, "", key.name_space});
  if (found == nullptr) return NotFoundFailure({scope_.namespaces, "", key.name_space});
  if (!found->deleting()) return Done{};
  return Failure(
      Failure::Reason::kForbidden,
      fmt::format("{} is forbidden: unable to create new content in namespace {} because "
                  "it is being terminated",
                  Describe(*key.kind, key.name), key.name_space));
}

Outcome<ObjectPtr> Transaction::Update(const ObjectKey& key, json::object document, Part part) {
  const Within within(*this);
  PEMBA_TRY(std::ignore, CheckDepth());
  const ObjectPtr old = Find(key);
  if (old == nullptr) return NotFoundFailure(key);
  json::object& given = MetadataOf(document);
  const auto version = TextOf(given, "resourceVersion");
  if (!version.empty() && version != TextOf(old->metadata(), "resourceVersion")) {
    return ConflictFailure(key,
                           "the object has been modified; please apply your changes to the latest "
                           "version and try again");
  }
  const auto uid = TextOf(given, "uid");
  if (!uid.empty() && uid != old->uid()) {
    return ConflictFailure(key, fmt::format("Precondition failed: UID in precondition: {}, UID in "
                                            "object meta: {}",
                                            uid, old->uid()));
  }

  const Kind& kind = *key.kind;
  if (part == Part::kStatus) {
    const auto* managed = given.if_contains("managedFields");
    json::object whole = old->document;
    if (managed != nullptr) MetadataOf(whole)["managedFields"] = *managed;
    if (auto* status = document.if_contains("status")) {
      whole["status"] = std::move(*status);
    } else {
      Erase(whole, "status");
    }
    document = std::move(whole);
  } else if (kind.has_status) {
    if (const auto* status = old->document.if_contains("status")) {
      document["status"] = *status;
    } else {
      Erase(document, "status");
    }
  }
  json::object& metadata = MetadataOf(document);
  for (const char* const name :
       {"name", "generateName", "namespace", "uid", "resourceVersion", "generation", "selfLink",
        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"}) {
    if (const auto* kept = old->metadata().if_contains(name)) {
      metadata[name] = *kept;
    } else {
      Erase(metadata, name);
    }
  }
  document["apiVersion"] = kind.api_version();
  document["kind"] = kind.name;

  Operation operation{.type = Operation::Type::kUpdate,
                      .part = part,
                      .kind = &kind,
                      .old = old,
                      .document = &document,
                      .derived = derived_ > 0};
  PEMBA_TRY(std::ignore, Prepare(operation, key));
  if (document == old->document) return old;
  if (SpecDiffers(kind, document, old->document)) {
    MetadataOf(document)["generation"] = old->generation() + 1;
  }
  auto object = Stage(key, std::move(document));
  if (old->deleting()) {
    for (const auto& finalizer : object->finalizers()) {
      if (HasFinalizer(*old, finalizer)) continue;
      return InvalidFailure(
          key, {Forbidden("metadata.finalizers",
                          fmt::format("no new finalizers can be added if the object is being "
                                      "deleted, found new finalizers [\"{}\"]",
                                      finalizer))});
    }
  }
  operation.document = nullptr;
  operation.now = object;
  PEMBA_TRY(std::ignore, Admit(operation));
  const ObjectPtr now = Find(key);  // Admission may have changed it further.
  if (now != nullptr && now->deleting() && now->finalizers().empty()) {
    PEMBA_TRY(std::ignore, Remove(now));
    return object;
  }
  return now;
}

Outcome<ObjectPtr> Transaction::Delete(const ObjectKey& key, Propagation propagation) {
  const Within within(*this);
  PEMBA_TRY(std::ignore, CheckDepth());
  const ObjectPtr old = Find(key);
  if (old == nullptr) return NotFoundFailure(key);
  if (!old->deleting()) {
    const Operation operation{.type = Operation::Type::kDelete,
                              .kind = key.kind,
                              .old = old,
                              .propagation = propagation,
                              .derived = derived_ > 0};
    PEMBA_TRY(std::ignore, Admit(operation));
    if (Find(key) == nullptr) return ObjectPtr();
  }

  auto dependents = OwnedBy(old->uid());
  if (propagation == Propagation::kOrphan) {
    for (const auto& dependent : dependents) Disown(*dependent, old->uid());
    dependents.clear();
  }
  const bool foreground =
      propagation == Propagation::kForeground &&
      std::ranges::any_of(dependents, [&](const auto& each) { return Blocks(*each, old->uid()); });
  const bool contents = key.kind == scope_.namespaces;
  PEMBA_TRY(auto kept, MarkDeleted(key, foreground, contents));

  // What it holds goes first, so that it may go, too.
  const Derived derived(*this);
  for (const auto& dependent : dependents) {
    if (HasOtherOwner(*this, *dependent, old->uid())) {
      Disown(*dependent, old->uid());
    } else if (const auto now = Find(dependent->key); now != nullptr && !now->deleting()) {
      PEMBA_TRY(std::ignore, Delete(dependent->key, foreground ? Propagation::kForeground
                                                               : Propagation::kBackground));
    }
  }
  if (contents) {
    PEMBA_TRY(std::ignore, DeleteContents(key.name));
  }
  PEMBA_TRY(std::ignore, Release(key));
  return Find(key);
}

// Marks the object; what must go before it is a finalizer of ours.
Outcome<ObjectPtr> Transaction::MarkDeleted(const ObjectKey& key, bool foreground, bool contents) {
  const ObjectPtr old = Find(key);
  json::object document = old->document;
  json::object& metadata = MetadataOf(document);
  if (!old->deleting()) {
    metadata["deletionTimestamp"] = TimeText(scope_.now);
    metadata["deletionGracePeriodSeconds"] = 0;
    metadata["generation"] = old->generation() + 1;
  }
  const auto add = [&](std::string_view finalizer) {
    if (HasFinalizer(*old, finalizer)) return;
    auto& list = metadata["finalizers"];
    if (!list.is_array()) list = json::array();
    list.get_array().emplace_back(finalizer);
  };
  if (foreground) add(kForegroundFinalizer);
  if (contents) {
    add(kContentsFinalizer);
    json::value& status = document["status"];
    if (!status.is_object()) status = json::object();
    status.get_object()["phase"] = "Terminating";
  }
  return Stage(key, std::move(document));
}

Outcome<Done> Transaction::DeleteContents(const std::string& name_space) {
  for (const Kind* kind : scope_.namespaced) {
    for (const auto& object : List(*kind, name_space)) {
      const auto now = Find(object->key);
      if (now == nullptr || now->deleting()) continue;
      PEMBA_TRY(std::ignore, Delete(object->key, Propagation::kBackground));
    }
  }
  return Done{};
}

bool Transaction::Blocks(const Object& dependent, std::string_view owner_uid) {
  return std::ranges::any_of(dependent.owners(), [&](const OwnerReference& owner) {
    return owner.uid == owner_uid && owner.block_owner_deletion;
  });
}

bool Transaction::HasContents(const std::string& name_space) const {
  return std::ranges::any_of(scope_.namespaced, [&](const Kind* kind) {
    bool any = false;
    ForEach(*kind, name_space, [&](const ObjectPtr&) {
      any = true;
      return storage::Visit::kStop;
    });
    return any;
  });
}

// Takes away those finalizers of ours that nothing stands behind any more, and the object if none
// is left.
Outcome<Done> Transaction::Release(const ObjectKey& key) {
  const ObjectPtr object = Find(key);
  if (object == nullptr || !object->deleting()) return Done{};
  json::object document = object->document;
  json::object& metadata = MetadataOf(document);
  if (HasFinalizer(*object, kForegroundFinalizer)) {
    const auto dependents = OwnedBy(object->uid());
    const bool blocked = std::ranges::any_of(
        dependents, [&](const auto& each) { return Blocks(*each, object->uid()); });
    if (!blocked) EraseFinalizer(metadata, kForegroundFinalizer);
  }
  if (HasFinalizer(*object, kContentsFinalizer) && !HasContents(key.name)) {
    EraseFinalizer(metadata, kContentsFinalizer);
  }
  const bool changed = document != object->document;
  const ObjectPtr now = changed ? Stage(key, std::move(document)) : object;
  if (!now->finalizers().empty()) return Done{};
  return Remove(now);
}

// The object goes. What it leaves behind goes with it, unless others own it too; what waited for it
// may go now.
Outcome<Done> Transaction::Remove(const ObjectPtr& object) {
  staging_->Put(object->key, nullptr);
  const Derived derived(*this);
  for (const auto& dependent : OwnedBy(object->uid())) {
    if (HasOtherOwner(*this, *dependent, object->uid())) {
      Disown(*dependent, object->uid());
    } else if (!dependent->deleting()) {
      PEMBA_TRY(std::ignore, Delete(dependent->key, Propagation::kBackground));
    }
  }
  for (const auto& owner : object->owners()) {
    const ObjectPtr waiting = FindByUid(owner.uid);
    if (waiting != nullptr && waiting->deleting() && HasFinalizer(*waiting, kForegroundFinalizer)) {
      PEMBA_TRY(std::ignore, Release(waiting->key));
    }
  }
  if (object->key.kind->scope == Scope::kNamespaced && scope_.namespaces != nullptr) {
    const ObjectKey name_space{scope_.namespaces, "", object->key.name_space};
    const ObjectPtr waiting = Find(name_space);
    // While its contents are being deleted, the deletion itself looks when it is done.
    if (waiting != nullptr && waiting->deleting() && depth_ <= 1) {
      PEMBA_TRY(std::ignore, Release(name_space));
    }
  }
  return Done{};
}

void Transaction::Disown(const Object& dependent, std::string_view owner_uid) {
  const ObjectPtr now = Find(dependent.key);
  if (now == nullptr) return;
  json::object document = now->document;
  json::object& metadata = MetadataOf(document);
  json::array kept;
  for (auto& owner : metadata["ownerReferences"].get_array()) {
    if (TextOf(owner.get_object(), "uid") != owner_uid) kept.push_back(std::move(owner));
  }
  if (kept.empty()) {
    Erase(metadata, "ownerReferences");
  } else {
    metadata["ownerReferences"] = std::move(kept);
  }
  (void)Stage(dependent.key, std::move(document));
}

std::vector<Transaction::Change> Transaction::Changes() const {
  std::vector<Change> changes;
  for (const auto& [key, after] : staging_->staged()) {
    const ObjectPtr before = staging_->base().Find(key);
    if (before == after) continue;
    if (before != nullptr && after != nullptr && before->document == after->document) continue;
    changes.push_back({before, after});
  }
  return changes;
}

}  // namespace pemba::resource
