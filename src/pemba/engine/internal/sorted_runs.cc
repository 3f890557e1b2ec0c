#include "pemba/engine/internal/sorted_runs.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pemba::engine::internal {
namespace {

using graph::NodeId;
using Run = std::span<const NodeId>;

RunsMeet MeetBySearch(Run few, Run many) {
  const NodeId* from = many.data();
  const NodeId* const end = from + many.size();
  for (const NodeId node : few) {
    // Doubling steps from the last place: what is searched for is mostly near.
    std::size_t step = 1;
    while (step < static_cast<std::size_t>(end - from) && from[step] < node) step *= 2;
    from = std::lower_bound(from + step / 2, std::min(from + step + 1, end), node);
    if (from == end) return RunsMeet::kNo;
    if (*from == node) return RunsMeet::kYes;
  }
  return RunsMeet::kNo;
}

// Without a branch on the elements: which of them is next is a coin toss to a predictor.
RunsMeet MeetByMerge(Run a, Run b) {
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    const NodeId x = a[i], y = b[j];
    if (x == y) return RunsMeet::kYes;
    i += x < y ? 1 : 0;
    j += y < x ? 1 : 0;
  }
  return RunsMeet::kNo;
}

RunsMeet MeetByBlocks(Run a, Run b) {
#if defined(__SSE2__)
  std::size_t i = 0, j = 0;
  while (i + 4 <= a.size() && j + 4 <= b.size()) {
    const auto x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a.data() + i));
    const auto y = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b.data() + j));
    const auto y1 = _mm_shuffle_epi32(y, _MM_SHUFFLE(0, 3, 2, 1));
    const auto y2 = _mm_shuffle_epi32(y, _MM_SHUFFLE(1, 0, 3, 2));
    const auto y3 = _mm_shuffle_epi32(y, _MM_SHUFFLE(2, 1, 0, 3));
    const auto equal = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi32(x, y), _mm_cmpeq_epi32(x, y1)),
                                    _mm_or_si128(_mm_cmpeq_epi32(x, y2), _mm_cmpeq_epi32(x, y3)));
    if (_mm_movemask_epi8(equal) != 0) return RunsMeet::kYes;
    const NodeId x_last = a[i + 3], y_last = b[j + 3];
    i += x_last <= y_last ? 4 : 0;
    j += y_last <= x_last ? 4 : 0;
  }
  return MeetByMerge(a.subspan(i), b.subspan(j));
#else
  return MeetByMerge(a, b);
#endif
}

}  // namespace

RunsMeet Meet(Run a, Run b) {
  constexpr std::size_t kSkew = 32;  // From here on searching is cheaper.
  if (a.size() > b.size()) std::swap(a, b);
  if (a.empty() || a.back() < b.front() || b.back() < a.front()) return RunsMeet::kNo;
  return b.size() / kSkew > a.size() ? MeetBySearch(a, b) : MeetByBlocks(a, b);
}

}  // namespace pemba::engine::internal
