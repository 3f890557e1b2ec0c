// JSON requests: any bytes are read or refused; what was read prints and reads back the same, and
// the quick reader of Check agrees with the general one.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <type_traits>

#include <google/protobuf/util/message_differencer.h>
#include <openfga/v1/openfga_service.pb.h>

#include "pemba/api/field_rules.h"
#include "pemba/api/json_reader.h"
#include "pemba/api/json_writer.h"
#include "pemba/api/openfga/check_json.h"
#include "pemba/api/openfga/field_rules_table.h"

namespace {

namespace api = pemba::api;
namespace wire = openfga::v1;
using google::protobuf::util::MessageDifferencer;

template <class Message>
void ReadPrintRead(std::string_view text) {
  Message message;
  if (!api::ReadJson(text, message).ok()) return;
  static const api::FieldRules rules(api::openfga::FieldRulesTable());
  const auto checked = rules.Check(message, pemba::WallTime());
  if constexpr (std::is_same_v<Message, wire::CheckRequest>) {
    const auto quick = api::openfga::CheckFieldsQuickly(message);
    if (quick == api::openfga::QuickVerdict::kPasses && !checked.ok()) std::abort();
  }
  const auto printed = api::ToJson(message);
  Message again;
  if (!api::ReadJson(printed, again).ok() || api::ToJson(again) != printed) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ReadPrintRead<wire::CheckRequest>(text);
  ReadPrintRead<wire::BatchCheckRequest>(text);
  ReadPrintRead<wire::WriteRequest>(text);
  ReadPrintRead<wire::ReadChangesRequest>(text);
  ReadPrintRead<wire::WriteAuthorizationModelRequest>(text);
  wire::CheckRequest quick;
  if (api::openfga::ReadCheckRequest(text, quick) == api::openfga::QuickRead::kDone) {
    wire::CheckRequest general;
    if (!api::ReadJson(text, general).ok() || !MessageDifferencer::Equals(quick, general)) {
      std::abort();
    }
  }
  return 0;
}
