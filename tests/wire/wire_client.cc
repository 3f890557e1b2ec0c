#include "wire/wire_client.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <curl/curl.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <openfga/v1/openfga_service.pb.h>

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

class GrpcClient final : public WireClient {
 public:
  explicit GrpcClient(const std::string& address)
      : stub_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())) {}

  const char* name() const override { return "grpc"; }

  Answer Call(const std::string& rpc, const json::object& request,
              const std::map<std::string, std::string>& headers) override {
    const auto* method = openfga::v1::CheckRequest::descriptor()
                             ->file()
                             ->FindServiceByName("OpenFGAService")
                             ->FindMethodByName(rpc);
    if (method == nullptr) throw std::runtime_error("no rpc " + rpc);
    const auto message = NewMessage(method->input_type());
    if (const auto read = api::ReadJson(json::serialize(request), *message); !read.ok()) {
      throw std::runtime_error(rpc + ": " + read.error().message);
    }
    grpc::Slice slice(message->SerializeAsString());
    grpc::ByteBuffer sent(&slice, 1);
    grpc::ByteBuffer received;
    grpc::ClientContext context;
    for (const auto& [key, value] : headers) context.AddMetadata(Lower(key), value);
    grpc::CompletionQueue queue;
    const auto call = stub_.PrepareUnaryCall(
        &context, std::string("/openfga.v1.OpenFGAService/") + rpc, sent, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&received, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);

    Answer answer;
    answer.ok = status.ok();
    answer.grpc_code = static_cast<std::uint32_t>(status.error_code());
    answer.message = status.error_message();
    // An answer without a message has one block of metadata, which is then the trailing one.
    for (const auto* metadata :
         {&context.GetServerInitialMetadata(), &context.GetServerTrailingMetadata()}) {
      for (const auto& [key, value] : *metadata) {
        answer.headers[std::string(key.data(), key.size())] =
            std::string(value.data(), value.size());
      }
    }
    if (answer.ok) {
      const auto response = NewMessage(method->output_type());
      std::string bytes;
      std::vector<grpc::Slice> slices;
      received.Dump(&slices);
      for (const auto& part : slices) {
        bytes.append(reinterpret_cast<const char*>(part.begin()), part.size());
      }
      if (!response->ParseFromString(bytes)) throw std::runtime_error("malformed response");
      answer.response = json::parse(api::ToJson(*response));
    }
    return answer;
  }

 private:
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
    {"Check", "POST", "/stores/{store_id}/check"},
    {"BatchCheck", "POST", "/stores/{store_id}/batch-check"},
    {"Expand", "POST", "/stores/{store_id}/expand"},
    {"ListObjects", "POST", "/stores/{store_id}/list-objects"},
    {"StreamedListObjects", "POST", "/stores/{store_id}/streamed-list-objects"},
    {"ListUsers", "POST", "/stores/{store_id}/list-users"},
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
    return HttpRequest(address_, method, target, body, headers);
  }

 private:
  const std::string address_;
};

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
  static thread_local std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle(curl_easy_init(),
                                                                                 curl_easy_cleanup);
  CURL* curl = handle.get();
  curl_easy_reset(curl);  // Keeps the connection.
  Answer answer;
  std::string received;
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
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &received);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, AddHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer.headers);
  const auto result = curl_easy_perform(curl);
  curl_slist_free_all(list);
  if (result != CURLE_OK) throw std::runtime_error(url + ": " + curl_easy_strerror(result));
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  answer.http_status = static_cast<int>(status);
  answer.ok = status >= 200 && status < 300;
  if (!received.empty()) answer.response = json::parse(received);
  if (!answer.ok) {
    answer.code = TextOf(answer.response.at("code"));
    answer.message = TextOf(answer.response.at("message"));
  }
  return answer;
}

}  // namespace pemba::wire_test
