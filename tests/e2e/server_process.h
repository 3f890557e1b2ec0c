// ServerProcess: a real `pemba serve` as a child process, on free ports.
#pragma once

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

#include "pemba/base/testing/temporary_directory.h"

namespace pemba::e2e {

// Started by the constructor, which returns once the server says where it listens; ends the test
// process if it does not within 30 seconds. Killed by the destructor.
class ServerProcess {
 public:
  // `flags`: further ones, or other addresses (`--grpc-addr`, ...) than free ports.
  explicit ServerProcess(const std::filesystem::path& data_directory,
                         const std::vector<std::string>& flags = {});
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  const std::string& url() const { return url_; }  // http://127.0.0.1:PORT
  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& admin_url() const { return admin_url_; }  // If it has --admin-addr.
  pid_t pid() const { return pid_; }
  const std::string& metrics_url() const { return metrics_url_; }
  void Kill();                     // SIGKILL; returns when it is gone. Once.
  int Stop(int signal = SIGTERM);  // The exit code; -1 if it did not end by itself.

 private:
  int Wait();

  pid_t pid_ = 0;  // 0: gone.
  int output_ = -1;
  std::string url_, grpc_address_, admin_url_, metrics_url_;
};

}  // namespace pemba::e2e
