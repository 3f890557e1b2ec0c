#include "pemba/condition/internal/source.h"

#include <algorithm>

namespace pemba::condition::internal {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }
bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

// Wide characters get wide dots and a wide caret, so that the caret stays below its character.
constexpr std::string_view kDot = ".";
constexpr std::string_view kCaret = "^";
constexpr std::string_view kWideDot = "\uff0e";
constexpr std::string_view kWideCaret = "\uff3e";

}  // namespace

void Issues::Report(std::uint32_t offset, std::string message) {
  if (issues_.size() >= kReportedMax) return;
  const auto end = static_cast<std::uint32_t>(source_.size());
  issues_.push_back({std::min(offset, end), std::move(message)});
}

std::string Issues::Text() const {
  auto sorted = issues_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Issue& a, const Issue& b) { return a.offset < b.offset; });
  std::string text;
  for (const auto& issue : sorted) {
    if (!text.empty()) text += '\n';
    text += Text(issue);
  }
  return text;
}

std::string Issues::Text(const Issue& issue) const {
  const auto before = source_.substr(0, issue.offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto last_break = before.rfind('\n');
  const auto line_start = last_break == before.npos ? 0 : last_break + 1;
  const auto prefix = before.substr(line_start);
  std::string snippet(source_.substr(line_start, source_.find('\n', line_start) - line_start));
  std::replace(snippet.begin(), snippet.end(), '\t', ' ');

  std::string marker;
  std::size_t column = 1;
  for (std::size_t i = 0; i < prefix.size(); ++i) {
    if (IsContinuation(prefix[i])) continue;
    ++column;
    marker += IsAscii(prefix[i]) ? kDot : kWideDot;
  }
  const bool at_end = prefix.size() >= snippet.size();
  marker += at_end || IsAscii(snippet[prefix.size()]) ? kCaret : kWideCaret;
  return "ERROR: " + std::string(name_) + ":" + std::to_string(line) + ":" +
         std::to_string(column) + ": " + issue.message + "\n | " + snippet + "\n | " + marker;
}

}  // namespace pemba::condition::internal
