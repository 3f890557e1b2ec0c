// Mutations: bugs that a test plants in how a resource store follows other servers, to show that
// the properties in testing/following.h find them.
//
// Only the test library that is built with PEMBA_RESOURCE_MUTATIONS knows any; in the product
// Mutated() is constantly false and leaves nothing behind.
#pragma once

#include <cstdint>

namespace pemba::resource::internal {

enum class Mutation : std::uint8_t {
  kNone,
  kDropWrite,        // Now and then a write of another server is passed over.
  kDropLastObject,   // Of one that changes several objects, one is.
  kDropDeletion,     // What another server deletes stays.
  kRepeatWrite,      // A write is followed twice.
  kReorderWrites,    // A write is followed before the one that it came after.
  kOldRevision,      // Objects come with a revision that is not their own.
  kForgetToTell,     // The projection is not told.
  kTellTwice,        // It is told twice.
  kTellTooLate,      // Readers see it before the projection is told.
  kTellTheOldState,  // The projection is told which objects changed, and finds them as they were.
  kForgetRecord,     // The projection's own records are not told.
  kCount,
};

#ifdef PEMBA_RESOURCE_MUTATIONS
inline Mutation planted_mutation = Mutation::kNone;  // Written by the test, between changes.
inline bool Mutated(Mutation mutation) { return planted_mutation == mutation; }
#else
constexpr bool Mutated(Mutation) { return false; }
#endif

}  // namespace pemba::resource::internal
