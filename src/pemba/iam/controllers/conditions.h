// A status on its way: conditions and fields are set, and written if that changed anything.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/iam/internal/work.h"

namespace pemba::iam::internal {

struct Condition {
  enum class Value : std::uint8_t { kTrue, kFalse, kUnknown };
  std::string_view type;
  Value value = Value::kTrue;
  std::string_view reason;
  std::string message = {};
};

class StatusDraft {
 public:
  StatusDraft(Transaction& transaction, ObjectPtr object);

  // Its transition time is now if its value is another than before.
  void Set(const Condition& condition);
  void Clear(std::string_view type);  // Takes the condition away.
  void Put(std::string_view field, boost::json::value value);
  void PutText(std::string_view field, std::string_view text);  // Empty: takes it away.
  void Erase(std::string_view field);

  const boost::json::object& status() const { return status_; }
  // Also observedGeneration, where the kind has it. Errors: those of Transaction::Update.
  Outcome<Done> Save();

 private:
  Transaction& transaction_;
  const ObjectPtr object_;
  boost::json::object status_;
};

// What an object's status says. Null if there is no such condition.
const boost::json::object* FindCondition(const resource::Object& object, std::string_view type);
bool IsTrue(const resource::Object& object, std::string_view type);

}  // namespace pemba::iam::internal
