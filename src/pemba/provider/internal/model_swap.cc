#include "pemba/provider/internal/model_swap.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace pemba::provider::internal {
namespace {

// Whoever writes this often at once is not served by one more try here.
constexpr int kRepairsMax = 8;
// How far below ours an intruder is looked for.
constexpr std::size_t kLookedAt = 8;

Error Conflict() { return {ErrorCode::kConflict, "another authorization model was written"}; }

const model::TypeDefinition* FindType(const model::Model& model, std::string_view name) {
  const auto found = std::find_if(model.types.begin(), model.types.end(),
                                  [&](const auto& type) { return type.type == name; });
  return found == model.types.end() ? nullptr : &*found;
}

void SetType(model::Model& model, const model::TypeDefinition& type) {
  for (auto& own : model.types) {
    if (own.type != type.type) continue;
    own = type;
    return;
  }
  model.types.push_back(type);
}

// The model right below `id`, if it is not `expected`.
Result<std::optional<model::Model>> Intruder(ModelLog& log, std::string_view id,
                                             std::string_view expected) {
  PEMBA_TRY(auto newest, log.Newest(kLookedAt));
  auto own =
      std::find_if(newest.begin(), newest.end(), [&](const auto& model) { return model.id == id; });
  // Ours is not shown yet by a lagging replica, or there is nothing below that it could hide.
  if (own == newest.end() || ++own == newest.end() || own->id == expected) {
    return std::optional<model::Model>();
  }
  return std::optional(std::move(*own));
}

Result<model::Model> NewestOf(ModelLog& log) {
  PEMBA_TRY(auto newest, log.Newest(1));
  return newest.empty() ? model::Model{} : std::move(newest.front());
}

}  // namespace

model::Model RebaseModel(const model::Model& base, const model::Model& theirs,
                         model::Model current) {
  for (const auto& type : theirs.types) {
    const auto* before = FindType(base, type.type);
    if (before == nullptr || *before != type) SetType(current, type);
  }
  for (const auto& [name, condition] : theirs.conditions) {
    const auto before = base.conditions.find(name);
    if (before == base.conditions.end() || before->second != condition) {
      current.conditions[name] = condition;
    }
  }
  return current;
}

Result<std::string> SwapModel(ModelLog& log, const model::Model& model,
                              std::string_view expected_id) {
  PEMBA_TRY(auto base, NewestOf(log));
  if (base.id != expected_id) return Conflict();
  PEMBA_TRY(auto id, log.Append(model));
  PEMBA_TRY(auto intruder, Intruder(log, id, base.id));
  if (!intruder) {
    PEMBA_TRY(const auto newest, NewestOf(log));
    const bool hidden = newest.id != id && newest.id != base.id;
    if (hidden) return Conflict();
    return id;
  }
  for (int i = 0; intruder && i < kRepairsMax; ++i) {
    PEMBA_TRY(auto newest, NewestOf(log));
    auto repaired = RebaseModel(base, *intruder, newest);
    if (repaired == newest) break;  // Its writer has seen to it already.
    PEMBA_TRY(id, log.Append(repaired));
    base = std::move(newest);
    PEMBA_TRY(intruder, Intruder(log, id, base.id));
  }
  return Conflict();
}

}  // namespace pemba::provider::internal
