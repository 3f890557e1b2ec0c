// The operator's listener: what is done to a running server. HTTP with JSON, on loopback only.
#pragma once

#include <filesystem>

#include "pemba/rpc/router.h"
#include "pemba/storage/datastore.h"

namespace pemba::server {

struct AdminOptions {
  storage::Datastore* datastore = nullptr;         // Borrowed for the life of the router.
  std::filesystem::path databases_directory = {};  // Of facts and rules.
  std::filesystem::path backup_directory = {};
};

// POST /admin/backups {"name": "monday"} -> {"name", "path", "milliseconds"}: writes a backup below
// the backup directory; the name is letters, digits, `-`, `_` and dots, not first. Callers choose
// no path. One backup at a time.
//
// Every call must carry the header `pemba-admin: 1` and name a loopback host: a page in the
// operator's browser can do neither. Errors are {"code", "message"}.
void AddAdminRoutes(AdminOptions options, rpc::Router& router);

}  // namespace pemba::server
