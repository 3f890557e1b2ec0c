#include "pemba/api/openfga/plain_check.h"

#include <cstddef>
#include <optional>

#include "pemba/api/openfga/internal/protobuf_fields.h"
#include "pemba/api/patterns.h"
#include "pemba/base/text.h"

namespace pemba::api::openfga {
namespace {

using internal::kLengthDelimited;
using internal::kVarint;
using internal::ProtobufFields;
using internal::ReadPlainKey;
using internal::Tag;
using internal::Take;
using internal::TakeTextOnce;

// Compact and plain JSON text, piece by piece.
class JsonText {
 public:
  explicit JsonText(std::string_view text) : rest_(text) {}

  // Takes `c` and the white space before it.
  bool Take(char c) {
    SkipSpace();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool AtEnd() {
    SkipSpace();
    return rest_.empty();
  }
  // A string without escapes.
  std::optional<std::string_view> TakeString() {
    if (!Take('"')) return std::nullopt;
    const auto end = rest_.find('"');
    if (end == rest_.npos) return std::nullopt;
    const auto text = rest_.substr(0, end);
    // What is not ASCII is for the general reader: there is little of it.
    if (!IsPrintableAscii(text) || text.find('\\') != text.npos) return std::nullopt;
    rest_.remove_prefix(end + 1);
    return text;
  }

 private:
  void SkipSpace() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n' ||
                              rest_.front() == '\r' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }
  std::string_view rest_;
};

// Calls `read_value` with the name of each member.
template <class ReadValue>
bool ReadObject(JsonText& text, ReadValue read_value) {
  if (!text.Take('{')) return false;
  if (text.Take('}')) return true;
  do {
    const auto name = text.TakeString();
    if (!name || !text.Take(':') || !read_value(*name)) return false;
  } while (text.Take(','));
  return text.Take('}');
}

bool TakeStringOnce(JsonText& text, std::string_view& out, unsigned field, unsigned& seen) {
  const auto value = text.TakeString();
  return value && Take(*value, out, field, seen);
}

bool ReadKeyJson(JsonText& text, PlainCheck& question) {
  unsigned seen = 0;
  return ReadObject(text, [&](std::string_view name) {
    if (name == "user") return TakeStringOnce(text, question.user, 1, seen);
    if (name == "relation") return TakeStringOnce(text, question.relation, 2, seen);
    if (name == "object") return TakeStringOnce(text, question.object, 4, seen);
    return false;
  });
}

}  // namespace

QuickRead ReadPlainCheckProtobuf(std::string_view bytes, PlainCheck& question) {
  unsigned seen = 0;
  for (ProtobufFields fields(bytes); !fields.empty();) {
    const auto tag = fields.TakeByte();
    switch (tag) {
      case Tag(1, kLengthDelimited):
      case Tag(4, kLengthDelimited): {
        auto& out = tag == Tag(1, kLengthDelimited) ? question.store_id : question.model_id;
        if (!TakeTextOnce(fields, tag, out, seen)) return QuickRead::kNotPlain;
        break;
      }
      case Tag(2, kLengthDelimited): {
        const auto key = fields.TakeBytes();
        std::string_view once;
        if (!key || !Take(*key, once, 1u << tag / 8, seen) ||
            !ReadPlainKey(*key, question.user, question.relation, question.object)) {
          return QuickRead::kNotPlain;
        }
        break;
      }
      case Tag(7, kVarint): {
        const auto number = fields.TakeNumber();
        std::string_view once;
        if (!number || !Take({}, once, 1u << tag / 8, seen)) return QuickRead::kNotPlain;
        question.consistency = static_cast<::openfga::v1::ConsistencyPreference>(*number);
        break;
      }
      default:
        return QuickRead::kNotPlain;
    }
  }
  return QuickRead::kDone;
}

QuickRead ReadPlainCheckJson(std::string_view body, PlainCheck& question) {
  JsonText text(body);
  unsigned seen = 0;
  const bool read = ReadObject(text, [&](std::string_view name) {
    if (name == "tuple_key") {
      std::string_view once;
      return Take({}, once, 1, seen) && ReadKeyJson(text, question);
    }
    if (name == "authorization_model_id") {
      return TakeStringOnce(text, question.model_id, 2, seen);
    }
    if (name == "store_id") return TakeStringOnce(text, question.store_id, 4, seen);
    return false;
  });
  return read && text.AtEnd() ? QuickRead::kDone : QuickRead::kNotPlain;
}

QuickVerdict CheckFieldsQuickly(const PlainCheck& question) {
  const bool passes = kUlidPattern.matches(question.store_id) &&
                      (question.model_id.empty() || kUlidPattern.matches(question.model_id)) &&
                      (question.kind != nullptr || (kUserPattern.matches(question.user) &&
                                                    kRelationPattern.matches(question.relation) &&
                                                    kObjectPattern.matches(question.object))) &&
                      ::openfga::v1::ConsistencyPreference_IsValid(question.consistency);
  return passes ? QuickVerdict::kPasses : QuickVerdict::kAskTheTable;
}

QuickVerdict CheckFieldsQuickly(const ::openfga::v1::CheckRequest& request) {
  if (request.has_contextual_tuples()) return QuickVerdict::kAskTheTable;
  const auto& key = request.tuple_key();
  return CheckFieldsQuickly(PlainCheck{.store_id = request.store_id(),
                                       .model_id = request.authorization_model_id(),
                                       .user = key.user(),
                                       .relation = key.relation(),
                                       .object = key.object(),
                                       .consistency = request.consistency()});
}

}  // namespace pemba::api::openfga
