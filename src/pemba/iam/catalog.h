// Catalog: the kinds that services have registered, and the permissions that follow from them.
//
// Terms: a *type* is `service/Kind`. A kind's *hierarchical* permissions are its own and those of
// everything below it, because a grant on an object holds for what lies beneath.
//
// Sources are ProtectedResource objects (one kind each) and Service objects (several). What breaks
// a rule is kept out, so that one bad registration never hides the others; admission refuses it
// beforehand. A parent that is not registered is no such breach: the kind stands without it until
// it is.
//
// Immutable, so any thread may read one. Building is O(kinds x permissions) at worst.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/resource/failure.h"
#include "pemba/resource/object.h"

namespace pemba::iam {

// One kind, as registered.
struct KindEntry {
  std::string type;  // `service/Kind`
  std::string service, kind, singular, plural;
  std::vector<std::string> actions;
  std::vector<std::string> parents;  // Types.
  // Of generation A registrations: `organizations/{organization}/projects/{project}`.
  std::vector<std::string> name_patterns = {};
  // Whose registration it is, for messages and for rules about who may change it: the object, and
  // the place in it ("spec", "spec.resources[2]").
  std::string source = {}, field = "spec";
  friend bool operator==(const KindEntry&, const KindEntry&) = default;
};

// What a ProtectedResource or Service object registers; nothing if it is of another kind. Fields
// that are absent are empty: Catalog says so.
std::vector<KindEntry> KindEntriesOf(const resource::Object& object);

// What is wrong with one kind.
struct KindProblem {
  enum class Reason : std::uint8_t {
    kInvalidEntry,         // A field is missing or malformed, or a name is reserved.
    kDuplicateKind,        // Another entry has the type.
    kDuplicatePlural,      // Another kind of the service has the plural.
    kParentCycle,          // It is above itself.
    kPermissionCollision,  // Two permissions have the same relation.
    kTooLarge,             // Beyond a limit.
    kParentNotRegistered,  // No reason to refuse: see above.
  } reason = Reason::kInvalidEntry;
  std::string type, source;
  resource::FieldError error;
  bool refuses() const { return reason != Reason::kParentNotRegistered; }
};

struct CatalogLimits {
  std::size_t kinds_max = 2'000;  // A provider that takes fewer types says so.
  std::size_t actions_per_kind_max = 500;
};

class Catalog {
 public:
  Catalog() = default;  // Nothing is registered.

  // Never fails: leaves out what breaks a rule, the later of two entries that are at odds, and says
  // so in problems(). Entries are looked at in the order given.
  static Catalog Build(std::span<const KindEntry> entries, const CatalogLimits& limits = {});
  // For admission: the registered kinds with those of one source in the place of what it had.
  // Errors: kInvalid with the fields of every problem of `candidates` that refuses.
  static resource::Outcome<Catalog> BuildWith(std::span<const KindEntry> others,
                                              std::span<const KindEntry> candidates,
                                              const CatalogLimits& limits = {});

  // In order of type.
  std::span<const KindEntry> kinds() const { return kinds_; }
  std::span<const KindProblem> problems() const { return problems_; }

  // Null if there is none.
  const KindEntry* FindType(std::string_view type) const;
  const KindEntry* FindPlural(std::string_view service, std::string_view plural) const;

  // Whether a kind has registered the permission.
  bool Knows(std::string_view permission) const;
  // All of them, sorted.
  std::span<const std::string> permissions() const { return permissions_; }

  // The kind's own permissions, in the order of its actions, then those of the kinds below it, by
  // type. Empty if the type is not registered.
  std::vector<std::string> HierarchicalPermissions(std::string_view type) const;
  // Whether the permission is among them. O(1).
  bool Applies(std::string_view type, std::string_view permission) const;

  // Declared parents that are registered, in the order declared; itself too, if declared.
  std::span<const std::string> Parents(std::string_view type) const;
  // Every type above it, nearest first, each once; not itself.
  std::vector<std::string> Ancestors(std::string_view type) const;
  // Every type below it, sorted; not itself.
  std::vector<std::string> Descendants(std::string_view type) const;

 private:
  class Builder;
  struct Node {
    std::vector<std::string> parents;        // Registered ones.
    std::vector<std::uint32_t> children;     // Kinds, in order of type; not itself.
    std::vector<std::uint32_t> permissions;  // Hierarchical, in order.
    std::vector<std::uint64_t> applies;      // The same as bits.
  };
  const Node* FindNode(std::string_view type) const;

  std::vector<KindEntry> kinds_;
  std::vector<Node> nodes_;  // Beside kinds_.
  std::vector<KindProblem> problems_;
  std::vector<std::string> permissions_;  // What an id of one is the index of.
  StringMap<std::size_t> by_type_, by_plural_, permission_ids_;
};

using CatalogPtr = std::shared_ptr<const Catalog>;

}  // namespace pemba::iam
