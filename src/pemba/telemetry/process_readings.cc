#include "pemba/telemetry/process_readings.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

namespace pemba::telemetry {
namespace {

struct ProcessReadings {
  Reading& cpu;
  Reading& resident;
  Reading& virtual_memory;
  Reading& open_descriptors;
  Reading& descriptors_max;
  Reading& threads;
  Reading& start;
};

double SecondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// Boot time in seconds since the epoch.
double BootTime() {
  std::ifstream stat("/proc/stat");
  for (std::string line; std::getline(stat, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return 0;
}

// Fields of /proc/self/stat are counted from 1; 2 is the name in parentheses, which may hold
// anything.
void ReadStat(const ProcessReadings& to) {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int number = 3; number <= 24 && fields >> field; ++number) {
    const auto value = [&] { return std::stod(field); };
    if (number == 20) to.threads.Set(value());
    if (number == 22) {
      to.start.Set(BootTime() + value() / static_cast<double>(sysconf(_SC_CLK_TCK)));
    }
    if (number == 23) to.virtual_memory.Set(value());
    if (number == 24) to.resident.Set(value() * static_cast<double>(sysconf(_SC_PAGESIZE)));
  }
}

void Read(const ProcessReadings& to) {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    to.cpu.Set(SecondsOf(usage.ru_utime) + SecondsOf(usage.ru_stime));
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    to.descriptors_max.Set(static_cast<double>(limit.rlim_cur));
  }
  std::error_code error;
  double open = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
       at.increment(error)) {
    ++open;
  }
  to.open_descriptors.Set(open);
  ReadStat(to);
}

}  // namespace

void AddProcessReadings(Registry& registry) {
  const auto gauge = [&](std::string_view name, std::string_view help) -> Reading& {
    return registry.AddReading(MetricKind::kGauge, name, help);
  };
  const ProcessReadings readings{
      registry.AddReading(MetricKind::kCounter, "process_cpu_seconds_total",
                          "User and system CPU time spent, in seconds."),
      gauge("process_resident_memory_bytes", "Resident memory size in bytes."),
      gauge("process_virtual_memory_bytes", "Virtual memory size in bytes."),
      gauge("process_open_fds", "Open file descriptors."),
      gauge("process_max_fds", "Most file descriptors that may be open."),
      gauge("process_threads", "Threads of the process."),
      gauge("process_start_time_seconds", "Start of the process, in seconds since the epoch.")};
  registry.OnScrape([readings] { Read(readings); });
}

}  // namespace pemba::telemetry
