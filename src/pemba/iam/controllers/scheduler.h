// Scheduler: runs controllers over what a transaction changed, and over what they change, until
// nothing changes any more.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "pemba/iam/controllers/controller.h"

namespace pemba::iam::internal {

using ControllerPtr = std::unique_ptr<const Controller>;

class Scheduler {
 public:
  // What one change leads to goes through a few kinds; far more rounds mean that two controllers
  // undo each other's work.
  static constexpr std::size_t kRoundsMax = 100;

  // In an order in which most is done in the first round: causes before what follows from them.
  explicit Scheduler(std::vector<ControllerPtr> controllers)
      : controllers_(std::move(controllers)) {}

  // `due` are looked at even if nothing changed, by those whose own they are. Errors: those of the
  // controllers; kInternal if they do not come to rest, with the names of those that went on.
  Outcome<Done> Run(Transaction& transaction, const Environment& environment,
                    const std::function<const Catalog&()>& catalog, const Keys& due) const;

 private:
  std::vector<ControllerPtr> controllers_;
};

}  // namespace pemba::iam::internal
