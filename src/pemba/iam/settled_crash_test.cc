// A control plane killed at any step, over and over, by turns under two setups: a start that looks
// at nothing would have found nothing.
#include <csignal>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/iam/internal/settled.h"
#include "pemba/iam/testing/settled_victim.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): not in every libc's headers.

namespace pemba::iam::testing {
namespace {

// Starts one, and kills it once it has said `lines` lines.
void KillAfter(int lines, const std::string& directory, const std::string& setup, int round) {
  int pipe_ends[2];
  ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  std::string arguments[] = {PEMBA_SETTLED_VICTIM, directory, setup, std::to_string(round)};
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  ASSERT_EQ(posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  char byte = 0;
  while (lines > 0 && read(pipe_ends[0], &byte, 1) == 1) lines -= byte == '\n' ? 1 : 0;
  kill(pid, SIGKILL);
  int status = 0;
  waitpid(pid, &status, 0);
  close(pipe_ends[0]);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "it ended by itself";
}

TEST(SettledCrash, WhatIsNotLookedAtIsAsItShouldBe) {
  constexpr int kRounds = 24;
  const TemporaryDirectory directory;
  const auto seed = std::random_device{}();
  std::mt19937 random(seed);
  int settled = 0, unsettled = 0;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round) + ", seed " + std::to_string(seed));
    const std::string setup = round % 3 == 2 ? "b" : "a";
    // One line is said before the start, two when it is over: some are killed within it.
    const int lines = round % 4 == 3 ? 1 : 2 + static_cast<int>(random() % 12);
    KillAfter(lines, directory.path().string(), setup, round);

    VictimsWorld world(directory.path());
    const auto plane = world.OpenPlane(setup);
    (plane->started().reconciled ? unsettled : settled) += 1;
    const auto revision = plane->resources().revision();
    ASSERT_TRUE(plane->Reconcile().ok());
    EXPECT_EQ(plane->resources().revision(), revision) << "something was not where it belongs";
    const auto drift = plane->Audit(Projector::Repair::kReport);
    ASSERT_TRUE(drift.ok());
    EXPECT_TRUE(drift->none()) << ::testing::PrintToString(drift->examples);
    const auto record = internal::ReadSettled(world.store());
    ASSERT_TRUE(record.ok() && *record);
    EXPECT_EQ((*record)->tuples, internal::SumOfManaged(world.store().Pin().snapshot()));
    EXPECT_EQ((*record)->objects, plane->resources().inventory().objects);
  }
  // Those that were killed after their start have left everything settled.
  EXPECT_GE(settled, kRounds / 2);
  RecordProperty("found_settled", settled);
  RecordProperty("found_unsettled", unsettled);
}

}  // namespace
}  // namespace pemba::iam::testing
