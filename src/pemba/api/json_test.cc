#include <string>
#include <string_view>

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <openfga/v1/openfga_service.pb.h>

#include "pemba/api/json_reader.h"
#include "pemba/api/json_writer.h"

namespace pemba::api {
namespace {

namespace wire = ::openfga::v1;

// A message given as protobuf text format would need a parser of its own, so rows build it.
struct WriteCase {
  const char* name;
  std::string got;
  std::string_view want;
};

template <class Message, class Fill>
std::string Json(Fill fill) {
  Message message;
  fill(message);
  return ToJson(message);
}

TEST(JsonWriter, SpellsOutWhatIsUnset) {
  const WriteCase cases[] = {
      {"check", Json<wire::CheckResponse>([](auto& m) { m.set_allowed(true); }),
       R"({"allowed":true,"resolution":""})"},
      {"no stores", Json<wire::ListStoresResponse>([](auto&) {}),
       R"({"stores":[],"continuation_token":""})"},
      {"relation reference without relation or wildcard",
       Json<wire::RelationReference>([](auto& m) { m.set_type("team"); }),
       R"({"type":"team","condition":""})"},
      {"wildcard reference", Json<wire::RelationReference>([](auto& m) {
         m.set_type("team");
         m.mutable_wildcard();
       }),
       R"({"type":"team","wildcard":{},"condition":""})"},
      {"an empty relation that is set", Json<wire::RelationReference>([](auto& m) {
         m.set_type("team");
         m.set_relation("");
       }),
       R"({"type":"team","relation":"","condition":""})"},
      {"store that is not deleted", Json<wire::GetStoreResponse>([](auto& m) {
         m.set_id("1");
         m.mutable_created_at()->set_seconds(0);
         m.mutable_updated_at()->set_nanos(120'000'000);
       }),
       R"({"id":"1","name":"","created_at":"1970-01-01T00:00:00Z",)"
       R"("updated_at":"1970-01-01T00:00:00.120Z","deleted_at":null})"},
      {"tuple without condition",
       Json<wire::Tuple>([](auto& m) { m.mutable_key()->set_user("u:1"); }),
       R"({"key":{"user":"u:1","relation":"","object":"","condition":null},"timestamp":null})"},
      {"condition without context",
       Json<wire::RelationshipCondition>([](auto& m) { m.set_name("c1"); }),
       R"({"name":"c1","context":null})"},
      {"the four camelCase names", Json<wire::Userset>([](auto& m) {
         auto& from = *m.mutable_tuple_to_userset();
         from.mutable_tupleset()->set_relation("parent");
         from.mutable_computed_userset()->set_relation("viewer");
       }),
       R"({"tupleToUserset":{"tupleset":{"object":"","relation":"parent"},)"
       R"("computedUserset":{"object":"","relation":"viewer"}}})"},
      {"computed userset", Json<wire::Userset>([](auto& m) { m.mutable_computed_userset(); }),
       R"({"computedUserset":{"object":"","relation":""}})"},
      {"leaf of a tree",
       Json<wire::UsersetTree::Leaf>([](auto& m) { m.mutable_tuple_to_userset(); }),
       R"({"tupleToUserset":{"tupleset":"","computed":[]}})"},
      {"enum by name",
       Json<wire::TupleChange>([](auto& m) { m.set_operation(wire::TUPLE_OPERATION_DELETE); }),
       R"({"tuple_key":null,"operation":"TUPLE_OPERATION_DELETE","timestamp":null})"},
      {"enum zero", Json<wire::ConditionParamTypeRef>([](auto&) {}),
       R"({"type_name":"TYPE_NAME_UNSPECIFIED","generic_types":[]})"},
      {"map keys sorted", Json<wire::BatchCheckResponse>([](auto& m) {
         (*m.mutable_result())["b"].set_allowed(false);
         (*m.mutable_result())["a"].mutable_error()->set_input_error(wire::validation_error);
       }),
       R"({"result":{"a":{"error":{"input_error":"validation_error","message":""}},)"
       R"("b":{"allowed":false}}})"},
      {"wrapped number",
       Json<wire::ReadRequest>([](auto& m) { m.mutable_page_size()->set_value(7); }),
       R"({"store_id":"","tuple_key":null,"page_size":7,"continuation_token":"",)"
       R"("consistency":"UNSPECIFIED"})"},
      {"struct", Json<wire::RelationshipCondition>([](auto& m) {
         auto& fields = *m.mutable_context()->mutable_fields();
         fields["n"].set_number_value(1);
         fields["d"].set_number_value(0.5);
         fields["big"].set_number_value(1e300);
         fields["l"].mutable_list_value()->add_values()->set_bool_value(true);
         fields["z"].set_null_value(google::protobuf::NULL_VALUE);
       }),
       R"({"name":"","context":{"big":1e+300,"d":0.5,"l":[true],"n":1,"z":null}})"},
      {"escapes; HTML stays",
       Json<wire::CreateStoreRequest>([](auto& m) { m.set_name("\"\\\n\x01<é&>"); }),
       R"({"name":"\"\\\n\u0001<é&>"})"},
      {"empty message", Json<wire::WriteResponse>([](auto&) {}), "{}"},
  };
  for (const auto& c : cases) EXPECT_EQ(c.got, c.want) << c.name;
}

// What a text reads as, printed again; or the error.
template <class Message>
std::string Read(std::string_view text) {
  Message message;
  const auto status = ReadJson(text, message);
  return status.ok() ? ToJson(message) : "! " + status.error().message;
}

struct ReadCase {
  const char* name;
  std::string got;
  std::string_view want;
};

TEST(JsonReader, FollowsTheMappingRules) {
  const ReadCase cases[] = {
      {"both spellings: JSON name", Read<wire::Userset>(R"({"computedUserset":{"relation":"a"}})"),
       R"({"computedUserset":{"object":"","relation":"a"}})"},
      {"both spellings: proto name",
       Read<wire::Userset>(R"({"computed_userset":{"relation":"a"}})"),
       R"({"computedUserset":{"object":"","relation":"a"}})"},
      {"camelCase of any other field is unknown, so ignored",
       Read<wire::CreateStoreResponse>(R"({"id":"1","createdAt":"nonsense"})"),
       R"({"id":"1","name":"","created_at":null,"updated_at":null})"},
      {"unknown fields are ignored, at any depth",
       Read<wire::CreateStoreRequest>(R"({"x":[{"y":null}],"name":"n"})"), R"({"name":"n"})"},
      {"whole numbers beyond 64 bits", Read<wire::RelationshipCondition>(R"({"context":{
         "a":100000000000000000000,"b":-18446744073709551616,"s":"\"100000000000000000000"}})"),
       R"({"name":"","context":{"a":1e+20,"b":-18446744073709551616,)"
       R"("s":"\"100000000000000000000"}})"},
      {"null is unset", Read<wire::CreateStoreRequest>(R"({"name":null})"), R"({"name":""})"},
      {"page size as number", Read<wire::ListStoresRequest>(R"({"page_size":5})"),
       R"({"page_size":5,"continuation_token":"","name":""})"},
      {"page size as numeric string", Read<wire::ListStoresRequest>(R"({"page_size":"5"})"),
       R"({"page_size":5,"continuation_token":"","name":""})"},
      {"page size as whole float", Read<wire::ListStoresRequest>(R"({"page_size":5.0})"),
       R"({"page_size":5,"continuation_token":"","name":""})"},
      {"page size as fraction", Read<wire::ListStoresRequest>(R"({"page_size":5.5})"),
       R"(! invalid value for int32 field page_size: 5.5)"},
      {"page size too large", Read<wire::ListStoresRequest>(R"({"page_size":2147483648})"),
       R"(! invalid value for int32 field page_size: 2147483648)"},
      {"page size with spaces", Read<wire::ListStoresRequest>(R"({"page_size":" 5"})"),
       R"(! invalid value for int32 field page_size: " 5")"},
      {"enum by name", Read<wire::TupleChange>(R"({"operation":"TUPLE_OPERATION_DELETE"})"),
       R"({"tuple_key":null,"operation":"TUPLE_OPERATION_DELETE","timestamp":null})"},
      {"enum by number", Read<wire::TupleChange>(R"({"operation":1})"),
       R"({"tuple_key":null,"operation":"TUPLE_OPERATION_DELETE","timestamp":null})"},
      {"unknown enum name is unset", Read<wire::TupleChange>(R"({"operation":"NO"})"),
       R"({"tuple_key":null,"operation":"TUPLE_OPERATION_WRITE","timestamp":null})"},
      {"unknown enum number passes", Read<wire::TupleChange>(R"({"operation":9})"),
       R"({"tuple_key":null,"operation":9,"timestamp":null})"},
      {"enum of another kind", Read<wire::TupleChange>(R"({"operation":true})"),
       R"(! invalid value for enum field operation: true)"},
      {"timestamp with offset",
       Read<wire::TupleChange>(R"({"timestamp":"2024-01-01T02:00:00.5+02:00"})"),
       R"({"tuple_key":null,"operation":"TUPLE_OPERATION_WRITE",)"
       R"("timestamp":"2024-01-01T00:00:00.500Z"})"},
      {"malformed timestamp", Read<wire::TupleChange>(R"({"timestamp":"yesterday"})"),
       R"(! invalid value for timestamp field timestamp: "yesterday")"},
      {"struct keeps null and nests",
       Read<wire::RelationshipCondition>(R"({"context":{"a":null,"b":{"c":[1,"x"]}}})"),
       R"({"name":"","context":{"a":null,"b":{"c":[1,"x"]}}})"},
      {"map of messages", Read<wire::TypeDefinition>(R"({"relations":{"r":{"this":{}}}})"),
       R"({"type":"","relations":{"r":{"this":{}}},"metadata":null})"},
      {"empty object", Read<wire::CreateStoreRequest>("{}"), R"({"name":""})"},
      {"escaped text", Read<wire::CreateStoreRequest>("{\"name\":\"\\u00e9\\n\"}"),
       "{\"name\":\"é\\n\"}"},

      {"duplicate key", Read<wire::CreateStoreRequest>(R"({"name":"a","name":"b"})"),
       R"(! duplicate field "name")"},
      {"duplicate by two spellings",
       Read<wire::Userset>(R"({"computedUserset":{},"computed_userset":{}})"),
       R"(! duplicate field "computed_userset")"},
      {"duplicate map key", Read<wire::TypeDefinition>(R"({"relations":{"r":{},"r":{}}})"),
       R"(! duplicate map key "r")"},
      {"duplicate key in a struct",
       Read<wire::RelationshipCondition>(R"({"context":{"a":1,"a":2}})"),
       R"(! duplicate map key "a")"},
      {"two members of a oneof", Read<wire::Userset>(R"({"this":{},"union":{}})"),
       R"(! error parsing "union", oneof openfga.v1.Userset.userset is already set)"},
      {"number for a string", Read<wire::CreateStoreRequest>(R"({"name":1})"),
       R"(! invalid value for string field name: 1)"},
      {"string for a bool", Read<wire::CheckRequest>(R"({"trace":"true"})"),
       R"(! invalid value for bool field trace: "true")"},
      {"list for a message", Read<wire::CheckRequest>(R"({"tuple_key":[]})"),
       R"(! invalid value for message field tuple_key: [])"},
      {"object for a list", Read<wire::ContextualTupleKeys>(R"({"tuple_keys":{}})"),
       R"(! invalid value for repeated field tuple_keys: {})"},
      {"null in a list", Read<wire::ContextualTupleKeys>(R"({"tuple_keys":[null]})"),
       R"(! invalid value for message field tuple_keys: null)"},
      {"not an object", Read<wire::CreateStoreRequest>("[]"),
       "! syntax error: unexpected token []"},
      {"cut in an object", Read<wire::CreateStoreRequest>(R"({"name":"a")"), "! malformed JSON"},
      {"cut in a string", Read<wire::CreateStoreRequest>(R"({"name":"a)"), "! malformed JSON"},
      {"cut after an escape", Read<wire::CreateStoreRequest>(R"({"name":"\)"), "! malformed JSON"},
  };
  for (const auto& c : cases) EXPECT_EQ(c.got, c.want) << c.name;
}

TEST(JsonReader, RefusesWhatIsNotJson) {
  for (const std::string_view text :
       {R"({"name":"a"} x)", R"({"name":"a"}})", R"({name:"a"})", R"({"name":'a'})",
        R"({"name":"a",})", "{\"name\":\"\xff\"}", R"({"name":"\ud800"})", R"({"x":01})",
        "{\"name\":\"a\nb\"}", R"({"x":NaN})"}) {
    wire::CreateStoreRequest message;
    const auto status = ReadJson(text, message);
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_EQ(status.error().code, ErrorCode::kValidation);
    EXPECT_TRUE(status.error().message.starts_with("syntax error: ")) << status.error().message;
  }
}

TEST(JsonReader, BoundsDepthAndSurvivesLargeTexts) {
  const auto nested = [](std::size_t depth) {
    std::string text = R"({"x":)";
    for (std::size_t i = 1; i < depth; ++i) text += "[";
    for (std::size_t i = 1; i < depth; ++i) text += "]";
    return text + "}";
  };
  wire::CreateStoreRequest message;
  EXPECT_TRUE(ReadJson(nested(kJsonDepthMax - 1), message).ok());
  EXPECT_FALSE(ReadJson(nested(kJsonDepthMax + 1), message).ok());
  EXPECT_TRUE(ReadJson(R"({"name":")" + std::string(300'000, 'a') + R"("})", message).ok());
  EXPECT_EQ(message.name().size(), 300'000U);
}

TEST(SetFieldFromText, ReadsQueryParameters) {
  wire::ReadChangesRequest request;
  EXPECT_TRUE(SetFieldFromText("type", "doc", request).ok());
  EXPECT_TRUE(SetFieldFromText("page_size", "7", request).ok());
  EXPECT_TRUE(SetFieldFromText("start_time", "2024-01-01T00:00:00Z", request).ok());
  EXPECT_TRUE(SetFieldFromText("unknown", "x", request).ok());
  EXPECT_TRUE(SetFieldFromText("unknown.deep", "x", request).ok());
  EXPECT_EQ(ToJson(request), R"({"store_id":"","type":"doc","page_size":7,"continuation_token":"",)"
                             R"("start_time":"2024-01-01T00:00:00Z"})");
  EXPECT_EQ(SetFieldFromText("page_size", "many", request).error(),
            (Error{ErrorCode::kValidation, "invalid value for int32 field page_size: many"}));
  EXPECT_FALSE(SetFieldFromText("page_size", "", request).ok());
  EXPECT_FALSE(SetFieldFromText("start_time", "soon", request).ok());
  EXPECT_FALSE(SetFieldFromText("type", "\xff", request).ok());

  wire::ReadRequest nested;
  EXPECT_TRUE(SetFieldFromText("tuple_key.object", "doc:1", nested).ok());
  EXPECT_TRUE(SetFieldFromText("consistency", "HIGHER_CONSISTENCY", nested).ok());
  EXPECT_EQ(nested.tuple_key().object(), "doc:1");
  EXPECT_EQ(nested.consistency(), wire::HIGHER_CONSISTENCY);
  EXPECT_FALSE(SetFieldFromText("consistency", "SOME", nested).ok());
}

}  // namespace
}  // namespace pemba::api
