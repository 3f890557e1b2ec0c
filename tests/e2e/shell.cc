#include "shell.h"

#include <array>
#include <cstdio>

#include <sys/wait.h>

namespace pemba::e2e {

Ran Shell(const std::filesystem::path& directory, const std::string& command) {
  const std::string line = "cd '" + directory.string() + "' && pemba() { timeout 60 '" +
                           PEMBA_BUILT_BINARY + "' \"$@\"; } && { " + command + "; } 2>&1";
  FILE* pipe = popen(line.c_str(), "r");
  if (pipe == nullptr) return {-1, "popen failed"};
  std::string out;
  std::array<char, 4096> block;
  while (const auto got = fread(block.data(), 1, block.size(), pipe)) out.append(block.data(), got);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out};
}

}  // namespace pemba::e2e
