// Things by number.
#pragma once

#include <cstdint>

namespace pemba::reason {

// An entity, a relation or an attribute instance. A persisted thing keeps its number as long as it
// exists, over restarts, too; the number of a thing that is gone is not used again. Numbers from
// kFirstInferred on are things that rules infer: they mean something in one transaction only.
using ThingId = std::uint32_t;

inline constexpr ThingId kThingMax = 0x7FFFFFFE;  // Persisted things have smaller numbers.
inline constexpr ThingId kFirstInferred = 0x80000000;
inline constexpr ThingId kNoThing = 0xFFFFFFFF;

constexpr bool IsInferred(ThingId thing) { return thing >= kFirstInferred && thing != kNoThing; }

}  // namespace pemba::reason
