#include "pemba/reason/database.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <set>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "pemba/base/assert.h"
#include "pemba/reason/definition.h"
#include "pemba/reason/internal/change.h"
#include "pemba/reason/internal/explainer.h"
#include "pemba/reason/internal/match_answers.h"
#include "pemba/reason/internal/snapshot.h"
#include "pemba/reason/internal/writer.h"
#include "pemba/reason/parser.h"
#include "pemba/reason/printer.h"
#include "pemba/reason/problem.h"

namespace pemba::reason {

std::string IidText(ThingId thing) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), kDigits[thing & 15]);
    thing >>= 4;
  } while (thing != 0);
  return "0x" + text;
}

namespace internal {
namespace {

// What a committed transaction changed, for those that began before it.
struct Commit {
  std::uint64_t revision = 0;
  std::vector<ThingId> changed, deleted;  // Ascending.
};

struct Effects {
  std::vector<ThingId> changed, deleted, created;  // Ascending.
};

void SortUnique(std::vector<ThingId>& things) {
  std::sort(things.begin(), things.end());
  things.erase(std::unique(things.begin(), things.end()), things.end());
}

Effects EffectsOf(const std::vector<Change>& changes) {
  Effects effects;
  for (const Change& change : changes) {
    switch (change.kind) {
      case Change::Kind::kCreate:
      case Change::Kind::kPut:
        effects.created.push_back(change.thing);
        break;
      case Change::Kind::kDelete:
        effects.deleted.push_back(change.thing);
        break;
      default:
        effects.changed.push_back(change.thing);
        effects.changed.push_back(change.other);
    }
  }
  SortUnique(effects.changed);
  SortUnique(effects.deleted);
  SortUnique(effects.created);
  return effects;
}

bool Intersects(const std::vector<ThingId>& a, const std::vector<ThingId>& b) {
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    if (*i == *j) return true;
    *i < *j ? void(++i) : void(++j);
  }
  return false;
}

class FactsProbe final : public DataProbe {
 public:
  explicit FactsProbe(const Facts& facts) : facts_(facts) {}
  bool HasInstances(TypeId type) const override { return facts_.Count(type) != 0; }
  bool HasOwnerships(TypeId owner, TypeId attribute) const override {
    const TypeTable* table = facts_.Table(owner);
    const ListColumn* column = table == nullptr ? nullptr : table->FindOwned(attribute);
    return column != nullptr && column->edges != 0;
  }
  bool HasEdges(TypeId relation, TypeId role) const override {
    const TypeTable* table = facts_.Table(relation);
    const PlayerColumn* column = table == nullptr ? nullptr : table->FindPlayers(role);
    return column != nullptr && column->edges != 0;
  }
  bool HasPlayers(TypeId player, TypeId role) const override {
    const TypeTable* table = facts_.Table(player);
    const ListColumn* column = table == nullptr ? nullptr : table->FindPlaying(role);
    return column != nullptr && column->edges != 0;
  }
  void ForEachOwner(TypeId owner, TypeId attribute,
                    const std::function<void(std::span<const Value>)>& see) const override {
    const TypeTable* table = facts_.Table(owner);
    for (std::uint32_t slot = 0; table != nullptr && slot < table->count; ++slot) {
      std::vector<Value> values;
      const IdList* list = facts_.Owned(table->things[slot], attribute);
      for (std::uint32_t i = 0; list != nullptr && i < list->size(); ++i) {
        values.push_back(facts_.ValueOf((*list)[i]));
      }
      see(values);
    }
  }
  void ForEachValue(TypeId attribute, const std::function<void(const Value&)>& see) const override {
    const TypeTable* table = facts_.Table(attribute);
    for (std::uint32_t slot = 0; table != nullptr && slot < table->count; ++slot) {
      see(facts_.ValueOf(table->things[slot]));
    }
  }

 private:
  const Facts& facts_;
};

Error Conflict(std::string what) {
  return MakeError(Problem::kTransactionConflict, {}, std::move(what));
}

class DatabaseImpl;

class TransactionImpl final : public Transaction {
 public:
  TransactionImpl(DatabaseImpl& database, TransactionKind kind,
                  std::shared_ptr<const Snapshot> base)
      : database_(database),
        kind_(kind),
        base_(std::move(base)),
        schema_(base_->schema),
        values_(std::make_shared<ValuePool>()) {
    if (kind_ == TransactionKind::kWrite) facts_ = base_->facts;
  }

  TransactionKind kind() const override { return kind_; }
  std::uint64_t revision() const override { return base_->revision; }
  const Schema& schema() const override { return *schema_; }
  Result<std::unique_ptr<Answers>> Run(const syntax::Query& query,
                                       const QueryOptions& options) override;
  Result<std::vector<Explanation>> Explain(const Fact& fact,
                                           const ExplainOptions& options) override;
  Result<Proof> Prove(const Fact& fact, const ExplainOptions& options) override;
  void ForEachThing(const std::function<void(const Concept&, std::span<const RolePlayer>,
                                             std::span<const ThingId>)>& see) override;
  Concept Describe(ThingId thing) override;
  std::vector<RolePlayer> Players(ThingId relation) override;
  std::string Describe(const Fact& fact) override;
  Status Commit() override;

 private:
  friend class DatabaseImpl;

  Result<std::unique_ptr<Answers>> RunMatch(const syntax::Match& match,
                                            const QueryOptions& options);
  Result<std::unique_ptr<Answers>> RunDefinition(const syntax::Query& query);
  Result<std::unique_ptr<Answers>> RunWrite(const syntax::Query& query,
                                            const QueryOptions& options);
  Result<std::unique_ptr<Answers>> Write(const syntax::Patterns& match,
                                         const std::vector<syntax::ThingStatement>* deletes,
                                         const std::vector<syntax::ThingStatement>* inserts,
                                         const QueryOptions& options);
  const Facts& facts() const { return kind_ == TransactionKind::kWrite ? facts_ : base_->facts; }
  World PlainWorld(Budget& budget) {
    World world;
    world.schema = schema_.get();
    world.facts = &facts();
    world.values = values_.get();
    world.budget = &budget;
    return world;
  }
  Result<InferenceState*> Inferring(Budget& budget);

  DatabaseImpl& database_;
  const TransactionKind kind_;
  std::shared_ptr<const Snapshot> base_;
  std::shared_ptr<const Schema> schema_;
  std::shared_ptr<ValuePool> values_;
  Facts facts_;  // Of kWrite.
  std::vector<Change> changes_;
  std::string definitions_;  // Of kSchemaWrite: what was run.
  std::shared_ptr<InferenceState> inference_;
  bool closed_ = false;
};

class DatabaseImpl final : public Database {
 public:
  DatabaseImpl(std::unique_ptr<TransactionLog> log, const Clock& clock)
      : log_(std::move(log)), clock_(clock) {
    auto head = std::make_shared<Snapshot>();
    head->schema = std::make_shared<const Schema>();
    head->program = std::make_shared<const Program>(head->schema);
    head_ = std::move(head);
  }

  Status Load();
  Result<std::unique_ptr<Transaction>> Begin(TransactionKind kind) override {
    return std::unique_ptr<Transaction>(std::make_unique<TransactionImpl>(*this, kind, Head()));
  }
  DatabaseSize Size() const override;
  Status Compact() override;

  const Clock& clock() const { return clock_; }
  Result<ThingId> NewThing() {
    const std::uint32_t id = next_thing_.fetch_add(1, std::memory_order_relaxed);
    if (id >= kThingMax) {
      next_thing_.store(kThingMax, std::memory_order_relaxed);
      return Error{ErrorCode::kResourceExhausted, "the database has no numbers for things left"};
    }
    return id;
  }
  Status CommitData(TransactionImpl& transaction);
  Status CommitSchema(TransactionImpl& transaction);

 private:
  static constexpr std::size_t kRememberedThings = std::size_t{1} << 20;

  std::shared_ptr<const Snapshot> Head() const {
    const std::lock_guard lock(head_mutex_);
    return head_;
  }
  void Publish(std::shared_ptr<const Snapshot> next) {
    const std::lock_guard lock(head_mutex_);
    head_ = std::move(next);
  }
  Status CheckConflicts(const TransactionImpl& transaction, const Effects& effects) const;
  Result<std::vector<Change>> Rebase(const std::vector<Change>& changes, Facts& facts) const;
  Status Append(const Record& record, const Schema& schema) {
    return log_ == nullptr ? Status(Done{}) : log_->Append(Encode(record, schema));
  }
  void Remember(std::uint64_t revision, Effects effects);

  mutable std::mutex head_mutex_;
  std::shared_ptr<const Snapshot> head_;  // Guarded by head_mutex_, which is held for a copy only.
  std::mutex commit_mutex_;               // Before head_mutex_.
  std::unique_ptr<TransactionLog> log_;   // Guarded by commit_mutex_, as is what follows.
  std::deque<internal::Commit> recent_;
  std::size_t remembered_ = 0;         // Things in recent_.
  std::uint64_t forgotten_until_ = 0;  // Commits up to this revision are not in recent_.
  std::atomic<std::uint32_t> next_thing_{0};
  const Clock& clock_;
};

// ---- Transactions ----

Result<std::unique_ptr<Answers>> TransactionImpl::Run(const syntax::Query& query,
                                                      const QueryOptions& options) {
  if (closed_) {
    return MakeError(Problem::kTransactionClosed, query.at, "the transaction is closed");
  }
  if (const auto* match = std::get_if<syntax::Match>(&query.node)) {
    return RunMatch(*match, options);
  }
  const bool defines = std::holds_alternative<syntax::Define>(query.node) ||
                       std::holds_alternative<syntax::Undefine>(query.node);
  auto result = defines ? RunDefinition(query) : RunWrite(query, options);
  if (!result.ok()) closed_ = true;
  return result;
}

Result<InferenceState*> TransactionImpl::Inferring(Budget& budget) {
  if (inference_ == nullptr || inference_->interrupted) {
    inference_ = std::make_shared<InferenceState>(base_, *values_, budget);
    if (!budget.ok()) {
      inference_ = nullptr;
      return budget.error();
    }
  }
  inference_->world.budget = &budget;
  return inference_.get();
}

Result<std::unique_ptr<Answers>> TransactionImpl::RunMatch(const syntax::Match& match,
                                                           const QueryOptions& options) {
  Source source;
  source.schema = schema_;
  source.facts = facts();
  source.values = values_;
  if (options.inference == Inference::kOn && kind_ == TransactionKind::kRead) {
    Budget budget(database_.clock(), std::nullopt, {});
    PEMBA_TRY(std::ignore, Inferring(budget));
    source.inference = inference_;
  }
  return MakeMatchAnswers(match, std::move(source), options, database_.clock());
}

Result<std::unique_ptr<Answers>> TransactionImpl::RunDefinition(const syntax::Query& query) {
  if (kind_ == TransactionKind::kWrite) {
    return MakeError(Problem::kSchemaWriteInDataSession, query.at,
                     "a transaction for data cannot change the schema");
  }
  if (kind_ == TransactionKind::kRead) {
    return MakeError(Problem::kSchemaWriteInReadTransaction, query.at,
                     "a read transaction cannot change the schema");
  }
  const auto* define = std::get_if<syntax::Define>(&query.node);
  auto next = define != nullptr ? Define(*schema_, *define)
                                : Undefine(*schema_, std::get<syntax::Undefine>(query.node));
  if (!next.ok()) return next.error();
  schema_ = std::make_shared<const Schema>(*std::move(next));
  definitions_ += ToText(query) + "\n";
  return std::unique_ptr<Answers>(std::make_unique<ListedAnswers>(
      AnswerKind::kNone, std::vector<std::string>(), std::vector<Answer>()));
}

Result<std::unique_ptr<Answers>> TransactionImpl::RunWrite(const syntax::Query& query,
                                                           const QueryOptions& options) {
  if (kind_ == TransactionKind::kSchemaWrite) {
    return MakeError(Problem::kDataWriteInSchemaSession, query.at,
                     "a transaction for the schema cannot change data");
  }
  if (kind_ == TransactionKind::kRead) {
    return MakeError(Problem::kWriteInReadTransaction, query.at,
                     "a read transaction cannot change data");
  }
  if (const auto* insert = std::get_if<syntax::Insert>(&query.node)) {
    return Write(insert->match, nullptr, &insert->statements, options);
  }
  if (const auto* deletion = std::get_if<syntax::Delete>(&query.node)) {
    return Write(deletion->match, &deletion->statements, nullptr, options);
  }
  const auto& update = std::get<syntax::Update>(query.node);
  return Write(update.match, &update.deletes, &update.inserts, options);
}

Result<std::unique_ptr<Answers>> TransactionImpl::Write(
    const syntax::Patterns& match, const std::vector<syntax::ThingStatement>* deletes,
    const std::vector<syntax::ThingStatement>* inserts, const QueryOptions& options) {
  std::optional<SteadyTime> deadline;
  if (options.limits.time_max.count() != 0) {
    deadline = database_.clock().Steady() + options.limits.time_max;
  }
  Budget budget(database_.clock(), deadline, options.cancelled);
  const World world = PlainWorld(budget);
  const std::function<Result<ThingId>()> new_thing = [this] { return database_.NewThing(); };
  Writer writer(*schema_, facts_, *values_, new_thing, changes_);
  if (deletes != nullptr) {
    PEMBA_TRY(std::ignore, writer.CheckDelete(*deletes));
  }
  if (inserts != nullptr) {
    PEMBA_TRY(std::ignore, writer.CheckInsert(*inserts));
  }

  // All matches before the first change, once for each binding of what the clauses use.
  std::vector<std::string> names;
  for (const auto* clause : {deletes, inserts}) {
    for (std::string& name :
         clause == nullptr ? std::vector<std::string>() : VariablesOf(*clause)) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  PEMBA_TRY(const MatchedRows matched, CollectRows(match, names, world));
  std::vector<MatchedVariable> variables;
  for (std::size_t i = 0; i < matched.names.size(); ++i) {
    variables.push_back({matched.names[i], matched.kinds[i]});
  }
  if (deletes != nullptr) {
    PEMBA_TRY(std::ignore, writer.Delete(*deletes, variables, matched.rows));
  }
  if (inserts == nullptr) {
    return std::unique_ptr<Answers>(std::make_unique<ListedAnswers>(
        AnswerKind::kNone, std::vector<std::string>(), std::vector<Answer>()));
  }
  std::vector<std::string> shown;
  std::vector<Answer> answers;
  for (const MatchedRow& row : matched.rows) {
    if (!budget.Spend()) return budget.error();
    std::vector<Writer::Created> created;
    PEMBA_TRY(std::ignore, writer.Insert(*inserts, variables, row, created));
    if (answers.empty()) {
      for (const auto& one : created) shown.push_back(one.name);
    }
    Answer& answer = answers.emplace_back();
    for (const auto& one : created) {
      answer.concepts.push_back(MakeConcept(world, VariableKind::kThing, one.thing));
    }
  }
  return std::unique_ptr<Answers>(
      std::make_unique<ListedAnswers>(AnswerKind::kMaps, std::move(shown), std::move(answers)));
}

Result<std::vector<Explanation>> TransactionImpl::Explain(const Fact& fact,
                                                          const ExplainOptions& options) {
  if (inference_ == nullptr) return std::vector<Explanation>();
  Budget budget(database_.clock(), std::nullopt, {});
  PEMBA_TRY(InferenceState * state, Inferring(budget));
  return Explainer(*state).Explain(fact, options);
}

Result<Proof> TransactionImpl::Prove(const Fact& fact, const ExplainOptions& options) {
  if (inference_ == nullptr) return Proof{fact, std::nullopt, {}};
  Budget budget(database_.clock(), std::nullopt, {});
  PEMBA_TRY(InferenceState * state, Inferring(budget));
  return Explainer(*state).Prove(fact, options);
}

void TransactionImpl::ForEachThing(
    const std::function<void(const Concept&, std::span<const RolePlayer>,
                             std::span<const ThingId>)>& see) {
  Budget budget(database_.clock(), std::nullopt, {});
  const World world = PlainWorld(budget);
  std::vector<RolePlayer> players;
  std::vector<ThingId> owned;
  for (TypeId type = 0; type < facts().table_limit(); ++type) {
    const TypeTable* table = facts().Table(type);
    for (std::uint32_t slot = 0; table != nullptr && slot < table->count; ++slot) {
      const ThingId thing = table->things[slot];
      players.clear();
      owned.clear();
      facts().ForEachPlayer(thing, [&](TypeId role, ThingId player) {
        players.push_back({role, player});
      });
      for (const ListColumn& column : table->owned) {
        const IdList& list = column.lists[slot];
        for (std::uint32_t i = 0; i < list.size(); ++i) owned.push_back(list[i]);
      }
      see(MakeConcept(world, VariableKind::kThing, thing), players, owned);
    }
  }
}

Concept TransactionImpl::Describe(ThingId thing) {
  Budget budget(database_.clock(), std::nullopt, {});
  World world = PlainWorld(budget);
  if (inference_ != nullptr) world.inferred = &inference_->inferred;
  return MakeConcept(world, VariableKind::kThing, thing);
}

std::vector<Transaction::RolePlayer> TransactionImpl::Players(ThingId relation) {
  std::vector<RolePlayer> players;
  if (IsInferred(relation)) {
    if (inference_ == nullptr) return players;
    for (const RoleEdge& edge : inference_->inferred.Edges(relation)) {
      players.push_back({edge.role, edge.player});
    }
  } else if (facts().Exists(relation)) {
    facts().ForEachPlayer(relation, [&](TypeId role, ThingId player) {
      players.push_back({role, player});
    });
  }
  return players;
}

std::string TransactionImpl::Describe(const Fact& fact) {
  Budget budget(database_.clock(), std::nullopt, {});
  World world = PlainWorld(budget);
  if (inference_ != nullptr) world.inferred = &inference_->inferred;
  return DescribeFact(world, fact);
}

Status TransactionImpl::Commit() {
  if (closed_) return MakeError(Problem::kTransactionClosed, {}, "the transaction is closed");
  closed_ = true;
  switch (kind_) {
    case TransactionKind::kRead:
      return Error{ErrorCode::kValidation, "a read transaction has nothing to commit"};
    case TransactionKind::kWrite:
      return database_.CommitData(*this);
    case TransactionKind::kSchemaWrite:
      return database_.CommitSchema(*this);
  }
  return Done{};
}

// ---- Database ----

Status DatabaseImpl::CheckConflicts(const TransactionImpl& transaction,
                                    const Effects& effects) const {
  if (head_->schema != transaction.base_->schema) {
    return Conflict("the schema was changed meanwhile");
  }
  if (transaction.base_->revision < forgotten_until_) {
    return Conflict("too much was written since the transaction began");
  }
  for (const internal::Commit& commit : recent_) {
    if (commit.revision <= transaction.base_->revision) continue;
    if (Intersects(effects.changed, commit.deleted)) {
      return Conflict("something that the transaction changes was deleted meanwhile");
    }
    if (Intersects(effects.deleted, commit.changed) ||
        Intersects(effects.deleted, commit.deleted)) {
      return Conflict("something that the transaction deletes was changed or deleted meanwhile");
    }
  }
  return Done{};
}

// Does the changes again on newer facts. Attributes that somebody else has put meanwhile are those.
Result<std::vector<Change>> DatabaseImpl::Rebase(const std::vector<Change>& changes,
                                                 Facts& facts) const {
  std::vector<Change> rebased;
  std::vector<ThingId> thinned;
  boost::unordered_flat_map<ThingId, ThingId> renamed;
  const auto rename = [&](ThingId& thing) {
    if (const auto found = renamed.find(thing); found != renamed.end()) thing = found->second;
  };
  for (Change change : changes) {
    rename(change.thing);
    rename(change.other);
    if (change.kind == Change::Kind::kPut) {
      const ThingId known = facts.Find(change.type, *change.value);
      if (known != kNoThing) {
        renamed[change.thing] = known;
        continue;
      }
    }
    if (change.kind == Change::Kind::kUnplay) thinned.push_back(change.thing);
    Apply(change, facts);
    rebased.push_back(std::move(change));
  }
  DeleteEmptyRelations(thinned, facts, rebased);
  return rebased;
}

Status DatabaseImpl::CommitData(TransactionImpl& transaction) {
  if (transaction.changes_.empty()) return Done{};
  const std::lock_guard lock(commit_mutex_);
  Effects effects = EffectsOf(transaction.changes_);
  auto next = std::make_shared<Snapshot>();
  Record record;
  if (head_ == transaction.base_) {
    next->facts = std::move(transaction.facts_);
    record.changes = std::move(transaction.changes_);
  } else {
    PEMBA_TRY(std::ignore, CheckConflicts(transaction, effects));
    next->facts = head_->facts;
    PEMBA_TRY(record.changes, Rebase(transaction.changes_, next->facts));
    effects = EffectsOf(record.changes);
  }
  for (const auto* things : {&effects.changed, &effects.created}) {
    if (const Status keys = CheckKeys(*things, *head_->schema, next->facts); !keys.ok()) {
      const auto problem = ProblemOf(keys.error());
      const bool taken = problem == Problem::kKeyTaken || problem == Problem::kUniqueTaken;
      if (head_ == transaction.base_ || !taken) return keys.error();
      return Conflict("a key that the transaction takes was taken meanwhile");
    }
  }
  record.kind = Record::Kind::kData;
  record.revision = head_->revision + 1;
  next->revision = record.revision;
  next->schema = head_->schema;
  next->program = head_->program;
  PEMBA_TRY(std::ignore, Append(record, *head_->schema));
  Publish(std::move(next));
  Remember(record.revision, std::move(effects));
  return Done{};
}

Status DatabaseImpl::CommitSchema(TransactionImpl& transaction) {
  if (transaction.definitions_.empty()) return Done{};
  const std::lock_guard lock(commit_mutex_);
  if (head_->schema != transaction.base_->schema) {
    return Conflict("the schema was changed meanwhile");
  }
  PEMBA_TRY(std::ignore, CheckForCommit(*transaction.base_->schema, *transaction.schema_,
                                        FactsProbe(head_->facts)));
  auto next = std::make_shared<Snapshot>();
  next->revision = head_->revision + 1;
  next->schema = transaction.schema_;
  next->program = std::make_shared<const Program>(next->schema);
  next->facts = head_->facts;
  PEMBA_TRY(
      std::ignore,
      Append({Record::Kind::kSchema, next->revision, transaction.definitions_, {}}, *next->schema));
  Publish(std::move(next));
  return Done{};
}

// Bounded: who began before what is forgotten must begin anew.
void DatabaseImpl::Remember(std::uint64_t revision, Effects effects) {
  remembered_ += effects.changed.size() + effects.deleted.size();
  recent_.push_back({revision, std::move(effects.changed), std::move(effects.deleted)});
  while (remembered_ > kRememberedThings && !recent_.empty()) {
    remembered_ -= recent_.front().changed.size() + recent_.front().deleted.size();
    forgotten_until_ = recent_.front().revision;
    recent_.pop_front();
  }
}

Status DatabaseImpl::Load() {
  if (log_ == nullptr) return Done{};
  Snapshot loaded = *head_;
  ThingId next_thing = 0;
  PEMBA_TRY(std::ignore, log_->Read([&](std::string_view bytes) -> Status {
    const auto schema_for = [&](const Record& record) -> Result<const Schema*> {
      if (record.kind == Record::Kind::kData) return loaded.schema.get();
      if (record.kind == Record::Kind::kWhole) loaded.schema = std::make_shared<const Schema>();
      PEMBA_TRY(const auto queries, ParseQueries(record.definitions));
      for (const syntax::Query& query : queries) {
        const auto* define = std::get_if<syntax::Define>(&query.node);
        const auto* undefine = std::get_if<syntax::Undefine>(&query.node);
        if (define == nullptr && undefine == nullptr) {
          return Error{ErrorCode::kDataLoss, "a record of the schema holds another query"};
        }
        PEMBA_TRY(Schema schema, define != nullptr ? Define(*loaded.schema, *define)
                                                   : Undefine(*loaded.schema, *undefine));
        loaded.schema = std::make_shared<const Schema>(std::move(schema));
      }
      return loaded.schema.get();
    };
    PEMBA_TRY(const Record record, Decode(bytes, schema_for));
    if (record.kind == Record::Kind::kWhole) loaded.facts = Facts();
    for (const Change& change : record.changes) {
      Apply(change, loaded.facts);
      next_thing = std::max(next_thing, change.thing + 1);
    }
    loaded.revision = record.revision;
    return Done{};
  }));
  next_thing_.store(next_thing, std::memory_order_relaxed);
  forgotten_until_ = loaded.revision;
  auto head = std::make_shared<Snapshot>();
  head->revision = loaded.revision;
  head->schema = loaded.schema;
  head->program = std::make_shared<const Program>(loaded.schema);
  head->facts = std::move(loaded.facts);
  Publish(std::move(head));
  return Done{};
}

Status DatabaseImpl::Compact() {
  const std::lock_guard lock(commit_mutex_);
  if (log_ == nullptr) return Done{};
  Record record{Record::Kind::kWhole, head_->revision, head_->schema->ToText(), {}};
  const Facts& facts = head_->facts;
  std::vector<Change> connections;
  for (TypeId type = 0; type < facts.table_limit(); ++type) {
    const TypeTable* table = facts.Table(type);
    for (std::uint32_t slot = 0; table != nullptr && slot < table->count; ++slot) {
      const ThingId thing = table->things[slot];
      if (table->value_type) {
        record.changes.push_back({Change::Kind::kPut, thing, kNoThing, type, facts.ValueOf(thing)});
      } else {
        record.changes.push_back({Change::Kind::kCreate, thing, kNoThing, type, {}});
      }
      for (const ListColumn& column : table->owned) {
        const IdList& list = column.lists[slot];
        for (std::uint32_t i = 0; i < list.size(); ++i) {
          connections.push_back({Change::Kind::kOwn, thing, list[i], 0, {}});
        }
      }
      facts.ForEachPlayer(thing, [&](TypeId role, ThingId player) {
        connections.push_back({Change::Kind::kPlay, thing, player, role, {}});
      });
    }
  }
  record.changes.insert(record.changes.end(), std::make_move_iterator(connections.begin()),
                        std::make_move_iterator(connections.end()));
  return log_->Replace(Encode(record, *head_->schema));
}

DatabaseSize DatabaseImpl::Size() const {
  const std::shared_ptr<const Snapshot> head = Head();
  DatabaseSize size;
  size.revision = head->revision;
  size.bytes = head->facts.bytes();
  for (TypeId type = 0; type < head->facts.table_limit(); ++type) {
    const TypeTable* table = head->facts.Table(type);
    if (table == nullptr || table->count == 0) continue;
    const Kind kind = head->schema->Get(type).kind;
    (kind == Kind::kEntity     ? size.entities
     : kind == Kind::kRelation ? size.relations
                               : size.attributes) += table->count;
    for (const PlayerColumn& column : table->players) size.role_edges += column.edges;
    for (const ListColumn& column : table->owned) size.ownerships += column.edges;
  }
  return size;
}

}  // namespace
}  // namespace internal

Result<std::unique_ptr<Answers>> Transaction::Run(std::string_view text,
                                                  const QueryOptions& options) {
  PEMBA_TRY(const syntax::Query query, ParseQuery(text));
  return Run(query, options);
}

Result<std::unique_ptr<Answers>> Transaction::RunAll(std::string_view text,
                                                     const QueryOptions& options) {
  PEMBA_TRY(const auto queries, ParseQueries(text));
  std::unique_ptr<Answers> answers = std::make_unique<internal::ListedAnswers>(
      AnswerKind::kNone, std::vector<std::string>(), std::vector<Answer>());
  for (const syntax::Query& query : queries) {
    PEMBA_TRY(answers, Run(query, options));
  }
  return answers;
}

Result<std::unique_ptr<Database>> Database::Open(DatabaseOptions options) {
  static const SystemClock kSystemClock;
  auto database = std::make_unique<internal::DatabaseImpl>(
      std::move(options.log), options.clock != nullptr ? *options.clock : kSystemClock);
  PEMBA_TRY(std::ignore, database->Load());
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace pemba::reason
