// Compare and swap of the newest model, where the store of models has none.
//
// Models are only ever appended, so what was lost can be seen afterwards: after writing, the model
// below ours must be the one that ours was made from. If it is another, its writer came in between
// and ours hides what that one says; then it is put on top again, and the caller told to read,
// merge and write anew. While that happens, ours is newest for the time of one write; a reader who
// pins his model sees nothing of it.
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
// kConflict (see above; nothing that another has written is lost), those of the log.
Result<std::string> SwapModel(ModelLog& log, const model::Model& model,
                              std::string_view expected_id);

}  // namespace pemba::provider::internal
