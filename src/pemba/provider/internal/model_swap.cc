#include "pemba/provider/internal/model_swap.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace pemba::provider::internal {
namespace {

// Whoever writes this often at once is not served by one more try here.
constexpr int kRestoresMax = 5;

const Error& Conflict() {
  static const Error error{ErrorCode::kConflict, "another authorization model was written"};
  return error;
}

// The model right below `id`, if it is not `expected`.
Result<std::optional<model::Model>> Intruder(ModelLog& log, std::string_view id,
                                             std::string_view expected) {
  PEMBA_TRY(auto newest, log.Newest(8));
  auto own =
      std::find_if(newest.begin(), newest.end(), [&](const auto& model) { return model.id == id; });
  // Above ours, or ours is not shown yet by a lagging replica: nothing that ours could hide.
  if (own == newest.end() || ++own == newest.end() || own->id == expected) {
    return std::optional<model::Model>();
  }
  return std::optional(std::move(*own));
}

}  // namespace

Result<std::string> SwapModel(ModelLog& log, const model::Model& model,
                              std::string_view expected_id) {
  PEMBA_TRY(const auto before, log.Newest(1));
  const std::string_view newest = before.empty() ? std::string_view() : before.front().id;
  if (newest != expected_id) return Conflict();
  PEMBA_TRY(auto id, log.Append(model));
  PEMBA_TRY(auto intruder, Intruder(log, id, expected_id));
  if (!intruder) {
    PEMBA_TRY(const auto after, log.Newest(1));
    const bool hidden = !after.empty() && after.front().id != id && after.front().id != newest;
    if (hidden) return Conflict();
    return id;
  }
  for (int i = 0; intruder && i < kRestoresMax; ++i) {
    PEMBA_TRY(auto restored, log.Append(*intruder));
    PEMBA_TRY(auto next, Intruder(log, restored, id));
    id = std::move(restored);
    intruder = std::move(next);
  }
  return Conflict();
}

}  // namespace pemba::provider::internal
