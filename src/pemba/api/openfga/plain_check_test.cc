#include "pemba/api/openfga/plain_check.h"

#include <string>
#include <string_view>

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "pemba/api/json_reader.h"
#include "pemba/api/json_writer.h"

namespace pemba::api::openfga {
namespace {

namespace wire = ::openfga::v1;

wire::CheckRequest MessageOf(const PlainCheck& question) {
  wire::CheckRequest message;
  message.set_store_id(std::string(question.store_id));
  message.set_authorization_model_id(std::string(question.model_id));
  message.set_consistency(question.consistency);
  message.mutable_tuple_key()->set_user(std::string(question.user));
  message.mutable_tuple_key()->set_relation(std::string(question.relation));
  message.mutable_tuple_key()->set_object(std::string(question.object));
  return message;
}

// Equal but for whether an empty tuple key is there: the field rules refuse it either way.
void ExpectSame(const PlainCheck& plain, wire::CheckRequest general) {
  general.mutable_tuple_key();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(MessageOf(plain), general))
      << MessageOf(plain).DebugString() << "\nagainst\n"
      << general.DebugString();
}

struct JsonCase {
  const char* name;
  std::string body;
  QuickRead want;
};

const JsonCase kJsonCases[] = {
    {"the usual", R"({"tuple_key":{"user":"user:a","relation":"r","object":"doc:1"}})",
     QuickRead::kDone},
    {"with model and store",
     R"({"store_id":"s","authorization_model_id":"m","tuple_key":{"object":"o","user":"u"}})",
     QuickRead::kDone},
    {"white space", " {\n\t\"tuple_key\" : { \"user\" : \"a\" , \"object\":\"\" }\r} ",
     QuickRead::kDone},
    {"nothing", "{}", QuickRead::kDone},
    {"empty tuple key", R"({"tuple_key":{}})", QuickRead::kDone},
    {"an escape", R"({"tuple_key":{"user":"a\u0062"}})", QuickRead::kNotPlain},
    {"an escaped quote", R"({"tuple_key":{"user":"a\""}})", QuickRead::kNotPlain},
    {"an escaped key", R"({"tuple\u005fkey":{}})", QuickRead::kNotPlain},
    {"another alphabet", R"({"tuple_key":{"user":"user:\xC3\xA4"}})", QuickRead::kNotPlain},
    {"a control character", "{\"tuple_key\":{\"user\":\"a\tb\"}}", QuickRead::kNotPlain},
    {"context", R"({"context":{}})", QuickRead::kNotPlain},
    {"contextual tuples", R"({"contextual_tuples":{"tuple_keys":[]}})", QuickRead::kNotPlain},
    {"trace", R"({"trace":true})", QuickRead::kNotPlain},
    {"consistency", R"({"consistency":"HIGHER_CONSISTENCY"})", QuickRead::kNotPlain},
    {"unknown", R"({"x":1})", QuickRead::kNotPlain},
    {"null", R"({"tuple_key":null})", QuickRead::kNotPlain},
    {"duplicate", R"({"tuple_key":{},"tuple_key":{}})", QuickRead::kNotPlain},
    {"duplicate inside", R"({"tuple_key":{"user":"a","user":"b"}})", QuickRead::kNotPlain},
    {"duplicate model", R"({"authorization_model_id":"a","authorization_model_id":"b"})",
     QuickRead::kNotPlain},
    {"wrong type", R"({"tuple_key":{"user":1}})", QuickRead::kNotPlain},
    {"a comma too many", R"({"tuple_key":{"user":"a",}})", QuickRead::kNotPlain},
    {"a comma too few", R"({"store_id":"s" "tuple_key":{}})", QuickRead::kNotPlain},
    {"text behind", R"({} x)", QuickRead::kNotPlain},
    {"truncated", R"({"tuple_key":{)", QuickRead::kNotPlain},
    {"truncated text", R"({"store_id":"s)", QuickRead::kNotPlain},
    {"nothing at all", "", QuickRead::kNotPlain},
};

TEST(PlainCheck, JsonIsReadAsTheGeneralReaderDoes) {
  for (const auto& c : kJsonCases) {
    SCOPED_TRACE(c.name);
    PlainCheck plain;
    ASSERT_EQ(ReadPlainCheckJson(c.body, plain), c.want);
    if (c.want != QuickRead::kDone) continue;
    wire::CheckRequest general;
    ASSERT_TRUE(ReadJson(c.body, general).ok());
    ExpectSame(plain, general);
  }
}

std::string Text(unsigned field, std::string_view text) {
  return std::string(1, static_cast<char>(field << 3 | 2)) +
         std::string(1, static_cast<char>(text.size())) + std::string(text);
}

struct ProtobufCase {
  const char* name;
  std::string bytes;
  QuickRead want;
};

const ProtobufCase kProtobufCases[] = {
    {"nothing", "", QuickRead::kDone},
    {"the usual",
     Text(1, "store") + Text(2, Text(1, "user:a") + Text(2, "r") + Text(3, "doc:1")) +
         Text(4, "model"),
     QuickRead::kDone},
    {"another order", Text(4, "m") + Text(2, Text(3, "o") + Text(1, "u")) + Text(1, "s"),
     QuickRead::kDone},
    {"another alphabet", Text(2, Text(1, "user:\xC3\xA4")), QuickRead::kDone},
    {"consistency", Text(1, "s") + "\x38\xC8\x01", QuickRead::kDone},
    {"an unknown consistency", "\x38\x05", QuickRead::kDone},
    {"a long text", "\x0A\xC8\x01" + std::string(200, 'a'), QuickRead::kDone},
    {"a number with a byte too many", "\x0A\x81" + std::string(1, '\0') + "a", QuickRead::kDone},
    {"a number of three bytes", "\x38\x80\x80\x01", QuickRead::kDone},
    {"a number of five bytes", "\x38\x80\x80\x80\x80\x01", QuickRead::kNotPlain},
    {"not UTF-8", Text(2, Text(1, "\xFF")), QuickRead::kNotPlain},
    {"twice", Text(1, "a") + Text(1, "b"), QuickRead::kNotPlain},
    {"a key twice", Text(2, Text(1, "a")) + Text(2, Text(2, "b")), QuickRead::kNotPlain},
    {"twice inside", Text(2, Text(1, "a") + Text(1, "b")), QuickRead::kNotPlain},
    {"consistency twice", "\x38\x01\x38\x02", QuickRead::kNotPlain},
    {"contextual tuples", Text(3, ""), QuickRead::kNotPlain},
    {"trace", "\x28\x01", QuickRead::kNotPlain},
    {"context", Text(6, ""), QuickRead::kNotPlain},
    {"an unknown field", Text(9, "x"), QuickRead::kNotPlain},
    {"an unknown field inside", Text(2, Text(4, "x")), QuickRead::kNotPlain},
    {"a text as a number", "\x08\x01", QuickRead::kNotPlain},
    {"truncated",
     "\x0A\x05"
     "abc",
     QuickRead::kNotPlain},
    {"truncated length", "\x0A\x85", QuickRead::kNotPlain},
    {"no length", "\x0A", QuickRead::kNotPlain},
    {"truncated inside",
     Text(2,
          "\x0A\x05"
          "abc"),
     QuickRead::kNotPlain},
};

TEST(PlainCheck, ProtobufIsReadAsTheGeneralReaderDoes) {
  for (const auto& c : kProtobufCases) {
    SCOPED_TRACE(c.name);
    PlainCheck plain;
    ASSERT_EQ(ReadPlainCheckProtobuf(c.bytes, plain), c.want);
    if (c.want != QuickRead::kDone) continue;
    wire::CheckRequest general;
    ASSERT_TRUE(general.ParseFromString(c.bytes));
    ExpectSame(plain, general);
  }
}

TEST(PlainCheck, AnswersAsTheGeneralWriterDoes) {
  for (const bool allowed : {true, false}) {
    wire::CheckResponse response;
    response.set_allowed(allowed);
    EXPECT_EQ(CheckResponseJson(allowed), ToJson(response));
  }
}

}  // namespace
}  // namespace pemba::api::openfga
