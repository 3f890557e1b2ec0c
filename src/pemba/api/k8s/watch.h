// Watches: streams of what happens to the objects of a kind.
#pragma once

#include <chrono>
#include <optional>

#include "pemba/api/k8s/media.h"
#include "pemba/base/clock.h"
#include "pemba/resource/resource_store.h"
#include "pemba/rpc/call.h"

namespace pemba::api::k8s {

struct WatchOptions {
  resource::WatchRequest what;
  Form form = Form::kObject;
  // What is there comes first, as added. Otherwise what happens after `after`.
  enum class Start : std::uint8_t { kWithState, kAfter } start = Start::kWithState;
  resource::Revision after = 0;
  bool bookmarks = false;
  bool initial_events_end = false;  // A bookmark says where the state ends.
  std::chrono::seconds timeout{0};
  std::chrono::seconds bookmark_interval{60};
};

// Streams until the timeout, the connection's end or an error, without a thread in between. Runs on
// a worker; `resources` and `clock` outlive the call.
void StartWatch(resource::ResourceStore& resources, const Clock& clock, WatchOptions options,
                rpc::Call& call);

}  // namespace pemba::api::k8s
