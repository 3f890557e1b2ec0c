#include "pemba/rpc/internal/outgoing_stream.h"

#include <algorithm>
#include <cstring>

namespace pemba::rpc::internal {

OutgoingStream::WriteResult OutgoingStream::Write(std::string_view prefix, std::string_view bytes,
                                                  Waiting waiting,
                                                  std::optional<SteadyTime> deadline,
                                                  std::chrono::milliseconds stall_timeout) {
  std::unique_lock lock(mutex_);
  const auto has_room = [&] { return broken_ || buffered() < kResumedBytesMax; };
  const bool must_wait = waiting == Waiting::kAllowed && buffered() >= kBufferedBytesMax;
  while (must_wait && !has_room()) {
    const auto read_before = read_bytes_;
    auto give_up = std::chrono::steady_clock::now() + stall_timeout;
    if (deadline && *deadline < give_up) give_up = *deadline;
    if (room_.wait_until(lock, give_up, has_room)) break;
    if (deadline && std::chrono::steady_clock::now() >= *deadline) return {false, false};
    if (read_bytes_ != read_before) continue;  // Slow, but it moves.
    stalled_ = broken_ = true;
  }
  const bool wake = !reader_knows_;
  reader_knows_ = true;
  if (broken_) return {false, wake};
  buffer_.append(prefix).append(bytes);
  return {true, wake};
}

void OutgoingStream::End() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
}

void OutgoingStream::Break() {
  {
    const std::lock_guard lock(mutex_);
    broken_ = true;
  }
  room_.notify_all();
}

std::size_t OutgoingStream::Read(char* out, std::size_t bytes_max) {
  std::size_t count = 0;
  bool room = false;
  {
    const std::lock_guard lock(mutex_);
    count = std::min(bytes_max, buffered());
    std::memcpy(out, buffer_.data() + taken_, count);
    taken_ += count;
    read_bytes_ += count;
    // Moving the rest down only when half is gone keeps the cost per byte constant.
    if (taken_ >= buffer_.size() / 2) {
      buffer_.erase(0, taken_);
      taken_ = 0;
    }
    if (buffer_.empty()) reader_knows_ = false;
    room = buffered() < kResumedBytesMax;
  }
  if (count > 0 && room) room_.notify_all();
  return count;
}

OutgoingStream::State OutgoingStream::Look() const {
  const std::lock_guard lock(mutex_);
  return {buffered(), ended_, stalled_};
}

void OutgoingStream::Reset() {
  // The lock orders this after the last Break() of another thread.
  const std::lock_guard lock(mutex_);
  buffer_.clear();
  if (buffer_.capacity() > kBufferedBytesMax) buffer_.shrink_to_fit();
  taken_ = 0;
  read_bytes_ = 0;
  reader_knows_ = ended_ = broken_ = stalled_ = false;
}

}  // namespace pemba::rpc::internal
