// What must hold when a change of schema is committed.
#include <set>
#include <string>
#include <tuple>

#include <re2/re2.h>

#include "pemba/reason/definition.h"
#include "pemba/reason/internal/rule_compiler.h"
#include "pemba/reason/strata.h"

namespace pemba::reason {
namespace {

std::string Quoted(const std::string& text) { return "`" + text + "`"; }

struct ValueLess {
  bool operator()(const Value& a, const Value& b) const {
    return Compare(a, b) == std::partial_ordering::less;
  }
};

// The types of a schema, one at a time.
class TypeCheck {
 public:
  TypeCheck(const Schema& schema, const Type& type)
      : schema_(schema), type_(type), above_(type.supertype) {}

  Status Run() const {
    PEMBA_TRY(std::ignore, CheckAttribute());
    PEMBA_TRY(std::ignore, CheckRoles());
    PEMBA_TRY(std::ignore, CheckOwnerships());
    return CheckPlaying();
  }

 private:
  bool concrete() const { return type_.abstractness == Abstractness::kConcrete; }
  std::string me() const { return Quoted(type_.label); }
  std::string LabelOf(TypeId id) const { return Quoted(schema_.Get(id).label); }
  bool IsAbstract(TypeId id) const { return schema_.AbstractTypes().Contains(id); }

  Status CheckAttribute() const {
    if (type_.kind == Kind::kAttribute && above_ != kRootAttribute && !IsAbstract(above_)) {
      return MakeError(Problem::kSupertypeNotAbstract, {},
                       "the attribute type " + me() + " is a subtype of " + LabelOf(above_) +
                           ", which is not abstract");
    }
    return Done{};
  }

  Status CheckRoles() const {
    if (type_.kind != Kind::kRelation) return Done{};
    for (const TypeId declared : type_.relates) {
      const Type& role = schema_.Get(declared);
      if (const Type* inherited = schema_.FindRole(above_, role.name)) {
        return MakeError(Problem::kRoleAlreadyInherited, {},
                         me() + " inherits the role " + Quoted(inherited->label) +
                             " and cannot declare it again");
      }
      if (role.overridden_role && !schema_.Relates(above_).Contains(*role.overridden_role)) {
        return MakeError(Problem::kBadOverride, {},
                         Quoted(role.label) + " overrides " + LabelOf(*role.overridden_role) +
                             ", which " + LabelOf(above_) + " does not relate");
      }
    }
    if (!concrete()) return Done{};
    if (schema_.Relates(type_.id).empty()) {
      return MakeError(Problem::kRelationWithoutRoles, {},
                       "the relation type " + me() + " relates no role");
    }
    for (const TypeId role : schema_.Relates(type_.id)) {
      if (IsAbstract(role)) {
        return MakeError(Problem::kAbstractRoleRelated, {},
                         "the relation type " + me() + " inherits the abstract role " +
                             LabelOf(role) + " and must override it");
      }
    }
    return Done{};
  }

  Status CheckOwnerships() const {
    for (const Ownership& ownership : type_.owns) {
      if (ownership.overridden && !schema_.OwnedBy(above_).Contains(*ownership.overridden)) {
        return MakeError(Problem::kBadOverride, {},
                         me() + " overrides its ownership of " + LabelOf(*ownership.overridden) +
                             ", which it does not inherit");
      }
      for (const Ownership& inherited : schema_.Owns(above_)) {
        if (inherited.attribute == ownership.attribute &&
            ownership.annotation <= inherited.annotation) {
          return MakeError(Problem::kOwnershipRedeclared, {},
                           me() + " inherits that it owns " + LabelOf(ownership.attribute) +
                               " and declares it again without a change");
        }
      }
      const auto value_type = schema_.Get(ownership.attribute).value_type;
      if (ownership.annotation != syntax::Annotation::kNone &&
          (value_type == ValueType::kBoolean || value_type == ValueType::kDouble)) {
        return MakeError(Problem::kAnnotationValueType, {},
                         me() + " owns " + LabelOf(ownership.attribute) +
                             ", whose values are of a type that cannot be a key or unique");
      }
    }
    if (!concrete()) return Done{};
    for (const TypeId attribute : schema_.OwnedBy(type_.id)) {
      if (IsAbstract(attribute)) {
        return MakeError(
            Problem::kAbstractAttributeOwned, {},
            me() + " is not abstract and cannot own the abstract " + LabelOf(attribute));
      }
    }
    return Done{};
  }

  Status CheckPlaying() const {
    for (const Playing& playing : type_.plays) {
      if (playing.overridden && !schema_.Plays(above_).Contains(*playing.overridden)) {
        return MakeError(Problem::kBadOverride, {},
                         me() + " overrides that it plays " + LabelOf(*playing.overridden) +
                             ", which it does not inherit");
      }
      if (schema_.Plays(above_).Contains(playing.role)) {
        return MakeError(
            Problem::kPlaysRedeclared, {},
            me() + " inherits that it plays " + LabelOf(playing.role) + " and declares it again");
      }
    }
    if (!concrete()) return Done{};
    for (const TypeId role : schema_.Plays(type_.id)) {
      if (IsAbstract(role)) {
        return MakeError(Problem::kAbstractRolePlayed, {},
                         me() + " is not abstract and cannot play the abstract " + LabelOf(role));
      }
    }
    return Done{};
  }

  const Schema& schema_;
  const Type& type_;
  const TypeId above_;
};

// What was allowed before and is not any more, against the data that is there.
class DataCheck {
 public:
  DataCheck(const Schema& before, const Schema& after, const DataProbe& data)
      : before_(before), after_(after), data_(data) {}

  Status Run() const {
    for (TypeId id = kFirstDefined; id < before_.type_limit(); ++id) {
      if (!before_.Exists(id) || before_.Get(id).kind == Kind::kRole) continue;
      if (!after_.Exists(id)) {
        if (!data_.HasInstances(id)) continue;
        return MakeError(Problem::kTypeHasInstances, {},
                         Label(id) + " has instances and cannot be undefined");
      }
      PEMBA_TRY(std::ignore, CheckCapabilities(id));
      PEMBA_TRY(std::ignore, CheckAnnotations(id));
      PEMBA_TRY(std::ignore, CheckRegex(id));
    }
    return Done{};
  }

 private:
  std::string Label(TypeId id) const { return Quoted(before_.Get(id).label); }

  Status CheckCapabilities(TypeId id) const {
    if (!before_.AbstractTypes().Contains(id) && after_.AbstractTypes().Contains(id) &&
        data_.HasInstances(id)) {
      return MakeError(Problem::kAbstractHasInstances, {},
                       Label(id) + " has instances and cannot be abstract");
    }
    for (const TypeId attribute : before_.OwnedBy(id) - after_.OwnedBy(id)) {
      if (data_.HasOwnerships(id, attribute)) return InUse(id, "own", attribute);
    }
    for (const TypeId role : before_.Plays(id) - after_.Plays(id)) {
      if (data_.HasPlayers(id, role)) return InUse(id, "play", role);
    }
    for (const TypeId role : before_.Relates(id) - after_.Relates(id)) {
      if (data_.HasEdges(id, role)) return InUse(id, "relate", role);
    }
    return Done{};
  }

  Error InUse(TypeId id, const std::string& does, TypeId what) const {
    return MakeError(Problem::kCapabilityInUse, {},
                     "instances of " + Label(id) + " " + does + " " + Label(what) +
                         ", which would not be allowed any more");
  }

  static syntax::Annotation AnnotationOf(const Schema& schema, TypeId owner, TypeId attribute) {
    for (const Ownership& ownership : schema.Owns(owner)) {
      if (ownership.attribute == attribute) return ownership.annotation;
    }
    return syntax::Annotation::kNone;
  }

  Status CheckAnnotations(TypeId id) const {
    for (const Ownership& ownership : after_.Owns(id)) {
      if (ownership.annotation > AnnotationOf(before_, id, ownership.attribute)) {
        PEMBA_TRY(std::ignore, CheckAnnotation(id, ownership));
      }
    }
    return Done{};
  }

  Status CheckAnnotation(TypeId id, const Ownership& ownership) const {
    const std::string what =
        "of " + Label(id) + " and " + Quoted(after_.Get(ownership.attribute).label);
    const bool key = ownership.annotation == syntax::Annotation::kKey;
    Status status = Done{};
    std::set<Value, ValueLess> seen;
    data_.ForEachOwner(id, ownership.attribute, [&](std::span<const Value> values) {
      if (!status.ok()) return;
      if (key && values.empty()) {
        status = MakeError(Problem::kKeyMissingInData, {}, "an instance has no key: " + what);
      } else if (key && values.size() > 1) {
        status = MakeError(Problem::kKeySeveralInData, {}, "an instance has several keys: " + what);
      }
      for (const Value& value : values) {
        if (status.ok() && !seen.insert(value).second) {
          status = MakeError(Problem::kUniqueTakenInData, {},
                             "two instances have the value " + ToText(value) + ": " + what);
        }
      }
    });
    return status;
  }

  Status CheckRegex(TypeId id) const {
    const std::string& pattern = after_.Get(id).regex;
    if (pattern.empty() || pattern == before_.Get(id).regex) return Done{};
    const re2::RE2 regex(pattern, re2::RE2::Quiet);
    Status status = Done{};
    data_.ForEachValue(id, [&](const Value& value) {
      const auto* text = std::get_if<std::string>(&value);
      if (!status.ok() || (text && re2::RE2::FullMatch(*text, regex))) return;
      status = MakeError(Problem::kRegexInData, {},
                         "the value " + ToText(value) + " of " + Label(id) +
                             " does not match the regular expression");
    });
    return status;
  }

  const Schema& before_;
  const Schema& after_;
  const DataProbe& data_;
};

}  // namespace

Status CheckForCommit(const Schema& before, const Schema& after, const DataProbe& data) {
  for (TypeId id = kFirstDefined; id < after.type_limit(); ++id) {
    if (!after.Exists(id) || after.Get(id).kind == Kind::kRole) continue;
    PEMBA_TRY(std::ignore, TypeCheck(after, after.Get(id)).Run());
  }
  for (const Rule& rule : after.rules()) {
    PEMBA_TRY(std::ignore, internal::CompileRule(rule.definition, after));
  }
  PEMBA_TRY(std::ignore, Stratify(after));
  PEMBA_TRY(std::ignore, CheckTermination(after));
  return DataCheck(before, after, data).Run();
}

}  // namespace pemba::reason
