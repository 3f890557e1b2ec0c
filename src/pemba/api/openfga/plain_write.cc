#include "pemba/api/openfga/plain_write.h"

#include <cstdint>

#include "pemba/api/openfga/internal/protobuf_fields.h"
#include "pemba/api/patterns.h"

namespace pemba::api::openfga {
namespace {

using internal::kLengthDelimited;
using internal::ProtobufFields;
using internal::ReadPlainKey;
using internal::Tag;
using internal::Take;
using internal::TakeTextOnce;

constexpr std::size_t kUserBytesMax = 512;

// WriteRequestWrites, or WriteRequestDeletes.
QuickRead ReadKeys(std::string_view bytes, std::vector<tuple::TupleView>& keys,
                   std::string_view& option) {
  unsigned seen = 0;
  for (ProtobufFields fields(bytes); !fields.empty();) {
    const auto tag = fields.TakeByte();
    if (tag == Tag(2, kLengthDelimited)) {
      if (!TakeTextOnce(fields, tag, option, seen)) return QuickRead::kNotPlain;
      continue;
    }
    if (tag != Tag(1, kLengthDelimited)) return QuickRead::kNotPlain;
    const auto key = fields.TakeBytes();
    auto& read = keys.emplace_back();
    if (!key || !ReadPlainKey(*key, read.subject, read.relation, read.object)) {
      return QuickRead::kNotPlain;
    }
  }
  return keys.empty() ? QuickRead::kNotPlain : QuickRead::kDone;
}

bool Passes(const tuple::TupleView& key) {
  return key.subject.size() <= kUserBytesMax &&
         (key.relation.empty() || kRelationPattern.matches(key.relation)) &&
         (key.object.empty() || kObjectPattern.matches(key.object));
}

bool Pass(const std::vector<tuple::TupleView>& keys) {
  for (const auto& key : keys) {
    if (!Passes(key)) return false;
  }
  return true;
}

}  // namespace

QuickRead ReadPlainWrite(std::string_view bytes, PlainWrite& write) {
  unsigned seen = 0;
  for (ProtobufFields fields(bytes); !fields.empty();) {
    const auto tag = fields.TakeByte();
    switch (tag) {
      case Tag(1, kLengthDelimited):
      case Tag(4, kLengthDelimited): {
        auto& out = tag == Tag(1, kLengthDelimited) ? write.store_id : write.model_id;
        if (!TakeTextOnce(fields, tag, out, seen)) return QuickRead::kNotPlain;
        break;
      }
      case Tag(2, kLengthDelimited):
      case Tag(3, kLengthDelimited): {
        const bool writes = tag == Tag(2, kLengthDelimited);
        const auto keys = fields.TakeBytes();
        std::string_view once;
        if (!keys || !Take(*keys, once, 1u << tag / 8, seen) ||
            ReadKeys(*keys, writes ? write.writes : write.deletes,
                     writes ? write.on_duplicate : write.on_missing) == QuickRead::kNotPlain) {
          return QuickRead::kNotPlain;
        }
        break;
      }
      default:
        return QuickRead::kNotPlain;
    }
  }
  return QuickRead::kDone;
}

QuickVerdict CheckFieldsQuickly(const PlainWrite& write) {
  const bool passes = kUlidPattern.matches(write.store_id) &&
                      (write.model_id.empty() || kUlidPattern.matches(write.model_id)) &&
                      Pass(write.writes) && Pass(write.deletes);
  return passes ? QuickVerdict::kPasses : QuickVerdict::kAskTheTable;
}

}  // namespace pemba::api::openfga
