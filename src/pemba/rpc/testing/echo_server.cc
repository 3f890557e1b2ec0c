// rpc_echo_server: the transport and nothing behind it, for h2load, wrk and curl.
//
//   rpc_echo_server [ADDRESS [IO_THREADS [CERTIFICATE KEY]]]
//
// Prints the address it listens on, and at its end (SIGTERM, SIGINT) the CPU time it used.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <pthread.h>
#include <sys/resource.h>

#include "pemba/rpc/server.h"
#include "pemba/rpc/testing/echo_routes.h"

int main(int argc, char** argv) {
  using namespace pemba::rpc;  // NOLINT(google-build-using-namespace): a main function
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);

  Router router;
  testing::AddEchoRoutes(router);
  ServerOptions options;
  options.listeners.push_back({.address = argc > 1 ? argv[1] : "127.0.0.1:0", .tls = {}});
  if (argc > 2) options.io_threads = std::strtoul(argv[2], nullptr, 10);
  if (argc > 4) {
    options.listeners.back().tls =
        TlsOptions{.certificate_file = argv[3], .key_file = argv[4], .client_ca_file = {}};
  }
  Server server(options, router);
  if (const auto started = server.Start(); !started.ok()) {
    std::fprintf(stderr, "%s\n", started.error().message.c_str());
    return 1;
  }
  std::printf("%s\n", server.addresses().front().c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ending, &signal);
  server.Shutdown(std::chrono::seconds(5));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("cpu: user %ld.%06ld s, system %ld.%06ld s\n", usage.ru_utime.tv_sec,
              usage.ru_utime.tv_usec, usage.ru_stime.tv_sec, usage.ru_stime.tv_usec);
  return 0;
}
