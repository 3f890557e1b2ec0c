#include "pemba/condition/internal/type.h"

#include <algorithm>
#include <array>

namespace pemba::condition::internal {
namespace {

const Type* Composite(TypeKind kind, std::string_view name, std::span<const Type* const> parameters,
                      Arena& arena) {
  std::uint32_t weight = 1;
  for (const Type* parameter : parameters) weight += parameter->weight;
  if (weight > kTypeWeightMax) return SimpleType(TypeKind::kDyn);
  const auto copy = arena.NewArray<const Type*>(parameters.size());
  std::copy(parameters.begin(), parameters.end(), copy.begin());
  return arena.New<Type>(kind, name, 0u, weight, copy);
}

bool AcceptsNull(const Type& type) {
  return type.kind == TypeKind::kTimestamp || type.kind == TypeKind::kDuration ||
         type.kind == TypeKind::kOpaque || type.kind == TypeKind::kWrapper ||
         type.kind == TypeKind::kNull;
}

// What a wrapper wraps; any other type is itself.
const Type& Unwrapped(const Type& type) {
  return type.kind == TypeKind::kWrapper ? *type.parameters[0] : type;
}

// Whether `a` says no more than `b` does.
bool IsEqualOrLessSpecific(const Type& a, const Type& b) {
  if (a.kind == TypeKind::kDyn || a.kind == TypeKind::kVariable) return true;
  if (b.kind == TypeKind::kDyn || b.kind == TypeKind::kVariable) return false;
  if (a.kind == TypeKind::kWrapper && b.kind != TypeKind::kWrapper) return Same(Unwrapped(a), b);
  if (a.kind != b.kind || a.name != b.name) return false;
  if (a.kind == TypeKind::kType) return true;
  return std::equal(a.parameters.begin(), a.parameters.end(), b.parameters.begin(),
                    b.parameters.end(),
                    [](const Type* x, const Type* y) { return IsEqualOrLessSpecific(*x, *y); });
}

const Type* MostGeneral(const Type* a, const Type* b) {
  return IsEqualOrLessSpecific(*a, *b) ? a : b;
}

std::string_view SimpleName(TypeKind kind) {
  switch (kind) {
    case TypeKind::kDyn:
      return "dyn";
    case TypeKind::kNull:
      return "null";
    case TypeKind::kBool:
      return "bool";
    case TypeKind::kInt:
      return "int";
    case TypeKind::kUint:
      return "uint";
    case TypeKind::kDouble:
      return "double";
    case TypeKind::kString:
      return "string";
    case TypeKind::kBytes:
      return "bytes";
    case TypeKind::kTimestamp:
      return "timestamp";
    case TypeKind::kDuration:
      return "duration";
    case TypeKind::kList:
      return "list";
    case TypeKind::kMap:
      return "map";
    case TypeKind::kType:
      return "type";
    case TypeKind::kWrapper:
      return "wrapper";
    case TypeKind::kOpaque:
    case TypeKind::kParameter:
    case TypeKind::kVariable:
      return "";
  }
  return "";
}

}  // namespace

const Type* SimpleType(TypeKind kind) {
  static const auto kTypes = [] {
    std::array<Type, static_cast<std::size_t>(TypeKind::kVariable) + 1> types{};
    for (std::size_t i = 0; i < types.size(); ++i) types[i].kind = static_cast<TypeKind>(i);
    return types;
  }();
  return &kTypes[static_cast<std::size_t>(kind)];
}

const Type* ListType(const Type* element, Arena& arena) {
  return Composite(TypeKind::kList, {}, std::span(&element, 1), arena);
}

const Type* MapType(const Type* key, const Type* value, Arena& arena) {
  const std::array<const Type*, 2> parameters{key, value};
  return Composite(TypeKind::kMap, {}, parameters, arena);
}

const Type* TypeType(const Type* type, Arena& arena) {
  return Composite(TypeKind::kType, {}, std::span(&type, 1), arena);
}

const Type* WrapperType(const Type* wrapped, Arena& arena) {
  return Composite(TypeKind::kWrapper, {}, std::span(&wrapped, 1), arena);
}

const Type* OpaqueType(std::string_view name, std::span<const Type* const> parameters,
                       Arena& arena) {
  return Composite(TypeKind::kOpaque, name, parameters, arena);
}

const Type* TypeParameter(std::string_view name, Arena& arena) {
  return Composite(TypeKind::kParameter, name, {}, arena);
}

const Type* WithParameters(const Type& pattern, std::span<const Type* const> parameters,
                           Arena& arena) {
  return Composite(pattern.kind, pattern.name, parameters, arena);
}

bool Same(const Type& a, const Type& b) {
  return a.kind == b.kind && a.name == b.name && a.number == b.number &&
         std::equal(a.parameters.begin(), a.parameters.end(), b.parameters.begin(),
                    b.parameters.end(), [](const Type* x, const Type* y) { return Same(*x, *y); });
}

std::string ToText(const Type& type) {
  std::string text(type.name.empty() ? SimpleName(type.kind) : type.name);
  if (type.kind == TypeKind::kVariable) text = "_var" + std::to_string(type.number);
  if (type.parameters.empty()) return text;
  text += '(';
  for (std::size_t i = 0; i < type.parameters.size(); ++i) {
    if (i > 0) text += ", ";
    text += ToText(*type.parameters[i]);
  }
  return text + ")";
}

std::string RuntimeName(const Type& type) {
  if (type.kind == TypeKind::kTimestamp) return "google.protobuf.Timestamp";
  if (type.kind == TypeKind::kDuration) return "google.protobuf.Duration";
  if (type.kind == TypeKind::kNull) return "null_type";
  return ToText(type);
}

const Type* Substitution::NewVariable() {
  const auto number = static_cast<std::uint32_t>(known_.size());
  known_.push_back(nullptr);
  return arena_.New<Type>(TypeKind::kVariable, std::string_view(), number, 1u,
                          std::span<const Type* const>());
}

bool Substitution::Assignable(const Type* from, const Type* to) {
  if (to->kind == TypeKind::kVariable) {
    const auto fit = Learn(to, from);
    if (fit.fits) return true;
    if (fit.was_known) return false;
  }
  if (from->kind == TypeKind::kVariable) return Learn(from, to).fits;
  if (from->kind == TypeKind::kDyn || to->kind == TypeKind::kDyn) return true;
  if (from->kind == TypeKind::kNull) return AcceptsNull(*to);
  if (to->kind == TypeKind::kNull) return AcceptsNull(*from);
  if (from->kind == TypeKind::kWrapper || to->kind == TypeKind::kWrapper) {
    return Same(Unwrapped(*from), Unwrapped(*to));
  }
  if (from->kind != to->kind || from->name != to->name) return false;
  return from->kind == TypeKind::kType || ParametersAssignable(from, to);
}

bool Substitution::ParametersAssignable(const Type* from, const Type* to) {
  return std::equal(from->parameters.begin(), from->parameters.end(), to->parameters.begin(),
                    to->parameters.end(),
                    [this](const Type* a, const Type* b) { return Assignable(a, b); });
}

Substitution::Fit Substitution::Learn(const Type* variable, const Type* type) {
  if (type->kind == TypeKind::kVariable && type->number == variable->number) return {true, true};
  if (const Type* known = known_[variable->number]) {
    if (Same(*known, *type)) return {true, true};
    if (!Assignable(type, known)) return {false, true};
    const Type* general = MostGeneral(type, known);
    if (!Occurs(variable->number, general)) SetKnown(variable->number, general);
    return {true, true};
  }
  if (Occurs(variable->number, type)) return {false, false};
  SetKnown(variable->number, type);
  return {true, false};
}

void Substitution::SetKnown(std::uint32_t variable, const Type* type) {
  trail_.push_back({variable, known_[variable]});
  known_[variable] = type;
}

bool Substitution::Occurs(std::uint32_t variable, const Type* type) const {
  if (type->kind == TypeKind::kVariable) {
    if (type->number == variable) return true;
    const Type* known = known_[type->number];
    return known != nullptr && Occurs(variable, known);
  }
  return std::any_of(type->parameters.begin(), type->parameters.end(),
                     [&](const Type* parameter) { return Occurs(variable, parameter); });
}

const Type* Substitution::Apply(const Type* type, Unknown unknown) {
  if (type->kind == TypeKind::kVariable) {
    if (const Type* known = known_[type->number]) return Apply(known, unknown);
    return unknown == Unknown::kBecomesDyn ? SimpleType(TypeKind::kDyn) : type;
  }
  if (type->parameters.empty()) return type;
  std::vector<const Type*> parameters;
  for (const Type* parameter : type->parameters) parameters.push_back(Apply(parameter, unknown));
  return WithParameters(*type, parameters, arena_);
}

const Type* Substitution::Join(const Type* a, const Type* b) {
  const auto before = TakeSnapshot();
  if (Assignable(a, b)) return MostGeneral(a, b);
  Restore(before);
  return SimpleType(TypeKind::kDyn);
}

void Substitution::Restore(Snapshot snapshot) {
  for (; trail_.size() > snapshot; trail_.pop_back()) {
    known_[trail_.back().variable] = trail_.back().before;
  }
}

}  // namespace pemba::condition::internal
