#include "pemba/server/admin.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "pemba/reason/backup.h"
#include "pemba/reason/transaction_log.h"

namespace pemba::server {
namespace {

namespace json = boost::json;

constexpr std::size_t kNameBytesMax = 64;

struct Refusal {
  int status;
  std::string code, message;
};

void Finish(rpc::Call& call, int status, const json::object& body) {
  call.FinishHttp(status, "application/json", json::serialize(body));
}

void Finish(rpc::Call& call, const Refusal& refusal) {
  Finish(call, refusal.status, {{"code", refusal.code}, {"message", refusal.message}});
}

bool IsLoopback(std::string_view host) {
  if (host.starts_with("[::1]")) return true;
  host = host.substr(0, host.find(':'));
  return host == "127.0.0.1" || host == "localhost";
}

bool MayAsk(const rpc::Call& call) {
  return call.header("pemba-admin") == "1" && IsLoopback(call.header("host").value_or(""));
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

// "" if the body has none.
std::string NameIn(std::string_view body) {
  json::error_code error;
  const auto value = json::parse({body.data(), body.size()}, error);
  const auto* object = error ? nullptr : value.if_object();
  const auto* name = object == nullptr ? nullptr : object->if_contains("name");
  return name != nullptr && name->is_string() ? std::string(name->get_string()) : std::string();
}

class Backups {
 public:
  explicit Backups(AdminOptions options) : options_(std::move(options)) {}

  void Create(rpc::Call& call) {
    if (!MayAsk(call)) {
      return Finish(call, {403, "forbidden", "not asked by an operator on this machine"});
    }
    const auto name = NameIn(call.body());
    if (!IsName(name)) {
      return Finish(call, {400, "invalid_name",
                           "name must be letters, digits, `-`, `_` and dots, not first"});
    }
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return Finish(call, {409, "busy", "another backup is being made"});
    const auto path = options_.backup_directory / name;
    const auto begin = std::chrono::steady_clock::now();
    const auto status = Write(path, options_.backup_directory / ("." + name));
    if (!status.ok()) return Finish(call, RefusalOf(status.error()));
    const auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begin);
    Finish(call, 200,
           {{"name", name},
            {"path", std::filesystem::absolute(path).string()},
            {"milliseconds", taken.count()}});
  }

 private:
  // In `partial`, which is no name of a backup, until everything is there and on the medium.
  Status Write(const std::filesystem::path& path, const std::filesystem::path& partial) const {
    std::error_code error;
    if (std::filesystem::exists(path, error)) {
      return Error{ErrorCode::kFailedPrecondition, "the backup's directory exists"};
    }
    std::filesystem::create_directories(options_.backup_directory, error);  // Backup reports it.
    std::filesystem::remove_all(partial, error);
    auto status = options_.datastore->Backup(partial);
    if (status.ok()) {
      status = reason::CopyDatabases(options_.databases_directory, partial / "reason");
    }
    if (status.ok()) status = reason::SyncDirectory(partial.string());
    if (status.ok()) {
      std::filesystem::rename(partial, path, error);
      if (!error) return reason::SyncDirectory(options_.backup_directory.string());
      status = Error{ErrorCode::kUnavailable, "the backup could not be written"};
    }
    std::filesystem::remove_all(partial, error);
    return status;
  }

  static Refusal RefusalOf(const Error& error) {
    if (error.code == ErrorCode::kFailedPrecondition) return {409, "exists", error.message};
    if (error.code == ErrorCode::kUnimplemented) return {501, "unimplemented", error.message};
    return {500, "failed", error.message};
  }

  const AdminOptions options_;
  std::mutex mutex_;  // Held while a backup is being made.
};

}  // namespace

void AddAdminRoutes(AdminOptions options, rpc::Router& router) {
  const auto backups = std::make_shared<Backups>(std::move(options));
  router.Add({.http_method = "POST",
              .http_pattern = "/admin/backups",
              .execution = rpc::Execution::kWorker,
              .handler = [backups](rpc::Call& call) { backups->Create(call); }});
}

}  // namespace pemba::server
