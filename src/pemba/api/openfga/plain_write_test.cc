#include "pemba/api/openfga/plain_write.h"

#include <string>
#include <string_view>

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <openfga/v1/openfga_service.pb.h>

#include "pemba/api/field_rules.h"
#include "pemba/api/openfga/field_rules_table.h"

namespace pemba::api::openfga {
namespace {

namespace wire = ::openfga::v1;

template <class Keys>
void SetKeys(const std::vector<tuple::TupleView>& tuples, Keys& keys) {
  for (const auto& t : tuples) {
    auto& key = *keys.add_tuple_keys();
    key.set_user(std::string(t.subject));
    key.set_relation(std::string(t.relation));
    key.set_object(std::string(t.object));
  }
}

wire::WriteRequest MessageOf(const PlainWrite& write) {
  wire::WriteRequest message;
  message.set_store_id(std::string(write.store_id));
  message.set_authorization_model_id(std::string(write.model_id));
  if (!write.writes.empty()) {
    SetKeys(write.writes, *message.mutable_writes());
    message.mutable_writes()->set_on_duplicate(std::string(write.on_duplicate));
  }
  if (!write.deletes.empty()) {
    SetKeys(write.deletes, *message.mutable_deletes());
    message.mutable_deletes()->set_on_missing(std::string(write.on_missing));
  }
  return message;
}

std::string Number(std::size_t number) {
  std::string bytes;
  for (; number >= 0x80; number >>= 7) bytes.push_back(static_cast<char>(number | 0x80));
  bytes.push_back(static_cast<char>(number));
  return bytes;
}

std::string Text(unsigned field, std::string_view text) {
  return std::string(1, static_cast<char>(field << 3 | 2)) + Number(text.size()) +
         std::string(text);
}

std::string Key(std::string_view user, std::string_view relation, std::string_view object) {
  return Text(1, Text(1, user) + Text(2, relation) + Text(3, object));
}

std::string Many(int count) {
  std::string keys;
  for (int i = 0; i < count; ++i) keys += Key("user:" + std::to_string(i), "viewer", "doc:1");
  return keys;
}

struct Case {
  const char* name;
  std::string bytes;
  QuickRead want;
};

const Case kCases[] = {
    {"nothing", "", QuickRead::kDone},
    {"the usual", Text(1, "store") + Text(2, Key("user:a", "r", "doc:1")) + Text(4, "model"),
     QuickRead::kDone},
    {"writes and deletes", Text(3, Key("u", "r", "o")) + Text(2, Key("u", "r", "o") + Many(2)),
     QuickRead::kDone},
    {"many", Text(2, Many(1000)), QuickRead::kDone},
    {"what to do",
     Text(2, Text(2, "ignore") + Key("u", "r", "o")) +
         Text(3, Key("u", "r", "o") + Text(2, "ignore")),
     QuickRead::kDone},
    {"an empty key", Text(2, Text(1, "")), QuickRead::kDone},
    {"another alphabet", Text(2, Key("user:\xC3\xA4", "r", "o")), QuickRead::kDone},
    {"no keys", Text(2, ""), QuickRead::kNotPlain},
    {"no keys, but what to do", Text(2, Text(2, "ignore")), QuickRead::kNotPlain},
    {"a condition", Text(2, Text(1, Text(1, "u") + Text(4, Text(1, "c")))), QuickRead::kNotPlain},
    {"not UTF-8", Text(2, Key("\xFF", "r", "o")), QuickRead::kNotPlain},
    {"writes twice", Text(2, Many(1)) + Text(2, Many(1)), QuickRead::kNotPlain},
    {"a part twice", Text(2, Text(1, Text(1, "a") + Text(1, "b"))), QuickRead::kNotPlain},
    {"what to do twice", Text(2, Many(1) + Text(2, "") + Text(2, "ignore")), QuickRead::kNotPlain},
    {"store twice", Text(1, "a") + Text(1, "a"), QuickRead::kNotPlain},
    {"an unknown field", Text(5, "x"), QuickRead::kNotPlain},
    {"an unknown field in the list", Text(2, Many(1) + Text(3, "x")), QuickRead::kNotPlain},
    {"an unknown field in a key", Text(3, Text(1, Text(5, "x"))), QuickRead::kNotPlain},
    {"a text as a number", "\x08\x01", QuickRead::kNotPlain},
    {"truncated", Text(2, Many(3)).substr(0, 20), QuickRead::kNotPlain},
    {"a length beyond all", "\x12\xFF\xFF\xFF\x7F", QuickRead::kNotPlain},
    {"a length of five bytes", std::string("\x12\x80\x80\x80\x80\x00", 6), QuickRead::kNotPlain},
    {"truncated inside", Text(2, "\x0A\x05x"), QuickRead::kNotPlain},
};

TEST(PlainWrite, IsReadAsTheGeneralReaderDoes) {
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    PlainWrite plain;
    ASSERT_EQ(ReadPlainWrite(c.bytes, plain), c.want);
    if (c.want != QuickRead::kDone) continue;
    wire::WriteRequest general;
    ASSERT_TRUE(general.ParseFromString(c.bytes));
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(MessageOf(plain), general))
        << MessageOf(plain).DebugString() << "\nagainst\n"
        << general.DebugString();
  }
}

TEST(PlainWrite, WhatPassesPassesTheTable) {
  const FieldRules rules{FieldRulesTable()};
  const std::string id(26, 'A');
  const std::string long_user = "user:" + std::string(507, 'x'), longer_user = long_user + "x";
  const std::string_view users[] = {"user:a", "", long_user, longer_user, "a b"};
  const std::string_view relations[] = {"viewer", "", "a b", "a:b"};
  const std::string_view objects[] = {"doc:1", "", "doc", "doc:a b"};
  std::size_t passed = 0;
  for (const auto user : users) {
    for (const auto relation : relations) {
      for (const auto object : objects) {
        for (const std::string_view model :
             {std::string_view(""), std::string_view(id), std::string_view("m")}) {
          PlainWrite write{.store_id = id, .model_id = model};
          write.writes = {{object, relation, user}};
          write.deletes = write.writes;
          const auto table = rules.Check(MessageOf(write), WallTime());
          const auto quick = CheckFieldsQuickly(write);
          EXPECT_EQ(quick == QuickVerdict::kPasses, table.ok())
              << user << ' ' << relation << ' ' << object;
          passed += table.ok() ? 1 : 0;
        }
      }
    }
  }
  EXPECT_GT(passed, 10u);
  EXPECT_EQ(CheckFieldsQuickly(PlainWrite{.store_id = "x"}), QuickVerdict::kAskTheTable);
}

}  // namespace
}  // namespace pemba::api::openfga
