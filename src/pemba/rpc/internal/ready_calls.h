// ReadyCalls: calls of one I/O thread whose request is complete and whose handler is yet to run.
//
// A round of the loop reads what every socket has, then runs the handlers, then writes the answers.
// Each of the three is about as much code as a first cache of instructions holds: taken in turns
// for every single call they would throw each other out.
#pragma once

#include <cstddef>
#include <vector>

namespace pemba::rpc::internal {

class Exchange;

// In order of arrival. O(1) each, and the memory stays.
class ReadyCalls {
 public:
  void Add(Exchange& exchange);
  void Remove(Exchange& exchange);  // If it is there: its peer has gone away.
  // Takes the next one; null once there is none.
  Exchange* Next();
  bool empty() const { return calls_.empty(); }

 private:
  std::vector<Exchange*> calls_;  // Null: was removed.
  std::size_t next_ = 0;
};

}  // namespace pemba::rpc::internal
