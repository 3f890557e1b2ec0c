#include "pemba/api/field_rules.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include "pemba/base/assert.h"

namespace pemba::api {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;
using Reason = std::optional<std::string>;

// `store_id` -> `StoreId`.
std::string UpperCamel(std::string_view name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    if (c == '_') {
      upper = true;
    } else {
      out.push_back(upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
      upper = false;
    }
  }
  return out;
}

std::string QuotedPattern(const Pattern& pattern) {
  std::string out = "\"";
  for (const char c : pattern.text) {
    if (c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

std::string DoesNotMatch(const Pattern& pattern) {
  return "value does not match regex pattern " + QuotedPattern(pattern);
}

Reason CheckString(std::string_view text, const Rule& rule) {
  if (rule.unless_empty && text.empty()) return {};
  switch (rule.kind) {
    case Rule::Kind::kPattern:
      if (!rule.pattern->matches(text)) return DoesNotMatch(*rule.pattern);
      return {};
    case Rule::Kind::kBytes:
      if (text.size() >= rule.min && text.size() <= rule.max) return {};
      if (rule.min == 0) {
        return "value length must be at most " + std::to_string(rule.max) + " bytes";
      }
      return "value length must be between " + std::to_string(rule.min) + " and " +
             std::to_string(rule.max) + " bytes, inclusive";
    default:
      if (text != "1.0" && text != "1.1" && text != "1.2") {
        return "value must be in list [1.0 1.1 1.2]";
      }
      return {};
  }
}

Reason CheckCount(std::size_t count, const Rule& rule) {
  if (count >= rule.min && count <= rule.max) return {};
  if (rule.kind == Rule::Kind::kPairsMax) {
    return "value must contain no more than " + std::to_string(rule.max) + " pair(s)";
  }
  if (rule.min == rule.max) {
    return "value must contain exactly " + std::to_string(rule.min) + " item(s)";
  }
  if (count < rule.min) {
    return "value must contain at least " + std::to_string(rule.min) + " item(s)";
  }
  return "value must contain no more than " + std::to_string(rule.max) + " item(s)";
}

Reason CheckNumber(std::int64_t number, const Rule& rule) {
  if (number >= rule.min && number <= rule.max) return {};
  if (rule.kind == Rule::Kind::kMin) {
    return "value must be greater than or equal to " + std::to_string(rule.min);
  }
  if (rule.kind == Rule::Kind::kMax) {
    return "value must be less than or equal to " + std::to_string(rule.max);
  }
  return "value must be inside range [" + std::to_string(rule.min) + ", " +
         std::to_string(rule.max) + "]";
}

Reason CheckPast(const pb::Timestamp& time, WallTime now) {
  constexpr std::int64_t kFirst = -62'135'596'800;  // 0001-01-01T00:00:00Z
  constexpr std::int64_t kLast = 253'402'300'799;   // 9999-12-31T23:59:59Z
  if (time.seconds() < kFirst || time.seconds() > kLast || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    return "value is not a valid timestamp";
  }
  const auto nanoseconds = now.time_since_epoch().count();
  const std::pair<std::int64_t, std::int64_t> at{time.seconds(), time.nanos()};
  if (at >= std::pair{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000}) {
    return "value must be less than now";
  }
  return {};
}

struct FieldPlan {
  const Field* field;
  std::string name;         // UpperCamel, as texts have it.
  std::vector<Rule> rules;  // In table order.
  bool enters = false;      // The field holds messages that have plans of their own.
};

struct MessagePlan {
  std::vector<FieldPlan> fields;  // In the order of checks; only those with something to check.
};

// One look at one request.
struct Pass {
  WallTime now;
  std::size_t room = 4096;  // Bytes of text that may still be found.

  bool full() const { return room == 0; }
  void Take(std::size_t bytes) { room -= std::min(room, bytes); }
};

// The fields of a type: members of oneofs last, and of these the merely optional ones.
std::vector<const Field*> InOrderOfChecks(const pb::Descriptor& type) {
  std::vector<const Field*> out;
  for (int i = 0; i < type.field_count(); ++i) out.push_back(type.field(i));
  const auto rank = [](const Field* field) {
    if (field->containing_oneof() == nullptr) return 0;
    return field->real_containing_oneof() != nullptr ? 1 : 2;
  };
  std::stable_sort(out.begin(), out.end(),
                   [&](const Field* a, const Field* b) { return rank(a) < rank(b); });
  return out;
}

}  // namespace

class FieldRules::Impl {
 public:
  explicit Impl(std::span<const FieldRule> table) {
    const auto& pool = *pb::DescriptorPool::generated_pool();
    boost::unordered_flat_map<const Field*, std::vector<Rule>> rules;
    for (const auto& row : table) {
      const auto* type = pool.FindMessageTypeByName(std::string(row.message));
      PEMBA_CHECK(type != nullptr);
      const auto* field = type->FindFieldByName(std::string(row.field));
      PEMBA_CHECK(field != nullptr);
      rules[field].push_back(row.rule);
    }
    // A message needs a plan if it has rules or holds a message that needs one; grow the set until
    // it is closed (types are recursive). Then plan.
    std::vector<const pb::Descriptor*> types;
    for (const auto& row : table) {
      CollectFile(*pool.FindMessageTypeByName(std::string(row.message))->file(), types);
    }
    for (const auto& [field, unused] : rules) plans_[field->containing_type()];
    for (bool grown = true; grown;) {
      grown = false;
      for (const auto* type : types) {
        if (plans_.contains(type)) continue;
        for (int i = 0; i < type->field_count(); ++i) {
          if (Enters(*type->field(i))) {
            plans_[type];
            grown = true;
            break;
          }
        }
      }
    }
    for (auto& [type, plan] : plans_) {
      for (const auto* field : InOrderOfChecks(*type)) {
        const auto found = rules.find(field);
        const bool enters = Enters(*field);
        if (found == rules.end() && !enters) continue;
        plan.fields.push_back({field, UpperCamel(field->name()),
                               found == rules.end() ? std::vector<Rule>{} : found->second, enters});
      }
    }
  }

  // The violations of a message; empty if there are none.
  std::string Check(const pb::Message& message, Pass& pass) const {
    std::string out;
    const auto found = plans_.find(message.GetDescriptor());
    if (found == plans_.end()) return out;
    for (const auto& field : found->second.fields) {
      if (pass.full()) break;
      CheckField(message, field, pass, out);
    }
    return out;
  }

 private:
  static void CollectFile(const pb::FileDescriptor& file, std::vector<const pb::Descriptor*>& out) {
    for (int i = 0; i < file.message_type_count(); ++i) Collect(*file.message_type(i), out);
    for (int i = 0; i < file.dependency_count(); ++i) CollectFile(*file.dependency(i), out);
  }
  static void Collect(const pb::Descriptor& type, std::vector<const pb::Descriptor*>& out) {
    if (std::find(out.begin(), out.end(), &type) != out.end()) return;
    out.push_back(&type);
    for (int i = 0; i < type.nested_type_count(); ++i) Collect(*type.nested_type(i), out);
  }

  bool Enters(const Field& field) const {
    if (field.cpp_type() != Field::CPPTYPE_MESSAGE) return false;
    const auto* type = field.message_type();
    if (field.is_map()) type = type->map_value()->message_type();
    return type != nullptr && plans_.contains(type);
  }

  static void Add(const pb::Message& message, std::string_view field, std::string_view reason,
                  std::string& out) {
    if (!out.empty()) out.append("; ");
    out.append("invalid ").append(message.GetDescriptor()->name()).append(".");
    out.append(field).append(": ").append(reason);
  }

  static void Found(const pb::Message& message, std::string_view field, std::string_view reason,
                    Pass& pass, std::string& out) {
    Add(message, field, reason, out);
    pass.Take(field.size() + reason.size());
  }

  void CheckField(const pb::Message& message, const FieldPlan& plan, Pass& pass,
                  std::string& out) const {
    if (plan.field->is_map()) {
      CheckMap(message, plan, pass, out);
    } else if (plan.field->is_repeated()) {
      CheckList(message, plan, pass, out);
    } else if (plan.field->cpp_type() == Field::CPPTYPE_MESSAGE) {
      CheckMessage(message, plan, pass, out);
    } else {
      CheckScalar(message, plan, pass, out);
    }
  }

  void CheckMessage(const pb::Message& message, const FieldPlan& plan, Pass& pass,
                    std::string& out) const {
    const auto& reflection = *message.GetReflection();
    if (!reflection.HasField(message, plan.field)) {
      for (const auto& rule : plan.rules) {
        if (rule.kind != Rule::Kind::kRequired) continue;
        Found(message, plan.name, "value is required", pass, out);
      }
      return;
    }
    const auto& value = reflection.GetMessage(message, plan.field);
    for (const auto& rule : plan.rules) {
      Reason reason;
      if (rule.kind == Rule::Kind::kRange || rule.kind == Rule::Kind::kMin) {
        reason = CheckNumber(static_cast<const pb::Int32Value&>(value).value(), rule);
      } else if (rule.kind == Rule::Kind::kPast) {
        reason = CheckPast(static_cast<const pb::Timestamp&>(value), pass.now);
      }
      if (reason) Found(message, plan.name, *reason, pass, out);
    }
    if (plan.enters) CheckInner(message, plan.name, value, pass, out);
  }

  static void CheckScalar(const pb::Message& message, const FieldPlan& plan, Pass& pass,
                          std::string& out) {
    const auto& reflection = *message.GetReflection();
    // A member of a oneof is checked only when it is the one that is set.
    if (plan.field->has_presence() && !reflection.HasField(message, plan.field)) return;
    for (const auto& rule : plan.rules) {
      Reason reason;
      if (rule.kind == Rule::Kind::kDefined) {
        if (plan.field->enum_type()->FindValueByNumber(
                reflection.GetEnumValue(message, plan.field)) == nullptr) {
          reason = "value must be one of the defined enum values";
        }
      } else if (rule.kind == Rule::Kind::kMax) {
        reason = CheckNumber(reflection.GetUInt32(message, plan.field), rule);
      } else {
        std::string scratch;
        reason = CheckString(reflection.GetStringReference(message, plan.field, &scratch), rule);
      }
      if (reason) Found(message, plan.name, *reason, pass, out);
    }
  }

  void CheckList(const pb::Message& message, const FieldPlan& plan, Pass& pass,
                 std::string& out) const {
    const auto& reflection = *message.GetReflection();
    const int size = reflection.FieldSize(message, plan.field);
    for (const auto& rule : plan.rules) {
      if (auto reason = CheckCount(static_cast<std::size_t>(size), rule)) {
        Found(message, plan.name, *reason, pass, out);
      }
    }
    if (!plan.enters) return;
    for (int i = 0; i < size && !pass.full(); ++i) {
      const auto inner = Check(reflection.GetRepeatedMessage(message, plan.field, i), pass);
      if (!inner.empty()) {
        Add(message, plan.name + "[" + std::to_string(i) + "]", Caused(inner), out);
      }
    }
  }

  void CheckMap(const pb::Message& message, const FieldPlan& plan, Pass& pass,
                std::string& out) const {
    const auto& reflection = *message.GetReflection();
    const auto& key_field = *plan.field->message_type()->map_key();
    const auto& value_field = *plan.field->message_type()->map_value();
    const int size = reflection.FieldSize(message, plan.field);
    for (const auto& rule : plan.rules) {
      if (rule.kind != Rule::Kind::kPairsMax) continue;
      if (auto reason = CheckCount(static_cast<std::size_t>(size), rule)) {
        Found(message, plan.name, *reason, pass, out);
      }
    }
    std::vector<std::pair<std::string, const pb::Message*>> entries;
    for (int i = 0; i < size; ++i) {
      const auto& entry = reflection.GetRepeatedMessage(message, plan.field, i);
      entries.emplace_back(entry.GetReflection()->GetString(entry, &key_field), &entry);
    }
    std::sort(entries.begin(), entries.end());
    for (const auto& [key, entry] : entries) {
      if (pass.full()) return;
      const auto name = [&, &key = key] { return plan.name + "[" + key + "]"; };
      for (const auto& rule : plan.rules) {
        if (rule.kind == Rule::Kind::kKeys && !rule.pattern->matches(key)) {
          Found(message, name(), DoesNotMatch(*rule.pattern), pass, out);
        }
      }
      if (!plan.enters) continue;
      const auto inner = Check(entry->GetReflection()->GetMessage(*entry, &value_field), pass);
      if (!inner.empty()) Add(message, name(), Caused(inner), out);
    }
  }

  static std::string Caused(std::string_view inner) {
    return std::string("embedded message failed validation | caused by: ").append(inner);
  }

  void CheckInner(const pb::Message& message, std::string_view name, const pb::Message& value,
                  Pass& pass, std::string& out) const {
    const auto inner = Check(value, pass);
    if (!inner.empty()) Add(message, name, Caused(inner), out);
  }

  boost::unordered_flat_map<const pb::Descriptor*, MessagePlan> plans_;
};

FieldRules::FieldRules(std::span<const FieldRule> table) : impl_(new Impl(table)) {}
FieldRules::~FieldRules() = default;

Status FieldRules::Check(const pb::Message& message, WallTime now) const {
  Pass pass{.now = now};
  auto violations = impl_->Check(message, pass);
  if (violations.empty()) return Done{};
  return Error{ErrorCode::kInvalidArgument, std::move(violations)};
}

}  // namespace pemba::api
