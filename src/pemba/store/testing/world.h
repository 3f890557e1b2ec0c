// World: a server's stores over a memory datastore, a clock that stands still, and one store with a
// model, for tests of this room.
#pragma once

#include <atomic>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/model/dsl.h"
#include "pemba/storage/memory.h"
#include "pemba/store/stores.h"
#include "pemba/tuple/context.h"

namespace pemba::store::testing {

class FakeClock final : public Clock {
 public:
  WallTime Now() const override { return WallTime(std::chrono::milliseconds(ms_.load())); }
  SteadyTime Steady() const override { return std::chrono::steady_clock::now(); }
  void Set(std::int64_t ms) { ms_ = ms; }
  void Advance(std::chrono::milliseconds by) { ms_ += by.count(); }

 private:
  std::atomic<std::int64_t> ms_{1'700'000'000'000};
};

inline constexpr std::string_view kModel = R"(model
  schema 1.1

type user

type group
  relations
    define member: [user, group#member]

type document
  relations
    define owner: [user]
    define viewer: [user, user:*, group#member, user with soon]

condition soon(now: timestamp, until: timestamp) {
  now < until
}
)";

inline model::Model MakeModel(std::string_view dsl = kModel) {
  auto model = model::ModelFromDsl(dsl);
  EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.error().message);
  return *std::move(model);
}

// "document:1#viewer@user:anne", maybe with a condition and its context as JSON.
inline tuple::Tuple T(std::string_view text, std::string_view condition = "",
                      std::string_view context = "") {
  const auto view = *tuple::ParseTuple(text);
  tuple::Tuple t{std::string(view.object), std::string(view.relation), std::string(view.subject),
                 std::nullopt};
  if (!condition.empty()) {
    t.condition = tuple::Condition{std::string(condition), *tuple::ParseContext(context)};
  }
  return t;
}

// What a write says; empty parts are left out.
struct Request {
  std::vector<tuple::Tuple> writes = {};
  std::vector<std::string> deletes = {};  // Texts.
  std::string_view on_duplicate = "";
  std::string_view on_missing = "";
  std::string_view model_id = "";
};

inline Result<Revision> Write(Store& store, const Request& request) {
  std::vector<tuple::TupleView> deletes;
  for (const auto& text : request.deletes) deletes.push_back(*tuple::ParseTuple(text));
  // Tuples that can be, are written as plain ones: the same must come of it.
  std::vector<tuple::TupleView> plain;
  for (const auto& t : request.writes) {
    if (!t.condition && !t.expires_at) plain.push_back(t.view());
  }
  std::span<const tuple::Tuple> writes = request.writes;
  if (plain.size() == writes.size()) {
    writes = {};
  } else {
    plain.clear();
  }
  return store.Write({.writes = writes,
                      .plain_writes = plain,
                      .deletes = deletes,
                      .model_id = request.model_id,
                      .on_duplicate = request.on_duplicate,
                      .on_missing = request.on_missing});
}

inline std::string TextOf(const tuple::Tuple& t) {
  std::string text = tuple::ToText(t.view());
  if (t.condition) {
    text += " with " + t.condition->name + " " + tuple::CanonicalText(t.condition->context);
  }
  if (t.expires_at) {
    text += " until " + std::to_string(std::chrono::floor<std::chrono::milliseconds>(
                                           t.expires_at->time_since_epoch())
                                           .count());
  }
  return text;
}

// Every tuple of the store, in the order of Read.
inline std::vector<std::string> AllTuples(const Store& store, std::size_t page_size = 100) {
  std::vector<std::string> all;
  std::string token;
  do {
    const auto page = store.Read({.page_size = page_size, .continuation_token = token});
    if (!page.ok()) {
      ADD_FAILURE() << page.error().message;
      return all;
    }
    for (const auto& stored : page->tuples) all.push_back(TextOf(stored.tuple));
    token = page->continuation_token;
  } while (!token.empty());
  return all;
}

// "+tuple" and "-tuple" of every change, in order.
inline std::vector<std::string> AllChanges(const Store& store, std::size_t page_size = 100,
                                           std::string_view type = "") {
  std::vector<std::string> all;
  std::string token;
  while (true) {
    const auto page =
        store.ReadChanges({.type = type, .page_size = page_size, .continuation_token = token});
    if (!page.ok()) {
      ADD_FAILURE() << page.error().message;
      return all;
    }
    if (page->changes.empty()) return all;
    for (const auto& change : page->changes) {
      const bool write = change.operation == graph::Change::Operation::kWrite;
      all.push_back((write ? "+" : "-") + TextOf(change.tuple));
    }
    token = page->continuation_token;
  }
}

// The datastore is memory unless the test brings one.
class World : public ::testing::Test {
 protected:
  World() : World(storage::NewMemoryDatastore()) {}
  explicit World(std::unique_ptr<storage::Datastore> datastore, StoresOptions options = {})
      : datastore_(std::move(datastore)), options_(std::move(options)) {
    options_.report = [this](std::string_view line) {
      const std::lock_guard lock(reports_mutex_);
      reports_.emplace_back(line);
    };
    Restart();
    store_id_ = stores_->CreateStore("acme")->id;
    model_id_ = OpenStore()->WriteModel(MakeModel())->value;
  }

  void Restart() {
    stores_.reset();
    stores_ = std::make_unique<Stores>(*datastore_, clock_, options_);
  }
  StoreHandle OpenStore(const StoreId& id) {
    auto handle = stores_->Open(id);
    EXPECT_TRUE(handle.ok()) << (handle.ok() ? "" : handle.error().message);
    return *std::move(handle);
  }
  StoreHandle OpenStore() { return OpenStore(store_id_); }

  Revision MustWrite(const Request& request) {
    const auto revision = Write(*OpenStore(), request);
    EXPECT_TRUE(revision.ok()) << (revision.ok() ? "" : revision.error().message);
    return revision.ok() ? *revision : 0;
  }
  std::vector<std::string> reports() {
    const std::lock_guard lock(reports_mutex_);
    return reports_;
  }

  FakeClock clock_;
  std::unique_ptr<storage::Datastore> datastore_;
  StoresOptions options_;
  std::mutex reports_mutex_;
  std::vector<std::string> reports_;
  std::unique_ptr<Stores> stores_;
  StoreId store_id_;
  std::string model_id_;
};

}  // namespace pemba::store::testing
