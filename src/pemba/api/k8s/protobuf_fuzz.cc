// Bodies as protocol buffers: any bytes are read without harm, and what is read is JSON that says
// which kind it is.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "pemba/api/k8s/protobuf_body.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto read = pemba::api::k8s::ReadProtobuf(bytes);
  if (!read.ok()) return 0;
  if (!read->contains("kind")) std::abort();
  if (boost::json::parse(boost::json::serialize(*read)) != *read) std::abort();
  return 0;
}
