#include "pemba/api/openfga/internal/list_body.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <openfga/v1/openfga_service.pb.h>

#include "pemba/api/json_writer.h"
#include "pemba/api/openfga/internal/list_answers.h"

namespace pemba::api::openfga::internal {
namespace {

using rpc::Protocol;

// Ids that take an escape, more than one byte of length, or none at all.
class ListBodies : public ::testing::Test {
 protected:
  const std::string longest_ = std::string(256, 'x');
  const std::string around_ = std::string(0x80 - 9, 'y');
  const std::vector<std::string_view> ids_ = {"1",
                                              "plan",
                                              "a:b",
                                              "*",
                                              "quote\"",
                                              "b\\s",
                                              "\x01",
                                              "\xC3\xA4\xC3\xB6",
                                              longest_,
                                              around_,
                                              std::string_view(around_).substr(1),
                                              ""};
};

template <class Message>
std::string Written(const Message& message, Protocol protocol) {
  if (protocol == Protocol::kHttp) return ToJson(message);
  return message.SerializeAsString();
}

TEST_F(ListBodies, StreamedObjectsAreWhatTheGeneralWritersWrite) {
  for (const auto protocol : {Protocol::kGrpc, Protocol::kHttp}) {
    std::string got, want;
    AppendStreamedObjects(protocol, "document", ids_, got);
    for (const auto id : ids_) {
      wire::StreamedListObjectsResponse message;
      message.set_object("document:" + std::string(id));
      const auto bytes = Written(message, protocol);
      if (protocol == Protocol::kGrpc) {
        rpc::BeginGrpcMessage(bytes.size(), want);
        want += bytes;
      } else {
        want += "{\"result\":" + bytes + "}\n";
      }
    }
    EXPECT_EQ(got, want);
  }
}

TEST_F(ListBodies, ObjectsAreWhatTheGeneralWritersWrite) {
  for (const auto protocol : {Protocol::kGrpc, Protocol::kHttp}) {
    wire::ListObjectsResponse message;
    ListBody none(protocol, ListBody::Of::kObjects);
    EXPECT_EQ(none.Finish(), Written(message, protocol));
    ListBody body(protocol, ListBody::Of::kObjects);
    body.AddObjects("document", ids_);
    body.AddObjects("document", std::span(ids_).first(2));
    for (const auto id : ids_) message.add_objects(ObjectText("document", id));
    for (const auto id : std::span(ids_).first(2)) message.add_objects(ObjectText("document", id));
    EXPECT_EQ(body.Finish(), Written(message, protocol));
  }
}

TEST_F(ListBodies, UsersAreWhatTheGeneralWritersWrite) {
  for (const auto protocol : {Protocol::kGrpc, Protocol::kHttp}) {
    for (const char* relation : {"", "member"}) {
      wire::UserTypeFilter filter;
      filter.set_type("user");
      filter.set_relation(relation);
      wire::ListUsersResponse message;
      ListBody none(protocol, ListBody::Of::kUsers);
      EXPECT_EQ(none.Finish(), Written(message, protocol));
      ListBody body(protocol, ListBody::Of::kUsers);
      body.AddUsers(filter, ids_);
      for (const auto id : ids_) AddUser(filter, id, *message.add_users());
      EXPECT_EQ(body.Finish(), Written(message, protocol));
    }
  }
}

}  // namespace
}  // namespace pemba::api::openfga::internal
