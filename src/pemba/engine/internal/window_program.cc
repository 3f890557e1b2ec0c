#include "pemba/engine/internal/window_program.h"

#include <algorithm>
#include <cstring>

#include "pemba/base/assert.h"
#include "pemba/engine/internal/mutation.h"

namespace pemba::engine::internal {
namespace {

using model::PlanOp;

void SetBit(std::uint64_t* words, Slot at) { words[at / 64] |= std::uint64_t{1} << (at % 64); }

void CombineWords(PlanOp op, std::uint64_t* into, const std::uint64_t* with, std::uint32_t words) {
  switch (op) {
    case PlanOp::kUnion:
      for (std::uint32_t i = 0; i < words; ++i) into[i] |= with[i];
      return;
    case PlanOp::kIntersection:
      for (std::uint32_t i = 0; i < words; ++i) into[i] &= with[i];
      return;
    case PlanOp::kDifference:
      for (std::uint32_t i = 0; i < words; ++i) into[i] &= ~with[i];
      return;
    default:
      PEMBA_CHECK(false);
  }
}

}  // namespace

WindowLeaf::WindowLeaf(ListScope& scope, model::TypeIndex type)
    : scope_(&scope),
      nodes_max_(scope.SlotOf(type, graph::kLocalNodes)),
      rows_(scope.arena()),
      slots_(scope.arena()),
      shadowed_(scope.arena()) {}

void WindowLeaf::AddRow(model::EntryIndex entry, graph::NodeId subject, Kind kind) {
  if (subject >= graph::kLocalNodes) return;
  Row row{};
  row.row = scope_->request().View(entry).Objects(subject);
  if (row.row.done()) return;
  row.entry = entry;
  row.subject = subject;
  row.conditional = scope_->plan().entries()[entry].condition != model::kNoIndex;
  row.exact = kind == Kind::kExact;
  rows_.push_back(row);
}

void WindowLeaf::Start(Slot from) {
  std::sort(slots_.begin(), slots_.end());
  std::sort(shadowed_.begin(), shadowed_.end());
  std::uint32_t kept = 0;
  for (auto& row : rows_) {
    if (from > 0) row.row.Seek(std::min(from, nodes_max_));
    row.exact = row.exact && !shadowed_.empty();
    if (!row.conditional && !row.exact) row.run = row.row.TakeRun();
    if (Head(row) != kNoSlot) rows_[kept++] = row;
  }
  rows_.truncate(kept);
}

Slot WindowLeaf::Head(const Row& row) {
  if (!row.run.empty()) return row.run.front();
  return row.row.done() ? kNoSlot : row.row.node();
}

Slot WindowLeaf::Next(Slot from) const {
  auto next = set_.Next(from);
  for (const auto& row : rows_) next = std::min(next, std::max(Head(row), from));
  const auto slot = std::lower_bound(slots_.begin(), slots_.end(), from);
  return slot == slots_.end() ? next : std::min(next, *slot);
}

void WindowLeaf::Fill(Slot base, Slot count, std::uint64_t* words) {
  const Slot end = base + count;
  if (set_.dense()) {
    const auto all = set_.words();
    const auto first = base / 64;
    const auto n = std::min<std::size_t>((count + 63) / 64, all.size() - first);
    for (std::size_t i = 0; i < n; ++i) words[i] |= all[first + i];
  } else {
    const auto all = set_.sorted();
    auto at = std::lower_bound(all.begin(), all.end(), base);
    for (; at != all.end() && *at < end; ++at) SetBit(words, *at - base);
  }
  auto slot = std::lower_bound(slots_.begin(), slots_.end(), base);
  for (; slot != slots_.end() && *slot < end; ++slot) SetBit(words, *slot - base);
  std::uint32_t kept = 0;
  for (auto& row : rows_) {
    if (row.conditional || row.exact) {
      FillCareful(row, base, end, words);
    } else {
      FillPlain(row, base, end, words);
    }
    if (Head(row) == kNoSlot) continue;
    if (&rows_[kept] != &row) rows_[kept] = row;
    ++kept;
  }
  rows_.truncate(kept);
}

void WindowLeaf::FillPlain(Row& row, Slot base, Slot end, std::uint64_t* words) {
  while (!row.run.empty()) {
    const auto* at = row.run.data();
    const auto* const last = at + row.run.size();
    // Windows that were skipped are behind.
    if (*at < base) at = std::lower_bound(at, last, base);
    for (; at != last && *at < end; ++at) SetBit(words, *at - base);
    scope_->Work(static_cast<std::uint32_t>(at - row.run.data()) / 64 + 1);
    row.run = {at, last};
    if (at != last) return;
    row.run = row.row.TakeRun();
  }
}

void WindowLeaf::FillCareful(Row& row, Slot base, Slot end, std::uint64_t* words) {
  if (!row.row.done() && row.row.node() < base) row.row.Seek(base);
  for (; !row.row.done() && row.row.node() < end; row.row.Next()) {
    if (!scope_->Work()) return;
    const auto node = row.row.node();
    if (Shadowed(row, node)) continue;
    if (scope_->Holds(row.entry, node, row.subject, row.row.context(), nullptr)) {
      SetBit(words, node - base);
    }
  }
}

bool WindowLeaf::Shadowed(const Row& row, Slot slot) const {
  return row.exact && !Mutated(Mutation::kListForgetShadow) &&
         std::binary_search(shadowed_.begin(), shadowed_.end(), slot);
}

WindowProgram::WindowProgram(ListScope& scope, model::TypeIndex type)
    : scope_(scope),
      type_(type),
      slots_(scope.SlotsOf(type)),
      words_((std::min(kWindowSlots, slots_) + 63) / 64),
      ops_(scope.arena()) {}

void WindowProgram::Leaf(WindowLeaf* leaf) {
  ops_.push_back({OpKind::kLeaf, PlanOp::kUnion, 0, leaf});
  depth_max_ = std::max(depth_max_, ++depth_);
}

void WindowProgram::Combine(PlanOp op, std::uint32_t operands) {
  if (operands < 2) return;
  ops_.push_back({OpKind::kCombine, op, operands, nullptr});
  depth_ -= operands - 1;
}

void WindowProgram::DropCycles(CycleProbe& probe, const model::PlanNode& leaf) {
  window_ = kFirstProbedSlots;
  ops_.push_back({OpKind::kDropCycles, PlanOp::kDifference, 0, nullptr, &probe, &leaf});
}

void WindowProgram::Add(Slot slot) {
  ops_.push_back({OpKind::kAdd, PlanOp::kUnion, slot, nullptr});
}

std::uint32_t WindowProgram::Store() {
  ops_.push_back({OpKind::kStore, PlanOp::kUnion, stored_, nullptr});
  --depth_;
  return stored_++;
}

void WindowProgram::Load(std::uint32_t name) {
  ops_.push_back({OpKind::kLoad, PlanOp::kUnion, name, nullptr});
  depth_max_ = std::max(depth_max_, ++depth_);
}

void WindowProgram::Start(Slot from) {
  PEMBA_ASSERT(depth_ == 1);
  auto& arena = scope_.arena();
  stack_ = arena.NewArray<std::uint64_t>(std::size_t{depth_max_} * words_);
  named_ = arena.NewArray<std::uint64_t>(std::size_t{stored_} * words_);
  next_stack_ = arena.NewArray<Slot>(depth_max_);
  next_named_ = arena.NewArray<Slot>(stored_);
  for (auto& op : ops_) {
    if (op.leaf != nullptr) op.leaf->Start(from);
  }
}

// A lower bound for every operand, combined as the operands are.
Slot WindowProgram::Next(Slot from) {
  if (from >= slots_) return kNoSlot;
  Slot* top = next_stack_.data();
  for (const auto& op : ops_) {
    switch (op.kind) {
      case OpKind::kLeaf:
        *top++ = op.leaf == nullptr ? kNoSlot : op.leaf->Next(from);
        break;
      case OpKind::kCombine: {
        Slot* const first = top - op.value;
        if (op.op == PlanOp::kUnion) *first = *std::min_element(first, top);
        if (op.op == PlanOp::kIntersection) *first = *std::max_element(first, top);
        top = first + 1;
        break;
      }
      case OpKind::kDropCycles:
        break;
      case OpKind::kAdd:
        if (op.value >= from) top[-1] = std::min(top[-1], op.value);
        break;
      case OpKind::kStore:
        next_named_[op.value] = *--top;
        break;
      case OpKind::kLoad:
        *top++ = next_named_[op.value];
        break;
    }
  }
  return next_stack_[0] == kNoSlot ? kNoSlot : next_stack_[0] & ~Slot{63};
}

std::span<const std::uint64_t> WindowProgram::Run(Slot base) {
  const Slot count = std::min(window_, slots_ - base);
  window_ = std::min(4 * window_, kWindowSlots);
  const auto words = (count + 63) / 64;
  const auto bytes = words * sizeof(std::uint64_t);
  std::uint64_t* top = stack_.data();
  for (const auto& op : ops_) {
    switch (op.kind) {
      case OpKind::kLeaf:
        std::memset(top, 0, bytes);
        if (op.leaf != nullptr) op.leaf->Fill(base, count, top);
        top += words_;
        break;
      case OpKind::kCombine: {
        std::uint64_t* const first = top - std::size_t{op.value} * words_;
        for (auto* with = first + words_; with != top; with += words_) {
          CombineWords(op.op, first, with, words);
        }
        top = first + words_;
        break;
      }
      case OpKind::kDropCycles:
        DropCycles(op, base, {top - words_, words});
        break;
      case OpKind::kAdd:
        if (op.value >= base && op.value - base < count) SetBit(top - words_, op.value - base);
        break;
      case OpKind::kStore:
        top -= words_;
        std::memcpy(&named_[std::size_t{op.value} * words_], top, bytes);
        break;
      case OpKind::kLoad:
        std::memcpy(top, &named_[std::size_t{op.value} * words_], bytes);
        top += words_;
        break;
    }
  }
  return {stack_.data(), words};
}

void WindowProgram::DropCycles(const Op& op, Slot base, std::span<std::uint64_t> words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    for (auto word = words[i]; word != 0 && !scope_.ended(); word &= word - 1) {
      const auto bit = static_cast<Slot>(__builtin_ctzll(word));
      const auto node = scope_.NodeAt(type_, base + static_cast<Slot>(64 * i) + bit);
      if (op.probe->LeadsToCycle(*op.probed, node)) words[i] &= ~(std::uint64_t{1} << bit);
    }
  }
}

}  // namespace pemba::engine::internal
