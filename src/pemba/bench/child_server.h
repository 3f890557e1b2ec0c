// ChildServer: a server of this program as a child process, on free ports.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "pemba/base/result.h"
#include "pemba/bench/endpoint.h"

namespace pemba::bench {

// Killed with the object.
class ChildServer {
 public:
  // `program ARGUMENTS...` must print "grpc listening on ADDRESS" and "http listening on ADDRESS",
  // the latter last, within half a minute; of PEMBA_ and OPENFGA_ variables it has none but
  // `variables` (NAME=VALUE): secrets, which have no place among arguments.
  // Errors: kUnavailable.
  static Result<std::unique_ptr<ChildServer>> Start(const std::string& program,
                                                    const std::vector<std::string>& arguments,
                                                    const std::vector<std::string>& variables = {});
  ~ChildServer();
  ChildServer(const ChildServer&) = delete;
  ChildServer& operator=(const ChildServer&) = delete;

  Endpoint endpoint(Protocol protocol) const;
  pid_t process() const { return process_; }

  // Asks it to end, and waits until it has. Errors: kUnavailable (it has not, after a minute).
  Status Stop();

 private:
  ChildServer() = default;
  Status ReadAddresses();

  pid_t process_ = 0;
  int output_ = -1;
  std::string grpc_address_, http_address_;
};

// The program that is running.
std::string ThisProgram();

}  // namespace pemba::bench
