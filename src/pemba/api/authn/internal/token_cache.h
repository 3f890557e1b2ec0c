// TokenCache: tokens that were verified, until they expire. So that a signature is verified once
// per thread and not once per call.
//
// Tokens are remembered by their SHA-256. Each thread uses one of a fixed number of shards, chosen
// by the thread and not by the token: the threads of a server do not meet at one lock because they
// serve the same client. Bounded: a full shard forgets its oldest token.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "pemba/api/authn/caller.h"
#include "pemba/api/authn/internal/digest.h"
#include "pemba/base/clock.h"

namespace pemba::api::authn::internal {

struct VerifiedToken {
  Caller caller;
  WallTime expires_at;
  std::uint64_t generation = 0;  // Of the keys that verified it: older ones do not count any more.
};

// Thread-safe.
class TokenCache {
 public:
  static constexpr std::size_t kShards = 32;
  static constexpr std::size_t kTokensPerShard = 1024;

  // Whose token it is, if it is known, not expired, and of this generation.
  std::optional<Caller> Find(const Digest& token, WallTime now, std::uint64_t generation) {
    auto& shard = OwnShard();
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.tokens.find(token);
    if (found == shard.tokens.end()) return std::nullopt;
    const auto& verified = found->second;
    if (verified.expires_at <= now || verified.generation != generation) return std::nullopt;
    return verified.caller;
  }

  void Add(const Digest& token, VerifiedToken verified) {
    auto& shard = OwnShard();
    const std::lock_guard lock(shard.mutex);
    if (!shard.tokens.insert_or_assign(token, std::move(verified)).second) return;
    if (shard.order.size() < kTokensPerShard) {
      shard.order.push_back(token);
      return;
    }
    shard.tokens.erase(shard.order[shard.oldest]);
    shard.order[shard.oldest] = token;
    shard.oldest = (shard.oldest + 1) % kTokensPerShard;
  }

  std::size_t size_of_own_shard() {
    auto& shard = OwnShard();
    const std::lock_guard lock(shard.mutex);
    return shard.tokens.size();
  }

 private:
  struct FirstBytes {  // A digest is as good as random already.
    std::size_t operator()(const Digest& digest) const {
      std::size_t bytes = 0;
      std::memcpy(&bytes, digest.data(), sizeof bytes);
      return bytes;
    }
  };
  struct alignas(64) Shard {
    std::mutex mutex;  // Guards the rest.
    std::unordered_map<Digest, VerifiedToken, FirstBytes> tokens;
    std::vector<Digest> order;  // The keys of `tokens`, a ring once it is full.
    std::size_t oldest = 0;
  };

  Shard& OwnShard() {
    return shards_[std::hash<std::thread::id>()(std::this_thread::get_id()) % kShards];
  }

  std::array<Shard, kShards> shards_;
};

}  // namespace pemba::api::authn::internal
