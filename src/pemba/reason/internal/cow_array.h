// CowArray: an array whose copies share what they have in common. A snapshot of the database is a
// copy; a writer changes its own copy page by page.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace pemba::reason::internal {

// Elements that were never written read as T{}. A copy costs one pointer per 16,384 elements; the
// first write to a page of 64 elements after a copy costs copying that page and its node.
//
// A persistent radix tree of fixed depth, as in Bagwell, "Ideal Hash Trees", 2001 (the shape that
// Clojure's vectors made popular), with reference counts: what is referred to once is changed in
// place, so that loading in bulk copies nothing.
//
// Thread-safety: any number of threads may read, copy and destroy copies that share pages; one
// CowArray object has one writer, and nobody reads that object meanwhile.
template <class T>
class CowArray {
 public:
  static constexpr std::uint32_t kPageItems = 64;
  static constexpr std::uint32_t kNodePages = 256;
  static constexpr std::uint32_t kNodeItems = kPageItems * kNodePages;

  CowArray() = default;
  CowArray(const CowArray& other) : nodes_(other.nodes_) {
    for (Node* node : nodes_) Acquire(node);
  }
  CowArray(CowArray&& other) noexcept : nodes_(std::exchange(other.nodes_, {})) {}
  CowArray& operator=(CowArray other) noexcept {
    std::swap(nodes_, other.nodes_);
    return *this;
  }
  ~CowArray() {
    for (Node* node : nodes_) Release(node);
  }

  const T& operator[](std::uint32_t index) const {
    static const T kNothing{};
    const std::uint32_t node = index / kNodeItems;
    if (node >= nodes_.size() || nodes_[node] == nullptr) return kNothing;
    const Page* page = nodes_[node]->pages[index / kPageItems % kNodePages];
    return page == nullptr ? kNothing : page->items[index % kPageItems];
  }

  // The element, to be written: nobody else sees it until this array is copied.
  T& Mutable(std::uint32_t index) {
    const std::uint32_t node_index = index / kNodeItems;
    if (node_index >= nodes_.size()) nodes_.resize(node_index + 1);
    Node*& node = nodes_[node_index];
    if (node == nullptr) {
      node = new Node;
    } else if (node->references.load(std::memory_order_acquire) > 1) {
      Node* copy = new Node;
      copy->pages = node->pages;
      for (Page* page : copy->pages) Acquire(page);
      Release(std::exchange(node, copy));
    }
    Page*& page = node->pages[index / kPageItems % kNodePages];
    if (page == nullptr) {
      page = new Page;
    } else if (page->references.load(std::memory_order_acquire) > 1) {
      Page* copy = new Page;
      copy->items = page->items;
      Release(std::exchange(page, copy));
    }
    return page->items[index % kPageItems];
  }

  // Bytes of pages and nodes, as if nothing were shared. O(nodes).
  std::size_t bytes() const {
    std::size_t total = nodes_.capacity() * sizeof(Node*);
    for (const Node* node : nodes_) {
      if (node == nullptr) continue;
      total += sizeof(Node);
      for (const Page* page : node->pages) total += page == nullptr ? 0 : sizeof(Page);
    }
    return total;
  }

 private:
  struct Page {
    std::atomic<std::uint32_t> references{1};
    std::array<T, kPageItems> items{};
  };
  struct Node {
    std::atomic<std::uint32_t> references{1};
    std::array<Page*, kNodePages> pages{};
  };

  template <class Shared>
  static void Acquire(Shared* shared) {
    if (shared != nullptr) shared->references.fetch_add(1, std::memory_order_relaxed);
  }
  static void Release(Page* page) {
    if (page != nullptr && page->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete page;
    }
  }
  static void Release(Node* node) {
    if (node == nullptr || node->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    for (Page* page : node->pages) Release(page);
    delete node;
  }

  std::vector<Node*> nodes_;  // Null where nothing was written.
};

}  // namespace pemba::reason::internal
