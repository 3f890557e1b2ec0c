#include "pemba/cli/openfga_import.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>
#include <google/protobuf/struct.pb.h>

#include "pemba/api/openfga/convert.h"
#include "pemba/api/struct_json.h"
#include "pemba/model/json.h"
#include "pemba/store/stores.h"
#include "pemba/tuple/context.h"

namespace pemba::cli {
namespace {

namespace wire = ::openfga::v1;
using storage::OpenfgaTuple;
using storage::Revision;

// Where the import keeps how far it is: the ulid of the last change.
constexpr std::string_view kPositionKey = "import/openfga/position";
// What one write holds at most, and how many are on their way at a time.
constexpr std::size_t kChangesMax = 1000;
constexpr std::size_t kWritesUnderWay = 256;

Error Undecodable(const StoreId& store, std::string_view what) {
  return {ErrorCode::kDataLoss,
          "store '" + store.value + "': " + std::string(what) + " of the source cannot be decoded"};
}

// A change that owns its texts.
struct Owned {
  storage::Change::Operation operation = storage::Change::Operation::kWrite;
  std::string object, relation, subject, condition, context;
  storage::Change view() const {
    return {operation, {object, relation, subject}, condition, context};
  }
};

Result<std::string> ContextOf(const StoreId& store, const OpenfgaTuple& t) {
  if (t.condition.empty() || t.context.empty()) return std::string();
  google::protobuf::Struct message;
  if (!message.ParseFromArray(t.context.data(), static_cast<int>(t.context.size()))) {
    return Undecodable(store, "a condition context");
  }
  PEMBA_TRY(const auto object, api::ToJsonObject(message));
  return object.empty() ? std::string() : tuple::CanonicalText(object);
}

Result<Owned> Own(const StoreId& store, const OpenfgaTuple& t) {
  Owned owned{t.operation,
              std::string(t.object_type) + ":" + std::string(t.object_id),
              std::string(t.relation),
              std::string(t.user),
              "",
              ""};
  if (t.operation == storage::Change::Operation::kWrite) {
    owned.condition = t.condition;
    PEMBA_TRY(owned.context, ContextOf(store, t));
  }
  return owned;
}

// Appends to one store, many writes at a time.
class Appender {
 public:
  Appender(storage::Datastore& target, const StoreId& store, Revision head)
      : target_(target), store_(store), head_(head) {}

  Status Append(WallTime time, const std::vector<Owned>& changes, std::string_view position) {
    time_ = std::max(time_, time);
    std::vector<storage::Change> views;
    for (const auto& change : changes) views.push_back(change.view());
    const storage::RecordChange record{kPositionKey, position};
    under_way_.push_back(target_.Append(store_, {++head_, time_, views, {&record, 1}}));
    if (under_way_.size() < kWritesUnderWay) return Done{};
    return Finish();
  }
  Status Finish() {
    Status outcome = Done{};
    for (auto& ticket : under_way_) {
      auto status = ticket->Wait();
      if (outcome.ok()) outcome = std::move(status);
    }
    under_way_.clear();
    return outcome;
  }

 private:
  storage::Datastore& target_;
  const StoreId& store_;
  Revision head_;
  WallTime time_{};
  std::vector<std::unique_ptr<storage::AppendTicket>> under_way_;
};

class StoreImport {
 public:
  StoreImport(storage::OpenfgaSource& source, storage::Datastore& target,
              const storage::StoreRecord& record, ImportReport& report,
              const std::function<void(std::string_view)>& tell)
      : source_(source),
        target_(target),
        record_(record),
        id_(record.id),
        report_(report),
        tell_(tell) {}

  Status Run() {
    PEMBA_TRY(std::ignore, ImportRecord());
    PEMBA_TRY(std::ignore, source_.Models(id_, [&](const auto& model) { return Import(model); }));
    PEMBA_TRY(std::ignore, ImportChanges());
    PEMBA_TRY(auto differences, Compare());
    if (!differences.empty()) {
      tell_("store '" + id_.value + "': its changes do not add up to its tuples; " +
            std::to_string(differences.size()) + " corrected");
      PEMBA_TRY(std::ignore, Correct(differences));
      PEMBA_TRY(differences, Compare());
      if (!differences.empty()) {
        return Error{ErrorCode::kDataLoss,
                     "store '" + id_.value + "': the tuples here are not those of the source"};
      }
    }
    PEMBA_TRY(std::ignore, ImportAssertions());
    if (record_.deleted_at) return target_.DeleteStore(id_, *record_.deleted_at);
    return Done{};
  }

 private:
  Status ImportRecord() {
    auto record = record_;
    record.deleted_at.reset();
    const auto created = target_.CreateStore(record);
    if (created.ok()) ++report_.stores;
    if (!created.ok() && created.error().code != ErrorCode::kConflict) return created;
    return Done{};
  }

  Status Import(const storage::OpenfgaModel& model) {
    if (target_.ReadModel(id_, {std::string(model.id)}).ok()) return Done{};
    wire::AuthorizationModel message;
    bool decoded = message.ParseFromArray(model.model.data(), static_cast<int>(model.model.size()));
    for (const auto& type : model.types) {
      decoded = decoded && message.add_type_definitions()->ParseFromArray(
                               type.data(), static_cast<int>(type.size()));
    }
    if (!decoded) return Undecodable(id_, "model '" + std::string(model.id) + "'");
    if (model.model.empty()) message.set_schema_version(std::string(model.schema_version));
    message.set_id(std::string(model.id));
    ++report_.models;
    return target_.WriteModel(
        id_, {{std::string(model.id)}, model::ModelToJson(api::openfga::FromWire(message))});
  }

  // The ulid of the last change that is here; empty: none is.
  Result<std::string> Position() const {
    std::string position;
    PEMBA_TRY(const auto revision,
              target_.ReadRecords(id_, kPositionKey, [&](const storage::Record& record) {
                position = record.value;
                return storage::Visit::kStop;
              }));
    if (!position.empty() || revision == 0) return position;
    return Error{ErrorCode::kFailedPrecondition,
                 "store '" + id_.value + "' has writes here that are not from an import"};
  }

  // What the other server wrote in one request has one time, and stays one write here.
  Status ImportChanges() {
    PEMBA_TRY(position_, Position());
    PEMBA_TRY(const Revision head, target_.Head(id_));
    Appender appender(target_, id_, head);
    std::vector<Owned> changes;
    std::optional<WallTime> time;
    const auto append = [&]() -> Status {
      if (changes.empty()) return Done{};
      PEMBA_TRY(std::ignore, appender.Append(*time, changes, position_));
      report_.changes += changes.size();
      changes.clear();
      return Done{};
    };
    PEMBA_TRY(std::ignore,
              source_.Changes(id_, position_, [&](const OpenfgaTuple& change) -> Status {
                if (time != change.written_at || changes.size() >= kChangesMax) {
                  PEMBA_TRY(std::ignore, append());
                }
                time = change.written_at;
                PEMBA_TRY(auto owned, Own(id_, change));
                changes.push_back(std::move(owned));
                position_ = change.ulid;
                return Done{};
              }));
    PEMBA_TRY(std::ignore, append());
    return appender.Finish();
  }

  // What has to change here for the tuples to be those of the source, one by one.
  Result<std::vector<Owned>> Compare() {
    const SystemClock clock;
    store::Stores stores(target_, clock);
    PEMBA_TRY(const auto store, stores.Open(id_));
    const auto view = store->Pin();
    std::vector<Owned> differences;
    std::uint64_t same = 0;
    boost::unordered_flat_set<std::string> theirs;
    PEMBA_TRY(std::ignore, source_.Tuples(id_, [&](const OpenfgaTuple& t) -> Status {
      PEMBA_TRY(auto owned, Own(id_, t));
      theirs.insert(tuple::ToText(owned.view().tuple));
      if (IsHere(view.snapshot(), owned)) {
        ++same;
      } else {
        differences.push_back(std::move(owned));
      }
      return Done{};
    }));
    view.snapshot().Scan({}, nullptr, ~std::size_t{0}, [&](const graph::StoredTuple& stored) {
      if (theirs.contains(tuple::ToText(stored.tuple))) return;
      differences.push_back({storage::Change::Operation::kDelete, std::string(stored.tuple.object),
                             std::string(stored.tuple.relation), std::string(stored.tuple.subject),
                             "", ""});
    });
    if (differences.empty()) report_.tuples += same;
    return differences;
  }

  static bool IsHere(const graph::Snapshot& snapshot, const Owned& t) {
    const auto [type, id] = tuple::SplitObject(t.object);
    bool same = false;
    snapshot.Scan({type, id, t.relation, t.subject}, nullptr, 1, [&](const auto& stored) {
      same = stored.condition == t.condition && stored.context == t.context;
    });
    return same;
  }

  Status Correct(const std::vector<Owned>& differences) {
    PEMBA_TRY(const Revision head, target_.Head(id_));
    Appender appender(target_, id_, head);
    WallTime last{};
    PEMBA_TRY(std::ignore,
              target_.ReadWrites(id_, head == 0 ? 0 : head - 1, [&](const auto& write) {
                last = write.time;
                return storage::Visit::kContinue;
              }));
    for (std::size_t begin = 0; begin < differences.size(); begin += kChangesMax) {
      const auto end = std::min(begin + kChangesMax, differences.size());
      const std::vector<Owned> some(differences.begin() + static_cast<std::ptrdiff_t>(begin),
                                    differences.begin() + static_cast<std::ptrdiff_t>(end));
      PEMBA_TRY(std::ignore, appender.Append(last, some, position_.empty() ? "0" : position_));
    }
    report_.corrections += differences.size();
    return appender.Finish();
  }

  // Those that the model does not take any more are left out, and named.
  Status ImportAssertions() {
    const SystemClock clock;
    store::Stores stores(target_, clock);
    PEMBA_TRY(const auto store, stores.Open(id_));
    return source_.Assertions(id_, [&](std::string_view model, std::string_view bytes) -> Status {
      wire::Assertions message;
      if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        return Undecodable(id_, "assertions");
      }
      std::vector<store::Assertion> assertions;
      for (const auto& assertion : message.assertions()) {
        PEMBA_TRY(auto converted, api::openfga::FromWire(assertion));
        assertions.push_back(std::move(converted));
      }
      const auto written =
          store->WriteAssertions({.model_id = model,
                                  .assertions = assertions,
                                  .wire_bytes = api::openfga::BytesOf(message.assertions())});
      if (written.ok()) {
        ++report_.assertions;
      } else if (written.error().code == ErrorCode::kUnavailable) {
        return written;
      } else {
        tell_("store '" + id_.value + "': the assertions of model '" + std::string(model) +
              "' are left out: " + written.error().message);
      }
      return Done{};
    });
  }

  storage::OpenfgaSource& source_;
  storage::Datastore& target_;
  const storage::StoreRecord& record_;
  const StoreId& id_;
  ImportReport& report_;
  const std::function<void(std::string_view)>& tell_;
  std::string position_;
};

}  // namespace

Result<ImportReport> ImportOpenfga(storage::OpenfgaSource& source, storage::Datastore& target,
                                   const std::function<void(std::string_view)>& tell) {
  ImportReport report;
  PEMBA_TRY(const auto stores, source.Stores());
  for (const auto& record : stores) {
    PEMBA_TRY(std::ignore, StoreImport(source, target, record, report, tell).Run());
    tell("store '" + record.id.value + "': done");
  }
  return report;
}

}  // namespace pemba::cli
