// Media: the form in which an answer is wanted, out of the header Accept.
//
//   application/json, application/yaml                   the object or list as it is
//   ...;as=Table;g=meta.k8s.io;v=v1                      as kubectl prints it
//   ...;as=PartialObjectMetadata[List];g=meta.k8s.io;... metadata alone, for those who cache many
//
// The first form that there is counts, whatever its weight: clients list them in their order of
// preference. What is not known (protobuf) is passed over.
#pragma once

#include <cstdint>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/resource/failure.h"
#include "pemba/resource/object.h"
#include "pemba/rpc/call.h"

namespace pemba::api::k8s {

enum class Form : std::uint8_t { kObject, kTable, kMetadata };
enum class Encoding : std::uint8_t { kJson, kYaml };

struct Media {
  Form form = Form::kObject;
  Encoding encoding = Encoding::kJson;
};

enum class Answers : std::uint8_t { kOnce, kStream };  // A stream is JSON.

// Errors: kNotAcceptable.
resource::Outcome<Media> WantedMedia(std::string_view accept, Answers answers);

// For /api and /apis.
enum class DiscoveryForm : std::uint8_t { kPlain, kAggregated };
DiscoveryForm WantedDiscovery(std::string_view accept);

// Of /openapi/v2: whether it is wanted as a protocol buffer (openapi_v2_bytes.h).
bool WantsProtobuf(std::string_view accept);

// `accept` of a call; empty if it has none.
std::string_view AcceptOf(const rpc::Call& call);

// kMetadata of an object.
boost::json::object PartialMetadata(const resource::Object& object);

// The answer, in that encoding.
void AnswerAs(rpc::Call& call, int status, const boost::json::object& body, Encoding encoding);

}  // namespace pemba::api::k8s
