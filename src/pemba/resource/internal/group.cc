#include "pemba/resource/internal/group.h"

#include <string>
#include <utility>

#include "pemba/base/hash.h"

namespace pemba::resource::internal {

std::vector<Transaction::Change> Sum(std::span<const Member> members) {
  if (members.size() == 1) return members.front().changes;
  std::map<ObjectKey, Transaction::Change> sum;
  for (const auto& member : members) {
    for (const auto& change : member.changes) {
      const auto& key = change.after != nullptr ? change.after->key : change.before->key;
      sum.try_emplace(key, change).first->second.after = change.after;
    }
  }
  std::vector<Transaction::Change> changes;
  for (auto& [key, change] : sum) {
    if (change.before != nullptr || change.after != nullptr) changes.push_back(std::move(change));
  }
  return changes;
}

Consequences SumOfConsequences(std::span<const Member> members) {
  if (members.size() == 1) return members.front().consequences;
  struct Last {
    tuple::Tuple tuple;
    bool there = false;
  };
  StringMap<Last> sum;
  for (const auto& member : members) {
    for (const auto& each : member.consequences.deletes) {
      sum.insert_or_assign(tuple::ToText(each.view()), Last{each, false});
    }
    for (const auto& each : member.consequences.writes) {
      sum.insert_or_assign(tuple::ToText(each.view()), Last{each, true});
    }
  }
  Consequences all;
  for (auto& [text, last] : sum) {
    (last.there ? all.writes : all.deletes).push_back(std::move(last.tuple));
  }
  all.model_before = members.back().consequences.model_before;
  all.model_after = members.back().consequences.model_after;
  all.model_base = members.back().consequences.model_base;
  return all;
}

void LayOver(const Transaction& transaction, Staging& staging) {
  for (const auto& [key, object] : transaction.staging().staged()) {
    if (object == nullptr) {
      staging.Put(key, nullptr);
      continue;
    }
    auto unversioned = std::make_shared<Object>(*object);
    unversioned->revision = 0;
    auto& metadata = unversioned->document["metadata"].get_object();
    if (const auto at = metadata.find("resourceVersion"); at != metadata.end()) {
      metadata.stable_erase(at);
    }
    staging.Put(key, std::move(unversioned));
  }
}

}  // namespace pemba::resource::internal
