// Answers of lists as they stand on the wire, written as they are found.
//
// A list may have a million of them. A message for each, or a text, would cost more than to find
// it; what is written here is what the general writers would write of all those messages.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <openfga/v1/openfga.pb.h>

#include "pemba/rpc/call.h"

namespace pemba::api::openfga::internal {

// Messages of a StreamedListObjects, for Call::SendFramed: one for each id of that type.
void AppendStreamedObjects(rpc::Protocol protocol, std::string_view type,
                           std::span<const std::string_view> ids, std::string& out);

// The body of a ListObjectsResponse or a ListUsersResponse.
class ListBody {
 public:
  enum class Of : std::uint8_t { kObjects, kUsers };
  ListBody(rpc::Protocol protocol, Of of);

  // Ids lack their type. Only what the body is of.
  void AddObjects(std::string_view type, std::span<const std::string_view> ids);
  void AddUsers(const ::openfga::v1::UserTypeFilter& filter, std::span<const std::string_view> ids);

  // The whole, once; nothing may be added any more.
  std::string_view Finish();

 private:
  void BeginItem();  // JSON: what stands between two.

  const rpc::Protocol protocol_;
  std::string bytes_, text_;
  bool empty_ = true;
};

}  // namespace pemba::api::openfga::internal
