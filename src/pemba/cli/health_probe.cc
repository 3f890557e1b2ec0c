#include "pemba/cli/health_probe.h"

#include <cctype>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <curl/curl.h>

#include "pemba/server/duration.h"

namespace pemba::cli {
namespace {

Error Invalid(std::string text) { return {ErrorCode::kInvalidArgument, std::move(text)}; }

struct Flag {
  bool takes_value;
  std::function<Status(ProbeOptions&, const std::string&)> set;
};

Flag Text(std::string ProbeOptions::*member) {
  return {true, [member](ProbeOptions& options, const std::string& value) -> Status {
            options.*member = value;
            return Done{};
          }};
}

Flag Switch(bool ProbeOptions::*member, bool on) {
  return {false, [member, on](ProbeOptions& options, const std::string& value) -> Status {
            if (value != "true" && value != "false") return Invalid("neither true nor false");
            options.*member = (value == "true") == on;
            return Done{};
          }};
}

Flag Duration(std::chrono::milliseconds ProbeOptions::*member) {
  return {true, [member](ProbeOptions& options, const std::string& value) -> Status {
            const auto duration = server::ParseDuration(value);
            if (!duration || duration->count() <= 0) return Invalid("not a duration such as 1s");
            options.*member = std::chrono::ceil<std::chrono::milliseconds>(*duration);
            return Done{};
          }};
}

std::map<std::string, Flag, std::less<>> Flags() {
  return {
      {"addr", Text(&ProbeOptions::address)},
      {"service", Text(&ProbeOptions::service)},
      {"user-agent", Text(&ProbeOptions::user_agent)},
      {"connect-timeout", Duration(&ProbeOptions::connect_timeout)},
      {"rpc-timeout", Duration(&ProbeOptions::call_timeout)},
      {"tls", Switch(&ProbeOptions::tls, true)},
      {"tls-no-verify", Switch(&ProbeOptions::verify, false)},
      {"tls-ca-cert", Text(&ProbeOptions::ca_file)},
      {"tls-client-cert", Text(&ProbeOptions::certificate_file)},
      {"tls-client-key", Text(&ProbeOptions::key_file)},
      {"tls-server-name", Text(&ProbeOptions::server_name)},
      {"v", Switch(&ProbeOptions::verbose, true)},
  };
}

Status CheckProbe(const ProbeOptions& options) {
  if (options.address.empty()) return Invalid("-addr is required");
  if (options.address.rfind(':') == std::string::npos) return Invalid("-addr must be HOST:PORT");
  const bool tls_details = !options.verify || !options.ca_file.empty() ||
                           !options.certificate_file.empty() || !options.key_file.empty() ||
                           !options.server_name.empty();
  if (!options.tls && tls_details) return Invalid("the -tls-... flags need -tls");
  if (options.certificate_file.empty() != options.key_file.empty()) {
    return Invalid("-tls-client-cert and -tls-client-key belong together");
  }
  if (!options.verify && !options.ca_file.empty()) {
    return Invalid("-tls-no-verify makes no use of -tls-ca-cert");
  }
  return Done{};
}

// One gRPC message around a HealthCheckRequest, whose field 1 is the service.
std::string RequestBytes(const std::string& service) {
  std::string message;
  if (!service.empty()) {
    message.push_back('\x0A');
    auto length = service.size();  // A varint.
    for (; length >= 0x80; length >>= 7) message.push_back(static_cast<char>(length | 0x80));
    message.push_back(static_cast<char>(length));
    message += service;
  }
  std::string bytes(1, '\0');  // Not compressed.
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(message.size() >> shift));
  }
  return bytes + message;
}

// The status of a HealthCheckResponse: field 1, an enumeration, 1 is SERVING. An empty message is
// 0.
std::optional<int> ServingStatus(std::string_view body) {
  if (body.size() < 5 || body[0] != '\0') return std::nullopt;
  body.remove_prefix(5);
  if (body.empty()) return 0;
  if (body.size() < 2 || body[0] != '\x08') return std::nullopt;
  return static_cast<unsigned char>(body[1]);
}

std::size_t Receive(char* data, std::size_t size, std::size_t count, void* text) {
  auto& bytes = *static_cast<std::string*>(text);
  if (bytes.size() + size * count > 4096) return 0;  // No health answer is that long.
  bytes.append(data, size * count);
  return size * count;
}

using Fields = std::map<std::string, std::string, std::less<>>;

std::size_t ReceiveField(char* data, std::size_t size, std::size_t count, void* fields) {
  std::string_view line(data, size * count);
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  const auto colon = line.find(": ");
  if (colon != line.npos) {
    (*static_cast<Fields*>(fields))[std::string(line.substr(0, colon))] = line.substr(colon + 2);
  }
  return size * count;
}

struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, CurlDeleter>;

Headers HeadersOf(std::initializer_list<const char*> lines) {
  curl_slist* list = nullptr;
  for (const char* line : lines) list = curl_slist_append(list, line);
  return Headers(list);
}

void SetTls(CURL* curl, const ProbeOptions& options) {
  if (!options.verify) {
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  const auto set_file = [&](CURLoption option, const std::string& file) {
    if (!file.empty()) curl_easy_setopt(curl, option, file.c_str());
  };
  set_file(CURLOPT_CAINFO, options.ca_file);
  set_file(CURLOPT_SSLCERT, options.certificate_file);
  set_file(CURLOPT_SSLKEY, options.key_file);
}

ProbeAnswer Judge(const Fields& fields, std::string_view body) {
  const auto field = [&](const char* name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  };
  const auto status = field("grpc-status");
  if (status.empty()) return {ProbeOutcome::kNoConnection, "the peer does not speak gRPC"};
  if (status != "0") {
    return {ProbeOutcome::kCallFailed, "status " + status + ": " + field("grpc-message")};
  }
  const auto serving = ServingStatus(body);
  if (!serving) return {ProbeOutcome::kCallFailed, "the answer is not one about health"};
  if (*serving == 1) return {ProbeOutcome::kServing, "status: SERVING"};
  return {ProbeOutcome::kNotServing, *serving == 2 ? "status: NOT_SERVING" : "status: UNKNOWN"};
}

}  // namespace

Result<ProbeOptions> ParseProbeOptions(const std::vector<std::string>& arguments) {
  const auto flags = Flags();
  ProbeOptions options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (!argument.starts_with('-')) return Invalid("unexpected `" + arguments[i] + "`");
    argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
    const auto equals = argument.find('=');
    const auto flag = flags.find(argument.substr(0, equals));
    if (flag == flags.end()) return Invalid("unknown flag `" + arguments[i] + "`");
    std::string value = "true";
    if (equals != argument.npos) {
      value = argument.substr(equals + 1);
    } else if (flag->second.takes_value) {
      if (++i == arguments.size()) return Invalid("-" + flag->first + " needs a value");
      value = arguments[i];
    }
    if (auto set = flag->second.set(options, value); !set.ok()) {
      return Invalid("-" + flag->first + ": " + set.error().message);
    }
  }
  PEMBA_TRY(std::ignore, CheckProbe(options));
  return options;
}

ProbeAnswer Probe(const ProbeOptions& options) {
  const std::unique_ptr<CURL, CurlDeleter> curl(curl_easy_init());
  if (!curl) std::abort();  // Out of memory.
  // With a server name, the URL carries that name, and the connection still goes to the address.
  auto host = options.address;
  Headers redirect;
  if (!options.server_name.empty()) {
    host = options.server_name + options.address.substr(options.address.rfind(':'));
    redirect = HeadersOf({(host + ":" + options.address).c_str()});
    curl_easy_setopt(curl.get(), CURLOPT_CONNECT_TO, redirect.get());
  }
  const auto url = (options.tls ? "https://" : "http://") + host + "/grpc.health.v1.Health/Check";
  const auto headers = HeadersOf({"content-type: application/grpc", "te: trailers", "Expect:"});
  const auto request = RequestBytes(options.service);
  std::string body;
  Fields fields;
  char cause[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");  // Health is asked of the server itself.
  curl_easy_setopt(curl.get(), CURLOPT_HTTP_VERSION,
                   static_cast<long>(options.tls ? CURL_HTTP_VERSION_2TLS
                                                 : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, cause);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS,
                   static_cast<long>((options.connect_timeout + options.call_timeout).count()));
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(request.size()));
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, request.data());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &Receive);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, &ReceiveField);  // Trailers too.
  curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &fields);
  SetTls(curl.get(), options);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) {
    return {ProbeOutcome::kNoConnection, "cannot talk to `" + options.address + "`: " +
                                             (*cause != '\0' ? cause : curl_easy_strerror(code))};
  }
  return Judge(fields, body);
}

int RunHealthProbe(const std::vector<std::string>& arguments, std::ostream& out,
                   std::ostream& err) {
  const auto options = ParseProbeOptions(arguments);
  if (!options.ok()) {
    err << "error: " << options.error().message
        << "\nusage: -addr=HOST:PORT [-service=NAME] [-connect-timeout=1s] [-rpc-timeout=1s]\n"
           "       [-tls [-tls-ca-cert=FILE] [-tls-client-cert=FILE -tls-client-key=FILE]\n"
           "             [-tls-server-name=NAME] [-tls-no-verify]]\n";
    return static_cast<int>(ProbeOutcome::kBadArguments);
  }
  const auto [outcome, text] = Probe(*options);
  (outcome == ProbeOutcome::kServing ? out : err) << text << "\n";
  return static_cast<int>(outcome);
}

}  // namespace pemba::cli
