// GatedDatastore: a datastore whose appends become durable, or fail, when the test says so.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pemba/storage/datastore.h"

namespace pemba::storage::testing {

// Thread-safe. Everything but appends goes straight to `inner`.
class GatedDatastore final : public Datastore {
 public:
  explicit GatedDatastore(std::unique_ptr<Datastore> inner) : inner_(std::move(inner)) {}
  ~GatedDatastore() override { Open(); }

  // From now on appends wait at the gate.
  void Close();
  // Lets the first `count` that wait become durable.
  void Release(std::size_t count = 1);
  // As Release, for as many as there are by now.
  void ReleaseUpTo(std::size_t count);
  // All that wait become durable, and so will those that come, at once.
  void Open();
  // Fails all that wait, once `count` are there: as a disk does that they would have been synced
  // to.
  void FailNext(std::size_t count);
  // Returns once `count` appends wait at the gate.
  void AwaitWaiting(std::size_t count);
  // What ReadWrites answers while set, instead of reading.
  void set_read_error(std::optional<Error> error);

  std::string_view secret() const override { return inner_->secret(); }
  Status Health() const override { return inner_->Health(); }
  Status CreateStore(const StoreRecord& record) override { return inner_->CreateStore(record); }
  Result<StoreRecord> GetStore(const StoreId& id) const override { return inner_->GetStore(id); }
  Result<std::vector<StoreRecord>> ListStores(const StoreQuery& query) const override {
    return inner_->ListStores(query);
  }
  Status DeleteStore(const StoreId& id, WallTime now) override {
    return inner_->DeleteStore(id, now);
  }
  Status WriteModel(const StoreId& store, const ModelRecord& model) override {
    return inner_->WriteModel(store, model);
  }
  Result<ModelRecord> ReadModel(const StoreId& store, const ModelId& id) const override {
    return inner_->ReadModel(store, id);
  }
  Result<ModelRecord> ReadLatestModel(const StoreId& store) const override {
    return inner_->ReadLatestModel(store);
  }
  Result<std::vector<ModelRecord>> ListModels(const StoreId& store,
                                              const ModelQuery& query) const override {
    return inner_->ListModels(store, query);
  }
  Status WriteAssertions(const StoreId& store, const ModelId& model,
                         std::string_view text) override {
    return inner_->WriteAssertions(store, model, text);
  }
  Result<std::optional<std::string>> ReadAssertions(const StoreId& store,
                                                    const ModelId& model) const override {
    return inner_->ReadAssertions(store, model);
  }
  std::unique_ptr<AppendTicket> Append(const StoreId& store, const Write& write) override;
  Result<Revision> Head(const StoreId& store) const override { return inner_->Head(store); }
  Status ReadWrites(const StoreId& store, Revision after,
                    const std::function<Visit(const Write&)>& visit) const override;
  Result<Revision> ReadRecords(const StoreId& store, std::string_view prefix,
                               const std::function<Visit(const Record&)>& visit) const override {
    return inner_->ReadRecords(store, prefix, visit);
  }
  Result<Revision> LastRevisionBefore(const StoreId& store, WallTime time) const override {
    return inner_->LastRevisionBefore(store, time);
  }

 private:
  struct Waiting;
  class Ticket;

  void ReleaseLocked();

  const std::unique_ptr<Datastore> inner_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  std::deque<std::shared_ptr<Waiting>> waiting_;
  std::optional<Error> read_error_;
};

}  // namespace pemba::storage::testing
