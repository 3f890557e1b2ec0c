// ServedWorld: a scenario in a store of a server, made through the standard API and removed again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/bench/endpoint.h"
#include "pemba/bench/load_loop.h"
#include "pemba/bench/scenario.h"
#include "pemba/bench/wire_codec.h"

namespace pemba::bench {

class ServedWorld {
 public:
  // Creates a store, writes the model and all tuples (100 a call, many calls at once).
  // Errors: kUnavailable, with what the server said.
  static Result<std::unique_ptr<ServedWorld>> Make(const Endpoint& endpoint,
                                                   const Scenario& scenario);
  ~ServedWorld();  // Removes the store, if the server still answers.
  ServedWorld(const ServedWorld&) = delete;
  ServedWorld& operator=(const ServedWorld&) = delete;

  // Knows store and model.
  const WireCodec& codec() const { return codec_; }
  std::uint64_t tuples() const { return tuples_; }

 private:
  explicit ServedWorld(const Endpoint& endpoint) : endpoint_(endpoint), codec_(endpoint.protocol) {}
  Status WriteTuples(LoadLoop& loop, const Scenario& scenario);

  const Endpoint endpoint_;
  WireCodec codec_;
  std::uint64_t tuples_ = 0;
};

}  // namespace pemba::bench
