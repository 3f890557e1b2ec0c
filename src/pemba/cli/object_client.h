// ObjectClient: declared objects over the Kubernetes API, of Pemba or of any other server.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/base/result.h"
#include "pemba/cli/api_client.h"
#include "pemba/cli/http_client.h"

namespace pemba::cli {

struct ObjectKind {
  std::string group, version, name, plural, singular;
  std::vector<std::string> short_names;
  bool namespaced = false;

  // "role.iam.miloapis.com": of what commands print.
  std::string ShownName() const { return group.empty() ? singular : singular + "." + group; }
};

// One thread at a time. Errors of every call: kUnavailable, kValidation (what the server said: its
// message, one line for each field), kInternal (an answer that is none).
class ObjectClient {
 public:
  // Fetches a token if there is a client id, and reads which kinds there are.
  static Result<ObjectClient> Connect(const ApiOptions& options);

  // By plural, singular, short name or kind, in any case; `roles.iam.miloapis.com` names the group.
  // Errors (kInvalidArgument): there is none, or there are several.
  Result<ObjectKind> FindKind(std::string_view text) const;
  Result<ObjectKind> FindKind(std::string_view api_version, std::string_view kind) const;

  // Path of a collection (no name) or an object. An empty namespace means all.
  static std::string PathOf(const ObjectKind& kind, std::string_view name_space,
                            std::string_view name);

  struct Answer {
    long status = 0;
    boost::json::object body;
    bool ok() const { return status / 100 == 2; }
  };
  // As the server answered, also what it refused. `accept` empty: objects.
  Result<Answer> Call(std::string method, const std::string& path, std::string body = {},
                      std::string_view content_type = {}, std::string_view accept = {});
  // Likewise; what is refused is an error.
  Result<boost::json::object> Ask(std::string method, const std::string& path,
                                  std::string body = {}, std::string_view content_type = {},
                                  std::string_view accept = {});
  // "the server's message", then what is wrong with each field.
  static Error RefusalOf(const Answer& answer);

 private:
  explicit ObjectClient(ApiOptions options) : options_(std::move(options)) {}
  Status ReadKinds(const std::string& path);

  ApiOptions options_;
  HttpClient http_;
  std::vector<ObjectKind> kinds_;
};

inline constexpr std::string_view kTableType = "application/json;as=Table;v=v1;g=meta.k8s.io";

}  // namespace pemba::cli
