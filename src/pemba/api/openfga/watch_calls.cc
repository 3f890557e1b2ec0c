// Watch.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "pemba/api/openfga/convert.h"
#include "pemba/api/openfga/feed.h"
#include "pemba/api/openfga/service.h"

namespace pemba::api::openfga {
namespace {

namespace v1 = ::pemba::v1;

using Until = Feed::Pause::Until;

constexpr std::chrono::seconds kHeartbeatDefault{30};
// What is read of the log before it is sent; a reader without room has the rest read again later.
constexpr std::size_t kChangesPerBatch = 256;
// After so many batches others get the thread, however much there is to say.
constexpr int kBatchesPerTurn = 32;

class WatchFeed final : public Feed {
 public:
  struct Parts {
    store::Stores& stores;
    const Clock& clock;
    StoreId store;
    std::string type;
    std::chrono::seconds heartbeat;
    std::function<Status()> permit;
    store::FeedPosition position;
  };
  explicit WatchFeed(Parts parts) : parts_(std::move(parts)), position_(parts_.position) {}

  Result<Pause> Advance(FeedReader& reader) override {
    listener_.reset();
    // Both may have changed since the last message.
    PEMBA_TRY(std::ignore, parts_.permit());
    PEMBA_TRY(std::ignore, parts_.stores.GetStore(parts_.store));
    // Anew each time: a store without data is another object once it has some.
    PEMBA_TRY(const auto store, parts_.stores.Open(parts_.store));
    for (int batch = 0; batch < kBatchesPerTurn; ++batch) {
      PEMBA_TRY(const auto moved, SendBatch(*store, reader));
      if (moved == Moved::kNobodyReads) return Pause{Until::kNobodyReads};
      if (moved == Moved::kNoRoom) return Pause{Until::kRoom, SteadyTime::max()};
      if (moved == Moved::kNotAtAll) return AwaitNews(*store, reader);
    }
    return Pause{Until::kWoken, parts_.clock.Steady()};
  }

 private:
  enum class Moved : std::uint8_t { kYes, kNotAtAll, kNoRoom, kNobodyReads };

  Result<Moved> SendBatch(const store::Store& store, FeedReader& reader) {
    // The reader learns at once that it is heard, and from where on.
    if (!last_sent_) {
      const auto moved = SendHeartbeat(store, reader);
      if (moved != Moved::kYes) return moved;
    }
    PEMBA_TRY(const auto batch, store.ReadFeed(position_, parts_.type, kChangesPerBatch));
    if (batch.next == position_) return Moved::kNotAtAll;
    for (const auto& write : batch.writes) {
      const auto moved = SendWrite(store, write, reader);
      if (moved != Moved::kYes) return moved;
    }
    position_ = batch.next;
    return Moved::kYes;
  }

  Moved SendWrite(const store::Store& store, const store::CommittedWrite& write,
                  FeedReader& reader) {
    v1::WatchResponse message;
    ToWire(write.time, *message.mutable_timestamp());
    for (const auto& change : write.changes) {
      auto& out = *message.add_changes();
      ToWire(change.tuple, *out.mutable_tuple_key());
      out.set_operation(ToWire(change.operation));
      if (change.tuple.expires_at) ToWire(*change.tuple.expires_at, *out.mutable_expires_at());
    }
    return Send(store, {write.revision, 0}, message, reader);
  }

  Moved SendHeartbeat(const store::Store& store, FeedReader& reader) {
    v1::WatchResponse message;
    return Send(store, position_, message, reader);
  }

  // The message takes the reader to `position`.
  Moved Send(const store::Store& store, const store::FeedPosition& position,
             v1::WatchResponse& message, FeedReader& reader) {
    if (!reader.has_room()) return Moved::kNoRoom;
    message.set_revision(position.revision);
    message.set_continuation_token(store.MakeFeedToken(position, parts_.type));
    if (reader.Send(message) == FeedReader::Sent::kNobodyReads) return Moved::kNobodyReads;
    position_ = position;
    last_sent_ = parts_.clock.Steady();
    return Moved::kYes;
  }

  Result<Pause> AwaitNews(const store::Store& store, FeedReader& reader) {
    if (parts_.clock.Steady() >= *last_sent_ + parts_.heartbeat) {
      const auto moved = SendHeartbeat(store, reader);
      if (moved == Moved::kNobodyReads) return Pause{Until::kNobodyReads};
      if (moved == Moved::kNoRoom) return Pause{Until::kRoom, SteadyTime::max()};
    }
    listener_ = parts_.stores.Listen(parts_.store, position_.revision, reader.wake());
    return Pause{Until::kWoken, *last_sent_ + parts_.heartbeat};
  }

  const Parts parts_;
  store::FeedPosition position_;  // The reader knows everything before it.
  std::optional<SteadyTime> last_sent_;
  std::unique_ptr<store::Listener> listener_;
};

}  // namespace

Status Service::Watch(RequestContext& context, const v1::WatchRequest& request,
                      v1::WatchResponse&) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kReadChanges, request.store_id()));
  const StoreId id{request.store_id()};
  PEMBA_TRY(std::ignore, stores_.GetStore(id));
  PEMBA_TRY(const auto store, Open(request.store_id()));
  PEMBA_TRY(std::ignore, Await(context, store));
  store::FeedRequest start;
  start.type = request.type();
  if (request.has_after_revision()) start.after_revision = request.after_revision();
  start.continuation_token = request.continuation_token();
  PEMBA_TRY(const auto position, store->StartFeed(start));
  context.revision = store->Pin().revision();
  const auto heartbeat = request.has_heartbeat_seconds()
                             ? std::chrono::seconds(request.heartbeat_seconds().value())
                             : kHeartbeatDefault;
  context.feed = std::make_unique<WatchFeed>(
      WatchFeed::Parts{stores_, clock_, id, request.type(), heartbeat,
                       [this, caller = context.caller, id] {
                         RequestContext again;
                         again.caller = caller;
                         return PermitOnStore(again, Permission::kReadChanges, id.value);
                       },
                       position});
  return Done{};
}

}  // namespace pemba::api::openfga
