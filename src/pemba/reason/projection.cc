#include "pemba/reason/projection.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

namespace pemba::reason {
namespace {

constexpr std::size_t kRelationLengthMax = 50;

using Pairs = std::vector<std::pair<Concept, Concept>>;

// What becomes of each rule that can be carried.
struct Carried {
  bool groups = false, collections = false, sets = false;         // Closures of membership.
  bool object_access = false, action_access = false;              // Spread of accesses.
  bool by_subject = false, by_object = false, by_action = false;  // Spread of permissions.
  bool view = false;
};

class Projector {
 public:
  Projector(Transaction& transaction, const ProjectionSource& source)
      : transaction_(transaction), schema_(transaction.schema()), source_(source) {}

  Result<Projection> Run() {
    SortRules();
    PEMBA_TRY(std::ignore, FindTypes());
    PEMBA_TRY(std::ignore, NameThings());
    PEMBA_TRY(std::ignore, NameActions());
    PEMBA_TRY(std::ignore, AddGroups());
    PEMBA_TRY(std::ignore, AddCollections());
    PEMBA_TRY(std::ignore, AddSets());
    PEMBA_TRY(std::ignore, AddAccesses());
    PEMBA_TRY(std::ignore, AddPermissions());
    result_.model = Model();
    result_.tuples.assign(tuples_.begin(), tuples_.end());
    return std::move(result_);
  }

 private:
  // ---- Rules ----

  void SortRules() {
    const std::map<std::string_view, std::vector<bool Carried::*>> known = {
        {"transitive-membership", {&Carried::groups, &Carried::collections, &Carried::sets}},
        {"transitive-group-membership", {&Carried::groups}},
        {"transitive-collection-membership", {&Carried::collections}},
        {"transitive-set-membership", {&Carried::sets}},
        {"transitive-object-access", {&Carried::object_access}},
        {"transitive-action-access", {&Carried::action_access}},
        {"transitive-subject-permission", {&Carried::by_subject}},
        {"transitive-object-permission", {&Carried::by_object}},
        {"transitive-action-permission", {&Carried::by_action}},
        {"permission-inheritance",
         {&Carried::by_subject, &Carried::by_object, &Carried::by_action}},
        {"add-view-access", {&Carried::view}},
    };
    for (const Rule& rule : schema_.rules()) {
      const auto found = known.find(rule.label);
      (found == known.end() ? result_.left : result_.carried).push_back(rule.label);
      if (found == known.end()) continue;
      for (const auto member : found->second) carried_.*member = true;
    }
  }

  // ---- Names ----

  Result<TypeSet> ConcreteSubtypes(const std::string& label) const {
    const Type* type = schema_.Find(label);
    if (type == nullptr) {
      return MakeError(Problem::kTypeNotFound, {}, "the type `" + label + "` is not defined");
    }
    return schema_.Subtypes(type->id) - schema_.AbstractTypes();
  }

  Status FindTypes() {
    PEMBA_TRY(users_, ConcreteSubtypes(source_.user_type));
    PEMBA_TRY(groups_, ConcreteSubtypes(source_.group_type));
    PEMBA_TRY(objects_, ConcreteSubtypes(source_.object_type));
    return Done{};
  }

  // The answers of a query in two of its variables.
  Result<Pairs> Ask(const std::string& query, const std::string& first, const std::string& second) {
    PEMBA_TRY(auto answers, transaction_.Run(query));
    const auto column = [&](const std::string& name) {
      const auto& names = answers->variables();
      return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    };
    const std::size_t a = column(first), b = column(second);
    if (std::max(a, b) >= answers->variables().size()) {
      return MakeError(Problem::kVariableOutOfScope, {},
                       "the query must answer $" + first + " and $" + second + ": " + query);
    }
    Pairs pairs;
    while (true) {
      PEMBA_TRY(auto answer, answers->Next());
      if (!answer) return pairs;
      pairs.emplace_back(std::move(answer->concepts[a]), std::move(answer->concepts[b]));
    }
  }

  static std::string TextOf(const Concept& attribute) {
    const auto* text = std::get_if<std::string>(&*attribute.value);
    return text != nullptr ? *text : ToText(*attribute.value);
  }

  // The first id of a thing by text, so that the name does not depend on the order of answers.
  Status NameThings() {
    PEMBA_TRY(const auto pairs, Ask(source_.ids, "thing", "id"));
    std::map<ThingId, std::pair<std::string, std::string>> first;  // Type and id.
    for (const auto& [thing, id] : pairs) {
      const std::pair entry(thing.label, TextOf(id));
      const auto [found, added] = first.emplace(thing.thing, entry);
      if (!added) found->second = std::min(found->second, entry);
    }
    std::set<std::pair<std::string, std::string>> taken;
    for (const auto& [thing, entry] : first) {
      auto id = entry.second;
      if (!taken.insert(entry).second) id += "~" + IidText(thing);
      ids_.emplace(thing, id);
    }
    return Done{};
  }

  std::string IdOf(const Concept& thing) const {
    const auto found = ids_.find(thing.thing);
    return ProjectedNames::Escape(found == ids_.end() ? IidText(thing.thing) : found->second);
  }

  std::string ObjectOf(const Concept& thing) const { return thing.label + ":" + IdOf(thing); }
  std::string GroupOf(const Concept& thing) const {
    return "group:" + thing.label + "/" + IdOf(thing);
  }
  // A group stands for its members and for itself: it can be asked about, too.
  std::vector<std::string> SubjectsOf(const Concept& thing) const {
    if (!groups_.Contains(thing.type)) return {"user:" + IdOf(thing)};
    return {GroupOf(thing), GroupOf(thing) + "#member"};
  }

  Status NameActions() {
    PEMBA_TRY(const auto pairs, Ask(source_.action_names, "action", "name"));
    std::map<std::string, ThingId> taken;
    for (const auto& [action, name] : pairs) {
      const std::string text = ProjectedNames::Relation("", TextOf(name));
      if (ProjectedNames::Relation("granted_", text).size() > kRelationLengthMax) {
        return MakeError(Problem::kTooComplex, {},
                         "the action `" + text + "` has a name too long for a relation");
      }
      const auto [found, added] = taken.emplace(text, action.thing);
      if (!added && found->second != action.thing) {
        return MakeError(Problem::kLabelTaken, {},
                         "two actions would both be called `" + text + "` in the model");
      }
      actions_.emplace(action.thing, text);  // Of several names, the first that is answered.
    }
    return Done{};
  }

  // Nothing for an action without a name: nobody can ask about it.
  const std::string* ActionOf(const Concept& action) const {
    const auto found = actions_.find(action.thing);
    return found == actions_.end() ? nullptr : &found->second;
  }

  // ---- Tuples ----

  void Add(std::string object, std::string relation, std::string user) {
    tuples_.insert({std::move(object), std::move(relation), std::move(user)});
  }

  Status AddGroups() {
    PEMBA_TRY(const auto pairs, Ask(source_.group_members, "whole", "part"));
    for (const auto& [whole, part] : pairs) {
      for (auto& subject : SubjectsOf(part)) Add(GroupOf(whole), "member", std::move(subject));
    }
    return Done{};
  }

  Status AddCollections() {
    PEMBA_TRY(const auto pairs, Ask(source_.collection_members, "whole", "part"));
    for (const auto& [whole, part] : pairs) {
      Add(ObjectOf(part), "parent", ObjectOf(whole));
      parents_[part.label].insert(whole.label);
      if (whole.type != part.type) continue;
      Add(ObjectOf(part), "parent_of_kind", ObjectOf(whole));
    }
    return Done{};
  }

  Status AddSets() {
    PEMBA_TRY(const auto pairs, Ask(source_.set_members, "whole", "part"));
    for (const auto& [whole, part] : pairs) {
      const auto* set = ActionOf(whole);
      const auto* member = ActionOf(part);
      if (set && member && *set != *member) sets_of_[*member].insert(*set);
    }
    return Done{};
  }

  Status AddAccesses() {
    PEMBA_TRY(const auto objects, Ask(source_.accesses, "access", "object"));
    PEMBA_TRY(const auto actions, Ask(source_.accesses, "access", "action"));
    for (const auto& [access, object] : objects) accesses_[access.thing].object = ObjectOf(object);
    for (const auto& [access, action] : actions) {
      const auto* name = ActionOf(action);
      if (name == nullptr) continue;
      auto& known = accesses_[access.thing];
      known.action = *name;
      used_.insert(*name);
      Add(known.object, "valid_" + *name, "user:*");
      Add(known.object, "valid_" + *name, "group:*");
    }
    // A set is used where its members are, and its members where it is.
    bool grew = true;
    while (grew) {
      grew = false;
      for (const auto& [member, sets] : sets_of_) {
        for (const auto& set : sets) {
          if (used_.contains(set)) grew |= used_.insert(member).second;
        }
      }
    }
    return Done{};
  }

  Status AddPermissions() {
    PEMBA_TRY(const auto pairs, Ask(source_.permissions, "subject", "access"));
    for (const auto& [subject, access] : pairs) {
      const auto found = accesses_.find(access.thing);
      if (found == accesses_.end() || found->second.action.empty()) continue;
      for (auto& user : SubjectsOf(subject)) {
        Add(found->second.object, "granted_" + found->second.action, std::move(user));
      }
    }
    return Done{};
  }

  // ---- Model ----

  std::string Model() const {
    std::string text = "model\n  schema 1.1\n\ntype user\n\ntype group\n  relations\n";
    text += carried_.groups && carried_.by_subject
                ? "    define member: [user, group, group#member]\n"
                : "    define member: [user, group]\n";
    for (const TypeId type : objects_) text += TypeText(schema_.Get(type).label);
    return text;
  }

  std::string TypeText(const std::string& label) const {
    std::string text = "\ntype " + label + "\n";
    if (used_.empty() && !parents_.contains(label)) return text;
    text += "  relations\n";
    const auto parents = parents_.find(label);
    const bool has_parents = parents != parents_.end();
    const bool of_kind = has_parents && parents->second.contains(label);
    if (has_parents) {
      std::string types;
      for (const auto& parent : parents->second) types += (types.empty() ? "" : ", ") + parent;
      text += "    define parent: [" + types + "]\n";
    }
    if (of_kind) text += "    define parent_of_kind: [" + label + "]\n";
    for (const auto& action : used_) text += ActionText(action, has_parents, of_kind);
    return text;
  }

  std::string ActionText(const std::string& action, bool has_parents, bool of_kind) const {
    const std::string subjects =
        carried_.by_subject ? "[user, group, group#member]" : "[user, group]";
    std::string granted = "    define granted_" + action + ": " + subjects;
    std::string valid = "    define valid_" + action + ": [user:*, group:*]";
    if (has_parents && carried_.by_object) granted += " or granted_" + action + " from parent";
    if (of_kind && carried_.object_access) {
      valid += " or valid_" + action + " from parent_of_kind";
    }
    if (const auto sets = sets_of_.find(action); sets != sets_of_.end()) {
      for (const auto& set : sets->second) {
        if (!used_.contains(set)) continue;
        if (carried_.by_action) granted += " or granted_" + set;
        if (carried_.action_access) valid += " or valid_" + set;
      }
    }
    const auto modify = ProjectedNames::Relation("", source_.modify);
    if (carried_.view && action == ProjectedNames::Relation("", source_.view) &&
        used_.contains(modify)) {
      granted += " or (can_" + modify + " and valid_" + action + ")";
    }
    return granted + "\n" + valid + "\n    define can_" + action + ": granted_" + action +
           " and valid_" + action + "\n";
  }

  struct Access {
    std::string object, action;
  };

  Transaction& transaction_;
  const Schema& schema_;
  const ProjectionSource& source_;
  Carried carried_;
  Projection result_;
  TypeSet users_, groups_, objects_;
  std::map<ThingId, std::string> ids_;
  std::map<ThingId, std::string> actions_;
  std::map<ThingId, Access> accesses_;
  std::map<std::string, std::set<std::string>> parents_;  // Type -> types of its collections.
  std::map<std::string, std::set<std::string>> sets_of_;  // Action -> sets that it is in.
  std::set<std::string> used_;                            // Actions that can be valid somewhere.
  std::set<ProjectedTuple> tuples_;
};

}  // namespace

std::string ProjectedNames::Escape(const std::string& id) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : id) {
    const auto byte = static_cast<unsigned char>(c);
    const bool special = byte <= 0x20 || byte == 0x7F || c == ':' || c == '#' || c == '@' ||
                         c == '*' || c == '%' || c == '|';
    if (!special) {
      escaped.push_back(c);
      continue;
    }
    escaped.push_back('%');
    escaped.push_back(kDigits[byte >> 4]);
    escaped.push_back(kDigits[byte & 15]);
  }
  return escaped;
}

std::string ProjectedNames::IdOf(const std::string& name) {
  std::string_view id = name;
  const bool group = id.starts_with("group:");
  id.remove_prefix(std::min(id.find(':') + 1, id.size()));
  if (group) id.remove_prefix(id.find('/') == id.npos ? 0 : id.find('/') + 1);
  id = id.substr(0, id.find('#'));
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'A' + 10; };
  std::string text;
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (id[i] == '%' && i + 2 < id.size()) {
      text.push_back(static_cast<char>(digit(id[i + 1]) * 16 + digit(id[i + 2])));
      i += 2;
    } else {
      text.push_back(id[i]);
    }
  }
  return text;
}

std::string ProjectedNames::Relation(const std::string& prefix, const std::string& action_name) {
  std::string relation = prefix;
  for (const char c : action_name) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
    relation.push_back(fits ? c : '_');
  }
  return relation;
}

Result<Projection> Project(Transaction& transaction, const ProjectionSource& source) {
  return Projector(transaction, source).Run();
}

}  // namespace pemba::reason
