// The kinds of a lending library beside the platform's, as tests use them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pemba/iam/catalog.h"

namespace pemba::iam::testing {

inline KindEntry Kind(std::string service, std::string kind, std::string plural,
                      std::vector<std::string> actions, std::vector<std::string> parents = {}) {
  KindEntry entry;
  entry.type = service + "/" + kind;
  entry.service = std::move(service);
  entry.kind = std::move(kind);
  entry.singular = plural;
  entry.plural = std::move(plural);
  entry.actions = std::move(actions);
  entry.parents = std::move(parents);
  entry.source = entry.type;
  return entry;
}

inline std::vector<KindEntry> Library() {
  const std::string rm = "resourcemanager.miloapis.com", l = "library.example.org";
  return {
      Kind(rm, "Organization", "organizations", {"get", "list", "update", "delete"}),
      Kind(rm, "Project", "projects", {"get", "list", "create", "update", "delete"},
           {rm + "/Organization"}),
      Kind(l, "Shelf", "shelves", {"get", "list", "create", "update", "delete"}, {rm + "/Project"}),
      Kind(l, "Book", "books", {"get", "list", "create", "update", "delete", "lend"},
           {l + "/Shelf"}),
  };
}

}  // namespace pemba::iam::testing
