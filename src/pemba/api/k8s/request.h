// Request: what a call on objects asks for, read from its path, query, headers and body.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "pemba/resource/failure.h"
#include "pemba/resource/object.h"
#include "pemba/resource/transaction.h"
#include "pemba/rpc/call.h"

namespace pemba::api::k8s {

struct Target {
  const resource::Kind* kind = nullptr;
  std::string name_space;  // Empty: all, or the kind has cluster scope.
  std::string name;        // Empty: the collection.
  resource::Part part = resource::Part::kMain;
  resource::ObjectKey key() const { return {kind, name_space, name}; }
};

// From group, version and the rest of the path: `[namespaces/NS/]PLURAL[/NAME[/status]]`.
// Errors: kKindNotFound.
resource::Outcome<Target> FindTarget(const resource::Registry& registry, std::string_view group,
                                     std::string_view version, std::string_view rest);

class Query {
 public:
  static resource::Outcome<Query> Read(std::string_view text);
  std::string_view Text(std::string_view name) const;  // Empty if absent.
  bool Flag(std::string_view name) const;              // "true" or "1".
  // Errors: kBadRequest.
  resource::Outcome<std::uint64_t> Count(std::string_view name) const;  // 0 if absent.

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

// JSON, or YAML or a protocol buffer (protobuf_body.h) where the content type says so. Errors:
// kBadRequest, with position; kUnsupported.
resource::Outcome<boost::json::value> ReadBody(const rpc::Call& call);

// The media type of the body without parameters, in lower case.
std::string ContentType(const rpc::Call& call);

// Of which state a list is wanted.
struct WantedState {
  resource::Revision exactly = 0;   // 0: whichever there is.
  resource::Revision at_least = 0;  // 0: any.
};
enum class ListPart : std::uint8_t { kFirst, kContinued };
// Errors: kBadRequest, kInvalid, in the words of the Kubernetes API.
resource::Outcome<WantedState> ReadWantedState(const Query& query, ListPart part);

// How a watch begins.
struct WantedStart {
  resource::Revision after = 0;
  bool with_state = false;
  bool state_end = false;  // Who watches wants to be told where the state ends.
};
// Errors: as above.
resource::Outcome<WantedStart> ReadWantedStart(const Query& query);

}  // namespace pemba::api::k8s
