#include "pemba/server/setting_reference.h"

#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "pemba/server/settings.h"

namespace pemba::server {
namespace {

TEST(SettingReference, EverySettingIsThereOnce) {
  std::set<std::string_view> flags, keys;
  for (const auto& reference : SettingReferences()) {
    EXPECT_TRUE(flags.insert(reference.flag).second) << reference.flag;
    EXPECT_TRUE(keys.insert(reference.key).second) << reference.key;
    EXPECT_NE(FindSetting(reference.flag), nullptr) << reference.flag;
  }
  for (const auto& setting : Settings()) {
    EXPECT_TRUE(flags.contains(setting.flag)) << setting.flag << " needs a row";
  }
}

TEST(SettingReference, EachHasAMeaningOrAReasonForHavingNone) {
  for (const auto& reference : SettingReferences()) {
    const auto* setting = FindSetting(reference.flag);
    ASSERT_NE(setting, nullptr);
    EXPECT_FALSE((setting->apply != nullptr ? setting->help : reference.note).empty())
        << reference.flag;
  }
}

TEST(SettingReference, WritingTheDefaultsDownChangesNothing) {
  SettingValues values;
  for (const auto& reference : SettingReferences()) {
    if (!reference.fallback.empty()) values[std::string(reference.flag)] = reference.fallback;
  }
  // These flags are given whole or not at all.
  values.erase("grpc-tls-enabled");
  values.erase("http-tls-enabled");
  values.erase("access-control-enabled");
  const auto loaded = LoadConfig(values, [](const auto&) { return std::nullopt; });
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const auto plain = LoadConfig({}, [](const auto&) { return std::nullopt; });
  EXPECT_EQ(loaded->config.grpc.address, plain->config.grpc.address);
  EXPECT_EQ(loaded->config.http.address, plain->config.http.address);
  EXPECT_EQ(loaded->config.request_timeout, plain->config.request_timeout);
  EXPECT_EQ(loaded->config.shutdown_timeout, plain->config.shutdown_timeout);
  EXPECT_EQ(loaded->config.http_upstream_timeout, plain->config.http_upstream_timeout);
  EXPECT_EQ(loaded->config.request_message_bytes_max, plain->config.request_message_bytes_max);
  EXPECT_EQ(loaded->config.tuples_per_write_max, plain->config.tuples_per_write_max);
  EXPECT_EQ(loaded->config.model_bytes_max, plain->config.model_bytes_max);
  EXPECT_EQ(loaded->config.types_per_model_max, plain->config.types_per_model_max);
  EXPECT_EQ(loaded->config.checks_per_batch_max, plain->config.checks_per_batch_max);
  EXPECT_EQ(loaded->config.read_changes_page_max, plain->config.read_changes_page_max);
  EXPECT_EQ(loaded->config.resolve_node_limit, plain->config.resolve_node_limit);
  EXPECT_EQ(loaded->config.datastore_engine, plain->config.datastore_engine);
  EXPECT_EQ(loaded->config.data_directory, plain->config.data_directory);
  EXPECT_EQ(loaded->config.worker_threads, plain->config.worker_threads);
  EXPECT_EQ(loaded->config.log_level, plain->config.log_level);
  EXPECT_EQ(loaded->config.log_format, plain->config.log_format);
  EXPECT_EQ(loaded->config.log_timestamp, plain->config.log_timestamp);
  EXPECT_EQ(loaded->config.slow_query_threshold, plain->config.slow_query_threshold);
  const auto& decisions = loaded->config.decision_log;
  EXPECT_EQ(decisions.sample_ratio, plain->config.decision_log.sample_ratio);
  EXPECT_EQ(decisions.file_bytes_max, plain->config.decision_log.file_bytes_max);
  EXPECT_EQ(decisions.files_max, plain->config.decision_log.files_max);
  const auto& metrics = loaded->config.metrics;
  EXPECT_EQ(metrics.enabled, plain->config.metrics.enabled);
  EXPECT_EQ(metrics.address, plain->config.metrics.address);
  EXPECT_EQ(metrics.rpc_histograms, plain->config.metrics.rpc_histograms);
  EXPECT_EQ(metrics.datastore_query_count_buckets,
            plain->config.metrics.datastore_query_count_buckets);
  EXPECT_EQ(metrics.dispatch_count_buckets, plain->config.metrics.dispatch_count_buckets);
  const auto& trace = loaded->config.trace;
  EXPECT_EQ(trace.enabled, plain->config.trace.enabled);
  EXPECT_EQ(trace.sampler, plain->config.trace.sampler);
  EXPECT_EQ(trace.sample_ratio, plain->config.trace.sample_ratio);
  EXPECT_EQ(trace.otlp.endpoint, plain->config.trace.otlp.endpoint);
  EXPECT_EQ(trace.otlp.tls, plain->config.trace.otlp.tls);
  EXPECT_EQ(trace.otlp.service_name, plain->config.trace.otlp.service_name);
}

// `pemba serve --print-settings markdown` prints what must stand there.
TEST(SettingReference, ThePageIsWhatTheProgramPrints) {
  std::ostringstream page;
  page << std::ifstream(PEMBA_SOURCE_DIR "/docs/configuration.md").rdbuf();
  constexpr std::string_view kBegin = "<!-- settings: begin -->\n", kEnd = "<!-- settings: end -->";
  const auto text = page.str();
  const auto begin = text.find(kBegin), end = text.find(kEnd);
  ASSERT_NE(begin, text.npos);
  ASSERT_NE(end, text.npos);
  EXPECT_EQ(text.substr(begin + kBegin.size(), end - begin - kBegin.size()),
            SettingsAsMarkdown() + "\n")
      << "put the output of `pemba serve --print-settings markdown` between the two comments";
}

}  // namespace
}  // namespace pemba::server
