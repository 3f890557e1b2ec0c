#include "pemba/condition/internal/library.h"

#include <array>

#include "pemba/base/assert.h"

namespace pemba::condition::internal {
namespace {

const Type* DynList() {
  static Arena arena;
  static const Type* const kType = ListType(SimpleType(TypeKind::kDyn), arena);
  return kType;
}

const Type* DynMap() {
  static Arena arena;
  static const Type* const kType =
      MapType(SimpleType(TypeKind::kDyn), SimpleType(TypeKind::kDyn), arena);
  return kType;
}

// Reads the signatures of the tables below. They are ours: a mistake is a bug.
class SignatureReader {
 public:
  SignatureReader(std::string_view text, Arena& arena) : rest_(text), arena_(arena) {}

  Overload Read() {
    Overload overload;
    overload.is_member = Accept(".");
    while (!Accept("->")) overload.parameters.push_back(ReadType());
    overload.result = ReadType();
    PEMBA_CHECK(rest_.empty());
    return overload;
  }

 private:
  bool Accept(std::string_view text) {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  const Type* ReadType() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
    const auto name = rest_.substr(0, rest_.find_first_of(" (),"));
    PEMBA_CHECK(!name.empty());
    rest_.remove_prefix(name.size());
    if (name.size() == 1) return TypeParameter(name, arena_);
    std::vector<const Type*> parameters;
    if (Accept("(")) {
      do {
        parameters.push_back(ReadType());
      } while (Accept(","));
      PEMBA_CHECK(Accept(")"));
    }
    if (name == "list") return ListType(parameters.at(0), arena_);
    if (name == "map") return MapType(parameters.at(0), parameters.at(1), arena_);
    if (name == "type") return TypeType(parameters.at(0), arena_);
    if (name == "dyn") return SimpleType(TypeKind::kDyn);
    if (name == "timestamp") return SimpleType(TypeKind::kTimestamp);
    if (name == "duration") return SimpleType(TypeKind::kDuration);
    if (name == "IPAddress") return IpAddressType();
    const Type* type = NamedType(name);
    PEMBA_CHECK(type != nullptr);
    return type;
  }

  std::string_view rest_;
  Arena& arena_;
};

void DeclareOperators(Library& library) {
  using F = Function;
  using C = CostRule;
  library.Declare("_&&_", F::kAnd, "bool bool -> bool", C::kNothing);
  library.Declare("_||_", F::kOr, "bool bool -> bool", C::kNothing);
  library.Declare("_?_:_", F::kConditional, "bool A A -> A", C::kNothing);
  library.Declare("@not_strictly_false", F::kNotStrictlyFalse, "bool -> bool");
  library.Declare("!_", F::kNot, "bool -> bool");
  library.Declare("-_", F::kNegate, "double -> double");
  library.Declare("-_", F::kNegate, "int -> int");

  library.Declare("_==_", F::kEqual, "A A -> bool", C::kSmaller);
  library.Declare("_!=_", F::kNotEqual, "A A -> bool", C::kSmaller);
  constexpr std::array<std::pair<std::string_view, Function>, 4> kOrderings{
      {{"_<_", F::kLess},
       {"_<=_", F::kLessEqual},
       {"_>_", F::kGreater},
       {"_>=_", F::kGreaterEqual}}};
  for (const auto& [name, function] : kOrderings) {
    library.Declare(name, function, "bool bool -> bool");
    library.Declare(name, function, "int int -> bool");
    library.Declare(name, function, "uint uint -> bool");
    library.Declare(name, function, "double double -> bool");
    library.Declare(name, function, "string string -> bool", C::kSmaller);
    library.Declare(name, function, "bytes bytes -> bool", C::kSmaller);
    library.Declare(name, function, "timestamp timestamp -> bool");
    library.Declare(name, function, "duration duration -> bool");
  }

  library.Declare("_+_", F::kAdd, "bytes bytes -> bytes", C::kSum);
  library.Declare("_+_", F::kAdd, "double double -> double");
  library.Declare("_+_", F::kAdd, "duration duration -> duration");
  library.Declare("_+_", F::kAdd, "duration timestamp -> timestamp");
  library.Declare("_+_", F::kAdd, "timestamp duration -> timestamp");
  library.Declare("_+_", F::kAdd, "int int -> int");
  library.Declare("_+_", F::kAdd, "list(A) list(A) -> list(A)");
  library.Declare("_+_", F::kAdd, "string string -> string", C::kSum);
  library.Declare("_+_", F::kAdd, "uint uint -> uint");
  library.Declare("_-_", F::kSubtract, "double double -> double");
  library.Declare("_-_", F::kSubtract, "duration duration -> duration");
  library.Declare("_-_", F::kSubtract, "int int -> int");
  library.Declare("_-_", F::kSubtract, "timestamp duration -> timestamp");
  library.Declare("_-_", F::kSubtract, "timestamp timestamp -> duration");
  library.Declare("_-_", F::kSubtract, "uint uint -> uint");
  constexpr std::array<std::string_view, 3> kNumeric{"double double -> double", "int int -> int",
                                                     "uint uint -> uint"};
  for (const auto signature : kNumeric) {
    library.Declare("_*_", F::kMultiply, signature);
    library.Declare("_/_", F::kDivide, signature);
  }
  library.Declare("_%_", F::kModulo, "int int -> int");
  library.Declare("_%_", F::kModulo, "uint uint -> uint");

  library.Declare("_[_]", F::kIndex, "list(A) int -> A");
  library.Declare("_[_]", F::kIndex, "map(A, B) A -> B");
  library.Declare("@in", F::kIn, "A list(A) -> bool", C::kSecondList);
  library.Declare("@in", F::kIn, "A map(A, B) -> bool");
}

void DeclareText(Library& library) {
  using F = Function;
  using C = CostRule;
  for (const auto* signature :
       {"string -> int", "bytes -> int", "list(A) -> int", "map(A, B) -> int", ".string -> int",
        ".bytes -> int", ".list(A) -> int", ".map(A, B) -> int"}) {
    library.Declare("size", F::kSize, signature);
  }
  library.Declare("contains", F::kContains, ".string string -> bool", C::kContains);
  library.Declare("startsWith", F::kStartsWith, ".string string -> bool", C::kFirstText);
  library.Declare("endsWith", F::kEndsWith, ".string string -> bool", C::kFirstText);
  // As a function it costs one whatever its arguments; the wire's other servers count that way.
  library.Declare("matches", F::kMatches, "string string -> bool");
  library.Declare("matches", F::kMatches, ".string string -> bool", C::kMatches);
}

void DeclareConversions(Library& library) {
  using F = Function;
  const auto declare = [&](std::string_view name, Function function,
                           std::initializer_list<std::string_view> from) {
    for (const auto type : from) {
      const bool walks_text =
          (name == "string" && type == "bytes") || (name == "bytes" && type == "string");
      library.Declare(name, function, std::string(type) + " -> " + std::string(name),
                      walks_text ? CostRule::kFirstText : CostRule::kOne);
    }
  };
  library.Declare("type", F::kType, "A -> type(A)");
  library.Declare("dyn", F::kToDyn, "A -> dyn");
  declare("bool", F::kToBool, {"bool", "string"});
  declare("bytes", F::kToBytes, {"bytes", "string"});
  declare("double", F::kToDouble, {"double", "int", "string", "uint"});
  declare("duration", F::kToDuration, {"duration", "int", "string"});
  declare("int", F::kToInt, {"int", "double", "duration", "string", "timestamp", "uint"});
  declare("string", F::kToString,
          {"string", "bool", "bytes", "double", "duration", "int", "timestamp", "uint"});
  declare("timestamp", F::kToTimestamp, {"timestamp", "int", "string"});
  declare("uint", F::kToUint, {"uint", "double", "int", "string"});
}

void DeclareTime(Library& library) {
  using F = Function;
  constexpr std::array<std::pair<std::string_view, Function>, 10> kGetters{
      {{"getFullYear", F::kGetFullYear},
       {"getMonth", F::kGetMonth},
       {"getDate", F::kGetDate},
       {"getDayOfMonth", F::kGetDayOfMonth},
       {"getDayOfWeek", F::kGetDayOfWeek},
       {"getDayOfYear", F::kGetDayOfYear},
       {"getHours", F::kGetHours},
       {"getMinutes", F::kGetMinutes},
       {"getSeconds", F::kGetSeconds},
       {"getMilliseconds", F::kGetMilliseconds}}};
  for (const auto& [name, function] : kGetters) {
    library.Declare(name, function, ".timestamp -> int");
    library.Declare(name, function, ".timestamp string -> int");
    if (function >= F::kGetHours) library.Declare(name, function, ".duration -> int");
  }
}

void DeclareIpAddress(Library& library) {
  library.Declare("ipaddress", Function::kIpAddress, "string -> IPAddress");
  library.Declare("in_cidr", Function::kInCidr, ".IPAddress string -> bool");
}

}  // namespace

const Type* IpAddressType() {
  static const Type kType{.kind = TypeKind::kOpaque, .name = "IPAddress", .parameters = {}};
  return &kType;
}

const Library& Library::Standard() {
  static const Library& library = *[] {
    auto* made = new Library(nullptr);  // Never deleted: programs of any lifetime refer to it.
    DeclareOperators(*made);
    DeclareText(*made);
    DeclareConversions(*made);
    DeclareTime(*made);
    DeclareIpAddress(*made);
    return made;
  }();
  return library;
}

void Library::Declare(std::string_view name, Function function, std::string_view signature,
                      CostRule cost) {
  auto overload = SignatureReader(arena_.Copy(signature), arena_).Read();
  overload.function = function;
  overload.cost = cost;
  Declare(name, std::move(overload));
}

void Library::Declare(std::string_view name, Overload overload) {
  functions_[std::string(name)].push_back(std::move(overload));
}

const std::vector<Overload>* Library::Find(std::string_view name) const {
  const auto found = functions_.find(name);
  if (found != functions_.end()) return &found->second;
  return base_ == nullptr ? nullptr : base_->Find(name);
}

Function Library::FindFunction(std::string_view name) const {
  const auto* overloads = Find(name);
  return overloads == nullptr ? Function::kNone : overloads->front().function;
}

bool IsConversion(Function function) {
  return function >= Function::kToBool && function <= Function::kToUint;
}

const Type* NamedType(std::string_view name) {
  struct Row {
    std::string_view name;
    TypeKind kind;
  };
  constexpr std::array<Row, 9> kRows{{{"bool", TypeKind::kBool},
                                      {"bytes", TypeKind::kBytes},
                                      {"double", TypeKind::kDouble},
                                      {"int", TypeKind::kInt},
                                      {"null_type", TypeKind::kNull},
                                      {"string", TypeKind::kString},
                                      {"uint", TypeKind::kUint},
                                      {"google.protobuf.Timestamp", TypeKind::kTimestamp},
                                      {"google.protobuf.Duration", TypeKind::kDuration}}};
  for (const auto& row : kRows) {
    if (row.name == name) return SimpleType(row.kind);
  }
  if (name == "list") return DynList();
  if (name == "map") return DynMap();
  return name == "type" ? SimpleType(TypeKind::kType) : nullptr;
}

}  // namespace pemba::condition::internal
