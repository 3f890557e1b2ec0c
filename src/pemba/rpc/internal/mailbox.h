// Mailbox: how worker threads tell an I/O thread that a call needs it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace pemba::rpc::internal {

class Exchange;
class WakeTicket;

struct Mail {
  enum class Kind : std::uint8_t {
    kProgress,   // Bytes to send, or a stalled peer: look at the exchange's stream.
    kReturned,   // The handler has returned; the worker will not touch the exchange again.
    kSuspended,  // As kReturned, but the call goes on later.
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
  void Post(std::shared_ptr<WakeTicket> wake);  // Somebody woke the call of that ticket.
  void Wake();                                  // Makes the owner's epoll return, without mail.
  // Swaps all mail into `mails` and `wakes`, which must be empty. Owner only.
  void Take(std::vector<Mail>& mails, std::vector<std::shared_ptr<WakeTicket>>& wakes);
  int event_fd() const { return event_fd_; }  // Readable while there is mail.

 private:
  const int event_fd_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<Mail> mails_;
  std::vector<std::shared_ptr<WakeTicket>> wakes_;
};

}  // namespace pemba::rpc::internal
