#include "pemba/bench/process_use.h"

#include <atomic>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <string_view>

#include <malloc.h>
#include <unistd.h>

namespace pemba::bench {
namespace {

std::atomic<std::uint64_t (*)()> allocation_counter{nullptr};

std::chrono::nanoseconds Read(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::string PathOf(pid_t process, const char* file) {
  return "/proc/" + (process == 0 ? "self" : std::to_string(process)) + "/" + file;
}

// "VmHWM:     1234 kB"
std::optional<std::uint64_t> StatusBytes(pid_t process, std::string_view field) {
  std::ifstream status(PathOf(process, "status"));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stoull(line.substr(field.size())) * 1024;
  }
  return std::nullopt;
}

}  // namespace

std::chrono::nanoseconds CpuOfProcess() { return Read(CLOCK_PROCESS_CPUTIME_ID); }
std::chrono::nanoseconds CpuOfThread() { return Read(CLOCK_THREAD_CPUTIME_ID); }

std::optional<std::chrono::nanoseconds> CpuOf(pid_t process) {
  if (process == 0) return CpuOfProcess();
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return std::nullopt;
  }
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::optional<std::uint64_t> ResidentBytes(pid_t process) { return StatusBytes(process, "VmRSS:"); }

std::optional<std::uint64_t> PeakResidentBytes(pid_t process) {
  return StatusBytes(process, "VmHWM:");
}

void ForgetPeak() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

std::optional<std::uint64_t> AllocationsOfThread() {
  auto* const counter = allocation_counter.load(std::memory_order_relaxed);
  if (counter == nullptr) return std::nullopt;
  return counter();
}

void SetAllocationCounter(std::uint64_t (*counter)()) {
  allocation_counter.store(counter, std::memory_order_relaxed);
}

}  // namespace pemba::bench
