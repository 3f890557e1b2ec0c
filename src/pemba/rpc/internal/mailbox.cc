#include "pemba/rpc/internal/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "pemba/base/assert.h"
#include "pemba/rpc/internal/suspended_calls.h"

namespace pemba::rpc::internal {

Mailbox::Mailbox() : event_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  PEMBA_CHECK(event_fd_ >= 0);
}

Mailbox::~Mailbox() { close(event_fd_); }

void Mailbox::Post(Mail mail) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = mails_.empty() && wakes_.empty();
    mails_.push_back(mail);
  }
  if (first) Wake();
}

void Mailbox::Post(std::shared_ptr<WakeTicket> wake) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = mails_.empty() && wakes_.empty();
    wakes_.push_back(std::move(wake));
  }
  if (first) Wake();
}

void Mailbox::Wake() {
  const std::uint64_t one = 1;
  // Fails only if the counter is full, and then the owner is awake anyway.
  [[maybe_unused]] const auto written = write(event_fd_, &one, sizeof one);
}

void Mailbox::Take(std::vector<Mail>& mails, std::vector<std::shared_ptr<WakeTicket>>& wakes) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read_bytes = read(event_fd_, &count, sizeof count);
  const std::lock_guard lock(mutex_);
  mails.swap(mails_);
  wakes.swap(wakes_);
}

}  // namespace pemba::rpc::internal
