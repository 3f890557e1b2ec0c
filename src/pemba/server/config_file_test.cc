#include "pemba/server/config_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "pemba/base/testing/temporary_directory.h"

namespace pemba::server {
namespace {

Result<ConfigFile> Parse(std::string_view text, ConfigDialect dialect = ConfigDialect::kPemba) {
  return ParseConfigFile(text, "pemba.yaml", dialect);
}

TEST(ConfigFile, KeysAreNestedAndCaseDoesNotCount) {
  const auto file = Parse(R"(
grpc:
  addr: 127.0.0.1:9
  TLS: {enabled: true, cert: a.crt}
requesttimeout: 5s
authn: {preshared: {keys: [one, two]}}
datastore:
http: {corsAllowedOrigins: []}
)");
  ASSERT_TRUE(file.ok()) << file.error().message;
  const std::pair<const char*, const char*> wants[] = {
      {"grpc-addr", "127.0.0.1:9"},      {"grpc-tls-enabled", "true"},
      {"grpc-tls-cert", "a.crt"},        {"request-timeout", "5s"},
      {"http-cors-allowed-origins", ""}, {"authn-preshared-keys", "one,two"},
  };
  for (const auto& [flag, want] : wants) {
    ASSERT_TRUE(file->values.contains(flag)) << flag;
    EXPECT_EQ(file->values.at(flag).value, want);
  }
  EXPECT_EQ(file->values.size(), std::size(wants));
  EXPECT_EQ(file->values.at("request-timeout").key, "requestTimeout");
}

TEST(ConfigFile, AnEmptyFileSetsNothing) { EXPECT_TRUE(Parse("# nothing\n")->values.empty()); }

TEST(ConfigFile, Refuses) {
  const struct {
    const char* name;
    const char* text;
    const char* want;
  } cases[] = {
      {"not YAML", "grpc: [", "pemba.yaml:1: end of sequence flow not found"},
      {"not a mapping", "- a\n", "pemba.yaml:1: a configuration must be a mapping"},
      {"unknown key", "http: {}\ngrpc:\n  address: x\n",
       "pemba.yaml:3: unknown key `grpc.address`"},
      {"the same key twice", "http: {addr: a:1, Addr: b:1}\n",
       "pemba.yaml:1: `http.Addr` is there twice"},
      {"a mapping as value", "http:\n  addr: {host: a}\n",
       "pemba.yaml:2: `http.addr` must be a value or a list"},
      {"its own parent", "&a x: &b\n  y: *b\n", "pemba.yaml:1: nested too deeply"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto file = Parse(c.text);
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.error().message, c.want);
  }
}

TEST(ConfigFile, UnknownKeysOfTheOtherServersFileAreIgnored) {
  const auto file =
      Parse("future: {key: 1}\nhttp: {addr: a:1, more: 2}\n", ConfigDialect::kOpenfga);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->values.size(), 1U);
}

TEST(ConfigFile, TheFirstThatExistsCounts) {
  const TemporaryDirectory directory;
  const auto pattern = directory.path().string();
  const auto second = pattern + "/second.yaml", third = pattern + "/third.yaml";
  std::ofstream(second) << "http: {addr: second:1}\n";
  std::ofstream(third) << "http: {addr: third:1}\n";
  const auto file = ReadConfigFile({{pattern + "/first.yaml", ConfigDialect::kPemba},
                                    {second, ConfigDialect::kPemba},
                                    {third, ConfigDialect::kPemba}});
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->path, second);
  EXPECT_EQ(file->values.at("http-addr").value, "second:1");
  EXPECT_EQ(ReadConfigFile({{pattern, ConfigDialect::kPemba}}).error().message,
            pattern + ": cannot be read");
  EXPECT_EQ(ReadConfigFile({})->path, "");
}

TEST(ConfigFile, Places) {
  std::string paths;
  for (const auto& candidate : ConfigCandidates("/home/anne")) paths += candidate.path + " ";
  EXPECT_EQ(paths,
            "pemba.yaml /etc/pemba/config.yaml /etc/openfga/config.yaml "
            "/home/anne/.openfga/config.yaml config.yaml ");
  EXPECT_EQ(ConfigCandidates(std::nullopt).size(), 4U);
}

// `sudo -u pemba pemba serve`: $HOME is still that of root.
TEST(ConfigFile, AHomeThatMayNotBeEnteredIsNotOurs) {
  const TemporaryDirectory directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms::none);
  constexpr uid_t kNobody = 65534;
  const bool root = ::geteuid() == 0;
  ASSERT_EQ(root ? ::seteuid(kNobody) : 0, 0);
  const auto candidates = ConfigCandidates(directory.path().string());
  ASSERT_EQ(root ? ::seteuid(0) : 0, 0);
  EXPECT_EQ(candidates.size(), 4U);
}

}  // namespace
}  // namespace pemba::server
