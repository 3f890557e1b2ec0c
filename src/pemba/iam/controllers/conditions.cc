#include "pemba/iam/controllers/conditions.h"

#include "pemba/iam/internal/documents.h"

namespace pemba::iam::internal {
namespace {

namespace json = boost::json;

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }

std::string_view TextOf(Condition::Value value) {
  switch (value) {
    case Condition::Value::kTrue:
      return "True";
    case Condition::Value::kFalse:
      return "False";
    case Condition::Value::kUnknown:
      return "Unknown";
  }
  return "Unknown";
}

}  // namespace

StatusDraft::StatusDraft(Transaction& transaction, ObjectPtr object)
    : transaction_(transaction), object_(std::move(object)), status_(object_->status()) {}

void StatusDraft::Set(const Condition& condition) {
  const auto value = TextOf(condition.value);
  json::value& list = status_["conditions"];
  if (!list.is_array()) list = json::array();
  json::value* place = nullptr;
  for (auto& one : list.get_array()) {
    if (one.is_object() && TextAt(one.get_object(), {"type"}) == condition.type) place = &one;
  }
  if (place == nullptr) place = &list.get_array().emplace_back(json::object());
  json::object& entry = place->get_object();
  const bool turned = TextAt(entry, {"status"}) != value || !entry.contains("lastTransitionTime");
  entry["type"] = View(condition.type);
  entry["status"] = View(value);
  entry["reason"] = View(condition.reason);
  entry["message"] = condition.message;
  entry["observedGeneration"] = object_->generation();
  if (turned) entry["lastTransitionTime"] = resource::TimeText(transaction_.now());
}

void StatusDraft::Clear(std::string_view type) {
  json::value* list = status_.if_contains("conditions");
  if (list == nullptr || !list->is_array()) return;
  json::array kept;
  for (auto& one : list->get_array()) {
    if (!one.is_object() || TextAt(one.get_object(), {"type"}) != type) kept.push_back(one);
  }
  *list = std::move(kept);
}

void StatusDraft::Put(std::string_view field, json::value value) {
  status_[View(field)] = std::move(value);
}

void StatusDraft::PutText(std::string_view field, std::string_view text) {
  if (text.empty()) {
    Erase(field);
  } else {
    status_[View(field)] = View(text);
  }
}

void StatusDraft::Erase(std::string_view field) { status_.erase(View(field)); }

Outcome<Done> StatusDraft::Save() {
  const auto* declared = object_->key.kind->schema.Find("status");
  if (declared != nullptr && declared->Find("observedGeneration") != nullptr) {
    status_["observedGeneration"] = object_->generation();
  }
  if (status_ == object_->status()) return Done{};
  json::object document;  // Nothing else of it is looked at.
  document["status"] = std::move(status_);
  PEMBA_TRY(std::ignore,
            transaction_.Update(object_->key, std::move(document), resource::Part::kStatus));
  return Done{};
}

const json::object* FindCondition(const resource::Object& object, std::string_view type) {
  for (const auto& one : ListAt(object.status(), {"conditions"})) {
    if (one.is_object() && TextAt(one.get_object(), {"type"}) == type) return &one.get_object();
  }
  return nullptr;
}

bool IsTrue(const resource::Object& object, std::string_view type) {
  const auto* condition = FindCondition(object, type);
  return condition != nullptr && TextAt(*condition, {"status"}) == "True";
}

}  // namespace pemba::iam::internal
