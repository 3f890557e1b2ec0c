#include "pemba/cli/api_client.h"

#include <boost/json/parse.hpp>

#include "pemba/cli/json_text.h"
#include "pemba/resource/members.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

Result<json::value> ParseAnswer(const std::string& body) {
  if (body.find_first_not_of(" \t\r\n") == body.npos) return json::value(nullptr);
  json::error_code error;
  auto value = json::parse(body, error, {}, {.max_depth = 1000});
  if (error) return Error{ErrorCode::kInternal, "the server's answer is not JSON"};
  return value;
}

Error RefusalOf(const HttpResponse& response) {
  const auto answer = ParseAnswer(response.body);
  const auto code = answer.ok() ? resource::TextOf(*answer, "code") : "";
  if (code.empty()) {
    return {ErrorCode::kValidation, "the server answered HTTP " + std::to_string(response.status)};
  }
  return {ErrorCode::kValidation, code + ": " + resource::TextOf(*answer, "message")};
}

// {"code":5,"message":...}
Error StreamErrorOf(const json::value& error) {
  const auto* object = error.if_object();
  const auto* code = object == nullptr ? nullptr : object->if_contains("code");
  return {ErrorCode::kValidation, (code == nullptr ? "unknown" : JsonText(*code)) + ": " +
                                      resource::TextOf(error, "message")};
}

std::string TargetOf(const std::string& path, Query query) {
  std::string target = path;
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    target += (target.size() == path.size() ? "?" : "&") + UrlEncode(name) + "=" + UrlEncode(value);
  }
  return target;
}

Result<std::string> FetchToken(HttpClient& http, const ApiOptions& options) {
  std::string issuer = options.token_issuer;
  if (issuer.find("://") == issuer.npos) issuer = "https://" + issuer;
  // An issuer with a path names the token endpoint itself.
  if (issuer.find('/', issuer.find("://") + 3) == issuer.npos) issuer += "/oauth/token";
  json::object body{{"grant_type", "client_credentials"},
                    {"client_id", options.client_id},
                    {"client_secret", options.client_secret},
                    {"audience", options.audience}};
  std::string scopes;
  for (const auto& scope : options.scopes) scopes += (scopes.empty() ? "" : " ") + scope;
  if (!scopes.empty()) body["scope"] = scopes;
  PEMBA_TRY(auto response,
            http.Send({.method = "POST", .url = issuer, .headers = {}, .body = JsonText(body)}));
  PEMBA_TRY(auto answer, ParseAnswer(response.body));
  auto token = resource::TextOf(answer, "access_token");
  if (response.status / 100 != 2 || token.empty()) {
    return Error{ErrorCode::kUnauthenticated,
                 "`" + issuer + "` gave no token: HTTP " + std::to_string(response.status)};
  }
  return token;
}

}  // namespace

Result<ApiClient> ApiClient::Connect(ApiOptions options) {
  if (!options.client_id.empty() && options.token.empty()) {
    HttpClient http;
    PEMBA_TRY(options.token, FetchToken(http, options));
  }
  return ApiClient(std::move(options));
}

Result<json::value> ApiClient::Get(const std::string& path, Query query) {
  return Call("GET", TargetOf(path, query), {});
}

Status ApiClient::GetStream(const std::string& path, Query query,
                            const std::function<HttpClient::Lines(const json::value&)>& take) {
  Status ended = Done{};
  const auto take_line = [&](std::string_view line) {
    auto parsed = ParseAnswer(std::string(line));
    const auto* message = parsed.ok() ? parsed->if_object() : nullptr;
    if (message == nullptr) {
      ended = Error{ErrorCode::kInternal, "the server's answer is not JSON"};
      return HttpClient::Lines::kNoMore;
    }
    if (const auto* result = message->if_contains("result")) return take(*result);
    const auto* error = message->if_contains("error");
    ended = error == nullptr ? RefusalOf({200, std::string(line)}) : StreamErrorOf(*error);
    return HttpClient::Lines::kNoMore;
  };
  const auto request = RequestOf("GET", TargetOf(path, query), {});
  PEMBA_TRY(auto response, http_.Stream(request, take_line));
  if (options_.log_line) options_.log_line("< " + std::to_string(response.status));
  if (response.status / 100 == 2) return ended;
  auto refused = ParseAnswer(response.body);
  const auto* object = refused.ok() ? refused->if_object() : nullptr;
  const auto* error = object == nullptr ? nullptr : object->if_contains("error");
  return error == nullptr ? RefusalOf(response) : StreamErrorOf(*error);
}

Result<json::value> ApiClient::Post(const std::string& path, const json::value& body) {
  return Call("POST", path, JsonText(body));
}

Result<json::value> ApiClient::Put(const std::string& path, const json::value& body) {
  return Call("PUT", path, JsonText(body));
}

Status ApiClient::Delete(const std::string& path) {
  PEMBA_TRY(std::ignore, Call("DELETE", path, {}));
  return Done{};
}

HttpRequest ApiClient::RequestOf(std::string method, const std::string& path,
                                 std::string body) const {
  HttpRequest request{.method = std::move(method),
                      .url = options_.url + path,
                      .headers = options_.headers,
                      .body = std::move(body)};
  if (!options_.token.empty()) request.headers.push_back("Authorization: Bearer " + options_.token);
  if (options_.log_line) options_.log_line("> " + request.method + " " + request.url);
  if (options_.log_line && !request.body.empty()) options_.log_line("> " + request.body);
  return request;
}

Result<json::value> ApiClient::Call(std::string method, const std::string& path, std::string body) {
  const auto request = RequestOf(std::move(method), path, std::move(body));
  PEMBA_TRY(auto response, http_.Send(request));
  if (options_.log_line) {
    options_.log_line("< " + std::to_string(response.status) + " " + response.body);
  }
  if (response.status / 100 != 2) return RefusalOf(response);
  return ParseAnswer(response.body);
}

std::string StorePath(std::string_view store_id, std::string_view rest) {
  return "/stores/" + UrlEncode(store_id) + std::string(rest);
}

}  // namespace pemba::cli
