// HeaderBlock: headers in one reusable buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/rpc/call.h"

namespace pemba::rpc::internal {

// Appending invalidates views; finding is a scan, for requests have a dozen headers. Clear() keeps
// the memory, up to kKeptBytesMax, so a block that is reused stops touching the heap.
class HeaderBlock {
 public:
  static constexpr std::size_t kKeptBytesMax = std::size_t{16} * 1024;

  // A value that comes again is worth remembering for compression.
  enum class Recurs : std::uint8_t { kLikely, kHardly };
  void Add(std::string_view name, std::string_view value, Recurs recurs = Recurs::kLikely) {
    entries_.push_back({Append(name), Append(value), recurs});
    views_valid_ = false;
  }

  std::size_t size() const { return entries_.size(); }
  // As HTTP/2 counts a header list: 32 bytes of overhead an entry.
  std::size_t counted_bytes() const { return bytes_.size() + 32 * entries_.size(); }
  // Of memory.
  std::size_t held_bytes() const { return bytes_.capacity() + sizeof(Entry) * entries_.capacity(); }
  std::string_view name(std::size_t i) const { return View(entries_[i].name); }
  std::string_view value(std::size_t i) const { return View(entries_[i].value); }
  Recurs recurs(std::size_t i) const { return entries_[i].recurs; }

  std::optional<std::string_view> Find(std::string_view name) const {
    for (const auto& entry : entries_) {
      if (entry.name.size == name.size() && View(entry.name) == name) return View(entry.value);
    }
    return std::nullopt;
  }

  std::span<const Header> All() const {
    if (!views_valid_) {
      views_.clear();
      for (const auto& entry : entries_) views_.push_back({View(entry.name), View(entry.value)});
      views_valid_ = true;
    }
    return views_;
  }

  void Clear() {
    bytes_.clear();
    if (bytes_.capacity() > kKeptBytesMax) *this = HeaderBlock();
    entries_.clear();
    views_valid_ = false;
  }

 private:
  struct Piece {
    std::uint32_t at, size;
  };
  struct Entry {
    Piece name, value;
    Recurs recurs;
  };

  Piece Append(std::string_view text) {
    const auto at = static_cast<std::uint32_t>(bytes_.size());
    bytes_.append(text);
    return {at, static_cast<std::uint32_t>(text.size())};
  }
  std::string_view View(Piece piece) const {
    return std::string_view(bytes_).substr(piece.at, piece.size);
  }

  std::string bytes_;
  std::vector<Entry> entries_;
  mutable std::vector<Header> views_;  // Made when somebody asks for all.
  mutable bool views_valid_ = false;
};

}  // namespace pemba::rpc::internal
