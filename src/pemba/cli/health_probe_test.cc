#include "pemba/cli/health_probe.h"

#include <gtest/gtest.h>

namespace pemba::cli {
namespace {

TEST(HealthProbe, TakesItsFlagsInEverySpelling) {
  const auto options =
      ParseProbeOptions({"-addr=localhost:8081", "--service", "a", "-connect-timeout", "250ms",
                         "-tls", "-tls-ca-cert=ca.crt", "--tls-client-cert=c.crt",
                         "-tls-client-key", "c.key", "-tls-server-name=pemba", "-v"});
  ASSERT_TRUE(options.ok()) << options.error().message;
  EXPECT_EQ(options->address, "localhost:8081");
  EXPECT_EQ(options->service, "a");
  EXPECT_EQ(options->connect_timeout, std::chrono::milliseconds(250));
  EXPECT_TRUE(options->tls);
  EXPECT_TRUE(options->verify);
  EXPECT_TRUE(options->verbose);
  EXPECT_EQ(options->ca_file, "ca.crt");
  EXPECT_EQ(options->certificate_file, "c.crt");
  EXPECT_EQ(options->key_file, "c.key");
  EXPECT_EQ(options->server_name, "pemba");
}

TEST(HealthProbe, RefusesWhatItDoesNotUnderstand) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{}, "-addr is required"},
      {{"-addr"}, "-addr needs a value"},
      {{"-addr=localhost"}, "-addr must be HOST:PORT"},
      {{"localhost:1"}, "unexpected `localhost:1`"},
      {{"-addr=a:1", "-tsl"}, "unknown flag `-tsl`"},
      {{"-addr=a:1", "-tls=maybe"}, "-tls: neither true nor false"},
      {{"-addr=a:1", "-rpc-timeout=3"}, "-rpc-timeout: not a duration such as 1s"},
      {{"-addr=a:1", "-tls-no-verify"}, "the -tls-... flags need -tls"},
      {{"-addr=a:1", "-tls", "-tls-client-key=k"},
       "-tls-client-cert and -tls-client-key belong together"},
      {{"-addr=a:1", "-tls", "-tls-no-verify", "-tls-ca-cert=c"},
       "-tls-no-verify makes no use of -tls-ca-cert"},
  };
  for (const auto& [arguments, want] : cases) {
    const auto options = ParseProbeOptions(arguments);
    ASSERT_FALSE(options.ok()) << want;
    EXPECT_EQ(options.error().message, want);
  }
}

TEST(HealthProbe, NobodyThereIsNoConnection) {
  ProbeOptions options;
  options.address = "127.0.0.1:1";
  EXPECT_EQ(Probe(options).outcome, ProbeOutcome::kNoConnection);
}

}  // namespace
}  // namespace pemba::cli
