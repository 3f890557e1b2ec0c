// Manifests: declared objects as people keep them, in YAML or JSON files.
#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/base/result.h"

namespace pemba::cli {

struct Manifest {
  boost::json::object document;
  std::string place;  // "roles.yaml:12": where it begins.

  std::string_view kind() const;
  std::string_view api_version() const;
  std::string_view name() const;        // Empty: there is none.
  std::string_view name_space() const;  // Likewise.
};

// Every document of a text; a List is its items. Empty documents are left out. `source` is for
// places. Errors (kInvalidArgument): "roles.yaml: line L, column C: CAUSE"; a document without
// apiVersion, kind or name.
Result<std::vector<Manifest>> ReadManifests(std::string_view text, const std::string& source);

// Of files, of directories (every .yaml, .yml and .json in them and below, by name) and of standard
// input (`-`), in this order. Errors also: nothing there.
Result<std::vector<Manifest>> LoadManifests(const std::vector<std::string>& paths,
                                            std::istream& standard_input);

// Puts what others need before those who need it: namespaces and kinds, then people, organizations
// and what lies in them, roles, groups, bindings last. Otherwise the order stays.
void SortForApply(std::vector<Manifest>& manifests);

}  // namespace pemba::cli
