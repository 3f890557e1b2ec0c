// JsonPath: the paths of printer columns and selectable fields: `.spec.email`,
// `.metadata.labels.app\.kubernetes\.io/name`, `.metadata.labels['app\.kubernetes\.io/name']`,
// `.spec.subjects[0].name`, `.status.conditions[?(@.type=="Ready")].status`, `.spec.roles[*].name`
// (of an object: each field). Quotes may be single or double.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "pemba/base/result.h"

namespace pemba::resource {

class JsonPath {
 public:
  // Errors (kInvalidArgument): not such a path, named in the message.
  static Result<JsonPath> Parse(std::string_view text);

  // The first value at the path, in document order; null if there is none.
  const boost::json::value* First(const boost::json::object& document) const;
  // Every one.
  std::vector<const boost::json::value*> All(const boost::json::object& document) const;
  const std::string& text() const { return text_; }

 private:
  struct Step {
    enum class Kind { kField, kIndex, kEach, kWhere } kind = Kind::kField;
    std::string name;       // kField; of kWhere: the field that is compared.
    std::string value;      // kWhere
    std::size_t index = 0;  // kIndex
  };

  std::string text_;
  std::vector<Step> steps_;
};

}  // namespace pemba::resource
