// ResourceStore: declared objects, kept as records of one store beside the tuples that follow from
// them.
//
// Reading and writing follow the Kubernetes API's conventions: uid, generation, resourceVersion
// (the store's revision), owner references, finalizers, status apart from the rest. A transaction's
// objects and tuples are one write of the store: all of it is durable and visible, or nothing is.
//
// If other servers write to the store, too, their changes are followed: readers and watches see
// them soon, Refresh brings them at once, and a transaction is judged against all of them.
//
// Objects are kept packed, in some hundred bytes each, and unpacked for whoever reads them.
//
// Thread-safe. Readers take a shared lock for the time of a lookup or a copy of pointers. Writers
// that come while another writes are taken on together: their bodies run one after another, on the
// thread of one of them, each on what those before it left, and they share one write and so one
// wait for the disk. They hold nothing that a reader wants while the disk works.
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
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/model/model.h"
#include "pemba/resource/failure.h"
#include "pemba/resource/index.h"
#include "pemba/resource/kind.h"
#include "pemba/resource/object.h"
#include "pemba/resource/selector.h"
#include "pemba/resource/transaction.h"
#include "pemba/store/store.h"
#include "pemba/store/stores.h"
#include "pemba/tuple/tuple.h"

namespace pemba::resource {

// What follows from a transaction in the store beside its objects. As many tuples as it takes.
struct Consequences {
  std::vector<tuple::Tuple> writes = {};   // There afterwards, just so.
  std::vector<tuple::Tuple> deletes = {};  // Not there afterwards. Conditions do not count.
  // Written before the tuples: what was and what is going to be, together. If anything fails
  // afterwards, this larger model is all that is left.
  std::optional<model::Model> model_before = {};
  // Written when the tuples are: without what nothing needs any more. If that fails, it is tried
  // again with the next transaction.
  std::optional<model::Model> model_after = {};
  // The id of the model that these were made from; empty: there was none. Where other servers
  // write, too, model_after is in one commit with the tuples, if this is still the latest then, and
  // model_before is not needed.
  std::string model_base = {};
};

// Of keys that no object has (internal/object_records.h).
struct OwnRecord {
  std::string key, value;
};

// Called with every transaction that changes something, when it is complete.
//
// Transactions may be written together: then Project is called with each in turn, which sees what
// those before it staged, and one of the other two once for all. One whose consequences have a
// model is the last of its write, so that what a model follows from need not be remembered in
// between. Never from two threads at a time.
class Projection {
 public:
  virtual ~Projection() = default;
  virtual Outcome<Consequences> Project(const Transaction& transaction) = 0;
  // Records that the projection keeps for itself, written with the changes and what follows from
  // them: in the same commit. Each time that something is about to be written, and with no changes
  // to ask whether there is something to write nevertheless; Written follows if it was.
  virtual std::vector<OwnRecord> RecordsBeside(std::span<const Transaction::Change>,
                                               const Consequences&) {
    return {};
  }
  virtual void Written() {}
  // What was projected last is durable, and readers see it.
  virtual void Committed(Revision) {}
  // It was a dry run, or not all of it could be written.
  virtual void Abandoned() {}
  // A record that the store has beside objects, as it was left when it was opened, or as another
  // server has left it since. Before Followed of the same write.
  virtual void FollowedRecord(const storage::Record&) {}
  // Other servers have changed these, and projected it: `now` has them as they are. What is kept in
  // memory about objects is to be brought up to that before the call returns; readers see the
  // objects afterwards. Never between Project and what became of it.
  virtual void Followed(const Transaction& now, std::span<const ObjectKey> changed) {
    (void)now, (void)changed;
  }
};

struct ResourceStoreOptions {
  Admission* admission = nullptr;    // Borrowed; may be null.
  Projection* projection = nullptr;  // Borrowed; may be null: no tuples follow.
  // Changes that a watch or a continued list may go back by, and the bytes of their objects; older
  // ones are kExpired.
  std::size_t history_max = 100'000;
  std::size_t history_bytes_max = 128 << 20;
  // Of transactions that wait while another is written, so many are then written together.
  std::size_t group_max = 256;
  // So often may other servers be faster than one that judges a transaction. Then it is judged
  // while nobody else writes (store::Turn).
  int overtaken_max = 3;
  std::vector<Index> indexes = {};
  std::function<std::string()> new_uid = NewUid;
  // Stores::Listen of the store: where other servers write to it, too. Absent: what they write is
  // seen by those who refresh and by those who write.
  std::function<std::unique_ptr<store::Listener>(Revision after, std::function<void()> tell)>
      listen = {};
  // What this server makes of objects, in a word: rules and projections by which servers that share
  // a store have to agree. The one that opened last decides; from then on those with other terms
  // refuse to write (kUnavailable) and go on to read. A server without terms never decides.
  std::string terms = {};
};

struct WriteOptions {
  Caller caller = {};
  bool dry_run = false;  // Everything is judged, nothing is changed.
  // If not null: gets the tuples of the very revision that the body sees, each time before it is
  // called. Such a transaction is in no group.
  std::optional<store::View>* view = nullptr;
  // Who owns what is changed (apply.h), where ownership is tracked.
  std::string field_manager = "unknown";
};

struct DeleteOptions {
  Caller caller = {};
  bool dry_run = false;
  Propagation propagation = Propagation::kBackground;
  std::string uid = {}, resource_version = {};  // Preconditions; empty: none.
};

struct Written {
  ObjectPtr object;  // As it is now; of a deletion null if nothing is left.
  std::vector<std::string> warnings;
};

struct ListRequest {
  const Kind* kind = nullptr;
  std::string_view name_space = {};  // Empty: all.
  const LabelSelector* labels = nullptr;
  const FieldSelector* fields = nullptr;
  Revision at = 0;                       // As it was then; 0: as it is.
  std::size_t count_max = 0;             // 0: no limit.
  std::string_view continue_token = {};  // Of the page before, which also says when.
};

struct ObjectList {
  std::vector<ObjectPtr> objects;  // In order of namespace and name.
  Revision revision = 0;           // Of which this is the list, all its pages alike.
  std::string continue_token;      // Empty: there are no more.
  std::size_t remaining = 0;       // After this page; 0 also if not known (with selectors).
};

struct Event {
  enum class Type : std::uint8_t { kAdded, kModified, kDeleted } type = Type::kAdded;
  ObjectPtr object;  // Of kDeleted: its last state, under the revision of the deletion.
};

// Which objects to watch.
struct WatchRequest {
  const Kind* kind = nullptr;
  std::string name_space;  // Empty: all.
  LabelSelector labels;
  FieldSelector fields;
};

struct Events {
  std::vector<Event> events;  // In order.
  Revision revision = 0;      // Ask again from here.
};

// What there is, in short.
struct Inventory {
  std::size_t objects = 0;
  Revision newest = 0;  // Of the newest object that was read, or of the newest change.
};

class ResourceStore {
 public:
  // Reads every object. Borrows everything; `store` has a model. Errors: those of
  // Store::ReadRecords and of writing, kDataLoss (an object of a registered kind that cannot be
  // read).
  static Result<std::unique_ptr<ResourceStore>> Open(store::Store& store, const Registry& registry,
                                                     const Clock& clock,
                                                     ResourceStoreOptions options = {});
  ~ResourceStore();

  const Registry& registry() const;
  Revision revision() const;  // Of the newest change that readers see.
  Inventory inventory() const;

  // From here on readers see everything that was written before the call, on whatever server. Asks
  // the datastore, if other servers write to it. Errors: kStorage.
  Outcome<Done> Refresh() const;
  // From here on readers see everything up to that revision of the store, wherever it was written.
  // Errors: kStorage (it is not here by the deadline).
  Outcome<Done> AwaitRevision(Revision revision, SteadyTime deadline) const;

  // Errors: kNotFound.
  Outcome<ObjectPtr> Get(const ObjectKey& key) const;
  ObjectPtr FindByUid(std::string_view uid) const;  // Null if there is none.
  // Errors: kBadRequest (the token), kExpired (it is too old).
  Outcome<ObjectList> List(const ListRequest& request) const;

  // The next `count` of the kind after a place, in order of namespace and name, without unpacking
  // them; null: from the first one.
  std::vector<ObjectKey> KeysAfter(const Kind& kind, const ObjectKey* after,
                                   std::size_t count) const;

  // Those that the index has under the key, in order of namespace and name. O(hits).
  std::vector<ObjectPtr> FindBy(IndexId index, std::string_view key) const;

  // Each is one transaction. Errors: those of Transaction, and kStorage.
  Outcome<Written> Create(const Kind& kind, std::string_view name_space,
                          boost::json::object document, const WriteOptions& options);
  Outcome<Written> Update(const ObjectKey& key, boost::json::object document, Part part,
                          const WriteOptions& options);
  // Reads, changes and updates; `change` edits the whole object as it is. It may be called again:
  // see Body.
  using Change = std::function<Outcome<Done>(boost::json::value& document)>;
  Outcome<Written> Modify(const ObjectKey& key, const Change& change, Part part,
                          const WriteOptions& options);
  // What options.field_manager wants of the object, which is made if it is not there (apply.h).
  // Errors also: kConflict with the fields that others own, unless `force` takes them over.
  struct Applied {
    Written written;
    enum class Was : std::uint8_t { kThere, kNew } was = Was::kThere;
  };
  enum class Force : std::uint8_t { kNo, kYes };
  Outcome<Applied> Apply(const ObjectKey& key, boost::json::object document, Part part, Force force,
                         const WriteOptions& options);
  Outcome<Written> Delete(const ObjectKey& key, const DeleteOptions& options);

  // Whatever `body` stages, or nothing if it fails. The body is called by one of those who write,
  // maybe on another writer's thread; it must not call the store to write, unless it is a dry run.
  // It is called again, on the newer state, if another server wrote meanwhile or others in its
  // group could not be written: what it did last is what counts.
  using Body = std::function<Outcome<Done>(Transaction&)>;
  Outcome<Revision> Transact(const WriteOptions& options, const Body& body);

  // What happened to the watched objects after `after`; at most `count_max` events, whole
  // revisions. An object that comes to match the selectors is added, one that ceases to is deleted.
  // Errors: kExpired.
  Outcome<Events> EventsAfter(const WatchRequest& request, Revision after,
                              std::size_t count_max = 1000) const;
  // Waits until there is a revision above `after`, at most until `deadline`.
  void AwaitChange(Revision after, SteadyTime deadline) const;
  // Calls `wake` after every change, from the writer's thread, until the subscription goes.
  class Subscription;
  std::unique_ptr<Subscription> Subscribe(std::function<void()> wake) const;

 private:
  class Impl;
  explicit ResourceStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class ResourceStore::Subscription {
 public:
  virtual ~Subscription() = default;  // No call is under way when it returns.
};

}  // namespace pemba::resource
