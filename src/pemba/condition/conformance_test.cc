// Runs the published conformance cases of the expression language. Cases outside of what
// conditions can say are left out; the test prints how many, file by file, and why.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>

#include <gtest/gtest.h>

#include "pemba/condition/internal/evaluator.h"
#include "pemba/condition/internal/expression.h"
#include "pemba/condition/internal/message.h"
#include "pemba/condition/internal/number.h"
#include "pemba/condition/testing/text_proto.h"

namespace pemba::condition::internal {
namespace {

using testing::TextMessage;

constexpr std::string_view kTypeUrl = "[type.googleapis.com/";

// A message of the text form as a value; nothing if it is of a message type that we do not have.
class ValueReader {
 public:
  explicit ValueReader(Arena& arena) : arena_(arena) {}

  std::optional<Value> Read(const TextMessage& message) {
    if (message.fields.size() != 1) return std::nullopt;
    const auto& field = message.fields[0];
    if (field.name == "null_value") return Value::Null();
    if (field.name == "bool_value") return Value::Bool(field.text == "true");
    if (field.name == "int64_value") return Integer(field.text);
    if (field.name == "uint64_value") return Natural(field.text);
    if (field.name == "double_value") return Double(field.text);
    if (field.name == "string_value") return Value::String(arena_.Copy(field.text));
    if (field.name == "bytes_value") return Value::Bytes(arena_.Copy(field.text));
    if (field.name == "type_value") return Value::Type(arena_.Copy(field.text));
    if (field.name == "list_value") return List(field.message);
    if (field.name == "map_value") return Map(field.message);
    if (field.name == "object_value") return Object(field.message);
    return std::nullopt;
  }

 private:
  static std::optional<Value> Integer(std::string_view text) {
    const auto number = ParseInt(text);
    return number ? std::optional(Value::Int(*number)) : std::nullopt;
  }
  static std::optional<Value> Natural(std::string_view text) {
    const auto number = ParseUint(text);
    return number ? std::optional(Value::Uint(*number)) : std::nullopt;
  }
  static std::optional<Value> Double(std::string_view text) {
    const auto number = ParseDouble(text);
    return number ? std::optional(Value::Double(*number)) : std::nullopt;
  }

  std::optional<Value> List(const TextMessage& message) {
    const auto fields = message.All("values");
    const auto elements = arena_.NewArray<Value>(fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const auto element = Read(fields[i]->message);
      if (!element) return std::nullopt;
      elements[i] = *element;
    }
    return Value::List(elements.data(), elements.size());
  }

  std::optional<Value> Map(const TextMessage& message) {
    const auto fields = message.All("entries");
    const auto entries = arena_.NewArray<MapEntry>(fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const auto key = Read(fields[i]->message.Message("key"));
      const auto value = Read(fields[i]->message.Message("value"));
      if (!key || !value) return std::nullopt;
      entries[i] = {*key, *value};
    }
    if (SortEntries(entries.data(), entries.size())) return std::nullopt;
    return Value::Map(entries.data(), entries.size());
  }

  // A message inside of an Any, its type in brackets.
  std::optional<Value> Object(const TextMessage& message) {
    if (message.fields.size() != 1) return std::nullopt;
    const auto& field = message.fields[0];
    auto type = std::string_view(field.name);
    if (!type.starts_with(kTypeUrl)) return std::nullopt;
    type = type.substr(kTypeUrl.size(), type.size() - kTypeUrl.size() - 1);
    const auto found = FindMessage(type);
    if (!found) return std::nullopt;
    switch (*found) {
      case MessageKind::kTimestamp:
        return Value::Timestamp(Number(field.message, "seconds"),
                                static_cast<std::uint32_t>(Number(field.message, "nanos")));
      case MessageKind::kDuration:
        return Value::Duration(Number(field.message, "seconds") * 1'000'000'000 +
                               Number(field.message, "nanos"));
      case MessageKind::kListValue:
        return JsonList(field.message);
      case MessageKind::kStruct:
        return JsonObject(field.message);
      case MessageKind::kValue:
        return Json(field.message);
      default:
        return Wrapper(*found, field.message.Text("value"));
    }
  }

  static std::int64_t Number(const TextMessage& message, std::string_view name) {
    return ParseInt(message.Text(name)).value_or(0);
  }

  std::optional<Value> Wrapper(MessageKind kind, const std::string& text) {
    switch (kind) {
      case MessageKind::kBoolValue:
        return Value::Bool(text == "true");
      case MessageKind::kBytesValue:
        return Value::Bytes(arena_.Copy(text));
      case MessageKind::kStringValue:
        return Value::String(arena_.Copy(text));
      case MessageKind::kDoubleValue:
      case MessageKind::kFloatValue:
        return Double(text);
      case MessageKind::kInt32Value:
      case MessageKind::kInt64Value:
        return Integer(text);
      default:
        return Natural(text);
    }
  }

  std::optional<Value> Json(const TextMessage& message) {
    if (message.fields.size() != 1) return std::nullopt;
    const auto& field = message.fields[0];
    if (field.name == "null_value") return Value::Null();
    if (field.name == "bool_value") return Value::Bool(field.text == "true");
    if (field.name == "number_value") return Double(field.text);
    if (field.name == "string_value") return Value::String(arena_.Copy(field.text));
    if (field.name == "list_value") return JsonList(field.message);
    return field.name == "struct_value" ? JsonObject(field.message) : std::nullopt;
  }

  std::optional<Value> JsonList(const TextMessage& message) {
    const auto fields = message.All("values");
    const auto elements = arena_.NewArray<Value>(fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const auto element = Json(fields[i]->message);
      if (!element) return std::nullopt;
      elements[i] = *element;
    }
    return Value::List(elements.data(), elements.size());
  }

  std::optional<Value> JsonObject(const TextMessage& message) {
    const auto fields = message.All("fields");
    const auto entries = arena_.NewArray<MapEntry>(fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const auto value = Json(fields[i]->message.Message("value"));
      if (!value) return std::nullopt;
      entries[i] = {Value::String(arena_.Copy(fields[i]->message.Text("key"))), *value};
    }
    if (SortEntries(entries.data(), entries.size())) return std::nullopt;
    return Value::Map(entries.data(), entries.size());
  }

  Arena& arena_;
};

// A message of the text form as a type; null if it is of a message type that we do not have.
class TypeReader {
 public:
  explicit TypeReader(Arena& arena) : arena_(arena) {}

  const Type* Read(const TextMessage& message) {
    if (message.fields.size() != 1) return nullptr;
    const auto& field = message.fields[0];
    if (field.name == "dyn") return SimpleType(TypeKind::kDyn);
    if (field.name == "null") return SimpleType(TypeKind::kNull);
    if (field.name == "primitive" || field.name == "well_known") return Named(field.text);
    if (field.name == "type_param") return TypeParameter(arena_.Copy(field.text), arena_);
    if (field.name == "type") {
      const Type* type = Read(field.message);
      return type == nullptr ? nullptr : TypeType(type, arena_);
    }
    if (field.name == "list_type") {
      const Type* element = Read(field.message.Message("elem_type"));
      return element == nullptr ? nullptr : ListType(element, arena_);
    }
    if (field.name == "map_type") {
      const Type* key = Read(field.message.Message("key_type"));
      const Type* value = Read(field.message.Message("value_type"));
      return key == nullptr || value == nullptr ? nullptr : MapType(key, value, arena_);
    }
    if (field.name == "message_type") {
      const auto known = FindMessage(field.text);
      return known ? MessageType(*known, arena_) : nullptr;
    }
    if (field.name == "wrapper") {
      const Type* wrapped = Named(field.text);
      return wrapped == nullptr ? nullptr : WrapperType(wrapped, arena_);
    }
    return field.name == "abstract_type" ? Abstract(field.message) : nullptr;
  }

 private:
  static const Type* Named(std::string_view name) {
    constexpr std::pair<std::string_view, TypeKind> kNames[] = {
        {"BOOL", TypeKind::kBool},         {"INT64", TypeKind::kInt},
        {"UINT64", TypeKind::kUint},       {"DOUBLE", TypeKind::kDouble},
        {"STRING", TypeKind::kString},     {"BYTES", TypeKind::kBytes},
        {"DURATION", TypeKind::kDuration}, {"TIMESTAMP", TypeKind::kTimestamp}};
    for (const auto& [text, kind] : kNames) {
      if (text == name) return SimpleType(kind);
    }
    return nullptr;
  }

  const Type* Abstract(const TextMessage& message) {
    std::vector<const Type*> parameters;
    for (const auto* parameter : message.All("parameter_types")) {
      parameters.push_back(Read(parameter->message));
      if (parameters.back() == nullptr) return nullptr;
    }
    return OpaqueType(arena_.Copy(message.Text("name")), parameters, arena_);
  }

  Arena& arena_;
};

// What a case says: the world of the expression, and what should become of it.
class Case {
 public:
  explicit Case(const TextMessage& test)
      : test_(test), types_(arena_), values_(arena_), library_(&Library::Standard()) {
    environment_.library = &library_;
    unchecked_ = test.Text("disable_check") == "true";
  }

  // Empty if the case passes, else what is wrong. Runs without and with folding: constants that
  // fail may fail sooner with it, but nothing else may change.
  std::string Run() {
    if (auto problem = Declare(); !problem.empty()) return problem;
    ExpressionOptions options;
    if (unchecked_) options.check = TypeCheck::kOff;
    if (test_.Text("disable_macros") == "true") options.macros = Macros::kOff;
    const auto text = test_.Text("expr");
    const auto checked = CheckExpression("case", text, environment_, arena_, options);
    if (!checked.ok()) return ExpectsError() ? "" : checked.error().message;
    if (auto problem = CompareType(checked->type); !problem.empty()) return problem;
    if (test_.Text("check_only") == "true") return "";

    const auto plain = Outcome(*checked->root, Folding::kOff);
    if (auto problem = CompareValue(plain); !problem.empty()) return problem;
    const auto folded = Outcome(*checked->root, Folding::kOn);
    if (folded.kind != Kind::kError && !Identical(folded, plain)) {
      return "with constants folded it is " + Show(folded) + ", else " + Show(plain);
    }
    return "";
  }

 private:
  bool ExpectsError() const {
    return test_.Find("eval_error") != nullptr || test_.Find("any_eval_errors") != nullptr;
  }

  std::string Declare() {
    for (const auto* declaration : test_.All("type_env")) {
      const auto name = declaration->message.Text("name");
      if (declaration->message.Find("function") != nullptr) {
        for (const auto* overload : declaration->message.Message("function").All("overloads")) {
          if (!DeclareOverload(name, overload->message)) return "cannot read " + name;
        }
        continue;
      }
      const Type* type = types_.Read(declaration->message.Message("ident").Message("type"));
      if (type == nullptr) return "cannot read the type of " + name;
      environment_.variables.push_back({name, type});
    }
    return Bind();
  }

  bool DeclareOverload(const std::string& name, const TextMessage& message) {
    Overload overload;
    for (const auto* parameter : message.All("params")) {
      overload.parameters.push_back(types_.Read(parameter->message));
      if (overload.parameters.back() == nullptr) return false;
    }
    overload.result = types_.Read(message.Message("result_type"));
    if (overload.result == nullptr) return false;
    library_.Declare(name, std::move(overload));
    return true;
  }

  // Variables without value stay unknown; without check, values declare their variables.
  std::string Bind() {
    std::map<std::string, Value> bound;
    for (const auto* binding : test_.All("bindings")) {
      const auto name = binding->message.Text("key");
      const auto value = values_.Read(binding->message.Message("value").Message("value"));
      if (!value) return "cannot read the value of " + name;
      bound[name] = *value;
      if (unchecked_ && !environment_.FindVariable(name)) {
        environment_.variables.push_back({name, SimpleType(TypeKind::kDyn)});
      }
    }
    for (const auto& variable : environment_.variables) {
      const auto found = bound.find(variable.name);
      variables_.push_back(found == bound.end() ? Value::Error("no such attribute")
                                                : found->second);
    }
    return "";
  }

  Value Outcome(const Node& root, Folding folding) {
    auto plan = MakePlan(root, environment_, folding);
    if (!plan.ok()) return Value::Error(arena_.Copy(plan.error().message));
    plans_.push_back(*std::move(plan));
    return Evaluate(*plans_.back(), variables_, kNoCostLimit, arena_).value;
  }

  std::string CompareType(const Type* type) {
    const auto* wanted_text = test_.Message("typed_result").Find("deduced_type");
    if (wanted_text == nullptr) return "";
    const Type* wanted = types_.Read(wanted_text->message);
    if (wanted == nullptr) return "cannot read the deduced type";
    if (type != nullptr && Same(*type, *wanted)) return "";
    return "type is " + (type == nullptr ? "unchecked" : ToText(*type)) + ", not " +
           ToText(*wanted);
  }

  std::string CompareValue(const Value& value) {
    if (ExpectsError()) {
      return value.kind == Kind::kError ? "" : "no error but " + Show(value);
    }
    const TextMessage* message = nullptr;
    if (const auto* field = test_.Find("value")) message = &field->message;
    if (const auto* field = test_.Message("typed_result").Find("result")) message = &field->message;
    const auto wanted = message == nullptr ? Value::Bool(true) : values_.Read(*message);
    if (!wanted) return "cannot read the wanted value";
    if (Identical(value, *wanted)) return "";
    return "value is " + Show(value) + ", not " + Show(*wanted);
  }

  static std::string Show(const Value& value) {
    return std::string(TypeName(value.kind)) + " " + ToText(value);
  }

  // Stricter than Equal: numbers are of the same kind, and NaN is NaN.
  static bool Identical(const Value& a, const Value& b) {
    if (a.kind != b.kind) return false;
    if (a.kind == Kind::kDouble && std::isnan(a.real)) return std::isnan(b.real);
    if (a.kind == Kind::kDouble && a.real == b.real) {
      return std::signbit(a.real) == std::signbit(b.real);
    }
    if (a.kind == Kind::kError || a.kind == Kind::kUnknown) return true;
    if (a.kind == Kind::kList) {
      return a.size == b.size && std::equal(a.elements, a.elements + a.size, b.elements, Identical);
    }
    if (a.kind == Kind::kMap) {
      return a.size == b.size && std::equal(a.entries, a.entries + a.size, b.entries,
                                            [](const MapEntry& x, const MapEntry& y) {
                                              return Identical(x.key, y.key) &&
                                                     Identical(x.value, y.value);
                                            });
    }
    return Equal(a, b);
  }

  const TextMessage& test_;
  bool unchecked_ = false;
  Arena arena_;
  TypeReader types_;
  ValueReader values_;
  Library library_;
  Environment environment_;
  std::vector<Value> variables_;
  std::vector<std::unique_ptr<const Plan>> plans_;
};

// Whether a text occurs anywhere in a message: names, scalars, sub-messages.
bool Mentions(const TextMessage& message, std::string_view text) {
  for (const auto& field : message.fields) {
    if (field.name.find(text) != field.name.npos || field.text.find(text) != field.text.npos ||
        Mentions(field.message, text)) {
      return true;
    }
  }
  return false;
}

// Cases that no condition can express, for the reason given. Everything else has to pass.
std::optional<std::string> WhyLeftOut(const TextMessage& test) {
  if (!test.Text("container").empty()) return "container";
  if (Mentions(test, "TestAllTypes")) return "message type of the tests";
  if (Mentions(test, "optional.")) return "optional types";
  return std::nullopt;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Tally {
  int total = 0;
  int passed = 0;
  std::map<std::string, int> left_out;
};

void RunFile(const std::filesystem::path& path, Tally& tally) {
  const auto file = testing::ParseTextProto(ReadFile(path));
  ASSERT_TRUE(file.ok()) << path << ": " << file.error().message;
  for (const auto* section : file->All("section")) {
    for (const auto* test : section->message.All("test")) {
      ++tally.total;
      if (const auto reason = WhyLeftOut(test->message)) {
        ++tally.left_out[*reason];
        continue;
      }
      const auto problem = Case(test->message).Run();
      if (problem.empty()) {
        ++tally.passed;
      } else {
        ADD_FAILURE() << path.stem().string() << "/" << section->message.Text("name") << "/"
                      << test->message.Text("name") << ": " << test->message.Text("expr") << "\n"
                      << problem;
      }
    }
  }
}

TEST(Conformance, EveryCaseThatAppliesPasses) {
  const std::filesystem::path folder =
      std::filesystem::path(PEMBA_SOURCE_DIR) / ".." / "shared" / "conformance" / "cel-spec";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no conformance data at " << folder;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".textproto") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  ASSERT_FALSE(files.empty());
  for (const auto& path : files) {
    Tally tally;
    RunFile(path, tally);
    std::cout << path.stem().string() << ": " << tally.passed << " of " << tally.total << " pass";
    for (const auto& [reason, count] : tally.left_out) {
      std::cout << ", " << count << " left out (" << reason << ")";
    }
    std::cout << "\n";
    EXPECT_GT(tally.total, 0) << path;
  }
}

}  // namespace
}  // namespace pemba::condition::internal
