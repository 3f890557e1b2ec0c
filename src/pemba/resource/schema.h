// Schema: which documents a kind allows.
//
// Read from the structural subset of OpenAPI v3 in which Kubernetes declares custom resources
// (`openAPIV3Schema`), so that kinds are written in the form that their users know, and printed
// back as they were read. What it says and is not understood is refused at registration rather than
// not enforced. The rule `self == oldSelf` is taken more strictly than there: the field does not
// change after creation, and is neither taken away nor given later.
//
// Immutable after construction, so any thread may read one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "pemba/base/result.h"
#include "pemba/resource/failure.h"
#include "pemba/resource/rule.h"

namespace re2 {
class RE2;
}

namespace pemba::resource {

enum class SchemaType : std::uint8_t {
  kAny,  // x-kubernetes-preserve-unknown-fields without a type.
  kObject,
  kArray,
  kString,
  kInteger,
  kNumber,
  kBoolean,
  kIntOrString,
};

// How the items of a list are told apart, when two lists are merged.
enum class ListType : std::uint8_t { kAtomic, kSet, kMap };

struct Schema {
  struct Property;

  SchemaType type = SchemaType::kAny;
  std::string description;
  std::string format;
  bool nullable = false;
  bool preserve_unknown = false;
  bool atomic = false;                   // Of an object: merged as a whole.
  std::optional<std::string> immutable;  // The message for who changes it.

  std::vector<Property> properties;  // In the order of the document.
  std::vector<std::string> required;
  std::shared_ptr<const Schema> items;       // Of a list.
  std::shared_ptr<const Schema> additional;  // Of a map's values.
  ListType list_type = ListType::kAtomic;
  std::vector<std::string> list_keys;  // Of ListType::kMap.

  std::optional<boost::json::value> default_value;
  std::vector<boost::json::value> enumeration;
  std::shared_ptr<const re2::RE2> pattern;
  std::optional<std::uint64_t> length_min, length_max;  // Code points, items or properties.
  std::optional<double> minimum, maximum;
  bool minimum_exclusive = false, maximum_exclusive = false;

  std::vector<Rule> rules;  // But for immutability.
  // Schemas that all, some, exactly one and none of must allow the value.
  std::vector<Schema> all_of, any_of, one_of;
  std::shared_ptr<const Schema> none_of;

  const Schema* Find(std::string_view property) const;  // Null if there is none.
};

struct Schema::Property {
  std::string name;
  Schema schema;
};

// Errors (kInvalidArgument): a keyword that is not understood, a pattern that does not compile; the
// message begins with the place.
Result<Schema> SchemaFromJson(const boost::json::value& json);

// Fills in what is absent and has a default, in objects that are there. O(size).
void ApplyDefaults(const Schema& schema, boost::json::object& document);

// The paths of fields that the schema does not know, in order; at most some dozens.
std::vector<std::string> UnknownFields(const Schema& schema, const boost::json::object& document);
// Takes them away.
void Prune(const Schema& schema, boost::json::object& document);

// Everything that is wrong with `document`, in its order; `old`, if not null, is what it replaces.
// Unknown fields are not looked at. O(size).
std::vector<FieldError> Validate(const Schema& schema, const boost::json::object& document,
                                 const boost::json::object* old = nullptr);

}  // namespace pemba::resource
