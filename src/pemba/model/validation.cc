#include "pemba/model/validation.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pemba/model/internal/entry_points.h"

namespace pemba::model {
namespace {

using internal::Entry;
using internal::EntryPoints;

Error Invalid(std::string message) { return {ErrorCode::kInvalidModel, std::move(message)}; }

Error InvalidRelation(const std::string& type, const std::string& relation,
                      const std::string& cause) {
  return Invalid("the definition of relation '" + relation + "' in object type '" + type +
                 "' is invalid: " + cause);
}

bool IsReserved(std::string_view name) { return name == "self" || name == "this"; }

// A string as the text form of protobuf prints it.
std::string ProtoString(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      constexpr std::string_view kHex = "0123456789abcdef";
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string ProtoText(const std::vector<RelationReference>& references) {
  std::string out = "[";
  for (const auto& r : references) {
    if (out.size() > 1) out += ' ';
    std::string fields;
    const auto add = [&](const std::string& field) {
      if (!fields.empty()) fields += ' ';
      fields += field;
    };
    if (!r.type.empty()) add("type:" + ProtoString(r.type));
    if (!r.relation.empty()) add("relation:" + ProtoString(r.relation));
    if (r.wildcard) add("wildcard:{}");
    if (!r.condition.empty()) add("condition:" + ProtoString(r.condition));
    out += fields;
  }
  return out + "]";
}

class Validator {
 public:
  explicit Validator(const Model& model) : model_(model) {}

  Status Run() {
    if (model_.schema_version != "1.1" && model_.schema_version != "1.2") {
      return Invalid("invalid schema version");
    }
    for (const auto& type : model_.types) {
      if (!types_.emplace(type.type, &type).second) {
        return Invalid("an authorization model cannot contain duplicate types");
      }
    }
    PEMBA_TRY(std::ignore, Names());
    PEMBA_TRY(std::ignore, Types());
    for (const auto& [key, condition] : model_.conditions) {
      if (key != condition.name) {
        return Invalid("condition key '" + key + "' does not match condition name '" +
                       condition.name + "'");
      }
    }
    return Done{};
  }

 private:
  // --- Names

  Status Names() const {
    for (const auto& type : model_.types) {
      if (type.type.empty()) {
        return Invalid("the type name of a type definition cannot be an empty string");
      }
      if (IsReserved(type.type)) {
        return Invalid("the definition of type '" + type.type + "' is invalid");
      }
      for (const auto& [relation, rewrite] : type.relations) {
        if (relation.empty()) {
          return Invalid("type '" + type.type +
                         "' defines a relation with an empty string for a name");
        }
        if (IsReserved(relation)) {
          return InvalidRelation(type.type, relation, "self and this are reserved keywords");
        }
      }
    }
    return Done{};
  }

  // --- Types and relations, by name

  Status Types() {
    for (const auto& [name, type] : types_) {
      for (const auto& [relation, rewrite] : type->relations) {
        CollectTuplesets(rewrite, tuplesets_[type]);
      }
    }
    const EntryPoints entry_points(model_);
    for (const auto& [name, type] : types_) {
      CollectCyclic(*type);
      for (const auto& [relation, rewrite] : type->relations) {
        PEMBA_TRY(std::ignore, CheckRewrite(*type, relation, rewrite));
        PEMBA_TRY(std::ignore, CheckRestrictions(*type, relation, rewrite));
        PEMBA_TRY(std::ignore, CheckOperands(*type, relation, rewrite));
        PEMBA_TRY(std::ignore, CheckEntryPoint(entry_points, *type, relation));
        if (cyclic_.contains(relation)) {
          return InvalidRelation(type->type, relation,
                                 "an authorization model cannot contain a cycle");
        }
      }
    }
    return Done{};
  }

  const TypeDefinition* FindType(std::string_view type) const {
    const auto it = types_.find(type);
    return it == types_.end() ? nullptr : it->second;
  }

  const Rewrite* FindRelation(std::string_view type, std::string_view relation) const {
    const auto* definition = FindType(type);
    if (definition == nullptr) return nullptr;
    const auto it = definition->relations.find(relation);
    return it == definition->relations.end() ? nullptr : &it->second;
  }

  static const std::vector<RelationReference>& RestrictionsOf(const TypeDefinition& type,
                                                              std::string_view relation) {
    static const std::vector<RelationReference> kNone;
    if (!type.metadata) return kNone;
    const auto it = type.metadata->relations.find(relation);
    return it == type.metadata->relations.end() ? kNone : it->second.directly_related_user_types;
  }

  // --- Rewrites

  Status CheckRewrite(const TypeDefinition& type, const std::string& relation,
                      const Rewrite& rewrite) const {
    switch (rewrite.kind) {
      case RewriteKind::kUnset:
        return InvalidRelation(type.type, relation, "invalid userset rewrite definition");
      case RewriteKind::kThis:
        return Done{};
      case RewriteKind::kComputedUserset:
        if (rewrite.relation == relation) {
          return InvalidRelation(type.type, relation, "invalid userset rewrite definition");
        }
        return CheckDefined(type, rewrite.relation);
      case RewriteKind::kTupleToUserset:
        return CheckFrom(type, rewrite);
      default:
        for (const auto& child : rewrite.children) {
          PEMBA_TRY(std::ignore, CheckRewrite(type, relation, child));
        }
        return Done{};
    }
  }

  static Status CheckDefined(const TypeDefinition& type, const std::string& relation) {
    if (type.relations.contains(relation)) return Done{};
    return Invalid("'" + type.type + "#" + relation + "' relation is undefined");
  }

  Status CheckFrom(const TypeDefinition& type, const Rewrite& rewrite) const {
    PEMBA_TRY(std::ignore, CheckDefined(type, rewrite.tupleset));
    if (type.relations.find(rewrite.tupleset)->second.kind != RewriteKind::kThis) {
      return Invalid("the '" + type.type + "#" + rewrite.tupleset +
                     "' relation is referenced in at least one tupleset and thus must be a "
                     "direct relation");
    }
    const auto& restrictions = RestrictionsOf(type, rewrite.tupleset);
    const bool somewhere = std::any_of(
        restrictions.begin(), restrictions.end(),
        [&](const auto& r) { return FindRelation(r.type, rewrite.relation) != nullptr; });
    if (somewhere) return Done{};
    return Invalid("undefined relation: " + rewrite.relation +
                   " does not appear as a relation in any of the directly related user types " +
                   ProtoText(restrictions));
  }

  // --- Type restrictions

  static bool HasDirectPart(const Rewrite& rewrite) {
    return rewrite.kind == RewriteKind::kThis ||
           std::any_of(rewrite.children.begin(), rewrite.children.end(), HasDirectPart);
  }

  static void CollectTuplesets(const Rewrite& rewrite, StringSet& out) {
    if (rewrite.kind == RewriteKind::kTupleToUserset) out.emplace(rewrite.tupleset);
    for (const auto& child : rewrite.children) CollectTuplesets(child, out);
  }

  Status CheckRestrictions(const TypeDefinition& type, const std::string& relation,
                           const Rewrite& rewrite) const {
    const auto& restrictions = RestrictionsOf(type, relation);
    const bool assignable = HasDirectPart(rewrite);
    if (assignable && restrictions.empty()) {
      return Invalid("the assignable relation '" + relation + "' in object type '" + type.type +
                     "' must contain at least one relation type");
    }
    if (!assignable && !restrictions.empty()) {
      return Invalid("the non-assignable relation '" + relation + "' in object type '" + type.type +
                     "' should not contain a relation type");
    }
    const bool is_tupleset = tuplesets_.find(&type)->second.contains(relation);
    for (const auto& r : restrictions) {
      const bool plain = r.relation.empty() && !r.wildcard;
      const bool exists = r.relation.empty() ? FindType(r.type) != nullptr
                                             : FindRelation(r.type, r.relation) != nullptr;
      if (!exists || (!plain && is_tupleset)) {
        return Invalid("the relation type '" + r.type +
                       (r.relation.empty() ? "" : "#" + r.relation) + "' on '" + relation +
                       "' in object type '" + type.type + "' is not valid");
      }
      if (!r.condition.empty() && !model_.conditions.contains(r.condition)) {
        return Invalid("condition " + r.condition + " is undefined for relation " + relation);
      }
    }
    return Done{};
  }

  // --- Entry points and cycles

  // Operators need two operands, also where the search for an entry point would not come.
  static Status CheckOperands(const TypeDefinition& type, const std::string& relation,
                              const Rewrite& rewrite) {
    const bool is_union = rewrite.kind == RewriteKind::kUnion;
    if ((is_union || rewrite.kind == RewriteKind::kIntersection) && rewrite.children.size() < 2) {
      return Invalid("invalid relation: '" + type.type + "#" + relation + "' as " +
                     (is_union ? "union" : "intersection") + " has less than 2 children");
    }
    for (const auto& child : rewrite.children) {
      PEMBA_TRY(std::ignore, CheckOperands(type, relation, child));
    }
    return Done{};
  }

  Status CheckEntryPoint(const EntryPoints& entry_points, const TypeDefinition& type,
                         const std::string& relation) {
    PEMBA_TRY(std::ignore, Search(entry_points, type, relation));
    const auto entry = entry_points.Of(type.type, relation);
    if (entry == Entry::kReachable) return Done{};
    return InvalidRelation(type.type, relation,
                           entry == Entry::kLoop ? "potential loop" : "no entrypoints defined");
  }

  struct Named {
    const TypeDefinition* type;
    std::string_view relation;
  };

  // What the search for an entry point meets may be at fault in ways that end it: the texts are
  // others than when the turn of that relation comes, and what lies behind the first entry point is
  // not met. Depth first with an explicit stack: chains of relations may be long.
  Status Search(const EntryPoints& entry_points, const TypeDefinition& type,
                std::string_view relation) {
    std::vector<Named> open = {{&type, relation}};
    while (!open.empty()) {
      const auto at = open.back();
      open.pop_back();
      const auto* rewrite = FindRelation(at.type->type, at.relation);
      if (!searched_.insert(rewrite).second) continue;
      std::vector<Named> met;
      PEMBA_TRY(std::ignore, Meet(entry_points, at, *rewrite, met));
      open.insert(open.end(), met.rbegin(), met.rend());
    }
    return Done{};
  }

  // Adds the relations to `met` that a part of a definition leads to, as far as the search goes.
  Result<Entry> Meet(const EntryPoints& entry_points, const Named& at, const Rewrite& rewrite,
                     std::vector<Named>& met) const {
    switch (rewrite.kind) {
      case RewriteKind::kUnset:
        return Invalid("error validating model");
      case RewriteKind::kThis:
        for (const auto& r : RestrictionsOf(*at.type, at.relation)) {
          if (r.wildcard || r.relation.empty()) return Entry::kReachable;
          PEMBA_TRY(std::ignore, RequireDefined(r.type, r.relation));
          if (MeetRelation(entry_points, r.type, r.relation, met) == Entry::kReachable) {
            return Entry::kReachable;
          }
        }
        return Entry::kNoEntryPoint;
      case RewriteKind::kComputedUserset: {
        PEMBA_TRY(std::ignore, RequireDefined(at.type->type, rewrite.relation));
        return MeetRelation(entry_points, at.type->type, rewrite.relation, met);
      }
      case RewriteKind::kTupleToUserset: {
        PEMBA_TRY(std::ignore, RequireDefined(at.type->type, rewrite.tupleset));
        for (const auto& r : RestrictionsOf(*at.type, rewrite.tupleset)) {
          if (FindRelation(r.type, rewrite.relation) == nullptr) continue;
          if (MeetRelation(entry_points, r.type, rewrite.relation, met) == Entry::kReachable) {
            return Entry::kReachable;
          }
        }
        return Entry::kNoEntryPoint;
      }
      case RewriteKind::kUnion:
      case RewriteKind::kIntersection:
      case RewriteKind::kDifference:
        return MeetOperands(entry_points, at, rewrite, met);
    }
    return Entry::kNoEntryPoint;
  }

  Entry MeetRelation(const EntryPoints& entry_points, std::string_view type,
                     std::string_view relation, std::vector<Named>& met) const {
    met.push_back({FindType(type), relation});
    return entry_points.Of(type, relation);
  }

  Result<Entry> MeetOperands(const EntryPoints& entry_points, const Named& at,
                             const Rewrite& rewrite, std::vector<Named>& met) const {
    const bool is_union = rewrite.kind == RewriteKind::kUnion;
    for (const auto& child : rewrite.children) {
      PEMBA_TRY(const auto entry, Meet(entry_points, at, child, met));
      if ((entry == Entry::kReachable) == is_union) return entry;
    }
    return is_union ? Entry::kNoEntryPoint : Entry::kReachable;
  }

  Status RequireDefined(std::string_view type, std::string_view relation) const {
    if (FindRelation(type, relation) != nullptr) return Done{};
    return Invalid("undefined type definition for '" + std::string(type) + "#" +
                   std::string(relation) + "'");
  }

  static void CollectComputed(const Rewrite& rewrite, std::vector<std::string_view>& out) {
    if (rewrite.kind == RewriteKind::kComputedUserset) out.push_back(rewrite.relation);
    for (const auto& child : rewrite.children) CollectComputed(child, out);
  }

  // Relations from which computed relations lead into a cycle: those left over when relations
  // whose computed relations are all left out already are left out repeatedly.
  void CollectCyclic(const TypeDefinition& type) {
    cyclic_.clear();
    std::map<std::string_view, std::size_t> open;
    std::map<std::string_view, std::vector<std::string_view>> dependents;
    std::vector<std::string_view> settled;
    for (const auto& [relation, rewrite] : type.relations) {
      std::vector<std::string_view> computed;
      CollectComputed(rewrite, computed);
      std::erase_if(computed, [&](const auto name) { return !type.relations.contains(name); });
      for (const auto name : computed) dependents[name].push_back(relation);
      open[relation] = computed.size();
      if (computed.empty()) settled.push_back(relation);
      cyclic_.emplace(relation);
    }
    while (!settled.empty()) {
      const auto relation = settled.back();
      settled.pop_back();
      cyclic_.erase(relation);
      for (const auto dependent : dependents[relation]) {
        if (--open[dependent] == 0) settled.push_back(dependent);
      }
    }
  }

  const Model& model_;
  std::map<std::string_view, const TypeDefinition*> types_;
  // Per type, the relations that stand right of a `from`.
  std::map<const TypeDefinition*, StringSet> tuplesets_;
  StringSet cyclic_;                   // Of the type being looked at.
  std::set<const Rewrite*> searched_;  // Definitions that the search for entry points got past.
};

}  // namespace

Status ValidateModelStructure(const Model& model) { return Validator(model).Run(); }

}  // namespace pemba::model
