// In which form an answer is wanted.
#include "pemba/api/k8s/media.h"

#include <gtest/gtest.h>

namespace pemba::api::k8s {
namespace {

std::string Told(std::string_view accept, Answers answers = Answers::kOnce) {
  const auto media = WantedMedia(accept, answers);
  if (!media.ok()) {
    EXPECT_EQ(media.error().reason, resource::Failure::Reason::kNotAcceptable);
    return "not acceptable";
  }
  const std::string encoding = media->encoding == Encoding::kJson ? "json" : "yaml";
  switch (media->form) {
    case Form::kObject:
      return encoding;
    case Form::kTable:
      return encoding + " table";
    case Form::kMetadata:
      return encoding + " metadata";
  }
  return "?";
}

TEST(WantedMedia, IsTheFirstThatThereIs) {
  constexpr const char* kProtobuf = "application/vnd.kubernetes.protobuf";
  struct Row {
    const char* name;
    std::string accept;
    const char* once;
    const char* stream;
  };
  const Row rows[] = {
      {"nothing said", "", "json", "json"},
      {"anything", "*/*", "json", "json"},
      {"a browser", "text/html,application/xhtml+xml,*/*;q=0.8", "json", "json"},
      {"json", "Application/JSON; charset=utf-8", "json", "json"},
      {"yaml", "application/yaml", "yaml", "not acceptable"},
      {"protobuf first", std::string(kProtobuf) + ", application/json", "json", "json"},
      {"protobuf only", kProtobuf, "not acceptable", "not acceptable"},
      {"kubectl get",
       "application/json;as=Table;v=v1;g=meta.k8s.io,application/"
       "json;as=Table;v=v1beta1;g=meta.k8s."
       "io,application/json",
       "json table", "json table"},
      {"a table of another version", "application/json;as=Table;v=v1beta1;g=meta.k8s.io",
       "not acceptable", "not acceptable"},
      {"a form that is not known", "application/json;as=Chart;v=v1;g=meta.k8s.io,application/json",
       "json", "json"},
      {"metadata of many",
       std::string(kProtobuf) +
           ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as="
           "PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
       "json metadata", "json metadata"},
      {"a stream of json", "application/json;stream=watch", "json", "json"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(Told(row.accept), row.once);
    EXPECT_EQ(Told(row.accept, Answers::kStream), row.stream);
  }
}

TEST(WantedDiscovery, IsAggregatedForThoseWhoKnowIt) {
  constexpr const char* kV2 =
      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  constexpr const char* kBeta =
      "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
  const std::pair<std::string, DiscoveryForm> rows[] = {
      {"", DiscoveryForm::kPlain},
      {"application/json", DiscoveryForm::kPlain},
      {kV2, DiscoveryForm::kAggregated},
      {std::string(kV2) + "," + kBeta + ",application/json", DiscoveryForm::kAggregated},
      {std::string(kBeta) + ",application/json", DiscoveryForm::kPlain},
  };
  for (const auto& [accept, form] : rows) EXPECT_EQ(WantedDiscovery(accept), form) << accept;
}

}  // namespace
}  // namespace pemba::api::k8s
