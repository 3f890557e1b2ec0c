#include "pemba/storage/testing/gated_datastore.h"

#include "pemba/storage/internal/records.h"

namespace pemba::storage::testing {

// A copy of the write, as its record.
struct GatedDatastore::Waiting {
  StoreId store;
  Revision revision = 0;
  std::string body;
  std::optional<Status> outcome;
};

class GatedDatastore::Ticket final : public AppendTicket {
 public:
  Ticket(GatedDatastore& gate, std::shared_ptr<Waiting> waiting)
      : gate_(gate), waiting_(std::move(waiting)) {}
  Status Wait() override {
    std::unique_lock lock(gate_.mutex_);
    gate_.changed_.wait(lock, [&] { return waiting_->outcome.has_value(); });
    return *waiting_->outcome;
  }

 private:
  GatedDatastore& gate_;
  const std::shared_ptr<Waiting> waiting_;
};

std::unique_ptr<AppendTicket> GatedDatastore::Append(const StoreId& store, const Write& write) {
  const std::lock_guard lock(mutex_);
  auto waiting = std::make_shared<Waiting>(
      Waiting{store, write.revision, internal::EncodeWrite(write), std::nullopt});
  waiting_.push_back(waiting);
  if (!closed_) ReleaseLocked();
  changed_.notify_all();
  return std::make_unique<Ticket>(*this, std::move(waiting));
}

void GatedDatastore::ReleaseLocked() {
  auto& first = *waiting_.front();
  internal::WriteParts parts;
  auto write = *internal::DecodeWrite(first.body, parts);
  write.revision = first.revision;
  first.outcome = inner_->Append(first.store, write)->Wait();
  waiting_.pop_front();
}

void GatedDatastore::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void GatedDatastore::Release(std::size_t count) {
  std::unique_lock lock(mutex_);
  for (; count > 0; --count) {
    changed_.wait(lock, [&] { return !waiting_.empty(); });
    ReleaseLocked();
    changed_.notify_all();
  }
}

void GatedDatastore::ReleaseUpTo(std::size_t count) {
  const std::lock_guard lock(mutex_);
  for (; count > 0 && !waiting_.empty(); --count) ReleaseLocked();
  changed_.notify_all();
}

void GatedDatastore::Open() {
  const std::lock_guard lock(mutex_);
  closed_ = false;
  while (!waiting_.empty()) ReleaseLocked();
  changed_.notify_all();
}

void GatedDatastore::FailNext(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_.size() >= count; });
  for (auto& each : waiting_) each->outcome = Error{ErrorCode::kUnavailable, "the disk failed"};
  waiting_.clear();
  changed_.notify_all();
}

void GatedDatastore::AwaitWaiting(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_.size() >= count; });
}

void GatedDatastore::set_read_error(std::optional<Error> error) {
  const std::lock_guard lock(mutex_);
  read_error_ = std::move(error);
}

Status GatedDatastore::ReadWrites(const StoreId& store, Revision after,
                                  const std::function<Visit(const Write&)>& visit) const {
  {
    const std::lock_guard lock(mutex_);
    if (read_error_) return *read_error_;
  }
  return inner_->ReadWrites(store, after, visit);
}

}  // namespace pemba::storage::testing
