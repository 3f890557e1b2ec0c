// Group: transactions that are written together, each laid over those before it.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "pemba/resource/internal/staging.h"
#include "pemba/resource/resource_store.h"

namespace pemba::resource::internal {

// What one transaction of a group changes.
struct Member {
  std::vector<Transaction::Change> changes;
  Consequences consequences;
};

// One after another, as one: of every object what it was at first and is at last. Objects that come
// and go within are not among them.
std::vector<Transaction::Change> Sum(std::span<const Member> members);
// The same of tuples: what the last one says counts. Models are the last member's.
Consequences SumOfConsequences(std::span<const Member> members);

// Makes a transaction's changes part of what the next one reads. There, they have no version yet:
// no version that a client knows is that of an object that was changed since.
void LayOver(const Transaction& transaction, Staging& staging);

}  // namespace pemba::resource::internal
