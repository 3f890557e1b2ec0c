// Mailbox: how worker threads tell an I/O thread that a call needs it.
#pragma once

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace pemba::rpc::internal {

class Exchange;

struct Mail {
  enum class Kind : std::uint8_t {
    kProgress,  // Bytes to send, or a stalled peer: look at the exchange's stream.
    kReturned,  // The handler has returned; the worker will not touch the exchange again.
  };
  Exchange* exchange;
  Kind kind;
};

// Thread-safe. Posts between two Takes cost one wake-up in all.
class Mailbox {
 public:
  Mailbox();
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void Post(Mail mail);
  void Wake();  // Makes the owner's epoll return, without mail.
  // Swaps all mail into `mails`, which must be empty. Owner only.
  void Take(std::vector<Mail>& mails);
  int event_fd() const { return event_fd_; }  // Readable while there is mail.

 private:
  const int event_fd_;
  std::mutex mutex_;
  std::vector<Mail> mails_;  // Guarded by mutex_.
};

}  // namespace pemba::rpc::internal
