#include "pemba/api/k8s/media.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>

#include <yaml-cpp/yaml.h>

#include "pemba/api/k8s/answer.h"
#include "pemba/yaml/yaml.h"

namespace pemba::api::k8s {
namespace {

using resource::Failure;

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Takes what is before the separator from the front of `rest`.
std::string_view Take(std::string_view& rest, char separator) {
  const auto end = std::min(rest.find(separator), rest.size());
  const auto part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return Trimmed(part);
}

// One of the media types that are listed, in lower case.
struct Clause {
  std::string_view type, as, group, version;
};

Clause ReadClause(std::string_view text) {
  Clause clause;
  clause.type = Take(text, ';');
  while (!text.empty()) {
    auto parameter = Take(text, ';');
    const auto name = Take(parameter, '=');
    if (name == "as") clause.as = parameter;
    if (name == "g") clause.group = parameter;
    if (name == "v") clause.version = parameter;
  }
  return clause;
}

std::optional<Encoding> EncodingOf(std::string_view type, Answers answers) {
  if (type == "application/json" || type == "application/*" || type == "*/*") {
    return Encoding::kJson;
  }
  if (type == "application/yaml" && answers == Answers::kOnce) return Encoding::kYaml;
  return std::nullopt;
}

std::optional<Form> FormOf(const Clause& clause) {
  if (clause.as.empty()) return Form::kObject;
  const bool known_version = clause.version.empty() || clause.version == "v1";
  const bool known_group = clause.group.empty() || clause.group == "meta.k8s.io";
  if (!known_version || !known_group) return std::nullopt;
  if (clause.as == "table") return Form::kTable;
  if (clause.as == "partialobjectmetadata" || clause.as == "partialobjectmetadatalist") {
    return Form::kMetadata;
  }
  return std::nullopt;
}

}  // namespace

resource::Outcome<Media> WantedMedia(std::string_view accept, Answers answers) {
  const auto lower = LowerCase(accept);
  std::string_view rest = lower;
  if (Trimmed(rest).empty()) return Media();
  while (!rest.empty()) {
    const auto clause = ReadClause(Take(rest, ','));
    const auto encoding = EncodingOf(clause.type, answers);
    const auto form = FormOf(clause);
    if (encoding && form) return Media{*form, *encoding};
  }
  return Failure(Failure::Reason::kNotAcceptable,
                 answers == Answers::kStream
                     ? "only the following media types are accepted: application/json"
                     : "only the following media types are accepted: application/json, "
                       "application/yaml");
}

DiscoveryForm WantedDiscovery(std::string_view accept) {
  const auto lower = LowerCase(accept);
  std::string_view rest = lower;
  while (!rest.empty()) {
    const auto clause = ReadClause(Take(rest, ','));
    if (clause.type != "application/json") continue;
    if (clause.as.empty()) return DiscoveryForm::kPlain;
    if (clause.as == "apigroupdiscoverylist" && clause.version == "v2") {
      return DiscoveryForm::kAggregated;
    }
  }
  return DiscoveryForm::kPlain;
}

bool WantsProtobuf(std::string_view accept) {
  const auto lower = LowerCase(accept);
  std::string_view rest = lower;
  while (!rest.empty()) {
    const auto type = ReadClause(Take(rest, ',')).type;
    if (type == "application/com.github.proto-openapi.spec.v2@v1.0+protobuf") return true;
    if (EncodingOf(type, Answers::kOnce)) return false;
  }
  return false;
}

std::string_view AcceptOf(const rpc::Call& call) { return call.header("accept").value_or(""); }

boost::json::object PartialMetadata(const resource::Object& object) {
  return {{"kind", "PartialObjectMetadata"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", object.metadata()}};
}

void AnswerAs(rpc::Call& call, int status, const boost::json::object& body, Encoding encoding) {
  if (encoding == Encoding::kJson) return Answer(call, status, body);
  YAML::Emitter text;
  yaml::Emit(text, body);
  call.FinishHttp(status, "application/yaml", std::string(text.c_str()) + "\n");
}

}  // namespace pemba::api::k8s
