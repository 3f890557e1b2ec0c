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
      valid_on_[known.object.substr(0, known.object.find(':'))].insert(*name);
      Add(known.object, "valid_" + *name, "user:*");
      Add(known.object, "valid_" + *name, "group:*");
    }
    SpreadActions();
    return Done{};
  }

  // Which actions each type has to know: those that are valid on it, and those that it hands on to
  // what can be in it.
  void SpreadActions() {
    bool grew = true;
    while (grew && carried_.action_access) {
      grew = false;
      for (auto& entry : valid_on_) {
        auto& actions = entry.second;
        for (const auto& [member, sets] : sets_of_) {
          const bool reached = std::any_of(sets.begin(), sets.end(),
                                           [&](const auto& set) { return actions.contains(set); });
          if (reached) grew |= actions.insert(member).second;
        }
      }
    }
    granted_on_ = valid_on_;
    grew = carried_.by_object;
    while (grew) {
      grew = false;
      for (const auto& [type, parents] : parents_) {
        const std::set<std::string> needed = granted_on_[type];
        for (const auto& parent : parents) {
          for (const auto& action : needed) grew |= granted_on_[parent].insert(action).second;
        }
      }
    }
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

  static const std::set<std::string>& Of(const std::map<std::string, std::set<std::string>>& sets,
                                         const std::string& key) {
    static const std::set<std::string> kNone;
    const auto found = sets.find(key);
    return found == sets.end() ? kNone : found->second;
  }

  std::string TypeText(const std::string& label) const {
    std::string text = "\ntype " + label + "\n";
    const auto& parents = Of(parents_, label);
    const auto& granted = Of(granted_on_, label);
    if (parents.empty() && granted.empty()) return text;
    text += "  relations\n";
    if (!parents.empty()) {
      std::string types;
      for (const auto& parent : parents) types += (types.empty() ? "" : ", ") + parent;
      text += "    define parent: [" + types + "]\n";
    }
    if (parents.contains(label)) text += "    define parent_of_kind: [" + label + "]\n";
    for (const auto& action : granted) {
      text += "    define granted_" + action + ": " + GrantedText(label, action) + "\n";
      if (!Of(valid_on_, label).contains(action)) continue;
      text += "    define valid_" + action + ": " + ValidText(label, action) + "\n";
      text += "    define can_" + action + ": granted_" + action + " and valid_" + action + "\n";
    }
    return text;
  }

  std::string GrantedText(const std::string& label, const std::string& action) const {
    std::string text = carried_.by_subject ? "[user, group, group#member]" : "[user, group]";
    if (!Of(parents_, label).empty() && carried_.by_object) {
      text += " or granted_" + action + " from parent";
    }
    if (carried_.by_action) {
      for (const auto& set : Of(sets_of_, action)) {
        if (Of(granted_on_, label).contains(set)) text += " or granted_" + set;
      }
    }
    const auto modify = ProjectedNames::Relation("", source_.modify);
    const auto& valid = Of(valid_on_, label);
    if (carried_.view && action == ProjectedNames::Relation("", source_.view) &&
        valid.contains(modify) && valid.contains(action)) {
      text += " or (can_" + modify + " and valid_" + action + ")";
    }
    return text;
  }

  std::string ValidText(const std::string& label, const std::string& action) const {
    std::string text = "[user:*, group:*]";
    if (Of(parents_, label).contains(label) && carried_.object_access) {
      text += " or valid_" + action + " from parent_of_kind";
    }
    if (carried_.action_access) {
      for (const auto& set : Of(sets_of_, action)) {
        if (Of(valid_on_, label).contains(set)) text += " or valid_" + set;
      }
    }
    return text;
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
  std::map<std::string, std::set<std::string>> parents_;     // Type -> types of its collections.
  std::map<std::string, std::set<std::string>> sets_of_;     // Action -> sets that it is in.
  std::map<std::string, std::set<std::string>> valid_on_;    // Type -> actions.
  std::map<std::string, std::set<std::string>> granted_on_;  // Type -> actions; a superset.
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
