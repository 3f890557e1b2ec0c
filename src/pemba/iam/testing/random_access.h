// RandomAccess: random changes of everything that is declared, in three worlds at once, one for
// each projection; and whether their stores say what they should.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "pemba/iam/testing/declared_world.h"

namespace pemba::iam::testing {

class RandomAccess {
 public:
  explicit RandomAccess(std::uint64_t seed);
  // In a world of one server among several that share a store.
  RandomAccess(std::uint64_t seed, std::unique_ptr<DeclaredWorld> world);

  // One more transaction in every world, or a start of all of them. What is wrong with how it went;
  // empty: nothing.
  std::string Step();
  // What is wrong with what the stores say now; empty: nothing.
  std::string Violation();
  // Every managed tuple and type is lost: makes them again out of what is declared.
  std::string Rebuild();

 private:
  // One operation within a transaction, the same in each world.
  using Operation =
      std::function<resource::Outcome<Done>(const DeclaredWorld&, resource::Transaction&)>;

  std::uint32_t Below(std::uint32_t count) { return random_() % count; }
  bool OneIn(std::uint32_t count) { return Below(count) == 0; }
  template <class List>
  const auto& Any(const List& list) {
    return list[Below(static_cast<std::uint32_t>(std::size(list)))];
  }

  Operation RandomOperation();
  Operation Put(std::string kind, std::string place, std::string spec);
  Operation Drop(std::string kind, std::string place);
  Operation ChangeKind();
  Operation ChangeService();
  Operation ChangeRole();
  Operation ChangeBinding();
  Operation ChangeMembership();
  Operation ChangeObject();
  std::string AnyPermission();
  std::string AnySubject();
  std::string AnyTarget();
  std::string AnyOwner();
  std::string Parents(const std::vector<std::string>& types, bool as_objects);
  std::string Actions();
  std::string WrongDecisions();

  std::mt19937 random_;
  std::vector<std::unique_ptr<DeclaredWorld>> worlds_;
};

}  // namespace pemba::iam::testing
