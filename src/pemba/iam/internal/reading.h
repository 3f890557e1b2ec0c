// Reading: what declared objects come to in tuples, as of one moment.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/iam/catalog.h"
#include "pemba/iam/internal/facts.h"
#include "pemba/iam/projection.h"
#include "pemba/resource/object.h"
#include "pemba/tuple/tuple.h"

namespace pemba::iam::internal {

// Tuples, each once, by their text.
class TupleSet {
 public:
  void Add(tuple::Tuple tuple);
  void Remove(const tuple::Tuple& tuple);
  bool Contains(const tuple::Tuple& tuple) const;
  const StringMap<tuple::Tuple>& all() const { return tuples_; }
  // What is not in `other`, in order of text.
  std::vector<tuple::Tuple> Without(const TupleSet& other) const;

 private:
  StringMap<tuple::Tuple> tuples_;
};

using RoleGrantPtr = std::shared_ptr<const RoleGrant>;
using RoleTable = std::map<RoleKey, RoleGrantPtr>;

// What does not change from one moment to another.
struct ReadingScope {
  const resource::Registry& registry;
  const FactKinds& kinds;
  const ProjectionOptions& options;
};

// Used by one thread. Borrows everything.
class Reading {
 public:
  // `known` are roles that need not be read again; null for those it does not have.
  using KnownRole = std::function<RoleGrantPtr(const RoleKey&)>;
  Reading(const ReadingScope& scope, const Catalog& catalog, FindObject find, KnownRole known = {});

  const Catalog& catalog() const { return catalog_; }
  resource::ObjectPtr Find(const resource::ObjectKey& key) const { return find_(key); }

  // With what it comes to; null if there is none. Remembered.
  RoleGrantPtr Role(const RoleKey& key);
  // Everything that follows from the object; nothing from null.
  std::vector<tuple::Tuple> TuplesOf(const resource::ObjectPtr& object);
  // What a binding that holds comes to; `grant` is its own or with fewer subjects.
  std::vector<tuple::Tuple> TuplesOf(const BindingGrant& grant);

 private:
  std::shared_ptr<const RoleEntry> Entry(const RoleKey& key);
  RoleGrantPtr ReadRole(const RoleKey& key);

  const ReadingScope& scope_;
  const Catalog& catalog_;
  const FindObject find_;
  const KnownRole known_;
  RoleTable roles_;
  std::map<RoleKey, std::shared_ptr<const RoleEntry>> entries_;
};

}  // namespace pemba::iam::internal
