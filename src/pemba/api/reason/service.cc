#include "pemba/api/reason/service.h"

#include <algorithm>
#include <array>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include "pemba/api/reason/convert.h"
#include "pemba/reason/parser.h"
#include "pemba/reason/policies.h"
#include "pemba/reason/projection.h"
#include "pemba/reason/samples.h"

namespace pemba::api::reason {

namespace core = pemba::reason;
using core::TransactionKind;
using openfga::Permission;

namespace {

// 128 bits that nobody guesses: who knows the id of a transaction may use it.
std::string NewTransactionId() {
  static thread_local std::random_device random;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id;
  for (int word = 0; word < 4; ++word) {
    std::uint32_t bits = random();
    for (int i = 0; i < 8; ++i, bits >>= 4) id.push_back(kDigits[bits & 15]);
  }
  return id;
}

// What the queries need: definitions a schema transaction, other changes a write.
TransactionKind KindOf(const std::vector<core::syntax::Query>& queries) {
  auto kind = TransactionKind::kRead;
  for (const auto& query : queries) {
    if (std::holds_alternative<core::syntax::Define>(query.node) ||
        std::holds_alternative<core::syntax::Undefine>(query.node)) {
      return TransactionKind::kSchemaWrite;
    }
    if (!std::holds_alternative<core::syntax::Match>(query.node)) kind = TransactionKind::kWrite;
  }
  return kind;
}

std::optional<TransactionKind> FromWire(wire::TransactionKind kind) {
  switch (kind) {
    case wire::TRANSACTION_KIND_READ:
      return TransactionKind::kRead;
    case wire::TRANSACTION_KIND_WRITE:
      return TransactionKind::kWrite;
    case wire::TRANSACTION_KIND_SCHEMA:
      return TransactionKind::kSchemaWrite;
    default:
      return std::nullopt;
  }
}

Error NoTransaction(const std::string& id) {
  return {ErrorCode::kFailedPrecondition,
          "there is no open transaction `" + id + "`: it is over, or it is somebody else's"};
}

void Describe(const std::string& name, const core::Database& database, wire::Database& out) {
  const auto size = database.Size();
  out.set_database(name);
  out.set_revision(size.revision);
  out.set_entities(size.entities);
  out.set_relations(size.relations);
  out.set_attributes(size.attributes);
}

Status RunAndCommit(core::Database& database, TransactionKind kind, std::string_view text) {
  PEMBA_TRY(auto transaction, database.Begin(kind));
  PEMBA_TRY(std::ignore, transaction->RunAll(text));
  return transaction->Commit();
}

}  // namespace

Service::Service(core::Databases& databases, openfga::Service* relationships,
                 const openfga::AccessControl* access, const Clock& clock, ServiceOptions options)
    : databases_(databases),
      relationships_(relationships),
      access_(access),
      clock_(clock),
      options_(options) {}

// ---- Who may call ----

Status Service::PermitOnSystem(const RequestContext& context, Permission permission) const {
  if (!context.caller.admitted()) {
    return Error{ErrorCode::kUnauthenticated, "unauthenticated"};
  }
  if (access_ == nullptr) return Done{};
  return access_->OnSystem(context.caller, permission, context.deadline);
}

Status Service::PermitOn(const RequestContext& context, Permission permission,
                         const std::string& database) const {
  if (!context.caller.admitted()) {
    return Error{ErrorCode::kUnauthenticated, "unauthenticated"};
  }
  if (access_ == nullptr) return Done{};
  return access_->OnStore(context.caller, permission, database, context.deadline);
}

Status Service::PermitKind(const RequestContext& context, TransactionKind kind,
                           const std::string& database) const {
  switch (kind) {
    case TransactionKind::kRead:
      return PermitOn(context, Permission::kRead, database);
    case TransactionKind::kWrite:
      return PermitOn(context, Permission::kWrite, database);
    case TransactionKind::kSchemaWrite:
      return PermitOn(context, Permission::kWriteAuthorizationModels, database);
  }
  return Error{ErrorCode::kInternal, "no such kind of transaction"};
}

// ---- Databases ----

Status Service::CreateDatabase(RequestContext& context, const wire::CreateDatabaseRequest& request,
                               wire::Database& response) {
  PEMBA_TRY(std::ignore, PermitOnSystem(context, Permission::kCreateStores));
  const core::Sample* sample = nullptr;
  if (!request.sample().empty()) {
    sample = core::FindSample(request.sample());
    if (sample == nullptr) {
      return Error{ErrorCode::kInvalidArgument, "there is no sample `" + request.sample() + "`"};
    }
  }
  PEMBA_TRY(const auto database, databases_.Create(request.database()));
  if (sample != nullptr) {
    PEMBA_TRY(std::ignore, RunAndCommit(*database, TransactionKind::kSchemaWrite, sample->schema));
    PEMBA_TRY(std::ignore, RunAndCommit(*database, TransactionKind::kWrite, sample->data));
  }
  Describe(request.database(), *database, response);
  return Done{};
}

Status Service::ListDatabases(RequestContext& context, const wire::ListDatabasesRequest&,
                              wire::ListDatabasesResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnSystem(context, Permission::kListStores));
  for (auto& name : databases_.Names()) {
    if (PermitOn(context, Permission::kGetStore, name).ok()) {
      response.add_databases(std::move(name));
    }
  }
  return Done{};
}

Status Service::GetDatabase(RequestContext& context, const wire::GetDatabaseRequest& request,
                            wire::Database& response) {
  PEMBA_TRY(std::ignore, PermitOn(context, Permission::kGetStore, request.database()));
  PEMBA_TRY(const auto database, databases_.Find(request.database()));
  Describe(request.database(), *database, response);
  return Done{};
}

Status Service::DeleteDatabase(RequestContext& context, const wire::DeleteDatabaseRequest& request,
                               wire::DeleteDatabaseResponse&) {
  PEMBA_TRY(std::ignore, PermitOn(context, Permission::kDeleteStore, request.database()));
  return databases_.Delete(request.database());
}

Status Service::ReadSchema(RequestContext& context, const wire::ReadSchemaRequest& request,
                           wire::ReadSchemaResponse& response) {
  PEMBA_TRY(std::ignore,
            PermitOn(context, Permission::kReadAuthorizationModels, request.database()));
  PEMBA_TRY(const auto database, databases_.Find(request.database()));
  PEMBA_TRY(const auto transaction, database->Begin(TransactionKind::kRead));
  response.set_schema(transaction->schema().ToText());
  return Done{};
}

// ---- Queries ----

core::QueryOptions Service::QueryOptionsOf(const RequestContext& context,
                                           const wire::QueryRequest& request) const {
  core::QueryOptions options;
  options.inference = request.infer() ? core::Inference::kOn : core::Inference::kOff;
  options.explaining = request.explain() ? core::Explaining::kOn : core::Explaining::kOff;
  options.limits.inferred_facts_max = options_.inferred_facts_max;
  options.limits.memory_bytes_max = options_.inference_bytes_max;
  if (options_.cancellation) options.cancelled = options_.cancellation();
  if (context.deadline) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*context.deadline - clock_.Steady());
    options.limits.time_max = std::max(left, std::chrono::milliseconds(1));
  }
  return options;
}

Status Service::RunIn(core::Transaction& transaction, const RequestContext& context,
                      const wire::QueryRequest& request, wire::QueryResponse& response) const {
  const auto options = QueryOptionsOf(context, request);
  response.set_revision(transaction.revision());
  PEMBA_TRY(auto answers, transaction.RunAll(request.query(), options));
  response.set_kind(ToWire(answers->kind()));
  for (const auto& variable : answers->variables()) response.add_variables(variable);

  const std::uint32_t answers_max = request.answers_max() == 0
                                        ? options_.answers_max
                                        : std::min(request.answers_max(), options_.answers_max);
  std::size_t bytes = 0;
  while (true) {
    PEMBA_TRY(const auto answer, answers->Next());
    if (!answer) return Done{};
    if (static_cast<std::uint32_t>(response.answers_size()) >= answers_max ||
        bytes >= options_.response_bytes_max) {
      response.set_truncated(true);
      return Done{};
    }
    auto& out = *response.add_answers();
    ToWire(*answer, out);
    for (const auto& explainable : answer->explainables) {
      PEMBA_TRY(const auto proof, transaction.Prove(explainable.fact));
      auto& written = *out.add_proofs();
      written.set_variable(explainable.variable);
      written.set_attribute(explainable.attribute);
      ToWire(proof, transaction, written);
    }
    bytes += out.ByteSizeLong();
  }
}

Status Service::Query(RequestContext& context, const wire::QueryRequest& request,
                      wire::QueryResponse& response) {
  if (request.explain() && !request.infer()) {
    return Error{ErrorCode::kInvalidArgument, "`explain` explains what is inferred; set `infer`"};
  }
  if (!request.transaction().empty()) {
    PEMBA_TRY(const auto open, FindOpen(context, request.database(), request.transaction()));
    const std::lock_guard lock(open->mutex);
    if (open->transaction == nullptr) return NoTransaction(request.transaction());
    PEMBA_TRY(std::ignore, PermitKind(context, open->transaction->kind(), request.database()));
    return RunIn(*open->transaction, context, request, response);
  }
  PEMBA_TRY(const auto queries, core::ParseQueries(request.query()));
  const auto kind = FromWire(request.kind()).value_or(KindOf(queries));
  PEMBA_TRY(std::ignore, PermitKind(context, kind, request.database()));
  PEMBA_TRY(const auto database, databases_.Find(request.database()));
  PEMBA_TRY(const auto transaction, database->Begin(kind));
  PEMBA_TRY(std::ignore, RunIn(*transaction, context, request, response));
  if (kind == TransactionKind::kRead) return Done{};
  PEMBA_TRY(std::ignore, transaction->Commit());
  response.set_revision(response.revision() + 1);
  return Done{};
}

// ---- Transactions over several calls ----

void Service::DropOverdue() {
  std::vector<std::shared_ptr<Open>> overdue;  // Freed after the lock.
  const std::lock_guard lock(mutex_);
  const auto now = clock_.Steady();
  for (auto open = open_.begin(); open != open_.end();) {
    if (open->second->ends > now) {
      ++open;
      continue;
    }
    overdue.push_back(std::move(open->second));
    open = open_.erase(open);
  }
}

Result<std::shared_ptr<Service::Open>> Service::FindOpen(const RequestContext& context,
                                                         const std::string& database,
                                                         const std::string& id) {
  DropOverdue();
  if (!context.caller.admitted()) {
    return Error{ErrorCode::kUnauthenticated, "unauthenticated"};
  }
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(id);
  if (found == open_.end() || found->second->database != database ||
      found->second->client != context.caller.client_id()) {
    return NoTransaction(id);
  }
  return found->second;
}

std::shared_ptr<Service::Open> Service::TakeOpen(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(id);
  if (found == open_.end()) return nullptr;
  auto open = std::move(found->second);
  open_.erase(found);
  return open;
}

Status Service::BeginTransaction(RequestContext& context,
                                 const wire::BeginTransactionRequest& request,
                                 wire::BeginTransactionResponse& response) {
  const auto kind = FromWire(request.kind()).value_or(TransactionKind::kRead);
  PEMBA_TRY(std::ignore, PermitKind(context, kind, request.database()));
  DropOverdue();
  auto open = std::make_shared<Open>();
  open->database = request.database();
  open->client = context.caller.client_id();
  open->ends = clock_.Steady() + options_.transaction_lifetime;
  PEMBA_TRY(open->keeps, databases_.Find(request.database()));
  PEMBA_TRY(open->transaction, open->keeps->Begin(kind));
  response.set_revision(open->transaction->revision());
  response.set_transaction(NewTransactionId());
  const std::lock_guard lock(mutex_);
  if (open_.size() >= options_.transactions_max) {
    return Error{ErrorCode::kResourceExhausted, "too many transactions are open"};
  }
  open_.emplace(response.transaction(), std::move(open));
  return Done{};
}

Status Service::CommitTransaction(RequestContext& context,
                                  const wire::CommitTransactionRequest& request,
                                  wire::CommitTransactionResponse&) {
  PEMBA_TRY(const auto open, FindOpen(context, request.database(), request.transaction()));
  const std::lock_guard lock(open->mutex);
  if (open->transaction == nullptr) return NoTransaction(request.transaction());
  PEMBA_TRY(std::ignore, PermitKind(context, open->transaction->kind(), request.database()));
  TakeOpen(request.transaction());
  const auto transaction = std::move(open->transaction);
  return transaction->Commit();
}

Status Service::RollbackTransaction(RequestContext& context,
                                    const wire::RollbackTransactionRequest& request,
                                    wire::RollbackTransactionResponse&) {
  PEMBA_TRY(const auto open, FindOpen(context, request.database(), request.transaction()));
  const std::lock_guard lock(open->mutex);
  TakeOpen(request.transaction());
  open->transaction.reset();
  return Done{};
}

Status Service::ExplainFact(RequestContext& context, const wire::ExplainFactRequest& request,
                            wire::ExplainFactResponse& response) {
  PEMBA_TRY(std::ignore, PermitOn(context, Permission::kExpand, request.database()));
  PEMBA_TRY(const auto open, FindOpen(context, request.database(), request.transaction()));
  core::Fact fact;
  PEMBA_TRY(fact.thing, ParseIid(request.iid()));
  if (!request.attribute().empty()) {
    PEMBA_TRY(fact.attribute, ParseIid(request.attribute()));
  }
  core::ExplainOptions options;
  if (request.explanations_max() != 0) options.explanations_max = request.explanations_max();
  const std::lock_guard lock(open->mutex);
  if (open->transaction == nullptr) return NoTransaction(request.transaction());
  PEMBA_TRY(const auto explanations, open->transaction->Explain(fact, options));
  for (const auto& explanation : explanations) {
    ToWire(explanation, *open->transaction, *response.add_explanations());
  }
  return Done{};
}

// ---- The bridge to relationships ----

Status Service::Project(RequestContext& context, const wire::ProjectRequest& request,
                        wire::ProjectResponse& response) {
  PEMBA_TRY(std::ignore, PermitOn(context, Permission::kRead, request.database()));
  PEMBA_TRY(const auto database, databases_.Find(request.database()));
  PEMBA_TRY(const auto transaction, database->Begin(TransactionKind::kRead));
  PEMBA_TRY(const auto projection, core::Project(*transaction));
  response.set_model(projection.model);
  for (const auto& tuple : projection.tuples) {
    auto& out = *response.add_tuples();
    out.set_object(tuple.object);
    out.set_relation(tuple.relation);
    out.set_user(tuple.user);
  }
  for (const auto& rule : projection.carried) response.add_carried(rule);
  for (const auto& rule : projection.left) response.add_left(rule);
  return Done{};
}

Result<openfga::wire::CheckResponse> Service::Check(RequestContext& context,
                                                    const wire::GuardedCheckRequest& request,
                                                    const std::string& relation) const {
  openfga::wire::CheckRequest check;
  check.set_store_id(request.store_id());
  *check.mutable_tuple_key() = request.tuple_key();
  check.mutable_tuple_key()->set_relation(relation);
  // All checks of one answer read one model.
  check.set_authorization_model_id(context.model_id.empty() ? request.authorization_model_id()
                                                            : context.model_id);
  openfga::wire::CheckResponse answer;
  PEMBA_TRY(std::ignore, relationships_->Check(context, check, answer));
  return answer;
}

Status Service::GuardedCheck(RequestContext& context, const wire::GuardedCheckRequest& request,
                             wire::GuardedCheckResponse& response) {
  if (relationships_ == nullptr) {
    return Error{ErrorCode::kUnimplemented, "there are no relationships here"};
  }
  PEMBA_TRY(std::ignore, PermitOn(context, Permission::kRead, request.database()));
  PEMBA_TRY(const auto database, databases_.Find(request.database()));
  // One revision of the store, and facts of one revision that was current before and after: so
  // there was a moment at which both were. A mixture could allow what no moment does, as when both
  // permissions of a policy are taken away between two checks.
  constexpr int kAttempts = 10;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    response.Clear();
    context.revision.reset();
    PEMBA_TRY(const auto before, database->Begin(TransactionKind::kRead));
    const Status judged = Judge(context, request, *before, response);
    if (!judged.ok() && judged.error().code != ErrorCode::kConflict) return judged;
    PEMBA_TRY(const auto after, database->Begin(TransactionKind::kRead));
    if (judged.ok() && after->revision() == before->revision()) return Done{};
  }
  response.Clear();
  return Error{
      ErrorCode::kConflict,
      "the store or the database was changed again and again while it was asked; try again"};
}

Status Service::Judge(RequestContext& context, const wire::GuardedCheckRequest& request,
                      core::Transaction& transaction, wire::GuardedCheckResponse& response) {
  const auto& key = request.tuple_key();
  PEMBA_TRY(const auto asked, Check(context, request, key.relation()));
  if (!asked.allowed()) {
    response.set_reason(wire::GuardedCheckResponse::REASON_NO_PERMISSION);
    response.set_message("denied: no permission");
    return Done{};
  }
  const auto pinned = context.revision;
  PEMBA_TRY(const auto relations,
            relationships_->RelationsOf(context, request.store_id(), context.model_id,
                                        key.object().substr(0, key.object().find(':'))));
  PEMBA_TRY(const auto actions, core::ActionNames(transaction));
  for (const auto& action : actions) {
    if (core::ProjectedNames::Relation("can_", action) != key.relation()) continue;
    PEMBA_TRY(const auto segregations, core::SegregationsOf(transaction, action));
    for (const auto& segregation : segregations) {
      if (response.violations_size() > 0 && !request.all_violations()) break;
      std::string time;
      if (segregation.kind == core::PolicyKind::kStatic) {
        const auto partner = core::ProjectedNames::Relation("can_", segregation.partner);
        // What is no relation of the type, nobody holds on this object.
        if (!std::binary_search(relations.begin(), relations.end(), partner)) continue;
        PEMBA_TRY(const auto other, Check(context, request, partner));
        if (context.revision != pinned) {
          return Error{ErrorCode::kConflict, "the store was changed while it was asked"};
        }
        if (!other.allowed()) continue;
      } else {
        // Whom the database does not know it cannot judge: an error, not an allow.
        PEMBA_TRY(const auto subject, core::FindProjected(transaction, key.user()));
        PEMBA_TRY(const auto object, core::FindProjected(transaction, key.object()));
        PEMBA_TRY(const auto times,
                  core::TimesDone(transaction, subject, segregation.partner, object));
        if (times.empty()) continue;
        time = times.front();
      }
      auto& violation = *response.add_violations();
      violation.set_policy(segregation.policy);
      violation.set_kind(segregation.kind == core::PolicyKind::kStatic
                             ? wire::Violation::POLICY_KIND_STATIC
                             : wire::Violation::POLICY_KIND_DYNAMIC);
      violation.set_action(action);
      violation.set_conflicting_action(segregation.partner);
      violation.set_object(key.object());
      violation.set_time(time);
    }
  }
  if (response.violations_size() > 0) {
    response.set_reason(wire::GuardedCheckResponse::REASON_SEGREGATION_POLICY_VIOLATION);
    response.set_message("denied: violates segregation policy '" + response.violations(0).policy() +
                         "'");
    return Done{};
  }
  response.set_allowed(true);
  response.set_reason(wire::GuardedCheckResponse::REASON_ALLOWED);
  response.set_message("allowed");
  return Done{};
}

}  // namespace pemba::api::reason
