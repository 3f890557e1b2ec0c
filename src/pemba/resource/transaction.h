// Transaction: changes of declared objects that are made together or not at all.
//
// Whatever follows from a change (objects that come with it, objects that go with it, tuples) is
// part of the same transaction and so of the same commit. Used by one thread, within the body that
// ResourceStore::Transact runs, one transaction at a time: what it reads does not change under it.
//
// What the caller asked for and what follows from it are told apart: an operation is *derived* if
// admission or garbage collection made it. Rules about who may do what look at the former only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/base/clock.h"
#include "pemba/resource/failure.h"
#include "pemba/resource/index.h"
#include "pemba/resource/object.h"
#include "pemba/storage/datastore.h"

namespace pemba::resource {

namespace internal {
class ObjectView;
class Staging;
}  // namespace internal

// Who asks, as authenticated.
struct Caller {
  std::string name, uid;
  std::vector<std::string> groups;
  // What else is known about the caller, as Kubernetes passes it on: "iam.miloapis.com/parent-name"
  // -> {"acme"}. Keys in lower case.
  std::map<std::string, std::vector<std::string>, std::less<>> extra = {};
};

enum class Part : std::uint8_t { kMain, kStatus };

// What happens to the objects that a deleted one owns.
enum class Propagation : std::uint8_t {
  kBackground,  // They go with it.
  kForeground,  // It stays, deleting, until those that block it are gone.
  kOrphan,      // They stay, without their owner.
};

// A change that is about to be made; admission may refuse it, change it and add to it.
struct Operation {
  enum class Type : std::uint8_t { kCreate, kUpdate, kDelete } type = Type::kCreate;
  Part part = Part::kMain;
  const Kind* kind = nullptr;
  ObjectPtr old = {};                        // Null for kCreate.
  boost::json::object* document = nullptr;   // In Mutate: what it is going to be.
  std::optional<Propagation> propagation{};  // kDelete.
  ObjectPtr now = {};                        // In Admit: as staged; null for kDelete.
  bool derived = false;                      // Follows from another change; nobody asked for it.
};

class Transaction;

// What is to be said about a change before it is made: rules between objects, derived fields, side
// effects. One for all kinds. Called with every operation, those of other admissions too. What any
// of the three stages is derived.
class Admission {
 public:
  virtual ~Admission() = default;
  // Before the schema is applied: fill in and change. After: refuse, and add side effects.
  virtual Outcome<Done> Mutate(Transaction& transaction, Operation& operation) = 0;
  virtual Outcome<Done> Admit(Transaction& transaction, const Operation& operation) = 0;
  // Once, after the body, also if it staged nothing: brings everything that the changes concern to
  // where it belongs. Refuses the whole transaction with its failure.
  virtual Outcome<Done> Conclude(Transaction& transaction);
};

// What a transaction is made with.
struct TransactionScope {
  const Caller& caller;
  WallTime now;
  std::function<std::string()> new_uid;
  Admission* admission = nullptr;           // May be null.
  const Kind* namespaces = nullptr;         // The kind Namespace; null: any namespace will do.
  std::span<const Kind* const> namespaced;  // Every kind whose objects lie in namespaces.
  const Registry& registry;
  std::span<const Index> indexes;
};

class Transaction {
 public:
  // A staged change: what an object was before the transaction and what it is now; one of both may
  // be null.
  struct Change {
    ObjectPtr before, after;
  };

  // Borrows everything.
  Transaction(const internal::ObjectView& base, const TransactionScope& scope);
  ~Transaction();

  const Caller& caller() const { return scope_.caller; }
  WallTime now() const { return scope_.now; }
  const Registry& registry() const { return scope_.registry; }

  // Reading sees what was staged. Null if there is none.
  ObjectPtr Find(const ObjectKey& key) const;
  ObjectPtr FindByUid(std::string_view uid) const;
  // In order of namespace and name; an empty namespace means all.
  std::vector<ObjectPtr> List(const Kind& kind, std::string_view name_space = "") const;
  // The same one after another, for kinds of which there are many. Nothing is to be staged
  // meanwhile.
  void ForEach(const Kind& kind, std::string_view name_space,
               const std::function<storage::Visit(const ObjectPtr&)>& visit) const;
  // Those that name the uid among their owners.
  std::vector<ObjectPtr> OwnedBy(std::string_view uid) const;
  // Those that the index has under the key, in order of namespace and name.
  // O(hits * log hits + staged hits).
  std::vector<ObjectPtr> FindBy(IndexId index, std::string_view key) const;

  // While one of these lives, operations are derived.
  class Derived;
  // Whatever else follows from what was staged (Admission::Conclude). For ResourceStore.
  Outcome<Done> Conclude();

  // Errors: kInvalid, kAlreadyExists, kNotFound (its namespace), kForbidden, and admission's.
  Outcome<ObjectPtr> Create(const Kind& kind, std::string_view name_space,
                            boost::json::object document);
  // `document` replaces the whole object, or its status. metadata.resourceVersion and
  // metadata.uid, where given, must be the object's. Nothing is staged if nothing differs.
  // Errors: kNotFound, kConflict, kInvalid, and admission's.
  Outcome<ObjectPtr> Update(const ObjectKey& key, boost::json::object document,
                            Part part = Part::kMain);
  // An object with finalizers is marked only; the answer is what is left of it, or null.
  // Errors: kNotFound, and admission's.
  Outcome<ObjectPtr> Delete(const ObjectKey& key,
                            Propagation propagation = Propagation::kBackground);

  // What was staged, by key. Objects that end as they began are not among them.
  std::vector<Change> Changes() const;
  bool empty() const;
  const internal::Staging& staging() const { return *staging_; }  // For ResourceStore.

  // For the answer, beside the object.
  void Warn(std::string text) { warnings_.push_back(std::move(text)); }
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  class Within;

  ObjectPtr Stage(const ObjectKey& key, boost::json::object document);
  Outcome<Done> Prepare(Operation& operation, const ObjectKey& key);
  Outcome<Done> Admit(const Operation& operation);
  Outcome<Done> CheckDepth() const;
  Outcome<Done> CheckNamespace(const ObjectKey& key) const;

  Outcome<ObjectPtr> MarkDeleted(const ObjectKey& key, bool foreground, bool contents);
  Outcome<Done> DeleteContents(const std::string& name_space);
  Outcome<Done> Release(const ObjectKey& key);
  Outcome<Done> Remove(const ObjectPtr& object);
  void Disown(const Object& dependent, std::string_view owner_uid);
  static bool Blocks(const Object& dependent, std::string_view owner_uid);
  bool HasContents(const std::string& name_space) const;

  const TransactionScope scope_;
  const std::unique_ptr<internal::Staging> staging_;
  std::vector<std::string> warnings_;
  int depth_ = 0;    // Of operations within operations.
  int derived_ = 0;  // Above 0: operations are derived.
};

class Transaction::Derived {
 public:
  explicit Derived(Transaction& transaction) : transaction_(transaction) {
    ++transaction_.derived_;
  }
  ~Derived() { --transaction_.derived_; }
  Derived(const Derived&) = delete;
  Derived& operator=(const Derived&) = delete;

 private:
  Transaction& transaction_;
};

}  // namespace pemba::resource
