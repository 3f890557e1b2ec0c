// Types by number, and sets of them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace pemba::reason {

// Index of a type in its schema. A type keeps its number as long as it exists, over all later
// versions of the schema; the number of a type that is gone is not used again.
using TypeId = std::uint32_t;

// A set of types: a bitset that grows as needed. Value semantics; equality ignores capacity.
class TypeSet {
 public:
  TypeSet() = default;
  TypeSet(std::initializer_list<TypeId> ids) {
    for (const TypeId id : ids) Add(id);
  }

  void Add(TypeId id) {
    if (id / 64 >= words_.size()) words_.resize(id / 64 + 1);
    words_[id / 64] |= std::uint64_t{1} << (id % 64);
  }
  void Remove(TypeId id) {
    if (id / 64 < words_.size()) words_[id / 64] &= ~(std::uint64_t{1} << (id % 64));
  }
  bool Contains(TypeId id) const {
    return id / 64 < words_.size() && ((words_[id / 64] >> (id % 64)) & 1) != 0;
  }
  bool empty() const {
    for (const std::uint64_t word : words_) {
      if (word != 0) return false;
    }
    return true;
  }
  std::size_t size() const {
    std::size_t count = 0;
    for (const std::uint64_t word : words_) count += static_cast<std::size_t>(std::popcount(word));
    return count;
  }
  bool Intersects(const TypeSet& other) const {
    for (std::size_t i = 0; i < words_.size() && i < other.words_.size(); ++i) {
      if ((words_[i] & other.words_[i]) != 0) return true;
    }
    return false;
  }
  bool IsSubsetOf(const TypeSet& other) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::uint64_t there = i < other.words_.size() ? other.words_[i] : 0;
      if ((words_[i] & ~there) != 0) return false;
    }
    return true;
  }

  TypeSet& operator|=(const TypeSet& other) {
    if (words_.size() < other.words_.size()) words_.resize(other.words_.size());
    for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  TypeSet& operator&=(const TypeSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      words_[i] &= i < other.words_.size() ? other.words_[i] : 0;
    }
    return *this;
  }
  TypeSet& operator-=(const TypeSet& other) {
    for (std::size_t i = 0; i < words_.size() && i < other.words_.size(); ++i) {
      words_[i] &= ~other.words_[i];
    }
    return *this;
  }
  friend TypeSet operator|(TypeSet a, const TypeSet& b) { return a |= b; }
  friend TypeSet operator&(TypeSet a, const TypeSet& b) { return a &= b; }
  friend TypeSet operator-(TypeSet a, const TypeSet& b) { return a -= b; }
  friend bool operator==(const TypeSet& a, const TypeSet& b) {
    return a.IsSubsetOf(b) && b.IsSubsetOf(a);
  }

  // In ascending order: `for (const TypeId id : set)`. Not to be changed meanwhile.
  class Iterator {
   public:
    TypeId operator*() const {
      return static_cast<TypeId>(word_ * 64 + static_cast<std::size_t>(std::countr_zero(bits_)));
    }
    Iterator& operator++() {
      bits_ &= bits_ - 1;
      Settle();
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.word_ == b.word_ && a.bits_ == b.bits_;
    }

   private:
    friend class TypeSet;
    Iterator(const std::vector<std::uint64_t>& words, std::size_t word)
        : words_(&words), word_(word), bits_(word < words.size() ? words[word] : 0) {
      Settle();
    }
    void Settle() {
      while (bits_ == 0 && word_ < words_->size()) {
        ++word_;
        bits_ = word_ < words_->size() ? (*words_)[word_] : 0;
      }
    }
    const std::vector<std::uint64_t>* words_;
    std::size_t word_;
    std::uint64_t bits_;
  };
  Iterator begin() const { return {words_, 0}; }
  Iterator end() const { return {words_, words_.size()}; }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace pemba::reason
