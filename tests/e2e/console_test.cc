// The console of `pemba typeql` on a real terminal: editing, history, Ctrl-C and Ctrl-D, errors
// with their place, wide answers.
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

namespace pemba::e2e {
namespace {

// A program on a pseudo-terminal of 80 columns.
class Terminal {
 public:
  Terminal(const std::string& home, const std::string& sample) {
    winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    child_ = ::forkpty(&master_, nullptr, nullptr, &size);
    if (child_ != 0) return;
    ::setenv("HOME", home.c_str(), 1);
    ::setenv("TERM", "xterm", 1);
    ::execl(PEMBA_BUILT_BINARY, "pemba", "typeql", "--sample", sample.c_str(), nullptr);
    ::_exit(127);
  }
  ~Terminal() {
    if (child_ > 0) ::kill(child_, SIGKILL);
    if (child_ > 0) ::waitpid(child_, nullptr, 0);
    ::close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Once the editor reads: what comes before goes through the terminal's own editing.
  void Type(const std::string& keys) {
    Await(Mode::kEditing);
    Send(keys);
  }

  // What is on the screen until `end` is, or the program ends. Fails after half a minute.
  std::string Until(const std::string& end) {
    Read(end, std::chrono::seconds(30));
    return Take(end);
  }

  // Ctrl-C while a line is edited, until `end` is on the screen. One that comes right before the
  // editor waits for a key shows with the next key only: people press again.
  std::string InterruptUntil(const std::string& end) {
    for (int attempt = 0; attempt < 30 && seen_.find(end) == std::string::npos; ++attempt) {
      Type("\x03");
      Read(end, std::chrono::seconds(1));
    }
    return Take(end);
  }

  // Ctrl-C while what the last line asked for is being done.
  void InterruptWork() {
    Await(Mode::kWorking);
    Send("\x03");
  }

  // Types the end of input, on an empty line. The exit code of the program; -1 if it does not end.
  int End() {
    Await(Mode::kEditing);
    int status = 0;
    for (int attempt = 0; attempt < 30; ++attempt) {
      Send("\x15\x04");
      for (int look = 0; look < 20; ++look) {
        if (::waitpid(child_, &status, WNOHANG) == child_) {
          child_ = 0;
          return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        ::usleep(50'000);
      }
    }
    return -1;
  }

 private:
  enum class Mode { kEditing, kWorking };

  // The editor takes keys one by one, and gives the terminal back between two lines.
  void Await(Mode mode) {
    for (int look = 0; look < 30'000; ++look) {
      termios now{};
      ASSERT_EQ(::tcgetattr(master_, &now), 0);
      if (((now.c_lflag & ICANON) == 0) == (mode == Mode::kEditing)) return;
      ::usleep(1'000);
    }
    FAIL() << "the console never came to this mode:\n" << seen_;
  }

  void Send(const std::string& keys) {
    ASSERT_EQ(::write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  void Read(const std::string& end, std::chrono::milliseconds patience) {
    const auto give_up = std::chrono::steady_clock::now() + patience;
    while (seen_.find(end) == std::string::npos && std::chrono::steady_clock::now() < give_up) {
      pollfd one{.fd = master_, .events = POLLIN, .revents = 0};
      if (::poll(&one, 1, 100) <= 0) continue;
      char bytes[4096];
      const ssize_t got = ::read(master_, bytes, sizeof bytes);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      seen_.append(bytes, static_cast<std::size_t>(got));
    }
  }

  std::string Take(const std::string& end) {
    const auto at = seen_.find(end);
    EXPECT_NE(at, std::string::npos) << "no `" << end << "` in:\n" << seen_;
    const std::size_t size = at == std::string::npos ? seen_.size() : at + end.size();
    std::string screen = seen_.substr(0, size);
    seen_.erase(0, size);
    std::erase(screen, '\r');
    return screen;
  }

  pid_t child_ = 0;
  int master_ = -1;
  std::string seen_;
};

constexpr const char* kPrompt = "memory> ";
const std::string kUp = "\x1b[A", kLeft = "\x1b[D";

class Console : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/pemba_console_XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    home_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(home_); }
  std::string home_;
};

bool Has(const std::string& screen, const std::string& text) {
  return screen.find(text) != std::string::npos;
}

TEST_F(Console, EditsRunsAndRemembers) {
  {
    Terminal terminal(home_, "iam");
    terminal.Until(kPrompt);
    terminal.Type("match $p isa person, # who\n");
    terminal.Until("...> ");
    terminal.Type("has full-name $n; get $n; sort $n;\n\n");
    auto screen = terminal.Until("3 answers in");
    EXPECT_TRUE(Has(screen, "$n\n--------------\nKevin Morrison\n")) << screen;

    // One letter is missing; the cursor goes back and puts it in.
    terminal.Until(kPrompt);
    terminal.Type("match $p isa prson; get $p; count;");
    for (int i = 0; i < 20; ++i) terminal.Type(kLeft);
    terminal.Type("e\n\n");
    screen = terminal.Until("1 answer in");
    EXPECT_TRUE(Has(screen, "\n3\n")) << screen;

    // A mistake is pointed at.
    terminal.Until(kPrompt);
    terminal.Type("match $x\nisa robot;\n\n");
    screen = terminal.Until("^");
    EXPECT_TRUE(Has(screen, "at 2:5: the type `robot` is not defined\n  isa robot;\n      ^"))
        << screen;
    terminal.Until(kPrompt);
    EXPECT_EQ(terminal.End(), 0);
  }
  // Another console has the history, an entry of several lines as one and without comments.
  Terminal terminal(home_, "iam");
  terminal.Until(kPrompt);
  terminal.Type(kUp + kUp + kUp + "\n\n");
  const auto screen = terminal.Until("3 answers in");
  EXPECT_TRUE(Has(screen, "$n\n--------------\nKevin Morrison\n")) << screen;
}

TEST_F(Console, CtrlCGivesUpALineOrAQueryAndNotTheConsole) {
  Terminal terminal(home_, "iam");
  terminal.Until(kPrompt);
  terminal.Type("match $x isa nothing;\nget $x");
  terminal.Until("get $x");
  terminal.InterruptUntil(kPrompt);
  terminal.Type("match $p isa person; get $p; count;\n\n");
  EXPECT_TRUE(Has(terminal.Until("1 answer in"), "\n3\n"));
  terminal.Until(kPrompt);

  // This would take years.
  terminal.Type(
      "match $a isa object; $b isa object; $c isa object; $d isa object; $e isa object; $f isa "
      "object; $g isa object; $h isa object; $i isa object; $j isa object; $k isa object; "
      "$l isa object; $m isa object; get $a, $b, $c, $d, $e, $f, $g, $h, $i, $j, $k, $l, $m; "
      "count;\n");
  terminal.Until("...> ");
  terminal.Type("\n");
  terminal.InterruptWork();
  terminal.Until("error: the query was cancelled");
  terminal.Until(kPrompt);
  terminal.Type("match $p isa person; get $p; count;\n\n");
  EXPECT_TRUE(Has(terminal.Until("1 answer in"), "\n3\n"));
}

TEST_F(Console, WideAnswersBecomeRecords) {
  Terminal terminal(home_, "iam");
  terminal.Until(kPrompt);
  terminal.Type(
      "match $p (permitted-subject: $s, permitted-access: $access) isa permission;\n"
      "$s has full-name $name, has email $email;\n"
      "get $p, $s, $access, $name, $email; sort $name; limit 2;\n\n");
  const auto screen = terminal.Until("2 answers in");
  EXPECT_TRUE(Has(screen, "-- 2\n$p       permission 0x")) << screen;
  EXPECT_TRUE(Has(screen, "\n$name    Kevin Morrison\n$email   ")) << screen;
}

}  // namespace
}  // namespace pemba::e2e
