// FaultyFront: stands before a server's gRPC port and makes it slow, forgetful or old.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace pemba::e2e {

// What happens to calls of one method, as often as it says.
struct Fault {
  std::string method;        // "Write"
  std::uint32_t status = 0;  // Answered; 0: none.
  std::string message = {};
  enum class When { kBefore, kAfter } when = When::kBefore;  // kAfter: it is done all the same.
  std::chrono::milliseconds delay{0};
  int times = 1;
};

// Passes unary calls on to `target`, byte by byte. Thread-safe.
class FaultyFront {
 public:
  explicit FaultyFront(const std::string& target);
  ~FaultyFront();
  FaultyFront(const FaultyFront&) = delete;
  FaultyFront& operator=(const FaultyFront&) = delete;

  const std::string& address() const;
  void Add(Fault fault);
  void Heal();  // No fault is left.
  // From now on as a server that knows neither on_duplicate nor on_missing.
  void BeOld();
  std::size_t calls(const std::string& method) const;
  std::size_t tuples_max() const;  // Of one Write.

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pemba::e2e
