// Every world of tests/worlds/api, over gRPC and over HTTP.
#include <algorithm>
#include <filesystem>
#include <vector>

#include <gtest/gtest.h>

#include "wire/test_server.h"
#include "wire/wire_client.h"
#include "wire/world.h"

namespace pemba::wire_test {
namespace {

std::vector<std::filesystem::path> Worlds() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(PEMBA_SOURCE_DIR "/tests/worlds/api")) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

server::LoadedConfig Config() {
  auto loaded = TestConfig();
  loaded.config.authzen.enabled = true;
  loaded.config.authzen.base_url = "https://pemba.example/fga";
  return loaded;
}

class ApiWorld : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(ApiWorld, OverGrpc) {
  const auto server = StartTestServer(Config());
  EXPECT_GT(RunWorld(GetParam(), *NewGrpcClient(server->grpc_address())), 0);
}

TEST_P(ApiWorld, OverHttp) {
  const auto server = StartTestServer(Config());
  EXPECT_GT(RunWorld(GetParam(), *NewHttpClient(server->http_address())), 0);
}

INSTANTIATE_TEST_SUITE_P(Worlds, ApiWorld, ::testing::ValuesIn(Worlds()),
                         [](const auto& world) { return world.param.stem().string(); });

}  // namespace
}  // namespace pemba::wire_test
