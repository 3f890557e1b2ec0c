#include "pemba/api/openfga/check_json.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "pemba/api/json_reader.h"
#include "pemba/api/json_writer.h"

namespace pemba::api::openfga {
namespace {

namespace wire = ::openfga::v1;

struct QuickCase {
  const char* name;
  std::string body;
  QuickRead want;
};

const QuickCase kCases[] = {
    {"the usual", R"({"tuple_key":{"user":"user:a","relation":"r","object":"doc:1"}})",
     QuickRead::kDone},
    {"with model and store",
     R"({"store_id":"s","authorization_model_id":"m","tuple_key":{"object":"o","user":"u"}})",
     QuickRead::kDone},
    {"white space and escapes", " {\n \"tuple_key\" : { \"user\" : \"a\\u00e9\\n\" } } ",
     QuickRead::kDone},
    {"escaped key", R"({"tuple\u005fkey":{}})", QuickRead::kDone},
    {"nothing", "{}", QuickRead::kDone},
    {"empty tuple key", R"({"tuple_key":{}})", QuickRead::kDone},
    {"context", R"({"context":{}})", QuickRead::kNotPlain},
    {"contextual tuples", R"({"contextual_tuples":{"tuple_keys":[]}})", QuickRead::kNotPlain},
    {"trace", R"({"trace":true})", QuickRead::kNotPlain},
    {"unknown", R"({"x":1})", QuickRead::kNotPlain},
    {"null", R"({"tuple_key":null})", QuickRead::kNotPlain},
    {"duplicate", R"({"tuple_key":{},"tuple_key":{}})", QuickRead::kNotPlain},
    {"duplicate inside", R"({"tuple_key":{"user":"a","user":"b"}})", QuickRead::kNotPlain},
    {"duplicate model", R"({"authorization_model_id":"a","authorization_model_id":"b"})",
     QuickRead::kNotPlain},
    {"wrong type", R"({"tuple_key":{"user":1}})", QuickRead::kNotPlain},
    {"text behind", R"({} x)", QuickRead::kNotPlain},
    {"truncated", R"({"tuple_key":{)", QuickRead::kNotPlain},
    {"nothing at all", "", QuickRead::kNotPlain},
    {"not UTF-8", "{\"tuple_key\":{\"user\":\"\xff\"}}", QuickRead::kNotPlain},
    {"large", R"({"tuple_key":{"user":")" + std::string(5000, 'u') + "\"}}", QuickRead::kNotPlain},
};

TEST(CheckJson, ReadsAsTheGeneralReaderDoes) {
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    wire::CheckRequest quick;
    ASSERT_EQ(ReadCheckRequest(c.body, quick), c.want);
    if (c.want != QuickRead::kDone) continue;
    wire::CheckRequest general;
    ASSERT_TRUE(ReadJson(c.body, general).ok());
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(quick, general));
  }
}

TEST(CheckJson, WritesAsTheGeneralWriterDoes) {
  wire::CheckResponse response;
  for (const bool allowed : {true, false}) {
    for (const char* resolution : {"", "a \"b\""}) {
      response.set_allowed(allowed);
      response.set_resolution(resolution);
      std::string quick;
      WriteCheckResponse(response, quick);
      EXPECT_EQ(quick, ToJson(response));
    }
  }
}

}  // namespace
}  // namespace pemba::api::openfga
