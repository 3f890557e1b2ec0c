// Object: one declared object as of one revision. Immutable once shared.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/resource/kind.h"
#include "pemba/store/store.h"

namespace pemba::resource {

using store::Revision;

struct ObjectKey {
  const Kind* kind = nullptr;
  std::string name_space;  // Empty for kinds of cluster scope.
  std::string name;
  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
};

struct OwnerReference {
  std::string api_version, kind, name, uid;
  bool controller = false, block_owner_deletion = false;
};

struct Object {
  ObjectKey key;
  // With apiVersion, kind and metadata; metadata.resourceVersion is `revision` as text.
  boost::json::object document;
  Revision revision = 0;  // Of the write that it comes from; 0: not written yet.

  const boost::json::object& metadata() const;
  const boost::json::object* labels() const;       // Null if there are none.
  const boost::json::object* annotations() const;  // Null if there are none.
  std::string_view uid() const;
  std::int64_t generation() const;
  bool deleting() const;  // It has a deletionTimestamp: finalizers are what keeps it.
  std::vector<std::string> finalizers() const;
  std::vector<OwnerReference> owners() const;
  // Empty objects if absent.
  const boost::json::object& spec() const;
  const boost::json::object& status() const;
};
using ObjectPtr = std::shared_ptr<const Object>;

// "organizations.resourcemanager.miloapis.com "northwind"", as errors name an object.
std::string Describe(const Kind& kind, std::string_view name);

// What a name, a label and so on must be. `field` is the path for errors.
std::vector<FieldError> ValidateMetadata(const boost::json::object& metadata);

// RFC 3339 in UTC, whole seconds, as creationTimestamp.
std::string TimeText(WallTime time);

// A random (version 4) UUID.
std::string NewUid();

}  // namespace pemba::resource
