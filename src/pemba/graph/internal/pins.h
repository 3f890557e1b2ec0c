// Pins: which snapshots are held, so that writers know what nobody can see any more.
//
// Epoch-based reclamation (Fraser, "Practical lock-freedom", 2004), with two changes: a pin is a
// slot of its own instead of a state of the thread, so that a snapshot may move between threads and
// a thread may hold many; and a slot also announces the pinned stamp, so that a merge knows which
// versions are still read.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace pemba::graph::internal {

using Stamp = std::uint32_t;  // Numbers the writes of a graph, in revision order; 0: before all.

// What a graph and its readers agree on. Written by the graph's writer, read by every pin.
//
// Protocol (all operations named here are sequentially consistent):
//   reader  1. announces epoch and stamp in a slot, then the slot's owner
//           2. loads the epoch (an old announced one errs on the safe side)
//           3. loads the published stamp; announces again until both agree
//   writer  1. unlinks memory, or publishes a stamp
//           2. advances the epoch, then looks at every slot
// Either the writer sees what the reader announced, or the reader's loads see the writer's step 1.
struct alignas(64) PinGate {
  std::atomic<std::uint64_t> epoch{1};
  std::atomic<Stamp> published{0};
};

// Owned by whoever holds the pin; a free slot is owned by the list that it is in. Its cache line is
// therefore not shared, but for the rare looks of writers.
struct alignas(64) PinSlot {
  std::atomic<const PinGate*> owner{nullptr};  // Null: free.
  std::atomic<std::uint64_t> epoch{0};
  std::atomic<Stamp> stamp{0};
  PinSlot* next_free = nullptr;
  PinSlot* next = nullptr;  // Of all slots; constant once linked.
};

struct Pinned {
  PinSlot* slot;
  Stamp stamp;
};

// Any thread. Unpin may run on another thread than Pin did.
Pinned Pin(const PinGate& gate);
void Unpin(PinSlot* slot);

// The writer's look at the pins of its graph.
struct PinSurvey {
  std::uint64_t oldest_epoch = 0;  // The largest value if there is no pin.
  std::vector<Stamp> stamps;       // Pinned ones, in no order, with duplicates.
};
void Survey(const PinGate& gate, PinSurvey& survey);

}  // namespace pemba::graph::internal
