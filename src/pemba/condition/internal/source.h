// The text of an expression, and complaints about places in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pemba::condition::internal {

// Collects what is wrong with an expression and prints it the way users of the language know:
//
//   ERROR: in_region:1:4: undeclared reference to 'x' (in container '')
//    | 1 + x
//    | ....^
//
// Lines and columns count from 1; columns are code points.
class Issues {
 public:
  // `name` is what the texts call the expression. Both are borrowed.
  Issues(std::string_view name, std::string_view source) : name_(name), source_(source) {}

  // `offset` is a byte offset into the source. Beyond kReportedMax complaints are dropped.
  void Report(std::uint32_t offset, std::string message);
  bool empty() const { return issues_.empty(); }
  // All complaints in the order of their places, joined by newlines.
  std::string Text() const;

 private:
  static constexpr std::size_t kReportedMax = 100;
  struct Issue {
    std::uint32_t offset;
    std::string message;
  };
  std::string Text(const Issue& issue) const;

  std::string_view name_;
  std::string_view source_;
  std::vector<Issue> issues_;
};

}  // namespace pemba::condition::internal
