// What the operating system knows about this process, under the names that dashboards expect.
#pragma once

#include "pemba/telemetry/metrics.h"

namespace pemba::telemetry {

// process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes,
// process_open_fds, process_max_fds, process_threads, process_start_time_seconds. Read from /proc
// at each scrape. Nothing of the command line or the environment: those hold secrets.
void AddProcessReadings(Registry& registry);

}  // namespace pemba::telemetry
