// Service: databases of typed facts and rules, for every transport.
//
// Access control asks the same control store as the relationship service does. A database stands
// there as the object `store:<name of the database>`: reading is `can_call_read`, writing
// `can_call_write`, definitions are models, explanations are `can_call_expand`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include <pemba/reason/v1/reason_service.pb.h>

#include "pemba/api/openfga/access_control.h"
#include "pemba/api/openfga/service.h"
#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/reason/databases.h"

namespace pemba::api::reason {

namespace wire = ::pemba::reason::v1;
using openfga::RequestContext;

struct ServiceOptions {
  std::uint32_t answers_max = 10'000;               // Of one call.
  std::size_t response_bytes_max = 16 << 20;        // Later answers are left out.
  std::uint32_t inferred_facts_max = 10'000'000;    // Of one transaction.
  std::size_t inference_bytes_max = 1'073'741'824;  // Of one transaction.
  std::chrono::seconds transaction_lifetime{300};
  std::size_t transactions_max = 100;  // Open at a time.
  // Asked when a query begins: what stops it. Empty: nothing does.
  std::function<std::stop_token()> cancellation = {};
};

// Thread-safe; every call may block.
//
// Errors of every call: kUnauthenticated (nobody asked who calls), kForbidden, kStoreNotFound (no
// such database), kInvalidArgument and kValidation (the problem is named in the message),
// kFailedPrecondition (a write in a read transaction, a transaction that is over), kConflict,
// kTooComplex, kDeadlineExceeded, kResourceExhausted, kUnavailable, kDataLoss.
class Service {
 public:
  // Borrows all but the options. `access` may be null: then whoever is let in may call all. So may
  // `relationships`: then there is no GuardedCheck.
  Service(pemba::reason::Databases& databases, openfga::Service* relationships,
          const openfga::AccessControl* access, const Clock& clock, ServiceOptions options = {});

  Status CreateDatabase(RequestContext&, const wire::CreateDatabaseRequest&, wire::Database&);
  Status ListDatabases(RequestContext&, const wire::ListDatabasesRequest&,
                       wire::ListDatabasesResponse&);
  Status GetDatabase(RequestContext&, const wire::GetDatabaseRequest&, wire::Database&);
  Status DeleteDatabase(RequestContext&, const wire::DeleteDatabaseRequest&,
                        wire::DeleteDatabaseResponse&);
  Status ReadSchema(RequestContext&, const wire::ReadSchemaRequest&, wire::ReadSchemaResponse&);
  Status Query(RequestContext&, const wire::QueryRequest&, wire::QueryResponse&);
  Status BeginTransaction(RequestContext&, const wire::BeginTransactionRequest&,
                          wire::BeginTransactionResponse&);
  Status CommitTransaction(RequestContext&, const wire::CommitTransactionRequest&,
                           wire::CommitTransactionResponse&);
  Status RollbackTransaction(RequestContext&, const wire::RollbackTransactionRequest&,
                             wire::RollbackTransactionResponse&);
  Status ExplainFact(RequestContext&, const wire::ExplainFactRequest&, wire::ExplainFactResponse&);

  // ---- The bridge to relationships ----
  Status Project(RequestContext&, const wire::ProjectRequest&, wire::ProjectResponse&);
  // Check of the relationship service, at most the policies x partners of the action times. The
  // relation is `can_ACTION`; another one is no action, and no policy is about it. Names are those
  // of a projection. Only for services with relationships (else kUnimplemented).
  Status GuardedCheck(RequestContext&, const wire::GuardedCheckRequest&,
                      wire::GuardedCheckResponse&);

 private:
  // A transaction over several calls.
  struct Open {
    std::string database;
    std::string client;  // Who began it.
    SteadyTime ends;
    std::shared_ptr<pemba::reason::Database> keeps;  // The transaction borrows it.
    std::mutex mutex;                                // One call at a time.
    std::unique_ptr<pemba::reason::Transaction>
        transaction;  // Null once it is over. Under `mutex`.
  };

  Status PermitOnSystem(const RequestContext&, openfga::Permission permission) const;
  Status PermitOn(const RequestContext&, openfga::Permission permission,
                  const std::string& database) const;
  Status PermitKind(const RequestContext&, pemba::reason::TransactionKind kind,
                    const std::string& database) const;

  Result<std::shared_ptr<Open>> FindOpen(const RequestContext&, const std::string& database,
                                         const std::string& id);
  std::shared_ptr<Open> TakeOpen(const std::string& id);
  // What `until` says is over goes; outside the lock, because a transaction may be large.
  void DropOverdue();
  pemba::reason::QueryOptions QueryOptionsOf(const RequestContext&,
                                             const wire::QueryRequest&) const;
  Status RunIn(pemba::reason::Transaction& transaction, const RequestContext&,
               const wire::QueryRequest&, wire::QueryResponse&) const;

  // Check, then the policies: which of them deny what is asked.
  Status Judge(RequestContext&, const wire::GuardedCheckRequest&,
               pemba::reason::Transaction& transaction, wire::GuardedCheckResponse&);
  Result<openfga::wire::CheckResponse> Check(RequestContext&, const wire::GuardedCheckRequest&,
                                             const std::string& relation) const;

  pemba::reason::Databases& databases_;
  openfga::Service* relationships_;
  const openfga::AccessControl* access_;
  const Clock& clock_;
  const ServiceOptions options_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Open>> open_;  // By id. Under mutex_.
};

}  // namespace pemba::api::reason
