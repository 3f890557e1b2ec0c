#include "pemba/bench/floors.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace pemba::bench {

ProbeTable::ProbeTable(const Scenario& scenario) {
  std::string text;
  scenario.EachTuple([&](const TupleOut& out) {
    text.assign(out.tuple.object).append("#").append(out.tuple.relation);
    text.append("@").append(out.tuple.subject);
    keys_.insert(HashBytes(text));
  });
}

Result<Histogram> MeasureSync(const std::filesystem::path& directory, std::uint32_t times) {
  auto path = (directory / "pemba-bench-XXXXXX").string();
  const int file = mkostemp(path.data(), O_APPEND | O_CLOEXEC);
  const auto failed = [&] {
    return Error{ErrorCode::kUnavailable, path + ": " + std::strerror(errno)};
  };
  if (file < 0) return failed();
  unlink(path.c_str());
  const std::string record(200, 'x');
  Histogram took;
  for (std::uint32_t i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (write(file, record.data(), record.size()) != 200 || fdatasync(file) != 0) {
      const auto error = failed();
      close(file);
      return error;
    }
    took.Add(static_cast<std::uint64_t>((std::chrono::steady_clock::now() - start).count()));
  }
  close(file);
  return took;
}

}  // namespace pemba::bench
