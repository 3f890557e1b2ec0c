#include "pemba/resource/resource_store.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <list>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include <boost/unordered/unordered_flat_set.hpp>
#include <fmt/format.h>

#include "pemba/base/text.h"
#include "pemba/resource/apply.h"
#include "pemba/resource/internal/group.h"
#include "pemba/resource/internal/history.h"
#include "pemba/resource/internal/mutation.h"
#include "pemba/resource/internal/object_records.h"
#include "pemba/resource/internal/object_table.h"
#include "pemba/resource/internal/write_queue.h"

namespace pemba::resource {
namespace {

namespace json = boost::json;
using internal::Mutation;

// A group is closed when it comes to so many changed objects.
constexpr std::size_t kGroupChangesMax = 5'000;
// The record of ResourceStoreOptions::terms.
constexpr std::string_view kTermsKey = "terms";
// How long the datastore may take to say where the log ends.
constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kTryAgain{200};
// So often is a group judged while a database that is well goes on refusing it.
constexpr int kAttemptsMax = 20;

Failure Expired(Revision revision) {
  return {Failure::Reason::kExpired, fmt::format("too old resource version: {}", revision)};
}

// Where a list goes on: after this object, as of that revision.
struct Position {
  Revision revision = 0;
  std::string name_space, name;
};

std::string EncodePosition(const Position& position) {
  return Base64UrlEncode(
      fmt::format("{}\n{}\n{}", position.revision, position.name_space, position.name));
}

std::optional<Position> DecodePosition(std::string_view token) {
  const auto text = Base64UrlDecode(token);
  if (!text) return std::nullopt;
  const auto first = text->find('\n');
  const auto second = first == std::string::npos ? first : text->find('\n', first + 1);
  if (second == std::string::npos || first == 0 || first > 19) return std::nullopt;
  Position position;
  for (std::size_t i = 0; i < first; ++i) {
    const char c = (*text)[i];
    if (c < '0' || c > '9') return std::nullopt;
    position.revision = position.revision * 10 + static_cast<Revision>(c - '0');
  }
  position.name_space = text->substr(first + 1, second - first - 1);
  position.name = text->substr(second + 1);
  return position;
}

bool Matches(const Object& object, const LabelSelector* labels, const FieldSelector* fields) {
  return (labels == nullptr || labels->Matches(object.labels())) &&
         (fields == nullptr || fields->Matches(object));
}

bool Matches(const ObjectPtr& object, const WatchRequest& request) {
  return object != nullptr &&
         (request.name_space.empty() || object->key.name_space == request.name_space) &&
         Matches(*object, &request.labels, &request.fields);
}

}  // namespace

class ResourceStore::Impl {
 public:
  Impl(store::Store& store, const Registry& registry, const Clock& clock,
       ResourceStoreOptions options)
      : store_(store),
        registry_(registry),
        clock_(clock),
        options_(std::move(options)),
        queue_(options_.group_max),
        table_(options_.indexes),
        newest_(table_) {
    for (const auto& kind : registry_.kinds()) {
      if (kind->scope == Scope::kNamespaced) namespaced_.push_back(kind.get());
    }
    namespaces_ = registry_.FindKind("", "Namespace");
  }

  ~Impl() {
    {
      const std::lock_guard lock(follower_mutex_);
      stopping_ = true;
    }
    follower_wake_.notify_all();
    if (follower_.joinable()) follower_.join();
  }

  Status Load() {
    Status read = Done{};
    generation_ = store_.Pin().generation();
    internal::ObjectReader reader(registry_);
    PEMBA_TRY(revision_, store_.ReadRecords("", [&](const storage::Record& record) {
      if (!record.key.starts_with(internal::kObjectPrefix)) {
        TellRecord(record);
        return storage::Visit::kContinue;
      }
      const auto object = reader.Read(record);
      if (!object.ok()) {
        read = object.error();
        return storage::Visit::kStop;
      }
      if (*object != nullptr) {
        table_.Add(**object);
        newest_change_ = std::max(newest_change_, record.revision);
      }
      return storage::Visit::kContinue;
    }));
    history_.emplace(revision_, options_.history_max, options_.history_bytes_max);
    PEMBA_TRY(std::ignore, read);
    if (shared()) {
      PEMBA_TRY(std::ignore, SetTerms());
    }
    if (shared() && options_.listen) follower_ = std::thread([this] { FollowOthers(); });
    return Done{};
  }

  // Whether other servers declare objects, too.
  bool shared() const { return store_.writers() == store::Store::Writers::kOthersToo; }

  Outcome<Done> Refresh() {
    if (!shared()) return Done{};
    const std::lock_guard leading(lead_mutex_);
    PEMBA_TRY(std::ignore, CatchUp());
    return Done{};
  }

  Outcome<Done> AwaitRevision(Revision wanted, SteadyTime deadline) {
    if (!shared()) return Done{};
    while (revision() < wanted) {
      // Not behind a writer, who may take long: what it has caught up with is seen meanwhile.
      if (const std::unique_lock leading(lead_mutex_, std::try_to_lock); leading) {
        PEMBA_TRY(std::ignore, CatchUp());
      }
      const auto now = clock_.Steady();
      if (revision() >= wanted || now >= deadline) break;
      AwaitChange(wanted - 1, std::min<SteadyTime>(deadline, now + kTryAgain));
    }
    if (revision() >= wanted) return Done{};
    return Error{ErrorCode::kUnavailable,
                 fmt::format("the declared objects have not reached revision {}; they are at {}",
                             wanted, revision())};
  }

  const Registry& registry() const { return registry_; }

  Revision revision() const {
    const std::shared_lock lock(mutex_);
    return revision_;
  }

  Inventory inventory() const {
    const std::shared_lock lock(mutex_);
    return {table_.size(), newest_change_};
  }

  Outcome<ObjectPtr> Get(const ObjectKey& key) const {
    if (const auto packed = Find(key)) return table_.Unpack(*packed);
    return Failure(Failure::Reason::kNotFound, Describe(*key.kind, key.name) + " not found");
  }

  ObjectPtr FindByUid(std::string_view uid) const {
    const std::shared_lock lock(mutex_);
    return table_.FindByUid(uid, table_.unpacker());
  }

  std::vector<ObjectPtr> FindBy(IndexId index, std::string_view key) const {
    const std::shared_lock lock(mutex_);
    return table_.FindBy(index, key, table_.unpacker());
  }

  std::vector<ObjectKey> KeysAfter(const Kind& kind, const ObjectKey* after,
                                   std::size_t count) const {
    std::vector<ObjectKey> keys;
    const std::shared_lock lock(mutex_);
    const auto& objects = table_.OfKind(kind);
    auto at = after == nullptr ? objects.begin() : objects.upper_bound(internal::PlaceOf(*after));
    for (; at != objects.end() && keys.size() < count; ++at) keys.push_back((*at)->key());
    return keys;
  }

  // A continued list is made from the objects of today and what those that changed since were.
  Outcome<ObjectList> List(const ListRequest& request) const {
    Position from;
    if (!request.continue_token.empty()) {
      auto position = DecodePosition(request.continue_token);
      if (!position) {
        return Failure(Failure::Reason::kBadRequest, "continue key is not valid");
      }
      from = *std::move(position);
    }
    ObjectList list;
    const bool selects = request.labels != nullptr || request.fields != nullptr;
    PEMBA_TRY(const auto candidates,
              Candidates(request, from,
                         selects || request.count_max == 0 ? std::numeric_limits<std::size_t>::max()
                                                           : request.count_max + 1,
                         list.revision));
    for (const auto& packed : candidates) {
      auto object = table_.Unpack(*packed);
      if (!Matches(*object, request.labels, request.fields)) continue;
      if (request.count_max != 0 && list.objects.size() == request.count_max) {
        const auto& last = list.objects.back()->key;
        list.continue_token = EncodePosition({list.revision, last.name_space, last.name});
        break;
      }
      list.objects.push_back(std::move(object));
    }
    return list;
  }

  Outcome<Written> Run(const WriteOptions& options,
                       const std::function<Outcome<ObjectPtr>(Transaction&)>& body) {
    Written written;
    std::optional<ObjectKey> key;
    const Body noting = [&](Transaction& transaction) -> Outcome<Done> {
      key.reset();
      PEMBA_TRY(written.object, body(transaction));
      if (written.object != nullptr) key = written.object->key;
      written.warnings = transaction.warnings();
      return Done{};
    };
    PEMBA_TRY(auto committed, Commit(options, noting, &key));
    if (committed.object != nullptr) written.object = std::move(committed.object);
    return written;
  }

  // What became of a transaction.
  struct Committed {
    Revision revision = 0;
    ObjectPtr object = {};  // The one that was asked for, as readers see it; null: unchanged.
  };

  // `asked_for` is of an object that the caller wants, from when the body has run; may be null.
  Outcome<Committed> Commit(const WriteOptions& options, const Body& body,
                            const std::optional<ObjectKey>* asked_for = nullptr) {
    Writer writer(options, body, asked_for);
    queue_.Run(writer, [&](auto group) { return Lead(group); });
    return *std::move(writer.outcome);
  }

  Outcome<Events> EventsAfter(const WatchRequest& request, Revision after,
                              std::size_t count_max) const {
    Events events;
    events.revision = after;
    // Most changes may be of no interest: goes on until there is something to tell, or no more.
    bool more = true;
    while (more && events.events.empty()) {
      PEMBA_TRY(const auto changes, ChangesAfter(request, events.revision, count_max, more));
      for (const auto& change : changes.second) AddEvent(request, change, events.events);
      events.revision = changes.first;
    }
    return events;
  }

  void AwaitChange(Revision after, SteadyTime deadline) const {
    std::shared_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [&] { return revision_ > after; });
  }

  std::unique_ptr<Subscription> Subscribe(std::function<void()> wake) const {
    return std::make_unique<Subscribed>(*this, std::move(wake));
  }

 private:
  class Subscribed final : public Subscription {
   public:
    Subscribed(const Impl& store, std::function<void()> wake) : store_(store) {
      const std::lock_guard lock(store_.wakes_mutex_);
      place_ = store_.wakes_.insert(store_.wakes_.end(), std::move(wake));
    }
    ~Subscribed() override {
      const std::lock_guard lock(store_.wakes_mutex_);
      store_.wakes_.erase(place_);
    }

   private:
    const Impl& store_;
    std::list<std::function<void()>>::iterator place_;
  };

  struct Writer : internal::WriteQueue::Writer {
    Writer(const WriteOptions& with, const Body& what, const std::optional<ObjectKey>* which)
        : options(with), body(what), asked_for(which) {}
    // What its transaction has made of the object that it asks for; null: nothing.
    ObjectPtr AskedForIn(const std::vector<Transaction::Change>& changes) const {
      if (asked_for == nullptr || !*asked_for) return nullptr;
      for (const auto& change : changes) {
        if (change.after != nullptr && change.after->key == **asked_for) return change.after;
      }
      return nullptr;
    }
    const WriteOptions& options;
    const Body& body;
    const std::optional<ObjectKey>* const asked_for;
    std::optional<Outcome<Committed>> outcome;
  };

  internal::PackedPtr Find(const ObjectKey& key) const {
    const std::shared_lock lock(mutex_);
    return table_.Find(key);
  }

  // What the list may be of, in order: of today, and what those that changed since were.
  Outcome<std::vector<internal::PackedPtr>> Candidates(const ListRequest& request,
                                                       const Position& from, std::size_t count_max,
                                                       Revision& revision) const {
    const bool first = request.continue_token.empty();
    const std::shared_lock lock(mutex_);
    revision = !first ? from.revision : request.at != 0 ? request.at : revision_;
    if (revision > revision_ || !history_->Reaches(revision)) return Expired(revision);
    internal::History::Past past;
    if (revision < revision_) past = history_->StateAt(revision, *request.kind);

    const internal::Place after{from.name_space, from.name};
    const internal::Place start{request.name_space, ""};
    const auto& objects = table_.OfKind(*request.kind);
    auto now = first ? objects.lower_bound(start) : objects.upper_bound(after);
    auto then = first ? past.lower_bound(start) : past.upper_bound(after);
    const auto within = [&](const internal::Place& place) {
      return request.name_space.empty() || place.name_space == request.name_space;
    };
    std::vector<internal::PackedPtr> found;
    // Where both have a place, the past counts.
    while (found.size() < count_max) {
      const bool has_now = now != objects.end() && within(internal::PlaceOf(**now));
      const bool has_then = then != past.end() && within(then->first);
      if (!has_now && !has_then) break;
      if (has_then && (!has_now || then->first <= internal::PlaceOf(**now))) {
        if (has_now && then->first == internal::PlaceOf(**now)) ++now;
        if (then->second != nullptr) found.push_back(then->second);
        ++then;
      } else {
        found.push_back(*now++);
      }
    }
    return found;
  }

  // Those that may concern the watch, of whole revisions, and up to which revision they are all;
  // `more`: whether there are later ones.
  Outcome<std::pair<Revision, std::vector<internal::PastChange>>> ChangesAfter(
      const WatchRequest& request, Revision after, std::size_t count_max, bool& more) const {
    const std::shared_lock lock(mutex_);
    std::vector<internal::PastChange> changes;
    more = false;
    if (after > revision_ && put_back_) return Expired(after);
    if (after > revision_) return std::pair(after, std::move(changes));
    if (!history_->Reaches(after)) return Expired(after);
    Revision last = after;
    for (auto at = history_->After(after); at != history_->end(); ++at) {
      if (changes.size() >= count_max && at->revision != last) {
        more = true;
        return std::pair(last, std::move(changes));
      }
      last = at->revision;
      const auto& any = at->any();
      if (&any.kind() != request.kind) continue;
      if (!request.name_space.empty() && any.name_space() != request.name_space) continue;
      changes.push_back(*at);
    }
    return std::pair(revision_, std::move(changes));
  }

  void AddEvent(const WatchRequest& request, const internal::PastChange& change,
                std::vector<Event>& events) const {
    const bool selects = !request.labels.empty() || !request.fields.empty();
    const auto after = change.after == nullptr ? nullptr : table_.Unpack(*change.after);
    const bool is = Matches(after, request);
    ObjectPtr before;
    if (change.before != nullptr && (selects || after == nullptr)) {
      before = table_.Unpack(*change.before);
    }
    const bool was = selects ? Matches(before, request) : change.before != nullptr;
    if (is) {
      events.push_back({was ? Event::Type::kModified : Event::Type::kAdded, after});
    } else if (was) {
      const auto& state = after != nullptr ? after : before;
      events.push_back({Event::Type::kDeleted, internal::WithRevision(*state, change.revision)});
    }
  }

  using Waiting = std::span<internal::WriteQueue::Writer* const>;

  // One of the writers leads.
  std::size_t Lead(Waiting waiting) {
    const std::lock_guard leading(lead_mutex_);
    apart_ = false;
    const auto taken = LeadTogether(waiting);
    if (apart_) {
      for (std::size_t i = 0; i < taken; ++i) (void)LeadTogether(waiting.subspan(i, 1));
    }
    turn_.reset();
    view_.reset();
    return taken;
  }

  // They are judged against everything that is committed; if another server overtakes them, again,
  // and after some times while nobody else writes.
  std::size_t LeadTogether(Waiting waiting) {
    for (int overtaken = 0;;) {
      const auto ready = MakeReady(waiting, overtaken);
      if (!ready.ok()) {
        for (auto* const each : waiting) static_cast<Writer*>(each)->outcome.emplace(ready.error());
        return waiting.size();
      }
      const auto taken = LeadOnce(waiting);
      if (!overtaken_) return taken;
      // A dry run is done, and nobody overtakes it.
      if (static_cast<Writer*>(waiting.front())->options.dry_run) return 1;
      if (++overtaken == kAttemptsMax) return taken;
    }
  }

  Status MakeReady(Waiting waiting, int overtaken) {
    turn_.reset();  // If it was not given back: nothing could be written.
    view_.reset();
    const bool wants_view = std::ranges::any_of(waiting, [](const auto* each) {
      return static_cast<const Writer*>(each)->options.view != nullptr;
    });
    if (!shared()) {
      if (wants_view) view_.emplace(store_.Pin());
      return Done{};
    }
    if (overtaken >= options_.overtaken_max) {
      PEMBA_TRY(turn_, store_.TakeTurn());
    }
    PEMBA_TRY(auto view, CatchUp());
    if (wants_view) view_.emplace(std::move(view));
    return terms_ == options_.terms ? Status(Done{}) : OtherTerms();
  }

  enum class Given : std::uint8_t { kNo, kYes };
  Given GiveView(std::optional<store::View>& to) {
    if (!view_) return Given::kNo;
    to.emplace(*std::move(view_));
    view_.reset();
    return Given::kYes;
  }

  // Runs what they want, each on what those before it left, writes it, and tells them. What fails
  // leaves nothing behind.
  std::size_t LeadOnce(Waiting waiting) {
    overtaken_ = apart_ = false;
    internal::Staging group(newest_, options_.indexes);
    std::vector<Writer*> writers;
    std::vector<internal::Member> members;
    std::size_t taken = 0, changes = 0;
    for (auto* const each : waiting) {
      auto& writer = static_cast<Writer&>(*each);
      // A dry run is nobody's base, and stands on what is there. It may write to the store, and
      // would wait for the turn.
      if (writer.options.dry_run && (!members.empty() || turn_ != nullptr)) break;
      auto* const view = writer.options.view;
      if (view != nullptr && (!members.empty() || GiveView(*view) == Given::kNo)) break;
      ++taken;
      Transaction transaction(group, ScopeOf(writer.options.caller));
      auto member = Judge(transaction, writer.body);
      if (!member.ok()) {
        writer.outcome.emplace(std::move(member).error());
        continue;
      }
      if (writer.options.dry_run) {
        if (options_.projection != nullptr) options_.projection->Abandoned();
        writer.outcome.emplace(Committed{revision(), writer.AskedForIn(member->changes)});
        continue;
      }
      changes += member->changes.size();
      const bool last = member->consequences.model_before || member->consequences.model_after ||
                        changes > kGroupChangesMax || view != nullptr;
      writers.push_back(&writer);
      members.push_back(*std::move(member));
      if (last || taken == waiting.size()) break;
      internal::LayOver(transaction, group);
    }
    if (!members.empty()) Finish(writers, members);
    return taken;
  }

  Outcome<internal::Member> Judge(Transaction& transaction, const Body& body) {
    PEMBA_TRY(std::ignore, body(transaction));
    PEMBA_TRY(std::ignore, transaction.Conclude());
    internal::Member member{transaction.Changes(), {}};
    if (options_.projection != nullptr && !member.changes.empty()) {
      PEMBA_TRY(member.consequences, options_.projection->Project(transaction));
    }
    return member;
  }

  void Finish(std::span<Writer* const> writers, std::span<internal::Member> members) {
    const bool empty = std::ranges::all_of(
        members, [](const internal::Member& member) { return member.changes.empty(); });
    if (empty && RecordsBeside({}, {}).empty()) {
      for (auto* const writer : writers) writer->outcome.emplace(Committed{revision()});
      return;
    }
    const auto written =
        WriteAndPublish(internal::Sum(members), internal::SumOfConsequences(members));
    if (!written.ok()) {
      overtaken_ = shared() && WasOvertaken(written.error());
      apart_ = members.size() > 1 && !overtaken_ && written.error().code != ErrorCode::kUnavailable;
    }
    Tell(written.ok() ? &*written : nullptr);
    for (std::size_t i = 0; i < writers.size(); ++i) Answer(*writers[i], members[i], written);
  }

  // Whether another server wrote since this was judged. Then whatever else is wrong with it may be
  // for that reason: a tuple, say, that another one's model does not have.
  bool WasOvertaken(const Error& error) const {
    if (error.code == ErrorCode::kConflict) return true;
    if (error.code == ErrorCode::kUnavailable) return false;  // Perhaps by this very write.
    const auto newest = store_.PinNewest(clock_.Steady() + kPatience);
    return newest.ok() && newest->revision() != revision_;
  }

  struct WriteResult {
    Revision revision = 0;
    // What was staged of the objects as they are now.
    boost::unordered_flat_set<const Object*> newest;
  };

  void Tell(const WriteResult* written) {
    if (options_.projection == nullptr) return;
    if (written != nullptr) {
      options_.projection->Committed(written->revision);
    } else {
      options_.projection->Abandoned();
    }
  }

  // What one writer of a group sees of it. An object that another has changed further after it has
  // an older version, so that nobody takes it for the newest.
  static void Answer(Writer& writer, const internal::Member& member,
                     const Result<WriteResult>& written) {
    if (!written.ok()) {
      writer.outcome.emplace(written.error());
      return;
    }
    Committed committed{written->revision};
    if (const auto object = writer.AskedForIn(member.changes)) {
      const bool newest = written->newest.contains(object.get());
      committed.object = internal::WithRevision(*object, written->revision - (newest ? 0 : 1));
    }
    writer.outcome.emplace(std::move(committed));
  }

  Result<WriteResult> WriteAndPublish(const std::vector<Transaction::Change>& changes,
                                      Consequences consequences) {
    WriteResult result;
    const auto own = RecordsBeside(changes, consequences);
    if (changes.empty() && consequences.writes.empty() && consequences.deletes.empty() &&
        own.empty()) {
      result.revision = revision();
      return result;
    }
    PEMBA_TRY(result.revision, Write(changes, consequences, own));
    if (options_.projection != nullptr) options_.projection->Written();
    std::vector<internal::ObjectTable::Change> prepared;
    prepared.reserve(changes.size());
    for (const auto& [before, after] : changes) {
      prepared.push_back(table_.Prepare(before, after, result.revision));
      if (after != nullptr) result.newest.insert(after.get());
    }
    Publish(result.revision, prepared);
    return result;
  }

  std::vector<OwnRecord> RecordsBeside(std::span<const Transaction::Change> changes,
                                       const Consequences& consequences) const {
    if (options_.projection == nullptr) return {};
    return options_.projection->RecordsBeside(changes, consequences);
  }

  Result<Revision> Write(const std::vector<Transaction::Change>& changes,
                         Consequences& consequences, std::span<const OwnRecord> own) {
    if (consequences.model_before && !shared()) {
      PEMBA_TRY(std::ignore, store_.WriteModel(*std::move(consequences.model_before)));
      owed_model_.reset();  // It knows nothing of what was added now.
    }
    std::vector<std::string> texts;
    texts.reserve(changes.size() * 2);  // INVARIANT: never grows beyond this; views point into it.
    std::vector<storage::RecordChange> records;
    records.reserve(changes.size() + own.size());
    for (const auto& [key, value] : own) records.push_back({key, value});
    for (const auto& change : changes) {
      const auto& object = change.after != nullptr ? change.after : change.before;
      const auto& key = texts.emplace_back(internal::RecordKey(object->key));
      if (change.after == nullptr) {
        records.push_back({key, std::nullopt});
      } else {
        records.push_back({key, texts.emplace_back(internal::RecordValue(*change.after))});
      }
    }
    std::vector<tuple::TupleView> deletes;
    deletes.reserve(consequences.deletes.size());
    for (const auto& each : consequences.deletes) deletes.push_back(each.view());
    store::WriteRequest request{.writes = consequences.writes,
                                .deletes = deletes,
                                .on_duplicate = "replace",
                                .on_missing = "ignore",
                                .records = records,
                                .form = store::WriteRequest::Form::kExtended,
                                .size = store::WriteRequest::Size::kAny};
    if (shared()) {
      // Nothing that this was judged on has changed.
      request.preconditions.revision = revision_;
      if (consequences.model_after) {
        request.model = &*consequences.model_after;
        request.preconditions.latest_model = consequences.model_base;
      }
      if (turn_ == nullptr) return store_.Write(request);
      PEMBA_TRY(const auto written, turn_->Write(request));
      return written.revision;
    }
    PEMBA_TRY(const Revision revision, store_.Write(request));
    if (consequences.model_after) owed_model_ = std::move(consequences.model_after);
    if (owed_model_ && store_.WriteModel(*owed_model_).ok()) owed_model_.reset();
    return revision;
  }

  void Publish(Revision revision, const std::vector<internal::ObjectTable::Change>& changes) {
    {
      const std::unique_lock lock(mutex_);
      for (const auto& change : changes) {
        table_.Apply(change);
        history_->Add({revision, change.before, change.after});
      }
      revision_ = revision;
      if (!changes.empty()) newest_change_ = revision;
    }
    Wake();
  }

  void Wake() {
    changed_.notify_all();
    const std::lock_guard lock(wakes_mutex_);
    for (const auto& wake : wakes_) wake();
  }

  // To the newest that there is: answers a view of just what was followed. With lead_mutex_ held,
  // as what follows.
  Result<store::View> CatchUp() {
    while (true) {
      PEMBA_TRY(auto view, store_.PinNewest(clock_.Steady() + kPatience));
      PEMBA_TRY(std::ignore, FollowTo(view));
      if (view.revision() == revision_) return view;  // Else it was loaded again, and is newer.
    }
  }

  // To what the view shows, write by write.
  Status FollowTo(const store::View& view) {
    // Put back to an earlier time, perhaps with another future since.
    if (view.revision() < revision_ || view.generation() != generation_) return LoadAgain();
    auto from = revision_;
    if (internal::Mutated(Mutation::kReorderWrites) && view.revision() >= from + 2) {
      PEMBA_TRY(std::ignore, FollowWrites(from + 1, from + 2));
      PEMBA_TRY(std::ignore, FollowWrites(from, from + 1));
      from += 2;
    }
    return FollowWrites(from, view.revision());
  }

  Status FollowWrites(Revision after, Revision last) {
    Status applied = Done{};
    const auto read = store_.ReadWrites(after, [&](const storage::Write& write) {
      if (write.revision > last) return storage::Visit::kStop;
      applied = FollowWrite(write);
      if (internal::Mutated(Mutation::kRepeatWrite)) (void)FollowWrite(write);
      return applied.ok() ? storage::Visit::kContinue : storage::Visit::kStop;
    });
    if (!read.ok() && read.error().code == ErrorCode::kInvalidArgument) return LoadAgain();
    PEMBA_TRY(std::ignore, read);
    return applied;
  }

  Status FollowWrite(const storage::Write& write) {
    std::map<std::string_view, std::optional<std::string_view>> last;  // Of one key the last stays.
    for (const auto& record : write.records) last[record.key] = record.value;
    if (internal::Mutated(Mutation::kDropWrite) && write.revision % 3 == 0) last.clear();
    std::vector<internal::ObjectTable::Change> changes;
    Foreign foreign(newest_, options_.indexes);
    for (const auto& [record_key, value] : last) {
      if (!record_key.starts_with(internal::kObjectPrefix)) {
        if (value) TellRecord({record_key, *value, write.revision});
        continue;
      }
      PEMBA_TRY(const auto key, internal::KeyFrom(record_key, registry_));
      if (!key) continue;
      const auto before = newest_.Find(*key);
      ObjectPtr after;
      if (value) {
        PEMBA_TRY(after, internal::ObjectFrom({record_key, *value, write.revision}, registry_));
      }
      if (before == nullptr && after == nullptr) continue;
      if (after == nullptr && internal::Mutated(Mutation::kDropDeletion)) continue;
      if (!changes.empty() && internal::Mutated(Mutation::kDropLastObject)) continue;
      const bool old = internal::Mutated(Mutation::kOldRevision);
      changes.push_back(table_.Prepare(before, after, write.revision - (old ? 1 : 0)));
      foreign.Add(*key, internal::Mutated(Mutation::kTellTheOldState) ? before : after);
    }
    const bool late = internal::Mutated(Mutation::kTellTooLate);
    if (!late && !internal::Mutated(Mutation::kForgetToTell)) TellFollowed(foreign);
    if (internal::Mutated(Mutation::kTellTwice)) TellFollowed(foreign);
    Publish(write.revision, changes);
    if (late) TellFollowed(foreign);
    return Done{};
  }

  // Not an object.
  void TellRecord(const storage::Record& record) {
    if (record.key == kTermsKey) terms_ = record.value;
    if (options_.projection == nullptr || internal::Mutated(Mutation::kForgetRecord)) return;
    options_.projection->FollowedRecord(record);
  }

  // What another server has changed, laid over what was known.
  struct Foreign {
    Foreign(const internal::ObjectView& base, std::span<const Index> indexes)
        : now(base, indexes) {}
    void Add(const ObjectKey& key, ObjectPtr after) {
      keys.push_back(key);
      now.Put(key, std::move(after));
    }
    internal::Staging now;
    std::vector<ObjectKey> keys;
  };

  // Before readers see it: what they decide by is not older than what they find.
  void TellFollowed(const Foreign& foreign) {
    if (options_.projection == nullptr || foreign.keys.empty()) return;
    static const Caller kNobody;
    const Transaction now(foreign.now, ScopeOf(kNobody));
    options_.projection->Followed(now, foreign.keys);
  }

  TransactionScope ScopeOf(const Caller& caller) const {
    return {caller,      clock_.Now(), options_.new_uid, options_.admission,
            namespaces_, namespaced_,  registry_,        options_.indexes};
  }

  // Servers with other terms find these when they have caught up, which they do before they write.
  Status SetTerms() {
    const std::lock_guard leading(lead_mutex_);
    PEMBA_TRY(std::ignore, CatchUp());
    if (options_.terms.empty() || terms_ == options_.terms) return Done{};
    const storage::RecordChange record{kTermsKey, options_.terms};
    PEMBA_TRY(std::ignore, store_.Write({.records = {&record, 1},
                                         .form = store::WriteRequest::Form::kExtended}));
    terms_ = options_.terms;
    return Done{};
  }

  static Error OtherTerms() {
    return {ErrorCode::kUnavailable,
            "servers with other settings, or of another version, keep the declared objects since "
            "one of them started; this one writes none until it is started again"};
  }

  // All objects as they are now. What led here is not known: watches have to begin again.
  Status LoadAgain() {
    const auto generation = store_.Pin().generation();
    std::map<ObjectKey, ObjectPtr> objects;
    Status read = Done{};
    terms_.clear();
    const auto visit = [&](const storage::Record& record) {
      if (!record.key.starts_with(internal::kObjectPrefix)) {
        TellRecord(record);
        return storage::Visit::kContinue;
      }
      auto object = internal::ObjectFrom(record, registry_);
      if (!object.ok()) {
        read = object.error();
        return storage::Visit::kStop;
      }
      if (*object != nullptr) objects.emplace((*object)->key, *std::move(object));
      return storage::Visit::kContinue;
    };
    PEMBA_TRY(const Revision revision, store_.ReadRecords("", visit));
    PEMBA_TRY(std::ignore, read);
    std::vector<internal::ObjectTable::Change> changes;
    Foreign foreign(newest_, options_.indexes);
    for (const auto& [key, object] : objects) foreign.Add(key, object);
    for (const auto& kind : registry_.kinds()) {
      newest_.ForEach(*kind, "", [&](const ObjectPtr& before) {
        if (!objects.contains(before->key)) foreign.Add(before->key, nullptr);
        const auto now = objects.extract(before->key);
        const auto after = now.empty() ? nullptr : now.mapped();
        changes.push_back(table_.Prepare(before, after, after == nullptr ? 0 : after->revision));
        return storage::Visit::kContinue;
      });
    }
    for (const auto& [key, object] : objects) {
      changes.push_back(table_.Prepare(nullptr, object, object->revision));
    }
    TellFollowed(foreign);
    {
      const std::unique_lock lock(mutex_);
      for (const auto& change : changes) table_.Apply(change);
      put_back_ = put_back_ || revision < revision_;
      revision_ = newest_change_ = revision;
      generation_ = generation;
      history_.emplace(revision_, options_.history_max, options_.history_bytes_max);
    }
    Wake();
    return Done{};
  }

  // The follower's: from one change of the store to the next.
  void FollowOthers() {
    while (true) {
      const Revision known = revision();
      bool told = false;
      const auto listener = options_.listen(known, [&] {
        const std::lock_guard lock(follower_mutex_);
        told = true;
        follower_wake_.notify_all();
      });
      {
        std::unique_lock lock(follower_mutex_);
        follower_wake_.wait(lock, [&] { return told || stopping_; });
        if (stopping_) return;
      }
      {
        const std::lock_guard leading(lead_mutex_);
        (void)FollowTo(store_.Pin());  // What goes wrong is told to whoever refreshes or writes.
      }
      if (revision() != known) continue;
      // Told without news: the datastore does not answer. Not again and again.
      std::unique_lock lock(follower_mutex_);
      follower_wake_.wait_for(lock, kTryAgain, [&] { return stopping_; });
      if (stopping_) return;
    }
  }

  store::Store& store_;
  const Registry& registry_;
  const Clock& clock_;
  const ResourceStoreOptions options_;
  const Kind* namespaces_ = nullptr;
  std::vector<const Kind*> namespaced_;

  internal::WriteQueue queue_;
  // Held by who leads, or follows other servers: nobody else writes. Taken before mutex_.
  std::mutex lead_mutex_;
  // The leader's.
  std::string terms_;                  // Of who decides.
  bool overtaken_ = false;             // Another server wrote meanwhile.
  bool apart_ = false;                 // What came together cannot be written together.
  std::unique_ptr<store::Turn> turn_;  // Nobody else writes.
  std::optional<store::View> view_;    // Of what is judged, if somebody wants it.
  // The newest Consequences::model_after, until it is written. The leader's.
  std::optional<model::Model> owed_model_;
  // Guards what follows: written by the leader who holds it, read by the leader and by who holds
  // it.
  mutable std::shared_mutex mutex_;
  mutable std::condition_variable_any changed_;
  internal::ObjectTable table_;
  internal::NewestView newest_;               // The leader's.
  std::optional<internal::History> history_;  // Set by Load.
  Revision revision_ = 0;
  std::uint64_t generation_ = 0;  // The leader's: of the store that the objects are from.
  Revision newest_change_ = 0;    // Of an object.
  bool put_back_ = false;  // The datastore was put back to an earlier time: revisions went back.

  std::mutex follower_mutex_;
  std::condition_variable follower_wake_;
  bool stopping_ = false;  // Guarded by follower_mutex_.
  std::thread follower_;   // Where other servers write, too.

  mutable std::mutex wakes_mutex_;
  mutable std::list<std::function<void()>> wakes_;
};

Result<std::unique_ptr<ResourceStore>> ResourceStore::Open(store::Store& store,
                                                           const Registry& registry,
                                                           const Clock& clock,
                                                           ResourceStoreOptions options) {
  auto impl = std::make_unique<Impl>(store, registry, clock, std::move(options));
  PEMBA_TRY(std::ignore, impl->Load());
  return std::unique_ptr<ResourceStore>(new ResourceStore(std::move(impl)));
}

ResourceStore::ResourceStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ResourceStore::~ResourceStore() = default;

const Registry& ResourceStore::registry() const { return impl_->registry(); }
Revision ResourceStore::revision() const { return impl_->revision(); }
Inventory ResourceStore::inventory() const { return impl_->inventory(); }
Outcome<Done> ResourceStore::Refresh() const { return impl_->Refresh(); }
Outcome<Done> ResourceStore::AwaitRevision(Revision revision, SteadyTime deadline) const {
  return impl_->AwaitRevision(revision, deadline);
}
Outcome<ObjectPtr> ResourceStore::Get(const ObjectKey& key) const { return impl_->Get(key); }
ObjectPtr ResourceStore::FindByUid(std::string_view uid) const { return impl_->FindByUid(uid); }
std::vector<ObjectKey> ResourceStore::KeysAfter(const Kind& kind, const ObjectKey* after,
                                                std::size_t count) const {
  return impl_->KeysAfter(kind, after, count);
}
std::vector<ObjectPtr> ResourceStore::FindBy(IndexId index, std::string_view key) const {
  return impl_->FindBy(index, key);
}
Outcome<ObjectList> ResourceStore::List(const ListRequest& request) const {
  return impl_->List(request);
}

Outcome<Written> ResourceStore::Create(const Kind& kind, std::string_view name_space,
                                       json::object document, const WriteOptions& options) {
  return impl_->Run(options, [&](Transaction& transaction) {
    return transaction.Create(kind, name_space, json::object(document));
  });
}

Outcome<Written> ResourceStore::Update(const ObjectKey& key, json::object document, Part part,
                                       const WriteOptions& options) {
  return impl_->Run(options, [&](Transaction& transaction) {
    auto wanted = json::object(document);
    if (const ObjectPtr live = transaction.Find(key)) {
      TrackUpdate(*live, wanted, options.field_manager, part, transaction.now());
    }
    return transaction.Update(key, std::move(wanted), part);
  });
}

Outcome<ResourceStore::Applied> ResourceStore::Apply(const ObjectKey& key, json::object document,
                                                     Part part, Force force,
                                                     const WriteOptions& options) {
  auto was = Applied::Was::kThere;
  PEMBA_TRY(auto written, impl_->Run(options, [&](Transaction& transaction) -> Outcome<ObjectPtr> {
    const ObjectPtr live = transaction.Find(key);
    const ApplyRequest request{.manager = options.field_manager,
                               .force = force == Force::kYes,
                               .part = part,
                               .now = transaction.now()};
    PEMBA_TRY(auto result, resource::Apply(*key.kind, live.get(), document, request));
    was = live != nullptr ? Applied::Was::kThere : Applied::Was::kNew;
    if (live != nullptr) return transaction.Update(key, std::move(result), part);
    return transaction.Create(*key.kind, key.name_space, std::move(result));
  }));
  return Applied{std::move(written), was};
}

Outcome<Written> ResourceStore::Modify(const ObjectKey& key, const Change& change, Part part,
                                       const WriteOptions& options) {
  return impl_->Run(options, [&](Transaction& transaction) -> Outcome<ObjectPtr> {
    const ObjectPtr old = transaction.Find(key);
    if (old == nullptr) {
      return Failure(Failure::Reason::kNotFound, Describe(*key.kind, key.name) + " not found");
    }
    json::value document = old->document;
    PEMBA_TRY(std::ignore, change(document));
    if (!document.is_object()) {
      return Failure(Failure::Reason::kBadRequest, "the patch leaves no object");
    }
    TrackUpdate(*old, document.get_object(), options.field_manager, part, transaction.now());
    return transaction.Update(key, std::move(document.get_object()), part);
  });
}

Outcome<Written> ResourceStore::Delete(const ObjectKey& key, const DeleteOptions& options) {
  const WriteOptions write{.caller = options.caller, .dry_run = options.dry_run};
  return impl_->Run(write, [&](Transaction& transaction) -> Outcome<ObjectPtr> {
    const ObjectPtr old = transaction.Find(key);
    const auto conflict = [&](std::string_view what, std::string_view wanted, std::string_view is) {
      return Failure(Failure::Reason::kConflict,
                     fmt::format("Operation cannot be fulfilled on {}: Precondition failed: {} in "
                                 "precondition: {}, {} in object meta: {}",
                                 Describe(*key.kind, key.name), what, wanted, what, is));
    };
    if (old != nullptr && !options.uid.empty() && options.uid != old->uid()) {
      return conflict("UID", options.uid, old->uid());
    }
    if (old != nullptr && !options.resource_version.empty() &&
        options.resource_version != std::to_string(old->revision)) {
      return conflict("ResourceVersion", options.resource_version, std::to_string(old->revision));
    }
    return transaction.Delete(key, options.propagation);
  });
}

Outcome<Revision> ResourceStore::Transact(const WriteOptions& options, const Body& body) {
  PEMBA_TRY(const auto committed, impl_->Commit(options, body));
  return committed.revision;
}

Outcome<Events> ResourceStore::EventsAfter(const WatchRequest& request, Revision after,
                                           std::size_t count_max) const {
  return impl_->EventsAfter(request, after, count_max);
}

void ResourceStore::AwaitChange(Revision after, SteadyTime deadline) const {
  impl_->AwaitChange(after, deadline);
}

std::unique_ptr<ResourceStore::Subscription> ResourceStore::Subscribe(
    std::function<void()> wake) const {
  return impl_->Subscribe(std::move(wake));
}

}  // namespace pemba::resource
