// store_costs SCENARIO: writes tuples to a store in memory inside Measured(), which is what
// callgrind counts, and prints how many they were.
#include <cstdint>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/assert.h"
#include "pemba/base/clock.h"
#include "pemba/model/dsl.h"
#include "pemba/storage/memory.h"
#include "pemba/store/stores.h"

namespace {

using namespace pemba;  // NOLINT(google-build-using-namespace): a program

constexpr const char* kModel = R"(model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type document
  relations
    define owner: [user]
    define viewer: [user, group#member] or owner
)";

constexpr std::uint64_t kTuples = 20'000;

class World {
 public:
  World() {
    PEMBA_CHECK(store_->WriteModel(*model::ModelFromDsl(kModel)).ok());
    for (std::uint64_t i = 0; i < kTuples; ++i) {
      const auto n = std::to_string(i / 5), user = "user:" + std::to_string(i * 7919 % 5003);
      switch (i % 5) {
        case 0:
          tuples_.push_back({"document:d" + n, "owner", user, {}});
          break;
        case 1:
          tuples_.push_back({"document:d" + n, "viewer", "group:g" + n + "#member", {}});
          break;
        case 2:
          tuples_.push_back({"group:g" + n, "member", user, {}});
          break;
        default:
          tuples_.push_back({"document:d" + n, "viewer", user, {}});
      }
    }
    for (const auto& t : tuples_) views_.push_back(t.view());
  }

  // Writes all tuples, so many at once, and prints their number.
  void Write(std::size_t at_once) {
    Measured(at_once);
    PEMBA_CHECK(store_->Pin().revision() == kTuples / at_once);
    std::cout << kTuples << "\n";
  }

 private:
  [[gnu::noinline]] void Measured(std::size_t at_once) {
    for (std::size_t i = 0; i < kTuples; i += at_once) {
      const std::span views(views_);
      PEMBA_CHECK(store_->Write({.plain_writes = views.subspan(i, at_once)}).ok());
    }
  }

  const SystemClock clock_;
  const std::unique_ptr<storage::Datastore> datastore_ = storage::NewMemoryDatastore();
  store::Stores stores_{*datastore_, clock_};
  store::StoreHandle store_ = *stores_.Keep({"01J0000000000000000000000A"});
  std::vector<tuple::Tuple> tuples_;
  std::vector<tuple::TupleView> views_;
};

struct Scenario {
  std::string_view name;
  std::size_t at_once;
};
constexpr Scenario kScenarios[] = {{"import", 100}, {"write_one", 1}};

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && std::string_view(arguments[1]) == "--names") {
    for (const auto& scenario : kScenarios) std::cout << scenario.name << "\n";
    return 0;
  }
  for (const auto& scenario : kScenarios) {
    if (count != 2 || scenario.name != arguments[1]) continue;
    World().Write(scenario.at_once);
    return 0;
  }
  std::cerr << "store_costs SCENARIO | --names\n";
  return 2;
}
