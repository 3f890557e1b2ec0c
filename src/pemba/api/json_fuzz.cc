// JSON requests: any bytes are read or refused; what was read prints and reads back the same, and
// the readers of plain Checks, in both forms, and of plain Writes agree with the general ones.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <google/protobuf/util/message_differencer.h>
#include <openfga/v1/openfga_service.pb.h>

#include "pemba/api/field_rules.h"
#include "pemba/api/json_reader.h"
#include "pemba/api/json_writer.h"
#include "pemba/api/openfga/field_rules_table.h"
#include "pemba/api/openfga/plain_check.h"
#include "pemba/api/openfga/plain_write.h"

namespace {

namespace api = pemba::api;
namespace wire = openfga::v1;
using google::protobuf::util::MessageDifferencer;

const api::FieldRules& Rules() {
  static const api::FieldRules rules(api::openfga::FieldRulesTable());
  return rules;
}

template <class Message>
void ReadPrintRead(std::string_view text) {
  Message message;
  if (!api::ReadJson(text, message).ok()) return;
  const auto checked = Rules().Check(message, pemba::WallTime());
  if constexpr (std::is_same_v<Message, wire::CheckRequest>) {
    const auto quick = api::openfga::CheckFieldsQuickly(message);
    if (quick == api::openfga::QuickVerdict::kPasses && !checked.ok()) std::abort();
  }
  const auto printed = api::ToJson(message);
  Message again;
  if (!api::ReadJson(printed, again).ok() || api::ToJson(again) != printed) std::abort();
}

// What a plain reader reads, the general one reads alike.
void Compare(const api::openfga::PlainCheck& plain, const wire::CheckRequest& general) {
  wire::CheckRequest same;
  same.set_store_id(std::string(plain.store_id));
  same.set_authorization_model_id(std::string(plain.model_id));
  same.set_consistency(plain.consistency);
  if (general.has_tuple_key()) same.mutable_tuple_key();
  if (const auto& p = plain; !(p.user.empty() && p.relation.empty() && p.object.empty())) {
    same.mutable_tuple_key()->set_user(std::string(p.user));
    same.mutable_tuple_key()->set_relation(std::string(p.relation));
    same.mutable_tuple_key()->set_object(std::string(p.object));
  }
  if (!MessageDifferencer::Equals(same, general)) std::abort();
  if (CheckFieldsQuickly(plain) == api::openfga::QuickVerdict::kPasses &&
      !Rules().Check(general, pemba::WallTime()).ok()) {
    std::abort();
  }
}

void CompareWithThePlainReaders(std::string_view text) {
  using api::openfga::QuickRead;
  api::openfga::PlainCheck from_json, from_protobuf;
  if (ReadPlainCheckJson(text, from_json) == QuickRead::kDone) {
    wire::CheckRequest general;
    if (!api::ReadJson(text, general).ok()) std::abort();
    Compare(from_json, general);
  }
  if (ReadPlainCheckProtobuf(text, from_protobuf) == QuickRead::kDone) {
    wire::CheckRequest general;
    if (!general.ParseFromArray(text.data(), static_cast<int>(text.size()))) std::abort();
    Compare(from_protobuf, general);
  }
}

template <class Keys>
void SetKeys(const std::vector<pemba::tuple::TupleView>& tuples, Keys& keys) {
  for (const auto& t : tuples) {
    auto& key = *keys.add_tuple_keys();
    key.set_user(std::string(t.subject));
    key.set_relation(std::string(t.relation));
    key.set_object(std::string(t.object));
  }
}

void CompareWithThePlainReaderOfWrites(std::string_view bytes) {
  api::openfga::PlainWrite plain;
  if (ReadPlainWrite(bytes, plain) != api::openfga::QuickRead::kDone) return;
  wire::WriteRequest general;
  if (!general.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) std::abort();
  wire::WriteRequest same;
  same.set_store_id(std::string(plain.store_id));
  same.set_authorization_model_id(std::string(plain.model_id));
  if (general.has_writes()) {
    SetKeys(plain.writes, *same.mutable_writes());
    same.mutable_writes()->set_on_duplicate(std::string(plain.on_duplicate));
  }
  if (general.has_deletes()) {
    SetKeys(plain.deletes, *same.mutable_deletes());
    same.mutable_deletes()->set_on_missing(std::string(plain.on_missing));
  }
  if (!MessageDifferencer::Equals(same, general)) std::abort();
  if (CheckFieldsQuickly(plain) == api::openfga::QuickVerdict::kPasses &&
      !Rules().Check(general, pemba::WallTime()).ok()) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ReadPrintRead<wire::CheckRequest>(text);
  ReadPrintRead<wire::BatchCheckRequest>(text);
  ReadPrintRead<wire::WriteRequest>(text);
  ReadPrintRead<wire::ReadChangesRequest>(text);
  ReadPrintRead<wire::WriteAuthorizationModelRequest>(text);
  CompareWithThePlainReaders(text);
  CompareWithThePlainReaderOfWrites(text);
  return 0;
}
