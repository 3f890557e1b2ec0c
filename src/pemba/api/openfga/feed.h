// Feed: a stream that goes on for as long as its reader listens, and costs no thread in between.
//
// A call of the service makes one; its front drives it: Advance says what there is to say, and on
// what to wait before Advance is worth calling again.
#pragma once

#include <cstdint>
#include <functional>

#include <google/protobuf/message.h>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"

namespace pemba::api::openfga {

class FeedReader {
 public:
  virtual ~FeedReader() = default;
  enum class Sent : std::uint8_t { kYes, kNobodyReads };
  virtual Sent Send(const google::protobuf::Message& message) = 0;
  // Whether Send returns at once. A feed sends nothing else.
  virtual bool has_room() const = 0;
  // Makes the front call Advance soon. Any thread, also when the feed is gone.
  virtual std::function<void()> wake() const = 0;
};

class Feed {
 public:
  virtual ~Feed() = default;

  struct Pause {
    enum class Until : std::uint8_t { kWoken, kRoom, kNobodyReads } until = Until::kWoken;
    SteadyTime at{};  // At the latest.
  };
  // One thread at a time. An error ends the stream.
  virtual Result<Pause> Advance(FeedReader& reader) = 0;
};

}  // namespace pemba::api::openfga
