#include "wire/wire_client.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <utility>

#include <authzen/v1/authzen_service.pb.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <curl/curl.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <openfga/v1/openfga_service.pb.h>
#include <pemba/iam/v1/access_service.pb.h>
#include <pemba/v1/pemba_service.pb.h>

#include "pemba/api/json_reader.h"
#include "pemba/api/json_writer.h"

namespace pemba::wire_test {
namespace {

namespace json = boost::json;
namespace pb = google::protobuf;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::unique_ptr<pb::Message> NewMessage(const pb::Descriptor* type) {
  return std::unique_ptr<pb::Message>(
      pb::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

// Of any service.
const pb::MethodDescriptor& MethodOf(const std::string& rpc) {
  for (const auto* file : {openfga::v1::CheckRequest::descriptor()->file(),
                           authzen::v1::EvaluationRequest::descriptor()->file(),
                           ::pemba::v1::ExplainRequest::descriptor()->file(),
                           ::pemba::iam::v1::CheckAccessRequest::descriptor()->file()}) {
    if (const auto* method = file->service(0)->FindMethodByName(rpc)) return *method;
  }
  throw std::runtime_error("no rpc " + rpc);
}

void AddMetadata(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata,
                 Answer& answer) {
  for (const auto& [key, value] : metadata) {
    answer.headers[std::string(key.data(), key.size())] = std::string(value.data(), value.size());
  }
}

json::value FromWire(const grpc::ByteBuffer& received, const pb::Descriptor* type) {
  std::string bytes;
  std::vector<grpc::Slice> slices;
  received.Dump(&slices);
  for (const auto& part : slices) {
    bytes.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  const auto response = NewMessage(type);
  if (!response->ParseFromString(bytes)) throw std::runtime_error("malformed response");
  return json::parse(api::ToJson(*response));
}

class GrpcClient final : public WireClient {
 public:
  explicit GrpcClient(const std::string& address)
      : stub_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())) {}

  const char* name() const override { return "grpc"; }

  Answer Call(const std::string& rpc, const json::object& request,
              const std::map<std::string, std::string>& headers) override {
    const auto& method = MethodOf(rpc);
    const auto message = NewMessage(method.input_type());
    if (const auto read = api::ReadJson(json::serialize(request), *message); !read.ok()) {
      throw std::runtime_error(rpc + ": " + read.error().message);
    }
    grpc::Slice slice(message->SerializeAsString());
    const grpc::ByteBuffer sent(&slice, 1);
    grpc::ClientContext context;
    for (const auto& [key, value] : headers) context.AddMetadata(Lower(key), value);
    const auto path = "/" + method.service()->full_name() + "/" + rpc;

    Answer answer;
    const auto status = method.server_streaming() ? Stream(method, path, sent, context, answer)
                                                  : Unary(method, path, sent, context, answer);
    answer.ok = status.ok();
    answer.grpc_code = static_cast<std::uint32_t>(status.error_code());
    answer.message = status.error_message();
    // An answer without a message has one block of metadata, which is then the trailing one.
    AddMetadata(context.GetServerInitialMetadata(), answer);
    AddMetadata(context.GetServerTrailingMetadata(), answer);
    return answer;
  }

 private:
  static bool Next(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return ok;
  }

  grpc::Status Unary(const pb::MethodDescriptor& method, const std::string& path,
                     const grpc::ByteBuffer& sent, grpc::ClientContext& context, Answer& answer) {
    grpc::CompletionQueue queue;
    const auto call = stub_.PrepareUnaryCall(&context, path, sent, &queue);
    call->StartCall();
    grpc::ByteBuffer received;
    grpc::Status status;
    call->Finish(&received, &status, nullptr);
    Next(queue);
    if (status.ok()) answer.response = FromWire(received, method.output_type());
    return status;
  }

  grpc::Status Stream(const pb::MethodDescriptor& method, const std::string& path,
                      const grpc::ByteBuffer& sent, grpc::ClientContext& context, Answer& answer) {
    grpc::CompletionQueue queue;
    const auto call = stub_.PrepareCall(&context, path, &queue);
    call->StartCall(nullptr);
    Next(queue);
    call->WriteLast(sent, {}, nullptr);
    Next(queue);
    json::array results;
    for (;;) {
      grpc::ByteBuffer received;
      call->Read(&received, nullptr);
      if (!Next(queue)) break;
      results.push_back(FromWire(received, method.output_type()));
    }
    answer.response = {{"results", std::move(results)}};
    grpc::Status status;
    call->Finish(&status, nullptr);
    Next(queue);
    return status;
  }

  grpc::GenericStub stub_;
};

struct Route {
  const char* rpc;
  const char* method;
  const char* pattern;
};
// Written from the contract, not taken from the server's own table.
constexpr Route kRoutes[] = {
    {"CreateStore", "POST", "/stores"},
    {"ListStores", "GET", "/stores"},
    {"GetStore", "GET", "/stores/{store_id}"},
    {"UpdateStore", "PATCH", "/stores/{store_id}"},
    {"DeleteStore", "DELETE", "/stores/{store_id}"},
    {"WriteAuthorizationModel", "POST", "/stores/{store_id}/authorization-models"},
    {"ReadAuthorizationModels", "GET", "/stores/{store_id}/authorization-models"},
    {"ReadAuthorizationModel", "GET", "/stores/{store_id}/authorization-models/{id}"},
    {"WriteAssertions", "PUT", "/stores/{store_id}/assertions/{authorization_model_id}"},
    {"ReadAssertions", "GET", "/stores/{store_id}/assertions/{authorization_model_id}"},
    {"Write", "POST", "/stores/{store_id}/write"},
    {"Read", "POST", "/stores/{store_id}/read"},
    {"ReadChanges", "GET", "/stores/{store_id}/changes"},
    {"Watch", "GET", "/stores/{store_id}/watch"},
    {"WriteTuples", "POST", "/stores/{store_id}/write-tuples"},
    {"ReadTuples", "POST", "/stores/{store_id}/read-tuples"},
    {"Check", "POST", "/stores/{store_id}/check"},
    {"BatchCheck", "POST", "/stores/{store_id}/batch-check"},
    {"Expand", "POST", "/stores/{store_id}/expand"},
    {"ListObjects", "POST", "/stores/{store_id}/list-objects"},
    {"StreamedListObjects", "POST", "/stores/{store_id}/streamed-list-objects"},
    {"ListUsers", "POST", "/stores/{store_id}/list-users"},
    {"ListObjectsOfKinds", "POST", "/stores/{store_id}/list-objects-of-kinds"},
    {"ListUsersOfKinds", "POST", "/stores/{store_id}/list-users-of-kinds"},
    {"Evaluation", "POST", "/stores/{store_id}/access/v1/evaluation"},
    {"Evaluations", "POST", "/stores/{store_id}/access/v1/evaluations"},
    {"SubjectSearch", "POST", "/stores/{store_id}/access/v1/search/subject"},
    {"ResourceSearch", "POST", "/stores/{store_id}/access/v1/search/resource"},
    {"ActionSearch", "POST", "/stores/{store_id}/access/v1/search/action"},
    {"CheckAccess", "POST", "/iam/v1/check-access"},
    {"BatchCheckAccess", "POST", "/iam/v1/batch-check-access"},
    {"TestIamPermissions", "POST", "/iam/v1/test-iam-permissions"},
    {"ListAccessible", "POST", "/iam/v1/list-accessible"},
    {"ListPrincipals", "POST", "/iam/v1/list-principals"},
    {"ListGrantableRoles", "POST", "/iam/v1/list-grantable-roles"},
    {"ExplainAccess", "POST", "/iam/v1/explain-access"},
    {"GetConfiguration", "GET", "/.well-known/authzen-configuration/{store_id}"},
};

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.') {
      out.push_back(c);
    } else {
      static constexpr char kHex[] = "0123456789ABCDEF";
      out.push_back('%');
      out.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
      out.push_back(kHex[static_cast<unsigned char>(c) & 15]);
    }
  }
  return out;
}

std::string TextOf(const json::value& value) {
  if (const auto* text = value.if_string()) return std::string(text->data(), text->size());
  return json::serialize(value);
}

std::size_t AppendBody(char* data, std::size_t size, std::size_t count, void* out) {
  static_cast<std::string*>(out)->append(data, size * count);
  return size * count;
}

std::size_t AddHeader(char* data, std::size_t size, std::size_t count, void* out) {
  std::string line(data, size * count);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.pop_back();
  const auto colon = line.find(": ");
  if (colon != line.npos) {
    (*static_cast<std::map<std::string, std::string>*>(out))[Lower(line.substr(0, colon))] =
        line.substr(colon + 2);
  }
  return size * count;
}

// The answer with its body as it came.
Answer Perform(const std::string& address, std::string_view method, std::string_view target,
               const std::string& body, const std::map<std::string, std::string>& headers,
               std::string_view version) {
  static thread_local std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle(curl_easy_init(),
                                                                                 curl_easy_cleanup);
  CURL* curl = handle.get();
  curl_easy_reset(curl);  // Keeps the connection.
  Answer answer;
  const auto url = "http://" + address + std::string(target);
  const std::string verb(method);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  // curl 7.88 sends nothing when it uses an HTTP/2 connection by prior knowledge again, and takes
  // one that it keeps for HTTP/1.1.
  curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, version == "2" ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, verb.c_str());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                   version == "2" ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE : CURL_HTTP_VERSION_1_1);
  if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
  }
  curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
  list = curl_slist_append(list, "Expect:");
  for (const auto& [key, value] : headers) {
    list = curl_slist_append(list, (key + ": " + value).c_str());
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, AppendBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, AddHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer.headers);
  const auto result = curl_easy_perform(curl);
  curl_slist_free_all(list);
  if (result != CURLE_OK) throw std::runtime_error(url + ": " + curl_easy_strerror(result));
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  answer.http_status = static_cast<int>(status);
  answer.ok = status >= 200 && status < 300;
  return answer;
}

// One JSON object per line: a result, or the error that ends the stream.
void ReadLines(Answer& answer) {
  json::array results;
  for (std::size_t at = 0; at < answer.body.size();) {
    const auto end = answer.body.find('\n', at);
    if (end == std::string::npos) throw std::runtime_error("the last line does not end");
    auto line = json::parse(answer.body.substr(at, end - at)).as_object();
    if (const auto* error = line.if_contains("error")) {
      answer.ok = false;
      answer.code = TextOf(error->at("code"));
      answer.message = TextOf(error->at("message"));
    } else if (line.contains("code")) {  // It did not become a stream.
      answer.code = TextOf(line["code"]);
      answer.message = TextOf(line["message"]);
    } else {
      results.push_back(line.at("result"));
    }
    at = end + 1;
  }
  answer.response = {{"results", std::move(results)}};
}

class HttpClient final : public WireClient {
 public:
  explicit HttpClient(std::string address) : address_(std::move(address)) {}
  const char* name() const override { return "http"; }

  Answer Call(const std::string& rpc, const json::object& request,
              const std::map<std::string, std::string>& headers) override {
    const auto* route = std::find_if(std::begin(kRoutes), std::end(kRoutes),
                                     [&](const Route& r) { return rpc == r.rpc; });
    if (route == std::end(kRoutes)) throw std::runtime_error("no rpc " + rpc);
    json::object rest = request;
    std::string target;
    std::string_view pattern = route->pattern;
    while (!pattern.empty()) {
      const auto open = pattern.find('{');
      target += pattern.substr(0, open);
      if (open == pattern.npos) break;
      const auto close = pattern.find('}');
      const auto field = pattern.substr(open + 1, close - open - 1);
      if (const auto* value = rest.if_contains(json::string_view(field.data(), field.size()))) {
        target += Escaped(TextOf(*value));
        rest.erase(json::string_view(field.data(), field.size()));
      }
      pattern.remove_prefix(close + 1);
    }
    const std::string_view method = route->method;
    std::string body;
    if (method == "GET" || method == "DELETE") {
      for (const auto& member : rest) {
        target += target.find('?') == std::string::npos ? '?' : '&';
        target += std::string(member.key().data(), member.key().size()) + "=" +
                  Escaped(TextOf(member.value()));
      }
    } else {
      body = json::serialize(rest);
    }
    if (!MethodOf(rpc).server_streaming()) {
      return HttpRequest(address_, method, target, body, headers);
    }
    auto answer = Perform(address_, method, target, body, headers, "1.1");
    ReadLines(answer);
    return answer;
  }

 private:
  const std::string address_;
};

}  // namespace

std::unique_ptr<WireClient> NewGrpcClient(const std::string& address) {
  return std::make_unique<GrpcClient>(address);
}
std::unique_ptr<WireClient> NewHttpClient(const std::string& address) {
  return std::make_unique<HttpClient>(address);
}

Answer HttpRequest(const std::string& address, std::string_view method, std::string_view target,
                   const std::string& body, const std::map<std::string, std::string>& headers,
                   std::string_view version) {
  auto answer = Perform(address, method, target, body, headers, version);
  const bool is_json = answer.headers["content-type"] == "application/json";
  if (is_json && !answer.body.empty()) answer.response = json::parse(answer.body);
  if (!answer.ok && is_json) {
    // A stream that ends before it began says so in its own form.
    const auto* stream = answer.response.as_object().if_contains("error");
    const auto& error = stream != nullptr ? *stream : answer.response;
    answer.code = TextOf(error.at("code"));
    answer.message = TextOf(error.at("message"));
  }
  return answer;
}

}  // namespace pemba::wire_test
