// PgFeed: who tells whom that a log has grown.
//
// A thread of its own holds one connection: it announces (NOTIFY) what this server has committed
// and hears (LISTEN) what others have. Announcements only hasten: they may be lost, and whoever
// follows looks at the tables now and then anyway. They are sent after the commit, never as a part
// of it, because NOTIFY takes turns with every other transaction of the database that has one.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "pemba/storage/datastore.h"
#include "pemba/storage/internal/pg_connection.h"
#include "pemba/storage/internal/pg_pool.h"

namespace pemba::storage::internal {

struct PgFeedOptions {
  PgParameters parameters;  // Of the connection that listens.
  std::chrono::nanoseconds connect_timeout;
  std::chrono::nanoseconds poll_announced, poll_unannounced;
};

// Thread-safe.
class PgFeed {
 public:
  // The pool is borrowed; it sends the question whether announcements come through.
  PgFeed(PgFeedOptions options, PgPool& pool);
  ~PgFeed();

  void Announce(const StoreId& store);  // O(1), does not wait.

  News AwaitNews();
  void EndWait();

 private:
  void Start();  // With the mutex held; the thread starts when there is something for it to do.
  void Stop();
  void Run();
  Status Serve(PgConnection& connection);
  Status SendAnnouncements(PgConnection& connection);
  void Take(const std::vector<PgNotice>& notices);
  void AskWhetherHeard();
  std::set<std::string> TakeOutgoing();
  bool stopping() const;

  const PgFeedOptions options_;
  PgPool& pool_;
  const std::string name_;  // Of this server, in the question whether announcements come through.
  int wake_ = -1;           // An eventfd: there is something to announce, or it is time to stop.

  mutable std::mutex mutex_;  // Guards what follows.
  std::condition_variable news_;
  std::set<std::string> outgoing_, incoming_;  // Ids of stores.
  bool ended_ = false;                         // EndWait was called, and no wait has ended since.
  bool heard_ = false;                         // Announcements come through.
  bool stopping_ = false;
  SteadyTime looked_at_ = {};  // When everybody was last told to look at every store.
  std::thread thread_;
};

}  // namespace pemba::storage::internal
