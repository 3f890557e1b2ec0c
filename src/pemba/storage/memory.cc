#include "pemba/storage/memory.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <random>
#include <shared_mutex>

#include "pemba/storage/internal/contract.h"
#include "pemba/storage/internal/records.h"

namespace pemba::storage {
namespace {

using internal::CheckId;

template <class Value>
using ById = std::map<std::string, Value, std::less<>>;

struct KeptRecord {
  std::string value;
  Revision revision = 0;
};

// What lies under one store id.
struct Data {
  ById<std::string> models;
  ById<std::string> assertions;
  std::vector<std::string> writes;  // Encoded; revision r is at r - 1.
  ById<KeptRecord> records;
};

std::string RandomSecret() {
  std::random_device random;
  std::string secret(32, '\0');
  for (char& byte : secret) byte = static_cast<char>(random());
  return secret;
}

class MemoryDatastore final : public Datastore {
 public:
  std::string_view secret() const override { return secret_; }
  Status Health() const override { return Done{}; }

  Status CreateStore(const StoreRecord& record) override {
    PEMBA_TRY(std::ignore, CheckId(record.id.value, "store"));
    StoreRecord kept = record;
    kept.created_at = internal::ToMilliseconds(record.created_at);
    kept.updated_at = internal::ToMilliseconds(record.updated_at);
    const std::unique_lock lock(mutex_);
    if (!stores_.emplace(record.id.value, std::move(kept)).second) {
      return Error{ErrorCode::kConflict, "store id is taken"};
    }
    return Done{};
  }

  Result<StoreRecord> GetStore(const StoreId& id) const override {
    const std::shared_lock lock(mutex_);
    const auto found = stores_.find(id.value);
    if (found == stores_.end() || found->second.deleted_at) return internal::StoreNotFound();
    return found->second;
  }

  Result<std::vector<StoreRecord>> ListStores(const StoreQuery& query) const override {
    std::vector<StoreRecord> records;
    const std::shared_lock lock(mutex_);
    for (auto at = stores_.upper_bound(query.after);
         at != stores_.end() && records.size() < query.count_max; ++at) {
      const auto& record = at->second;
      if (record.deleted_at || (query.name && record.name != *query.name)) continue;
      records.push_back(record);
    }
    return records;
  }

  Status DeleteStore(const StoreId& id, WallTime now) override {
    const std::unique_lock lock(mutex_);
    const auto found = stores_.find(id.value);
    if (found != stores_.end() && !found->second.deleted_at) {
      found->second.deleted_at = internal::ToMilliseconds(now);
    }
    return Done{};
  }

  Status WriteModel(const StoreId& store, const ModelRecord& model) override {
    PEMBA_TRY(std::ignore, CheckId(store.value, "store"));
    PEMBA_TRY(std::ignore, CheckId(model.id.value, "model"));
    const std::unique_lock lock(mutex_);
    if (!data_[store.value].models.emplace(model.id.value, model.text).second) {
      return Error{ErrorCode::kConflict, "model id is taken"};
    }
    return Done{};
  }

  Result<ModelRecord> ReadModel(const StoreId& store, const ModelId& id) const override {
    const std::shared_lock lock(mutex_);
    if (const Data* data = Find(store)) {
      const auto found = data->models.find(id.value);
      if (found != data->models.end()) return ModelRecord{id, found->second};
    }
    return internal::ModelNotFound(id.value);
  }

  Result<ModelRecord> ReadLatestModel(const StoreId& store) const override {
    const std::shared_lock lock(mutex_);
    const Data* data = Find(store);
    if (data == nullptr || data->models.empty()) return internal::LatestModelNotFound(store.value);
    const auto& [id, text] = *data->models.rbegin();
    return ModelRecord{{id}, text};
  }

  Result<std::vector<ModelRecord>> ListModels(const StoreId& store,
                                              const ModelQuery& query) const override {
    std::vector<ModelRecord> records;
    const std::shared_lock lock(mutex_);
    const Data* data = Find(store);
    if (data == nullptr) return records;
    auto at = query.before.empty() ? data->models.end() : data->models.lower_bound(query.before);
    while (at != data->models.begin() && records.size() < query.count_max) {
      --at;
      records.push_back({{at->first}, at->second});
    }
    return records;
  }

  Status WriteAssertions(const StoreId& store, const ModelId& model,
                         std::string_view text) override {
    PEMBA_TRY(std::ignore, CheckId(store.value, "store"));
    PEMBA_TRY(std::ignore, CheckId(model.value, "model"));
    const std::unique_lock lock(mutex_);
    data_[store.value].assertions.insert_or_assign(model.value, std::string(text));
    return Done{};
  }

  Result<std::optional<std::string>> ReadAssertions(const StoreId& store,
                                                    const ModelId& model) const override {
    std::optional<std::string> text;
    const std::shared_lock lock(mutex_);
    if (const Data* data = Find(store)) {
      const auto found = data->assertions.find(model.value);
      if (found != data->assertions.end()) text = found->second;
    }
    return text;
  }

  std::unique_ptr<AppendTicket> Append(const StoreId& store, const Write& write) override {
    return std::make_unique<internal::SettledTicket>(AppendNow(store, write));
  }

  Result<Revision> Head(const StoreId& store) const override {
    const std::shared_lock lock(mutex_);
    const Data* data = Find(store);
    return data == nullptr ? Revision{0} : Revision{data->writes.size()};
  }

  Status ReadWrites(const StoreId& store, Revision after,
                    const std::function<Visit(const Write&)>& visit) const override {
    internal::WriteParts parts;
    for (Revision revision = after + 1;; ++revision) {
      const auto body = Body(store, revision);
      if (!body) return Done{};
      PEMBA_TRY(auto write, internal::DecodeWrite(*body, parts));
      write.revision = revision;
      if (visit(write) == Visit::kStop) return Done{};
    }
  }

  Result<Revision> ReadRecords(const StoreId& store, std::string_view prefix,
                               const std::function<Visit(const Record&)>& visit) const override {
    // A copy, so that a visitor may call back into the datastore.
    std::vector<std::pair<std::string, KeptRecord>> records;
    Revision revision = 0;
    {
      const std::shared_lock lock(mutex_);
      const Data* data = Find(store);
      if (data == nullptr) return Revision{0};
      revision = data->writes.size();
      for (auto at = data->records.lower_bound(prefix);
           at != data->records.end() && at->first.starts_with(prefix); ++at) {
        records.emplace_back(*at);
      }
    }
    for (const auto& [key, kept] : records) {
      if (visit({key, kept.value, kept.revision}) == Visit::kStop) break;
    }
    return revision;
  }

  Result<Revision> LastRevisionBefore(const StoreId& store, WallTime time) const override {
    const std::shared_lock lock(mutex_);
    const Data* data = Find(store);
    if (data == nullptr) return Revision{0};
    const auto first_not_before =
        std::ranges::partition_point(data->writes, [&](const std::string& body) {
          const auto written_at = internal::DecodeWriteTime(body);
          return written_at.ok() && *written_at < time;
        });
    return static_cast<Revision>(first_not_before - data->writes.begin());
  }

 private:
  // The lock is held.
  const Data* Find(const StoreId& store) const {
    const auto found = data_.find(store.value);
    return found == data_.end() ? nullptr : &found->second;
  }

  Status AppendNow(const StoreId& store, const Write& write) {
    PEMBA_TRY(std::ignore, CheckId(store.value, "store"));
    PEMBA_TRY(std::ignore, internal::CheckRecordKeys(write));
    const std::unique_lock lock(mutex_);
    Data& data = data_[store.value];
    if (write.revision != data.writes.size() + 1) {
      return internal::RevisionTaken(store.value, write.revision, data.writes.size());
    }
    data.writes.push_back(internal::EncodeWrite(write));
    for (const auto& record : write.records) {
      if (record.value) {
        data.records.insert_or_assign(std::string(record.key),
                                      KeptRecord{std::string(*record.value), write.revision});
      } else if (const auto found = data.records.find(record.key); found != data.records.end()) {
        data.records.erase(found);
      }
    }
    return Done{};
  }

  // A copy, so that a visitor may call back into the datastore.
  std::optional<std::string> Body(const StoreId& store, Revision revision) const {
    const std::shared_lock lock(mutex_);
    const Data* data = Find(store);
    if (data == nullptr || revision > data->writes.size()) return std::nullopt;
    return data->writes[revision - 1];
  }

  const std::string secret_ = RandomSecret();
  mutable std::shared_mutex mutex_;  // Guards everything below.
  ById<StoreRecord> stores_;
  ById<Data> data_;
};

}  // namespace

std::unique_ptr<Datastore> NewMemoryDatastore() { return std::make_unique<MemoryDatastore>(); }

}  // namespace pemba::storage
