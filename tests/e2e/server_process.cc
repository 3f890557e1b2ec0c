#include "server_process.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pemba::e2e {
namespace {

constexpr std::chrono::seconds kStartTimeout{30};

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::generic_category().message(errno).c_str());
  std::abort();
}

// The program under test: TEST_PEMBA of the environment, else the one of this build.
std::string Binary() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment.
  const char* binary = std::getenv("TEST_PEMBA");
  return binary != nullptr && *binary != '\0' ? binary : PEMBA_BUILT_BINARY;
}

// The environment without settings: they would change what the tests expect.
std::vector<char*> VariablesForServers() {
  std::vector<char*> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with("PEMBA_") && !text.starts_with("OPENFGA_")) variables.push_back(*entry);
  }
  variables.push_back(nullptr);
  return variables;
}

// What stands after "PROTOCOL listening on" in a whole line; "" if there is none.
std::string AddressIn(const std::string& text, const std::string& protocol) {
  const std::string line = protocol + " listening on ";
  const auto begin = text.find(line);
  const auto end = begin == text.npos ? text.npos : text.find('\n', begin);
  if (end == text.npos) return "";
  return text.substr(begin + line.size(), end - begin - line.size());
}

// Reads until "http listening on ADDRESS", the last line, is there; what was printed, or "" at the
// end of the output or of the time.
std::string ReadAddresses(int output) {
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  std::string text;
  char block[4096];
  while (std::chrono::steady_clock::now() < deadline) {
    pollfd waiting{.fd = output, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 100) <= 0) continue;
    const ssize_t got = ::read(output, block, sizeof(block));
    if (got <= 0) break;
    text.append(block, static_cast<std::size_t>(got));
    if (!AddressIn(text, "http").empty()) return text;
  }
  std::fprintf(stderr, "the server printed: %s\n", text.c_str());
  return "";
}

}  // namespace

ServerProcess::ServerProcess(const std::filesystem::path& data_directory,
                             const std::vector<std::string>& flags) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) Fail("pipe2");
  // The log says nothing that a passing test needs; of a failing one it tells the story.
  const auto log = data_directory.string() + ".log";
  const int log_file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_file < 0) Fail("cannot write " + log);
  std::vector<std::string> arguments = {Binary(), "serve", "--data-dir", data_directory.string()};
  for (const char* listener : {"--http-addr", "--grpc-addr", "--metrics-addr"}) {
    if (std::find(flags.begin(), flags.end(), listener) != flags.end()) continue;
    arguments.insert(arguments.end(), {listener, "127.0.0.1:0"});
  }
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  std::vector<char*> variables = VariablesForServers();
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) Fail("fork");
  if (pid_ == 0) {                       // Only async-signal-safe calls from here on.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // A test that crashes leaves no server behind.
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(log_file, STDERR_FILENO);
    ::execve(argv[0], argv.data(), variables.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  ::close(log_file);
  output_ = ends[0];
  const auto printed = ReadAddresses(output_);
  if (printed.empty()) {
    Kill();
    Fail("the server did not start; its log is " + log);
  }
  url_ = "http://" + AddressIn(printed, "http");
  grpc_address_ = AddressIn(printed, "grpc");
  admin_url_ = "http://" + AddressIn(printed, "admin");
  metrics_url_ = "http://" + AddressIn(printed, "metrics");
}

ServerProcess::~ServerProcess() {
  Kill();
  ::close(output_);
}

void ServerProcess::Kill() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  Wait();
}

int ServerProcess::Stop(int signal) {
  ::kill(pid_, signal);
  const int status = Wait();
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int ServerProcess::Wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return status;
}

}  // namespace pemba::e2e
