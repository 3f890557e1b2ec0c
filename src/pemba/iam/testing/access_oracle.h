// AccessOracle: who may do what, by the definition. Slow and obvious: what tuples, models and
// incremental changes have to come to.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/resource/resource_store.h"

namespace pemba::iam::testing {

class AccessOracle {
 public:
  // What is declared now.
  explicit AccessOracle(const resource::ResourceStore& resources);

  // On an object, or (name empty) on all objects of the kind. `principal` is the name of a user or
  // the uid of a service account.
  bool Allows(const std::string& principal, const std::string& permission, const std::string& type,
              const std::string& place) const;

 private:
  using Place = std::pair<std::string, std::string>;  // Type, and `name` or `namespace/name`.
  struct Kind {
    std::set<std::string> permissions, parents;
  };
  struct Role {
    std::set<std::string> included;
    std::vector<std::string> inherited;
    bool disabled = false;
  };
  struct Binding {
    std::string role, type, place;
    std::vector<std::string> subjects;  // `User:name`, `ServiceAccount:uid`, `Group:place`.
  };

  void ReadKinds(const resource::Object& object);
  void ReadRole(const resource::Object& object);
  void ReadBinding(const resource::Object& object);
  void ReadMembership(const resource::Object& object);
  void ReadParents(const resource::Object& object);

  bool Covers(const std::string& type, const std::string& permission,
              std::set<std::string> seen = {}) const;
  bool Has(const std::string& role, const std::string& permission,
           std::set<std::string> seen = {}) const;
  bool Means(const std::string& subject, const std::string& principal,
             std::set<std::string> seen = {}) const;
  bool LiesIn(const Place& object, const Place& target, std::set<Place> seen = {}) const;

  std::map<std::string, Kind> kinds_;
  std::map<std::string, Role> roles_;
  std::vector<Binding> bindings_;
  std::set<std::string> groups_, principals_;
  std::map<std::string, std::string> account_uids_;               // By name.
  std::vector<std::pair<std::string, std::string>> memberships_;  // Group, and member's subject.
  std::map<Place, std::vector<Place>> parents_;                   // Declared, registered or not.
};

}  // namespace pemba::iam::testing
