#include "pemba/resource/field_set.h"

#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace pemba::resource {
namespace {

namespace json = boost::json;

const Schema& Unknown() {
  static const Schema any;
  return any;
}

const Schema& ChildOf(const Schema& schema, std::string_view name) {
  if (const Schema* property = schema.Find(name)) return *property;
  return schema.additional ? *schema.additional : Unknown();
}

const Schema& ItemOf(const Schema& schema) { return schema.items ? *schema.items : Unknown(); }

// Whether the value is made of fields of its own.
bool IsObjectOfFields(const Schema& schema, const json::value& value) {
  return value.is_object() && !schema.atomic && !value.get_object().empty();
}
bool IsListOfFields(const Schema& schema, const json::value& value) {
  return value.is_array() && schema.list_type != ListType::kAtomic;
}

json::value* FindItem(const Schema& list, json::array& items, std::string_view step) {
  for (auto& item : items) {
    if (FieldSet::StepOfItem(list, item) == step) return &item;
  }
  return nullptr;
}
const json::value* FindItem(const Schema& list, const json::array& items, std::string_view step) {
  for (const auto& item : items) {
    if (FieldSet::StepOfItem(list, item) == step) return &item;
  }
  return nullptr;
}

const json::value* FieldOf(const json::value* value, const Schema& schema,
                           const std::string& step) {
  if (value == nullptr) return nullptr;
  if (step.starts_with("f:")) {
    const auto* object = value->if_object();
    return object == nullptr ? nullptr : object->if_contains(std::string_view(step).substr(2));
  }
  const auto* list = value->if_array();
  return list == nullptr ? nullptr : FindItem(schema, *list, step);
}

const Schema& SchemaOf(const Schema& schema, const std::string& step) {
  return step.starts_with("f:") ? ChildOf(schema, std::string_view(step).substr(2))
                                : ItemOf(schema);
}

void MergeValue(const Schema& schema, json::value& target, const json::value& over) {
  if (over.is_object() && !schema.atomic) {
    if (!target.is_object()) target = json::object();
    return MergeFields(schema, target.get_object(), over.get_object());
  }
  if (!IsListOfFields(schema, over)) {
    target = over;
    return;
  }
  if (!target.is_array()) target = json::array();
  for (const auto& item : over.get_array()) {
    auto* known = FindItem(schema, target.get_array(), FieldSet::StepOfItem(schema, item));
    if (known == nullptr) {
      target.get_array().push_back(item);
    } else {
      MergeValue(ItemOf(schema), *known, item);
    }
  }
}

}  // namespace

// Goes through sets and documents together.
class FieldWalker {
 public:
  static void Collect(const Schema& schema, const json::value& value, FieldSet& set) {
    if (IsObjectOfFields(schema, value)) {
      for (const auto& [name, child] : value.get_object()) {
        Collect(ChildOf(schema, name), child, set.children_["f:" + std::string(name)]);
      }
    } else if (IsListOfFields(schema, value) && !value.get_array().empty()) {
      for (const auto& item : value.get_array()) {
        auto& place = set.children_[FieldSet::StepOfItem(schema, item)];
        place.member_ = true;
        if (schema.list_type == ListType::kMap) Collect(ItemOf(schema), item, place);
      }
    } else {
      set.member_ = true;
    }
  }

  static void Differing(const Schema& schema, const FieldSet& a, const FieldSet& b,
                        const json::value* first, const json::value* second, FieldSet& found) {
    // An item is there or not; what differs is in its fields.
    if (a.member_ && b.member_ && a.children_.empty()) {
      const bool same = first != nullptr && second != nullptr && *first == *second;
      found.member_ = !same;
    }
    for (const auto& [step, child] : a.children_) {
      const auto other = b.children_.find(step);
      if (other == b.children_.end()) continue;
      FieldSet below;
      Differing(SchemaOf(schema, step), child, other->second, FieldOf(first, schema, step),
                FieldOf(second, schema, step), below);
      if (!below.empty()) found.children_.emplace(step, std::move(below));
    }
  }

  static void Changed(const Schema& schema, const FieldSet& now, const json::value* was_value,
                      const json::value* now_value, FieldSet& found) {
    const bool whole = now.member_ && now.children_.empty();
    if (was_value == nullptr || (whole && *was_value != *now_value)) found.member_ = now.member_;
    for (const auto& [step, child] : now.children_) {
      FieldSet below;
      Changed(SchemaOf(schema, step), child, FieldOf(was_value, schema, step),
              FieldOf(now_value, schema, step), below);
      if (!below.empty()) found.children_.emplace(step, std::move(below));
    }
  }

  static void Remove(const Schema& schema, json::value& value, const FieldSet& fields) {
    for (const auto& [step, child] : fields.children_) {
      if (step.starts_with("f:")) {
        auto* object = value.if_object();
        const auto at = object == nullptr ? json::object::iterator()
                                          : object->find(std::string_view(step).substr(2));
        if (object == nullptr || at == object->end()) continue;
        Remove(SchemaOf(schema, step), at->value(), child);
        // An object or list that has become empty goes with its last field.
        const auto& left = at->value();
        const bool emptied =
            !child.children_.empty() && ((left.is_object() && left.get_object().empty()) ||
                                         (left.is_array() && left.get_array().empty()));
        if (child.member_ || emptied) object->stable_erase(at);
        continue;
      }
      auto* list = value.if_array();
      if (list == nullptr) continue;
      for (auto item = list->begin(); item != list->end(); ++item) {
        if (FieldSet::StepOfItem(schema, *item) != step) continue;
        if (child.member_) {
          list->erase(item);
        } else {
          Remove(ItemOf(schema), *item, child);
        }
        break;
      }
    }
  }
};

FieldSet FieldSet::Of(const Schema& schema, const json::object& document) {
  FieldSet set;
  for (const auto& [name, value] : document) {
    FieldWalker::Collect(ChildOf(schema, name), value, set.children_["f:" + std::string(name)]);
  }
  return set;
}

FieldSet FieldSet::FromJson(const json::object& fields) {
  FieldSet set;
  for (const auto& [step, below] : fields) {
    if (step == ".") {
      set.member_ = true;
      continue;
    }
    const std::string_view text(step);
    const bool known = text.starts_with("f:") || text.starts_with("k:") || text.starts_with("v:");
    if (!known || !below.is_object()) continue;
    auto child = FromJson(below.get_object());
    if (below.get_object().empty()) child.member_ = true;
    set.children_.emplace(text, std::move(child));
  }
  return set;
}

json::object FieldSet::ToJson() const {
  json::object fields;
  if (member_ && !children_.empty()) fields["."] = json::object();
  for (const auto& [step, child] : children_) fields[step] = child.ToJson();
  return fields;
}

void FieldSet::Add(const FieldSet& other) {
  member_ |= other.member_;
  for (const auto& [step, child] : other.children_) children_[step].Add(child);
}

void FieldSet::Subtract(const FieldSet& other) {
  if (other.member_) member_ = false;
  for (const auto& [step, child] : other.children_) {
    if (const auto at = children_.find(step); at != children_.end()) at->second.Subtract(child);
  }
  Tidy();
}

void FieldSet::Tidy() {
  std::erase_if(children_, [](const auto& child) { return child.second.empty(); });
}

std::vector<std::string> FieldSet::Paths() const {
  std::vector<std::string> paths;
  AddPaths("", paths);
  return paths;
}

void FieldSet::AddPaths(const std::string& path, std::vector<std::string>& paths) const {
  if (member_) paths.push_back(path);
  for (const auto& [step, child] : children_) {
    child.AddPaths(
        step.starts_with("f:") ? path + "." + step.substr(2) : path + "[" + step.substr(2) + "]",
        paths);
  }
}

std::string FieldSet::StepOfItem(const Schema& list, const json::value& item) {
  if (list.list_type != ListType::kMap || !item.is_object()) return "v:" + json::serialize(item);
  json::object key;
  auto names = list.list_keys;
  std::ranges::sort(names);
  for (const auto& name : names) {
    if (const auto* part = item.get_object().if_contains(name)) key[name] = *part;
  }
  return "k:" + json::serialize(key);
}

FieldSet FieldsThatDiffer(const Schema& schema, const FieldSet& a, const FieldSet& b,
                          const json::object& first, const json::object& second) {
  FieldSet found;
  const json::value first_value = first, second_value = second;
  FieldWalker::Differing(schema, a, b, &first_value, &second_value, found);
  return found;
}

FieldSet FieldsChanged(const Schema& schema, const json::object& was, const json::object& now) {
  FieldSet found;
  const json::value was_value = was, now_value = now;
  FieldWalker::Changed(schema, FieldSet::Of(schema, now), &was_value, &now_value, found);
  return found;
}

void MergeFields(const Schema& schema, json::object& target, const json::object& over) {
  for (const auto& [name, value] : over) {
    if (value.is_null()) continue;  // Says nothing, as if it were absent.
    MergeValue(ChildOf(schema, name), target[name], value);
  }
}

void RemoveFields(const Schema& schema, json::object& document, const FieldSet& fields) {
  json::value value = std::move(document);
  FieldWalker::Remove(schema, value, fields);
  document = std::move(value.get_object());
}

}  // namespace pemba::resource
