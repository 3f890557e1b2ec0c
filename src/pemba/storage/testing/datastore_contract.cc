#include "pemba/storage/testing/datastore_contract.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace pemba::storage::testing {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DatastoreContract);

namespace {

using std::chrono::milliseconds;

const StoreId kStore{"01J0000000000000000000000A"};
const StoreId kOther{"01J0000000000000000000000B"};

WallTime At(std::int64_t ms) { return WallTime(milliseconds(ms)); }

// Ids that a careless comparison would take for each other: case, accents and normalisation forms,
// trailing characters, delimiters, bytes of a length prefix, numbers. In byte order they are
// another sequence than in any collation.
const std::vector<std::string> kLookalikes = {"a",
                                              "A",
                                              "a ",
                                              "a\t",
                                              "aa",
                                              "aA",
                                              "\xC3\xA4",
                                              "a\xCC\x88",
                                              "\xC3\x84",
                                              "a\xE2\x80\x8B",
                                              "stra\xC3\x9F"
                                              "e",
                                              "strasse",
                                              "a/b",
                                              "a:b",
                                              "a|b",
                                              "a#b",
                                              "%41",
                                              "0",
                                              "00",
                                              "1",
                                              "01",
                                              std::string("a\0", 2),
                                              std::string("a\0b", 3),
                                              "\x01",
                                              "\x01"
                                              "a",
                                              "\xFF",
                                              "\xFF\xFF",
                                              std::string(255, 'z'),
                                              std::string(254, 'z')};

StoreRecord MakeStore(std::string id, std::string name = "acme") {
  return {{std::move(id)}, std::move(name), At(1'700'000'000'123), At(1'700'000'000'123)};
}

template <class T>
T Must(Result<T> result) {
  if (!result.ok()) {
    ADD_FAILURE() << result.error().message;
    return T{};
  }
  return *std::move(result);
}

#define EXPECT_OK(expression)                                                   \
  do {                                                                          \
    const auto result_ = (expression);                                          \
    EXPECT_TRUE(result_.ok()) << (result_.ok() ? "" : result_.error().message); \
  } while (false)

template <class T>
std::optional<ErrorCode> CodeOf(const Result<T>& result) {
  if (result.ok()) return std::nullopt;
  return result.error().code;
}

// A write that owns what it says; for comparing.
struct OwnedChange {
  Change::Operation operation;
  std::string object, relation, subject, condition, context;
  std::optional<WallTime> expires_at;
  friend bool operator==(const OwnedChange&, const OwnedChange&) = default;
};
struct OwnedWrite {
  Revision revision;
  WallTime time;
  std::vector<OwnedChange> changes;
};

OwnedWrite Own(const Write& write) {
  OwnedWrite own{write.revision, write.time, {}};
  for (const auto& change : write.changes) {
    own.changes.push_back({change.operation, std::string(change.tuple.object),
                           std::string(change.tuple.relation), std::string(change.tuple.subject),
                           std::string(change.condition), std::string(change.context),
                           change.expires_at});
  }
  return own;
}

// Says what differs: a log is too long to print.
void ExpectSameLog(const std::vector<OwnedWrite>& got, const std::vector<OwnedWrite>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    SCOPED_TRACE("write " + std::to_string(i));
    EXPECT_EQ(got[i].revision, want[i].revision);
    EXPECT_EQ(got[i].time, want[i].time);
    ASSERT_EQ(got[i].changes.size(), want[i].changes.size());
    for (std::size_t j = 0; j < got[i].changes.size(); ++j) {
      EXPECT_TRUE(got[i].changes[j] == want[i].changes[j])
          << "change " << j << ": " << got[i].changes[j].object.substr(0, 40);
    }
  }
}

std::vector<OwnedWrite> Log(const Datastore& datastore, const StoreId& store, Revision after = 0) {
  std::vector<OwnedWrite> log;
  EXPECT_OK(datastore.ReadWrites(store, after, [&](const Write& write) {
    log.push_back(Own(write));
    return Visit::kContinue;
  }));
  return log;
}

// Revision `revision` with one change that names it.
std::unique_ptr<AppendTicket> AppendOne(Datastore& datastore, const StoreId& store,
                                        Revision revision, std::int64_t time_ms = 1000) {
  const std::string object = "document:" + std::to_string(revision);
  const Change change{Change::Operation::kWrite, {object, "viewer", "user:anne"}};
  return datastore.Append(store, {revision, At(time_ms), {&change, 1}});
}

std::vector<std::string> IdsOf(const std::vector<StoreRecord>& records) {
  std::vector<std::string> ids;
  for (const auto& record : records) ids.push_back(record.id.value);
  return ids;
}

std::vector<std::string> IdsOf(const std::vector<ModelRecord>& records) {
  std::vector<std::string> ids;
  for (const auto& record : records) ids.push_back(record.id.value);
  return ids;
}

TEST_P(DatastoreContract, HasASecretOfItsOwn) {
  EXPECT_EQ(datastore().secret().size(), 32u);
  const auto another = GetParam()();
  EXPECT_NE(another->datastore().secret(), datastore().secret());
  const std::string before(datastore().secret());
  backend().Reopen();
  EXPECT_EQ(datastore().secret(), before);
}

TEST_P(DatastoreContract, IsHealthy) { EXPECT_OK(datastore().Health()); }

TEST_P(DatastoreContract, ReturnsAStoreAsItWasCreated) {
  const auto record = MakeStore(kStore.value);
  EXPECT_OK(datastore().CreateStore(record));
  EXPECT_EQ(Must(datastore().GetStore(kStore)), record);
  EXPECT_EQ(CodeOf(datastore().GetStore(kOther)), ErrorCode::kStoreNotFound);
}

TEST_P(DatastoreContract, CutsTimesToMilliseconds) {
  auto record = MakeStore(kStore.value);
  record.created_at += std::chrono::nanoseconds(999'999);
  EXPECT_OK(datastore().CreateStore(record));
  EXPECT_EQ(Must(datastore().GetStore(kStore)).created_at, At(1'700'000'000'123));
}

TEST_P(DatastoreContract, RefusesAStoreIdThatWasEverUsed) {
  EXPECT_OK(datastore().CreateStore(MakeStore(kStore.value)));
  EXPECT_EQ(CodeOf(datastore().CreateStore(MakeStore(kStore.value, "x"))), ErrorCode::kConflict);
  EXPECT_OK(datastore().DeleteStore(kStore, At(2)));
  EXPECT_EQ(CodeOf(datastore().CreateStore(MakeStore(kStore.value, "x"))), ErrorCode::kConflict);
}

TEST_P(DatastoreContract, RefusesIdsOfImpossibleLength) {
  for (const auto& id : {std::string(), std::string(256, 'x')}) {
    EXPECT_EQ(CodeOf(datastore().CreateStore(MakeStore(id))), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(datastore().WriteModel({id}, {{"m"}, "text"})), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(datastore().WriteModel(kStore, {{id}, "text"})), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(datastore().WriteAssertions({id}, {"m"}, "")), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(AppendOne(datastore(), {id}, 1)->Wait()), ErrorCode::kInvalidArgument);
    // Nothing is there, which is not an error.
    EXPECT_EQ(Must(datastore().Head({id})), 0u);
    EXPECT_TRUE(Log(datastore(), {id}).empty());
    EXPECT_TRUE(Must(datastore().ListModels({id}, {})).empty());
    EXPECT_EQ(CodeOf(datastore().GetStore({id})), ErrorCode::kStoreNotFound);
    EXPECT_EQ(CodeOf(datastore().ReadModel(kStore, {id})), ErrorCode::kModelNotFound);
  }
}

TEST_P(DatastoreContract, DeletingHidesTheStoreAndNothingElse) {
  EXPECT_OK(datastore().CreateStore(MakeStore(kStore.value)));
  EXPECT_OK(datastore().CreateStore(MakeStore(kOther.value)));
  EXPECT_OK(datastore().WriteModel(kStore, {{"m"}, "text"}));
  EXPECT_OK(AppendOne(datastore(), kStore, 1)->Wait());

  EXPECT_OK(datastore().DeleteStore(kStore, At(2'000'000'000'000)));
  EXPECT_EQ(CodeOf(datastore().GetStore(kStore)), ErrorCode::kStoreNotFound);
  EXPECT_EQ(IdsOf(Must(datastore().ListStores({}))), std::vector{kOther.value});
  EXPECT_OK(datastore().DeleteStore(kStore, At(3)));         // Again.
  EXPECT_OK(datastore().DeleteStore({"never was"}, At(3)));  // Unknown.

  EXPECT_EQ(Must(datastore().ReadLatestModel(kStore)).text, "text");
  EXPECT_EQ(Log(datastore(), kStore).size(), 1u);
}

TEST_P(DatastoreContract, FiltersStoresByExactName) {
  const std::vector<std::string> names = {"acme", "Acme", "acme ", "acme2", "acme"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_OK(datastore().CreateStore(MakeStore("id" + std::to_string(i), names[i])));
  }
  EXPECT_EQ(IdsOf(Must(datastore().ListStores({.name = "acme"}))),
            (std::vector<std::string>{"id0", "id4"}));
  EXPECT_EQ(IdsOf(Must(datastore().ListStores({.after = "id0", .name = "acme", .count_max = 1}))),
            (std::vector<std::string>{"id4"}));
  EXPECT_TRUE(Must(datastore().ListStores({.name = "none"})).empty());
}

TEST_P(DatastoreContract, KeepsStoresWithSimilarIdsApart) {
  for (const auto& id : kLookalikes) {
    EXPECT_OK(datastore().CreateStore(MakeStore(id, "name of " + id)));
    EXPECT_OK(datastore().WriteModel({id}, {{"m"}, "model of " + id}));
    EXPECT_OK(datastore().WriteAssertions({id}, {"m"}, "assertions of " + id));
    const Change change{Change::Operation::kWrite, {"document:1", "viewer", id}};
    EXPECT_OK(datastore().Append({id}, {1, At(1), {&change, 1}})->Wait());
  }
  for (const auto& id : kLookalikes) {
    SCOPED_TRACE(id);
    EXPECT_EQ(Must(datastore().GetStore({id})).name, "name of " + id);
    EXPECT_EQ(Must(datastore().ListModels({id}, {})).size(), 1u);
    EXPECT_EQ(Must(datastore().ReadLatestModel({id})).text, "model of " + id);
    EXPECT_EQ(Must(datastore().ReadAssertions({id}, {"m"})), "assertions of " + id);
    const auto log = Log(datastore(), {id});
    ASSERT_EQ(log.size(), 1u);
    EXPECT_EQ(log[0].changes.at(0).subject, id);
  }
}

TEST_P(DatastoreContract, KeepsModelsWithSimilarIdsApart) {
  for (const auto& id : kLookalikes) {
    EXPECT_OK(datastore().WriteModel(kStore, {{id}, "model " + id}));
    EXPECT_OK(datastore().WriteAssertions(kStore, {id}, "assertions " + id));
  }
  for (const auto& id : kLookalikes) {
    SCOPED_TRACE(id);
    EXPECT_EQ(Must(datastore().ReadModel(kStore, {id})).text, "model " + id);
    EXPECT_EQ(Must(datastore().ReadAssertions(kStore, {id})), "assertions " + id);
  }
}

// Advisory CVE-2023-35930: a cursor must not lose results.
TEST_P(DatastoreContract, PagesOfStoresAreTheWholeInByteOrder) {
  for (const auto& id : kLookalikes) EXPECT_OK(datastore().CreateStore(MakeStore(id)));
  auto whole = kLookalikes;
  std::ranges::sort(whole);
  for (std::size_t page = 1; page <= whole.size() + 1; ++page) {
    std::vector<std::string> seen;
    std::string after;
    while (true) {
      const auto ids = IdsOf(Must(datastore().ListStores({.after = after, .count_max = page})));
      if (ids.empty()) break;
      seen.insert(seen.end(), ids.begin(), ids.end());
      after = ids.back();
    }
    EXPECT_EQ(seen, whole) << "page size " << page;
  }
}

TEST_P(DatastoreContract, PagesOfModelsAreTheWholeNewestFirst) {
  for (const auto& id : kLookalikes) EXPECT_OK(datastore().WriteModel(kStore, {{id}, id}));
  EXPECT_OK(datastore().WriteModel(kOther, {{"n"}, "of another store"}));
  auto whole = kLookalikes;
  std::ranges::sort(whole, std::greater<>());
  EXPECT_EQ(Must(datastore().ReadLatestModel(kStore)).id.value, whole.front());
  for (std::size_t page = 1; page <= whole.size() + 1; ++page) {
    std::vector<std::string> seen;
    std::string before;
    while (true) {
      const auto ids =
          IdsOf(Must(datastore().ListModels(kStore, {.before = before, .count_max = page})));
      if (ids.empty()) break;
      seen.insert(seen.end(), ids.begin(), ids.end());
      before = ids.back();
    }
    EXPECT_EQ(seen, whole) << "page size " << page;
  }
}

TEST_P(DatastoreContract, ModelsAreImmutable) {
  EXPECT_OK(datastore().WriteModel(kStore, {{"m"}, "first"}));
  EXPECT_EQ(CodeOf(datastore().WriteModel(kStore, {{"m"}, "second"})), ErrorCode::kConflict);
  EXPECT_EQ(Must(datastore().ReadModel(kStore, {"m"})).text, "first");
}

TEST_P(DatastoreContract, AModelBelongsToItsStore) {
  EXPECT_OK(datastore().WriteModel(kStore, {{"m"}, "text"}));
  EXPECT_EQ(CodeOf(datastore().ReadModel(kOther, {"m"})), ErrorCode::kModelNotFound);
  EXPECT_EQ(CodeOf(datastore().ReadLatestModel(kOther)), ErrorCode::kLatestModelNotFound);
  EXPECT_EQ(CodeOf(datastore().ReadModel(kStore, {"n"})), ErrorCode::kModelNotFound);
}

TEST_P(DatastoreContract, AssertionsAreReplacedAsAWhole) {
  EXPECT_EQ(Must(datastore().ReadAssertions(kStore, {"m"})), std::nullopt);
  EXPECT_OK(datastore().WriteAssertions(kStore, {"m"}, "one"));
  EXPECT_OK(datastore().WriteAssertions(kStore, {"m"}, ""));
  EXPECT_EQ(Must(datastore().ReadAssertions(kStore, {"m"})), "");
  EXPECT_EQ(Must(datastore().ReadAssertions(kStore, {"n"})), std::nullopt);
  EXPECT_EQ(Must(datastore().ReadAssertions(kOther, {"m"})), std::nullopt);
}

TEST_P(DatastoreContract, TheLogReturnsWritesAsTheyWereAppended) {
  const std::string long_text(70'000, 'x');
  const std::string long_object = "d:" + long_text;
  const std::vector<Change> first = {
      {Change::Operation::kDelete, {"document:1", "viewer", "user:anne"}},
      {Change::Operation::kWrite,
       {"document:1", "viewer", "group:eng#member"},
       "soon",
       R"({"a":1})"},
      {Change::Operation::kWrite, {"document:\xC3\xA4", "viewer", "user:*"}, "", ""},
      {Change::Operation::kWrite,
       {"document:3", "viewer", "user:eve"},
       "soon",
       "",
       WallTime(std::chrono::milliseconds(1'900'000'000'001))},
      {Change::Operation::kWrite, {long_object, "viewer", "u:1"}, "c", long_text},
  };
  const std::vector<Write> writes = {{1, At(10), first}, {2, At(10), {}}, {3, At(11), first}};
  std::vector<OwnedWrite> want;
  for (const auto& write : writes) {
    EXPECT_OK(datastore().Append(kStore, write)->Wait());
    want.push_back(Own(write));
  }
  ExpectSameLog(Log(datastore(), kStore), want);
  EXPECT_EQ(Must(datastore().Head(kStore)), 3u);
  ExpectSameLog(Log(datastore(), kStore, 2), {want[2]});
  EXPECT_TRUE(Log(datastore(), kStore, 3).empty());
  EXPECT_TRUE(Log(datastore(), kOther).empty());
  EXPECT_EQ(Must(datastore().Head(kOther)), 0u);
}

TEST_P(DatastoreContract, AVisitorMayStop) {
  for (Revision r = 1; r <= 5; ++r) EXPECT_OK(AppendOne(datastore(), kStore, r)->Wait());
  std::vector<Revision> seen;
  EXPECT_OK(datastore().ReadWrites(kStore, 1, [&](const Write& write) {
    seen.push_back(write.revision);
    return write.revision == 3 ? Visit::kStop : Visit::kContinue;
  }));
  EXPECT_EQ(seen, (std::vector<Revision>{2, 3}));
}

TEST_P(DatastoreContract, RefusesARevisionThatDoesNotFollow) {
  EXPECT_EQ(CodeOf(AppendOne(datastore(), kStore, 2)->Wait()), ErrorCode::kConflict);
  EXPECT_EQ(CodeOf(AppendOne(datastore(), kStore, 0)->Wait()), ErrorCode::kConflict);
  EXPECT_OK(AppendOne(datastore(), kStore, 1)->Wait());
  EXPECT_EQ(CodeOf(AppendOne(datastore(), kStore, 1)->Wait()), ErrorCode::kConflict);
  EXPECT_EQ(CodeOf(AppendOne(datastore(), kStore, 3)->Wait()), ErrorCode::kConflict);
  EXPECT_OK(AppendOne(datastore(), kStore, 2)->Wait());
  EXPECT_EQ(Log(datastore(), kStore).size(), 2u);
}

TEST_P(DatastoreContract, TicketsMayBeCollectedInAnyOrder) {
  std::vector<std::unique_ptr<AppendTicket>> tickets;
  for (Revision r = 1; r <= 10; ++r) tickets.push_back(AppendOne(datastore(), kStore, r));
  EXPECT_OK(tickets[7]->Wait());
  EXPECT_GE(Must(datastore().Head(kStore)), 8u);  // Never durable before what precedes it.
  EXPECT_OK(tickets[2]->Wait());
  tickets.clear();  // The others are dropped.
  EXPECT_EQ(Must(datastore().Head(kStore)), 10u);
}

TEST_P(DatastoreContract, ConcurrentAppendsKeepTheOrderOfEachStore) {
  constexpr int kStores = 4;
  constexpr Revision kWrites = 100;
  std::vector<std::thread> threads;
  for (int i = 0; i < kStores; ++i) {
    threads.emplace_back([&, id = StoreId{"store" + std::to_string(i)}] {
      std::vector<std::unique_ptr<AppendTicket>> open;
      for (Revision r = 1; r <= kWrites; ++r) {
        open.push_back(AppendOne(datastore(), id, r));
        if (open.size() < 7) continue;
        for (auto& ticket : open) EXPECT_OK(ticket->Wait());
        open.clear();
        EXPECT_EQ(Must(datastore().Head(id)), r);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < kStores; ++i) {
    const auto log = Log(datastore(), {"store" + std::to_string(i)});
    ASSERT_EQ(log.size(), kWrites);
    for (Revision r = 1; r <= kWrites; ++r) {
      EXPECT_EQ(log[r - 1].revision, r);
      EXPECT_EQ(log[r - 1].changes.at(0).object, "document:" + std::to_string(r));
    }
  }
}

TEST_P(DatastoreContract, ConcurrentCreatorsOfOneIdHaveOneWinner) {
  for (int round = 0; round < 10; ++round) {
    const std::string id = "contested" + std::to_string(round);
    std::atomic<int> stores = 0;
    std::atomic<int> models = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        stores += datastore().CreateStore(MakeStore(id)).ok() ? 1 : 0;
        models += datastore().WriteModel(kStore, {{id}, "text"}).ok() ? 1 : 0;
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(stores, 1);
    EXPECT_EQ(models, 1);
  }
}

using Records = std::map<std::string, std::string>;

Records RecordsOf(const Datastore& datastore, const StoreId& store, Revision at,
                  std::string_view prefix = "") {
  Records records;
  std::string last;
  EXPECT_EQ(Must(datastore.ReadRecords(store, prefix,
                                       [&](const Record& record) {
                                         EXPECT_LT(last, record.key);
                                         last = record.key;
                                         records.emplace(record.key, record.value);
                                         return Visit::kContinue;
                                       })),
            at);
  return records;
}

Status AppendRecords(Datastore& datastore, const StoreId& store, Revision revision,
                     const std::vector<RecordChange>& records,
                     std::span<const Change> changes = {}) {
  return datastore.Append(store, {revision, At(1000), changes, records})->Wait();
}

TEST_P(DatastoreContract, RecordsChangeWithTheWrite) {
  const Change change{Change::Operation::kWrite, {"document:1", "viewer", "user:anne"}};
  EXPECT_OK(AppendRecords(datastore(), kStore, 1,
                          {{"role/a", "1"}, {"role/b", "2"}, {"user/a", ""}}, {&change, 1}));
  EXPECT_EQ(RecordsOf(datastore(), kStore, 1),
            (Records{{"role/a", "1"}, {"role/b", "2"}, {"user/a", ""}}));
  EXPECT_OK(AppendRecords(datastore(), kStore, 2,
                          {{"role/b", std::nullopt}, {"role/c", "3"}, {"none", std::nullopt}}));
  EXPECT_EQ(RecordsOf(datastore(), kStore, 2, "role/"),
            (Records{{"role/a", "1"}, {"role/c", "3"}}));
  EXPECT_OK(AppendRecords(datastore(), kStore, 3,  // The last change of a key stays.
                          {{"x", "1"}, {"x", "2"}, {"y", "1"}, {"y", std::nullopt}}));
  EXPECT_EQ(RecordsOf(datastore(), kStore, 3),
            (Records{{"role/a", "1"}, {"role/c", "3"}, {"user/a", ""}, {"x", "2"}}));
  EXPECT_TRUE(RecordsOf(datastore(), kOther, 0).empty());

  std::map<std::string, Revision> revisions;
  EXPECT_OK(datastore().ReadRecords(kStore, "", [&](const Record& record) {
    revisions.emplace(record.key, record.revision);
    return Visit::kContinue;
  }));
  EXPECT_EQ(revisions, (std::map<std::string, Revision>{
                           {"role/a", 1}, {"role/c", 2}, {"user/a", 1}, {"x", 3}}));

  EXPECT_OK(datastore().ReadWrites(kStore, 1, [&](const Write& write) {
    if (write.revision == 2) {
      EXPECT_TRUE(write.changes.empty());
      EXPECT_EQ(std::vector(write.records.begin(), write.records.end()),
                (std::vector<RecordChange>{
                    {"role/b", std::nullopt}, {"role/c", "3"}, {"none", std::nullopt}}));
    }
    return Visit::kContinue;
  }));

  if (backend().Reopen() == Backend::Reopened::kForgets) GTEST_SKIP() << "keeps nothing";
  EXPECT_EQ(RecordsOf(datastore(), kStore, 3),
            (Records{{"role/a", "1"}, {"role/c", "3"}, {"user/a", ""}, {"x", "2"}}));
}

TEST_P(DatastoreContract, ARefusedWriteChangesNoRecord) {
  EXPECT_OK(AppendRecords(datastore(), kStore, 1, {{"a", "1"}}));
  EXPECT_EQ(CodeOf(AppendRecords(datastore(), kStore, 1, {{"a", "2"}})), ErrorCode::kConflict);
  EXPECT_EQ(CodeOf(AppendRecords(datastore(), kStore, 2, {{"a", "2"}, {"", "1"}})),
            ErrorCode::kInvalidArgument);
  const std::string too_long(kRecordKeyBytesMax + 1, 'k');
  EXPECT_EQ(CodeOf(AppendRecords(datastore(), kStore, 2, {{too_long, "1"}})),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(RecordsOf(datastore(), kStore, 1), (Records{{"a", "1"}}));
}

TEST_P(DatastoreContract, RecordKeysAreBytes) {
  Records want;
  for (const auto& key : kLookalikes) want.emplace(key, "of " + key);
  std::vector<RecordChange> changes;
  for (const auto& [key, value] : want) changes.push_back({key, value});
  EXPECT_OK(AppendRecords(datastore(), kStore, 1, changes));
  EXPECT_EQ(RecordsOf(datastore(), kStore, 1), want);
  EXPECT_EQ(RecordsOf(datastore(), kStore, 1, "\xFF").size(), 2u);
}

TEST_P(DatastoreContract, FindsTheLastRevisionBeforeATime) {
  const std::vector<std::int64_t> times = {10, 10, 20, 30, 30, 30, 31};
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_OK(AppendOne(datastore(), kStore, i + 1, times[i])->Wait());
  }
  const std::pair<std::int64_t, Revision> cases[] = {{0, 0},  {10, 0}, {11, 2}, {20, 2},
                                                     {21, 3}, {30, 3}, {31, 6}, {32, 7}};
  for (const auto& [time, want] : cases) {
    EXPECT_EQ(Must(datastore().LastRevisionBefore(kStore, At(time))), want) << time;
  }
  EXPECT_EQ(Must(datastore().LastRevisionBefore(kOther, At(50))), 0u);
}

TEST_P(DatastoreContract, RemembersEverythingAfterReopening) {
  EXPECT_OK(datastore().CreateStore(MakeStore(kStore.value)));
  EXPECT_OK(datastore().CreateStore(MakeStore(kOther.value, "deleted")));
  EXPECT_OK(datastore().DeleteStore(kOther, At(5)));
  EXPECT_OK(datastore().WriteModel(kStore, {{"m1"}, "one"}));
  EXPECT_OK(datastore().WriteModel(kStore, {{"m2"}, "two"}));
  EXPECT_OK(datastore().WriteAssertions(kStore, {"m1"}, "asserted"));
  for (Revision r = 1; r <= 20; ++r) EXPECT_OK(AppendOne(datastore(), kStore, r)->Wait());
  const auto log = Log(datastore(), kStore);

  if (backend().Reopen() == Backend::Reopened::kForgets) GTEST_SKIP() << "keeps nothing";

  EXPECT_EQ(Must(datastore().GetStore(kStore)), MakeStore(kStore.value));
  EXPECT_EQ(CodeOf(datastore().GetStore(kOther)), ErrorCode::kStoreNotFound);
  EXPECT_EQ(Must(datastore().ReadLatestModel(kStore)).text, "two");
  EXPECT_EQ(Must(datastore().ReadModel(kStore, {"m1"})).text, "one");
  EXPECT_EQ(Must(datastore().ReadAssertions(kStore, {"m1"})), "asserted");
  ExpectSameLog(Log(datastore(), kStore), log);
  EXPECT_EQ(CodeOf(AppendOne(datastore(), kStore, 20)->Wait()), ErrorCode::kConflict);
  EXPECT_OK(AppendOne(datastore(), kStore, 21)->Wait());
  EXPECT_EQ(Must(datastore().Head(kStore)), 21u);
}

}  // namespace
}  // namespace pemba::storage::testing
