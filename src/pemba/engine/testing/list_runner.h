// Asks a world for lists, and says what they ought to be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pemba/base/arena.h"
#include "pemba/base/clock.h"
#include "pemba/engine/lister.h"
#include "pemba/engine/testing/oracle.h"
#include "pemba/engine/testing/world_runner.h"

namespace pemba::engine::testing {

struct Listed {
  std::vector<std::string> ids;
  ListEnd end = ListEnd::kComplete;
};

// Of ListUsers; empty relation: objects.
struct UserKind {
  std::string type, relation;
};

class ListRunner {
 public:
  explicit ListRunner(WorldRunner& runner) : runner_(runner) {}

  // The question's object gives the type that is listed; its id does not matter.
  Result<Listed> Objects(const Oracle::Question& question, const ListOptions& options = {});
  // The question's subject does not matter.
  Result<Listed> Users(const Oracle::Question& question, const UserKind& kind,
                       const ListOptions& options = {});

 private:
  WorldRunner& runner_;
  AskedAtClock clock_;
};

// "" if the list is where Check says "allowed"; else what is wrong. `tuples` are the stored ones:
// they name whoever there is.
std::string WrongObjects(WorldRunner& runner, const std::vector<tuple::Tuple>& tuples,
                         const Oracle::Question& question, const Listed& listed);
std::string WrongUsers(WorldRunner& runner, const std::vector<tuple::Tuple>& tuples,
                       const Oracle::Question& question, const UserKind& kind,
                       const Listed& listed);

std::string ToText(const Result<Listed>& listed);

}  // namespace pemba::engine::testing
