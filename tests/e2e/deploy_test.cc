// The files of deploy/ do what they say, as far as that can be tried without their tools.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "pemba/base/testing/temporary_directory.h"
#include "shell.h"

namespace pemba::e2e {
namespace {

namespace fs = std::filesystem;

Ran Shell(const std::string& command) { return e2e::Shell(fs::temp_directory_path(), command); }

// Instructions with their lines joined: "RUN mkdir -p ...".
std::vector<std::string> InstructionsOf(const fs::path& file) {
  std::vector<std::string> instructions;
  std::ifstream in(file);
  bool goes_on = false;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    const bool more = line.ends_with('\\');
    if (more) line.pop_back();
    if (goes_on) {
      instructions.back() += line;
    } else {
      instructions.push_back(line);
    }
    goes_on = more;
  }
  return instructions;
}

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// The step that gathers the image, run into a directory, and the program started in there: whatever
// library was forgotten is missing.
TEST(Container, TheGatheredFilesAreAllThatTheProgramNeeds) {
  if (geteuid() != 0) GTEST_SKIP() << "chroot needs root";
  const TemporaryDirectory directory;
  const auto image = (directory.path() / "image").string();
  std::string gather;
  for (const auto& instruction : InstructionsOf(PEMBA_SOURCE_DIR "/deploy/container/Dockerfile")) {
    if (instruction.find("ldd build/release/pemba") != instruction.npos) gather = instruction;
  }
  ASSERT_TRUE(gather.starts_with("RUN ")) << "the Dockerfile has no step that gathers the image";
  auto command = Replaced(gather.substr(4), "build/release/pemba", PEMBA_BUILT_BINARY);
  command = Replaced(command, "/image", image);
  const auto gathered = Shell(command);
  ASSERT_EQ(gathered.code, 0) << gathered.out;
  // The base image has the loader.
  fs::create_directories(image + "/lib64");
  fs::copy_file("/lib64/ld-linux-x86-64.so.2", image + "/lib64/ld-linux-x86-64.so.2");

  const auto inside = [&](const std::string& what) {
    return Shell("chroot '" + image + "' " + what);
  };
  const auto version = inside("/openfga version");
  EXPECT_EQ(version.code, 0) << version.out;
  EXPECT_EQ(inside("/usr/local/bin/grpc_health_probe -addr=127.0.0.1:1 -connect-timeout=1s").code,
            2);
  EXPECT_EQ(Shell("OPENFGA_DATASTORE_ENGINE=memory OPENFGA_TIMEOUT=1m chroot '" + image +
                  "' /openfga migrate")
                .code,
            0);

  // As the image starts it, on ports of the test's own.
  std::ofstream(directory.path() / "script") << R"sh(
    PEMBA_DATA_DIR=/var/lib/pemba chroot "$1" /openfga run --http-addr 127.0.0.1:0 --grpc-addr 127.0.0.1:0 --metrics-addr 127.0.0.1:0 >"$1/out" 2>"$1/log" &
    for i in $(seq 150); do
      address=$(sed -n 's/^grpc listening on //p' "$1/out")
      [ -z "$address" ] || break
      sleep 0.2
    done
    chroot "$1" /usr/local/bin/grpc_health_probe -addr="$address"
    code=$?
    kill $! && wait $! && [ -n "$(ls "$1/var/lib/pemba")" ] && exit $code
    cat "$1/log"
    exit 1
  )sh";
  const auto served = Shell("touch '" + image + "/out' && bash '" +
                            (directory.path() / "script").string() + "' '" + image + "'");
  EXPECT_EQ(served.code, 0) << served.out;
}

TEST(Container, TheImageKeepsWhatDeploymentsRelyOn) {
  const auto instructions = InstructionsOf(PEMBA_SOURCE_DIR "/deploy/container/Dockerfile");
  const auto has = [&](const std::string& wanted) {
    return std::find(instructions.begin(), instructions.end(), wanted) != instructions.end();
  };
  EXPECT_TRUE(has(R"(ENTRYPOINT ["/openfga"])"));
  EXPECT_TRUE(has(R"(CMD ["run"])"));
  EXPECT_TRUE(has("EXPOSE 8081 8080 3000 2112"));
  EXPECT_TRUE(has("USER 65532"));
  for (const auto& instruction : instructions) {
    const auto word = instruction.substr(0, instruction.find(' '));
    static const std::regex kKnown(
        "FROM|WORKDIR|COPY|RUN|USER|ENV|VOLUME|EXPOSE|HEALTHCHECK|ENTRYPOINT|CMD");
    EXPECT_TRUE(std::regex_match(word, kKnown)) << instruction;
    if (word == "RUN") {
      const auto checked =
          Shell("bash -n -c '" + Replaced(instruction.substr(4), "'", "'\\''") + "'");
      EXPECT_EQ(checked.code, 0) << checked.out;
    }
  }
}

}  // namespace
}  // namespace pemba::e2e
