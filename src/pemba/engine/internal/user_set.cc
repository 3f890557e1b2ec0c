#include "pemba/engine/internal/user_set.h"

#include <algorithm>

#include "pemba/engine/internal/mutation.h"

namespace pemba::engine::internal {
namespace {

using graph::NodeId;
using List = std::span<const NodeId>;

// Room for `size` ids, cut to what was written.
template <class Write>
List Make(Arena& arena, std::size_t size, const Write& write) {
  auto* const first = static_cast<NodeId*>(arena.Allocate(sizeof(NodeId) * size, alignof(NodeId)));
  return {first, static_cast<std::size_t>(write(first) - first)};
}

List Or(Arena& arena, List a, List b) {
  if (a.empty() || b.empty()) return a.empty() ? b : a;
  return Make(arena, a.size() + b.size(), [&](NodeId* out) {
    return std::set_union(a.begin(), a.end(), b.begin(), b.end(), out);
  });
}

// A short list against a long one: each of the short one is looked for, from where the last was.
template <class Keep>
NodeId* Sift(List few, List many, NodeId* out, const Keep& keep) {
  const auto* at = many.data();
  const auto* const end = at + many.size();
  for (const auto node : few) {
    const auto left = static_cast<std::size_t>(end - at);
    std::size_t step = 1;
    while (step < left && at[step] < node) step *= 2;
    at = std::lower_bound(at, at + std::min(step + 1, left), node);
    if (keep(at != end && *at == node)) *out++ = node;
  }
  return out;
}

constexpr std::size_t kMuchLonger = 16;  // From here on, looking up beats walking both.

List And(Arena& arena, List a, List b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (a.empty()) return {};
  return Make(arena, a.size(), [&](NodeId* out) {
    if (b.size() / a.size() >= kMuchLonger) return Sift(a, b, out, [](bool in) { return in; });
    return std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), out);
  });
}

List Minus(Arena& arena, List a, List b) {
  if (a.empty() || b.empty()) return a;
  return Make(arena, a.size(), [&](NodeId* out) {
    if (b.size() / a.size() >= kMuchLonger) return Sift(a, b, out, [](bool in) { return !in; });
    return std::set_difference(a.begin(), a.end(), b.begin(), b.end(), out);
  });
}

bool Same(List a, List b) {
  if (a.data() == b.data() && a.size() == b.size()) return true;
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

bool SameUsers(const UserSet& a, const UserSet& b) {
  return a.all == b.all && Same(a.named, b.named) && Same(a.excluded, b.excluded);
}

UserSet Unite(Arena& arena, const UserSet& a, const UserSet& b) {
  UserSet result;
  result.named = Or(arena, a.named, b.named);
  result.all = a.all || b.all;
  if (!result.all) return result;
  const auto out_of_all =
      a.all && b.all ? And(arena, a.excluded, b.excluded) : (a.all ? a.excluded : b.excluded);
  result.excluded = Minus(arena, out_of_all, result.named);
  return result;
}

UserSet Intersect(Arena& arena, const UserSet& a, const UserSet& b) {
  UserSet result;
  // Those of one side whom the other has, by name or by its wildcard.
  const auto in_both = And(arena, a.named, b.named);
  const auto kept = [&](const UserSet& side, const UserSet& other) {
    return other.all ? Minus(arena, side.named, other.excluded) : in_both;
  };
  result.named = Or(arena, kept(a, b), kept(b, a));
  result.all = a.all && b.all;
  if (result.all && !Mutated(Mutation::kUsersForgetExcluded)) {
    result.excluded = Or(arena, a.excluded, b.excluded);
  }
  return result;
}

UserSet Subtract(Arena& arena, const UserSet& a, const UserSet& b) {
  UserSet result;
  if (b.all) {
    // Only whom b excludes can be left: an exclusion from an exclusion.
    result.named = a.all ? Minus(arena, b.excluded, a.excluded) : And(arena, b.excluded, a.named);
    return result;
  }
  result.named = Minus(arena, a.named, b.named);
  result.all = a.all;
  if (a.all) result.excluded = Or(arena, a.excluded, b.named);
  return result;
}

UserSet UniteAll(Arena& arena, std::span<const UserSet> sets, const UserRange& range) {
  ArenaVector<List> lists(arena);
  for (const auto& set : sets) {
    if (!set.all && !set.named.empty()) lists.push_back(set.named);
  }
  auto result = UserSet::Named(UniteLists(arena, {lists.begin(), lists.end()}, range));
  for (const auto& set : sets) {
    if (set.all) result = Unite(arena, result, set);
  }
  return result;
}

List UniteLists(Arena& arena, std::span<const List> lists, const UserRange& range) {
  if (lists.empty()) return {};
  if (lists.size() == 1) return lists[0];
  if (lists.size() == 2) return Or(arena, lists[0], lists[1]);
  std::size_t total = 0, local = 0;
  for (const auto list : lists) {
    total += list.size();
    const auto stored_end = std::lower_bound(list.begin(), list.end(), range.stored_end);
    local += static_cast<std::size_t>(list.end() - stored_end);
  }
  const std::size_t stored =
      range.stored_end > range.first ? range.stored_end - range.first : std::size_t{0};
  constexpr std::size_t kUsersPerSorted = 32;
  if (total < stored / kUsersPerSorted || total < 64 || total == local) {
    return Make(arena, total, [&](NodeId* out) {
      auto* end = out;
      for (const auto list : lists) end = std::copy(list.begin(), list.end(), end);
      std::sort(out, end);
      return std::unique(out, end);
    });
  }
  // Dense: a bitmap of the stored ones; the few others (all larger) are sorted.
  auto words = arena.NewArray<std::uint64_t>(stored / 64 + 1);
  return Make(arena, std::min(total - local, stored) + local, [&](NodeId* out) {
    auto* end = out;
    for (const auto list : lists) {
      for (const auto node : list) {
        const auto at = node - range.first;
        if (node < range.stored_end) words[at / 64] |= std::uint64_t{1} << (at % 64);
      }
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
      for (auto word = words[i]; word != 0; word &= word - 1) {
        *end++ = range.first + static_cast<NodeId>(64 * i + __builtin_ctzll(word));
      }
    }
    auto* const others = end;
    for (const auto list : lists) {
      end = std::copy_if(list.begin(), list.end(), end,
                         [&](NodeId node) { return node >= range.stored_end; });
    }
    std::sort(others, end);
    return std::unique(others, end);
  });
}

}  // namespace pemba::engine::internal
