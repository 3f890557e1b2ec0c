// Compare and swap of the newest model, where the store of models has none.
//
// Models are only ever appended, so what was lost can be seen afterwards: after writing, the model
// below ours must be the one that ours was made from. If it is another, its writer came in between
// and ours hides what that one changed; then these changes are made once more, on what is newest by
// then, in the same way. The caller is told to read, merge and write anew, and finds both in place.
// While that happens, ours is newest without them for the time of a write or two; a reader who pins
// his model sees nothing of it.
//
// Whoever writes like this loses nothing to others who do, and repairs what it has hidden of those
// who do not; what those hide of ours is seen when the newest model is read again.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/model/model.h"

namespace pemba::provider::internal {

// The models of one store.
class ModelLog {
 public:
  virtual ~ModelLog() = default;
  virtual Result<std::vector<model::Model>> Newest(std::size_t count) = 0;  // Newest first.
  virtual Result<std::string> Append(const model::Model& model) = 0;        // Its id.
};

// The id of `model`, which was the newest right after a moment when `expected_id` was. Errors:
// kConflict (see above), those of the log.
Result<std::string> SwapModel(ModelLog& log, const model::Model& model,
                              std::string_view expected_id);

// What `theirs` has added to `base` or changed of it, in `current`: whole types and conditions.
// Nothing is removed: what `theirs` lacks it may never have seen, for it may come from before
// `base`.
model::Model RebaseModel(const model::Model& base, const model::Model& theirs,
                         model::Model current);

}  // namespace pemba::provider::internal
