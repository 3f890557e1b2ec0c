// FieldSet: a set of fields of one document, as `metadata.managedFields` tells them (FieldsV1).
//
// A field is a path of steps: `f:name` into an object, `k:{"type":"Ready"}` to the item of a list
// of type map, `v:"x"` to an item of a list of type set. What is merged as a whole (scalars, atomic
// lists and objects) is one field; the items of lists are fields beside what is in them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/resource/schema.h"

namespace pemba::resource {

class FieldSet {
 public:
  // All fields of the document. O(size).
  static FieldSet Of(const Schema& schema, const boost::json::object& document);
  // What is not of the form is left out: a client's sets are hints about ownership, no data.
  static FieldSet FromJson(const boost::json::object& fields);
  boost::json::object ToJson() const;

  bool empty() const { return !member_ && children_.empty(); }
  void Add(const FieldSet& other);
  void Subtract(const FieldSet& other);
  // "spec.subjects[name="x"].kind", for messages.
  std::vector<std::string> Paths() const;

  // The steps of items.
  static std::string StepOfItem(const Schema& list, const boost::json::value& item);

 private:
  friend class FieldWalker;
  void AddPaths(const std::string& path, std::vector<std::string>& paths) const;
  void Tidy();

  bool member_ = false;
  std::map<std::string, FieldSet> children_;  // By step.
};

// The fields of both sets whose values in the two documents differ.
FieldSet FieldsThatDiffer(const Schema& schema, const FieldSet& a, const FieldSet& b,
                          const boost::json::object& first, const boost::json::object& second);

// The fields that are new or other in `now` than they were.
FieldSet FieldsChanged(const Schema& schema, const boost::json::object& was,
                       const boost::json::object& now);

// Lays `over` over `target`, as the schema says that its lists and objects are merged.
void MergeFields(const Schema& schema, boost::json::object& target,
                 const boost::json::object& over);

// Takes the fields out of the document, as far as they are there.
void RemoveFields(const Schema& schema, boost::json::object& document, const FieldSet& fields);

}  // namespace pemba::resource
