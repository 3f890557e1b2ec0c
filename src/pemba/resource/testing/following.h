// Following: what one server is told of what another one does. A server writes, another one on the
// same store catches up now and then; what the second one's readers, watches and projection learn
// is compared with what the first one did.
#pragma once

#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <boost/json/serialize.hpp>

#include "pemba/resource/testing/node.h"

namespace pemba::resource::testing {

// Remembers what it was told, and keeps a record beside objects: how often it has written.
class Witness final : public Projection {
 public:
  Outcome<Consequences> Project(const Transaction&) override { return Consequences{}; }
  std::vector<OwnRecord> RecordsBeside(std::span<const Transaction::Change> changes,
                                       const Consequences&) override {
    if (changes.empty()) return {};
    return {{"witness", std::to_string(writes_ + 1)}};
  }
  void Written() override { ++writes_; }
  void FollowedRecord(const storage::Record& record) override {
    if (record.key != "witness") return;
    told_.push_back("record " + std::string(record.value) + " of " +
                    std::to_string(record.revision));
  }
  void Followed(const Transaction& now, std::span<const ObjectKey> changed) override {
    for (const auto& key : changed) {
      const auto object = now.Find(key);
      told_.push_back(TextOf(key.name, object));
      const auto shown = readers->Get(key);
      const auto shows = shown.ok() ? *shown : nullptr;
      if (TextOf(key.name, shows) == TextOf(key.name, object)) {
        told_.push_back("readers were faster");
      }
    }
  }

  static std::string TextOf(const std::string& name, const ObjectPtr& object) {
    if (object == nullptr) return name + " gone";
    return name + " " + std::to_string(object->revision) + " " +
           boost::json::serialize(object->document);
  }

  const ResourceStore* readers = nullptr;  // To be set before anything is followed.
  const std::vector<std::string>& told() const { return told_; }

 private:
  int writes_ = 0;
  std::vector<std::string> told_;
};

class Following {
 public:
  Following(const storage::PostgresOptions& options, const StoreId& store)
      : writer_(NewNode(options, store, writers_)), follower_(NewNode(options, store, told_)) {
    begin_ = (*writer_)->revision();
    EXPECT_TRUE((*follower_)->Refresh().ok());
  }

  // Everything that can be done to objects, followed one write at a time and many at once; what the
  // follower learned that is not so. Empty: nothing. With `meanwhile` called before the follower
  // looks, each time, and `afterwards` after.
  std::string Violation(const std::function<void()>& meanwhile = nullptr,
                        const std::function<void()>& afterwards = nullptr) {
    const auto catch_up = [&] {
      if (meanwhile) meanwhile();
      EXPECT_TRUE((*follower_)->Refresh().ok());
      if (afterwards) afterwards();
    };
    Make({"a"});
    catch_up();
    Make({"b", "c", "d"});
    catch_up();
    EXPECT_TRUE(writer_->Increment("a").ok());
    Expect({"a"});
    Make({"e"});
    EXPECT_TRUE(writer_->Increment("a").ok());
    Expect({"a"});
    catch_up();
    EXPECT_TRUE(writer_->Delete("b").ok());
    Expect({"b"});
    catch_up();
    Make({"b"});
    EXPECT_TRUE(writer_->Increment("b").ok());
    Expect({"b"});
    EXPECT_TRUE(writer_->Delete("c").ok());
    Expect({"c"});
    catch_up();
    return Difference();
  }

 private:
  static std::unique_ptr<Node> NewNode(const storage::PostgresOptions& options,
                                       const StoreId& store, Witness& witness) {
    auto node = std::make_unique<Node>(
        options, store, Listens::kNo,
        [&](ResourceStoreOptions& resource) { resource.projection = &witness; });
    witness.readers = node->operator->();
    return node;
  }

  // All in one transaction.
  void Make(const std::vector<std::string>& names) {
    const auto made = (*writer_)->Transact({}, [&](Transaction& transaction) -> Outcome<Done> {
      for (const auto& name : names) {
        PEMBA_TRY(std::ignore, transaction.Create(writer_->teams(), "",
                                                  Parse(R"({"metadata":{"name":")" + name +
                                                        R"("},"spec":{"mail":"a@b","size":1}})")));
      }
      return Done{};
    });
    EXPECT_TRUE(made.ok());
    Expect(names);
  }

  // What the follower is to be told of the write that was just made.
  void Expect(const std::vector<std::string>& names) {
    expected_.push_back("record " + std::to_string(++writes_) + " of " +
                        std::to_string((*writer_)->revision()));
    for (const auto& name : names) {
      const auto object = (*writer_)->Get(writer_->Team(name));
      expected_.push_back(Witness::TextOf(name, object.ok() ? *object : nullptr));
    }
  }

  std::string Difference() {
    std::ostringstream text;
    const auto compare = [&](const char* what, const std::vector<std::string>& wanted,
                             const std::vector<std::string>& found) {
      if (wanted == found) return;
      text << what << ":\n";
      for (const auto& line : wanted) text << "  wanted " << line << "\n";
      for (const auto& line : found) text << "  found  " << line << "\n";
    };
    compare("the projection is told", expected_, told_.told());
    compare("watches", writer_->EventsAfter(begin_), follower_->EventsAfter(begin_));
    compare("readers", ObjectsOf(*writer_), ObjectsOf(*follower_));
    return text.str();
  }

  static std::vector<std::string> ObjectsOf(Node& node) {
    std::vector<std::string> texts;
    const auto list = node->List({.kind = &node.teams()});
    for (const auto& object : list->objects) {
      texts.push_back(Witness::TextOf(object->key.name, object));
    }
    return texts;
  }

  Witness writers_, told_;
  const std::unique_ptr<Node> writer_, follower_;
  Revision begin_ = 0;
  int writes_ = 0;
  std::vector<std::string> expected_;
};

}  // namespace pemba::resource::testing
