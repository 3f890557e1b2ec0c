#include "pemba/bench/child_server.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pemba::bench {
namespace {

constexpr std::chrono::seconds kStartPatience{30};
constexpr std::chrono::seconds kStopPatience{60};

Error Failed(const std::string& what) { return {ErrorCode::kUnavailable, what}; }

// What stands after `before` in a whole line; "" if there is none.
std::string LineAfter(const std::string& text, std::string_view before) {
  const auto begin = text.find(before);
  const auto end = begin == text.npos ? text.npos : text.find('\n', begin);
  if (end == text.npos) return "";
  return text.substr(begin + before.size(), end - begin - before.size());
}

}  // namespace

std::string ThisProgram() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "pemba" : path.string();
}

Result<std::unique_ptr<ChildServer>> ChildServer::Start(
    const std::string& program, const std::vector<std::string>& arguments,
    const std::vector<std::string>& given_variables) {
  // All that allocates happens before the fork.
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with("PEMBA_") && !text.starts_with("OPENFGA_")) variables.push_back(*entry);
  }
  for (const auto& variable : given_variables) {
    variables.push_back(const_cast<char*>(variable.c_str()));
  }
  variables.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Failed(std::strerror(errno));
  std::unique_ptr<ChildServer> child(new ChildServer);
  child->output_ = ends[0];
  child->process_ = fork();
  if (child->process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[1], STDOUT_FILENO);
    execve(program.c_str(), argv.data(), variables.data());
    _exit(127);
  }
  close(ends[1]);
  if (child->process_ < 0) return Failed(std::strerror(errno));
  PEMBA_TRY(std::ignore, child->ReadAddresses());
  return child;
}

Status ChildServer::ReadAddresses() {
  const auto until = std::chrono::steady_clock::now() + kStartPatience;
  std::string text;
  char block[4096];
  while (http_address_.empty()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    pollfd waiting{.fd = output_, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || poll(&waiting, 1, static_cast<int>(left.count())) != 1) {
      return Failed("the server does not say where it listens");
    }
    const auto size = read(output_, block, sizeof block);
    if (size <= 0) return Failed("the server ended before it listened");
    text.append(block, static_cast<std::size_t>(size));
    http_address_ = LineAfter(text, "http listening on ");
  }
  grpc_address_ = LineAfter(text, "grpc listening on ");
  return Done{};
}

Status ChildServer::Stop() {
  kill(process_, SIGTERM);
  const auto until = std::chrono::steady_clock::now() + kStopPatience;
  while (waitpid(process_, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > until) return Failed("the server does not end");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  process_ = 0;
  return Done{};
}

ChildServer::~ChildServer() {
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  if (output_ >= 0) close(output_);
}

Endpoint ChildServer::endpoint(Protocol protocol) const {
  const std::string scheme = protocol == Protocol::kGrpc    ? "grpc://"
                             : protocol == Protocol::kHttp2 ? "http2://"
                                                            : "http://";
  const auto& address = protocol == Protocol::kGrpc ? grpc_address_ : http_address_;
  const auto endpoint = ParseEndpoint(scheme + address);
  return endpoint.ok() ? *endpoint : Endpoint{.protocol = protocol};
}

}  // namespace pemba::bench
