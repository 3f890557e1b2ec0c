// AppendArray and AppendBytes: storage that only grows and never moves.
//
// Segments double in size, so a fixed table of pointers serves any length and no element is ever
// copied. A prefix may lie in the image of a checkpoint.
//
// One writer appends; any thread reads elements whose index it learned from something that the
// writer stored with release after appending them.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "pemba/base/assert.h"
#include "pemba/graph/internal/memory.h"

namespace pemba::graph::internal {

template <class T, unsigned kFirstBits>
class Segments {
 public:
  struct Place {
    unsigned segment;
    std::uint32_t offset;
  };
  static constexpr unsigned kCount = 33 - kFirstBits;

  static Place PlaceOf(std::uint32_t index) {
    const auto segment = static_cast<unsigned>(std::bit_width(index >> kFirstBits));
    return {segment, index - First(segment)};
  }
  static std::uint32_t First(unsigned segment) {
    return segment == 0 ? 0 : std::uint32_t{1} << (kFirstBits + segment - 1);
  }
  static std::uint32_t Size(unsigned segment) {
    return std::uint32_t{1} << (kFirstBits + (segment == 0 ? 0 : segment - 1));
  }

  T* at(unsigned segment) const { return segments_[segment]; }
  void Allocate(unsigned segment) {
    // Not counted here: pages that nothing has been written to take no memory.
    segments_[segment] = static_cast<T*>(AllocateLarge(std::size_t{Size(segment)} * sizeof(T)));
  }
  void FreeAll() {
    for (T* segment : segments_) std::free(segment);
  }

 private:
  std::array<T*, kCount> segments_{};
};

template <class T>
class AppendArray {
  static_assert(std::is_trivially_copyable_v<T>);
  using Parts = Segments<T, 4>;

 public:
  AppendArray() = default;
  AppendArray(const AppendArray&) = delete;
  AppendArray& operator=(const AppendArray&) = delete;
  ~AppendArray() { parts_.FreeAll(); }

  // Before the first Append: starts with `count` elements that stay where they are.
  void Adopt(const T* first, std::uint32_t count) {
    adopted_ = first;
    adopted_count_ = size_ = count;
  }

  const T& operator[](std::uint32_t index) const {
    if (index < adopted_count_) return adopted_[index];
    const auto place = Parts::PlaceOf(index - adopted_count_);
    return parts_.at(place.segment)[place.offset];
  }

  void Append(Memory& memory, Use use, const T& value) {
    const auto place = Parts::PlaceOf(size_ - adopted_count_);
    if (place.offset == 0) parts_.Allocate(place.segment);
    parts_.at(place.segment)[place.offset] = value;
    ++size_;
    memory.Count(use, sizeof(T));
  }

  std::uint32_t size() const { return size_; }  // The writer's.

 private:
  const T* adopted_ = nullptr;
  std::uint32_t adopted_count_ = 0;
  std::uint32_t size_ = 0;
  Parts parts_;
};

// Records of bytes, named by their position. A record lies in one piece; positions may have gaps.
class AppendBytes {
  using Parts = Segments<char, 10>;

 public:
  static constexpr std::uint64_t kSizeMax = 0xF000'0000;

  AppendBytes() = default;
  AppendBytes(const AppendBytes&) = delete;
  AppendBytes& operator=(const AppendBytes&) = delete;
  ~AppendBytes() { parts_.FreeAll(); }

  void Adopt(const char* first, std::uint32_t bytes) {
    adopted_ = first;
    adopted_bytes_ = size_ = bytes;
  }

  const char* At(std::uint32_t position) const {
    if (position < adopted_bytes_) return adopted_ + position;
    const auto place = Parts::PlaceOf(position - adopted_bytes_);
    return parts_.at(place.segment) + place.offset;
  }

  // Room for a record at the end; the writer fills it before anyone learns the position. The caller
  // has made sure that the bytes fit below kSizeMax.
  std::uint32_t Append(Memory& memory, Use use, std::uint32_t bytes, char** record) {
    auto place = Parts::PlaceOf(size_ - adopted_bytes_);
    while (place.offset + bytes > Parts::Size(place.segment)) place = {place.segment + 1, 0};
    if (parts_.at(place.segment) == nullptr) parts_.Allocate(place.segment);
    *record = parts_.at(place.segment) + place.offset;
    const auto position = adopted_bytes_ + Parts::First(place.segment) + place.offset;
    size_ = position + bytes;
    memory.Count(use, bytes);
    return position;
  }

  // The end of the last record, gaps included; the writer's.
  std::uint32_t size() const { return size_; }

 private:
  const char* adopted_ = nullptr;
  std::uint32_t adopted_bytes_ = 0;
  std::uint32_t size_ = 0;
  Parts parts_;
};

}  // namespace pemba::graph::internal
