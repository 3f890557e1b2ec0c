#include "pemba/api/openfga/convert.h"

#include <limits>

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "pemba/api/json_reader.h"
#include "pemba/api/json_writer.h"
#include "pemba/api/struct_json.h"

namespace pemba::api::openfga {
namespace {

// Everything that a model can hold, at least once.
constexpr std::string_view kModel = R"({
  "id": "01HVMMBCMGZNT3SED4Z17ECXCA",
  "schema_version": "1.2",
  "type_definitions": [
    {"type": "user"},
    {"type": "doc",
     "relations": {
       "direct": {"this": {}},
       "unset": {},
       "computed": {"computedUserset": {"object": "odd", "relation": "direct"}},
       "from": {"tupleToUserset": {"tupleset": {"object": "a", "relation": "direct"},
                                   "computedUserset": {"object": "b", "relation": "computed"}}},
       "either": {"union": {"child": [{"this": {}}, {"intersection": {"child": [{}, {"this": {}}]}}]}},
       "not": {"difference": {"base": {"this": {}}, "subtract": {"computedUserset": {"relation": "from"}}}}
     },
     "metadata": {
       "relations": {
         "direct": {"directly_related_user_types": [
             {"type": "user"}, {"type": "user", "wildcard": {}, "condition": "c"},
             {"type": "doc", "relation": "direct"}],
           "module": "m", "source_info": {"file": "a.fga"}},
         "plain": {}
       },
       "module": "core",
       "source_info": {"file": ""}
     }}
  ],
  "conditions": {
    "c": {"name": "c", "expression": "x", "parameters": {
            "x": {"type_name": "TYPE_NAME_BOOL"},
            "l": {"type_name": "TYPE_NAME_MAP", "generic_types": [
                {"type_name": "TYPE_NAME_LIST", "generic_types": [{"type_name": "TYPE_NAME_IPADDRESS"}]}]}},
          "metadata": {"module": "m", "source_info": {"file": "b.fga"}}},
    "bare": {"name": "bare"}
  }
})";

TEST(Convert, AModelComesBackAsItWasSent) {
  wire::AuthorizationModel sent;
  ASSERT_TRUE(ReadJson(kModel, sent).ok());
  const auto model = FromWire(sent);
  wire::AuthorizationModel returned;
  ToWire(model, returned);
  EXPECT_EQ(ToJson(returned), ToJson(sent));
  EXPECT_EQ(FromWire(returned), model);
}

TEST(Convert, ATupleKeepsItsCondition) {
  wire::TupleKey key;
  ASSERT_TRUE(ReadJson(R"({"user":"u:1","relation":"r","object":"o:1","condition":
      {"name":"c","context":{"a":[null,true,1.5,"x",{"b":{}}]}}})",
                       key)
                  .ok());
  const auto tuple = FromWire(key);
  ASSERT_TRUE(tuple.ok());
  wire::TupleKey returned;
  ToWire(*tuple, returned);
  EXPECT_EQ(ToJson(returned), ToJson(key));
}

TEST(Convert, AMissingContextIsTheEmptyOne) {
  wire::TupleKey key;
  key.mutable_condition()->set_name("c");
  const auto tuple = FromWire(key);
  ASSERT_TRUE(tuple.ok());
  EXPECT_TRUE(tuple->condition->context.empty());
  wire::TupleKey returned;
  ToWire(*tuple, returned);
  EXPECT_TRUE(returned.condition().has_context());
}

TEST(Convert, NumbersThatJsonDoesNotHaveAreRefused) {
  for (const double number :
       {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    wire::TupleKey key;
    auto& list =
        *(*key.mutable_condition()->mutable_context()->mutable_fields())["a"].mutable_list_value();
    list.add_values()->set_number_value(number);
    EXPECT_EQ(FromWire(key).error().code, ErrorCode::kValidation);
  }
}

TEST(Convert, DeepContextsAreRefused) {
  google::protobuf::Struct context;
  auto* at = &context;
  for (int depth = 0; depth < 150; ++depth) {
    at = (*at->mutable_fields())["a"].mutable_struct_value();
  }
  EXPECT_EQ(ToJsonObject(context).error().code, ErrorCode::kValidation);
}

TEST(Convert, TimesKeepTheirNanoseconds) {
  google::protobuf::Timestamp out;
  ToWire(WallTime(std::chrono::nanoseconds(1'500'000'007)), out);
  EXPECT_EQ(out.seconds(), 1);
  EXPECT_EQ(out.nanos(), 500'000'007);
  ToWire(WallTime(std::chrono::nanoseconds(-1)), out);
  EXPECT_EQ(out.seconds(), -1);
  EXPECT_EQ(out.nanos(), 999'999'999);
}

}  // namespace
}  // namespace pemba::api::openfga
