#include "pemba/server/settings_together.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "pemba/server/duration.h"
#include "pemba/server/setting_reference.h"

namespace pemba::server {
namespace {

using std::chrono::nanoseconds;

Error Refused(std::string text) { return {ErrorCode::kInvalidArgument, std::move(text)}; }

// The values that count, read by kind; those that are not given have their documented default.
class Values {
 public:
  explicit Values(const SettingSources& sources) : sources_(sources) {}

  std::string Text(std::string_view flag) const {
    auto given = FindGiven(flag, sources_);
    return given ? std::move(given->value) : std::string(FindReference(flag)->fallback);
  }
  bool On(std::string_view flag) const {
    const auto text = Text(flag);
    return text == "1" || text.starts_with('t') || text.starts_with('T');
  }
  std::uint64_t Number(std::string_view flag) const {
    const auto text = Text(flag);
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  nanoseconds Duration(std::string_view flag) const {
    return ParseDuration(Text(flag)).value_or(nanoseconds(0));
  }

 private:
  const SettingSources& sources_;
};

std::string Key(std::string_view flag) { return std::string(FindReference(flag)->key); }

Status CheckPools(const Values& values) {
  const auto at_least = [&](std::string_view more, std::string_view less) -> Status {
    if (values.Number(more) >= values.Number(less)) return Done{};
    return Refused(Key(more) + " must not be less than " + Key(less));
  };
  PEMBA_TRY(std::ignore, at_least("datastore-max-open-conns", "datastore-min-open-conns"));
  PEMBA_TRY(std::ignore, at_least("datastore-min-open-conns", "datastore-min-idle-conns"));
  for (const auto* flag : {"datastore-ping-timeout", "datastore-ping-retry-max-elapsed-time"}) {
    if (values.Duration(flag).count() <= 0) return Refused(Key(flag) + " must be positive");
  }
  if (values.Duration("datastore-ping-retry-max-elapsed-time") <
      values.Duration("datastore-ping-timeout")) {
    return Refused("datastore.pingRetryMaxElapsedTime must not be less than datastore.pingTimeout");
  }
  return Done{};
}

Status CheckCaches(const Values& values) {
  for (const std::string cache : {"check-query-cache", "check-iterator-cache",
                                  "list-objects-iterator-cache", "cache-controller"}) {
    if (!values.On(cache + "-enabled")) continue;
    if (values.Duration(cache + "-ttl").count() <= 0) {
      return Refused(Key(cache + "-ttl") + " must be positive");
    }
    const auto results = cache + "-max-results";
    if (FindReference(results) != nullptr && values.Number(results) == 0) {
      return Refused(Key(results) + " must be greater than 0");
    }
  }
  if (values.Number("cache-ttl-jitter-percentage") > 100) {
    return Refused("cacheTTLJitterPercentage must be 0 to 100");
  }
  return Done{};
}

Status CheckThrottles(const Values& values) {
  for (const std::string call : {"check", "listObjects", "listUsers"}) {
    const auto dispatch = call + "-dispatch-throttling-";
    if (values.On(dispatch + "enabled")) {
      if (values.Duration(dispatch + "frequency").count() <= 0) {
        return Refused(Key(dispatch + "frequency") + " must be positive");
      }
      const auto threshold = values.Number(dispatch + "threshold");
      if (threshold == 0) return Refused(Key(dispatch + "threshold") + " must be greater than 0");
      const auto most = values.Number(dispatch + "max-threshold");
      if (most != 0 && threshold > most) {
        return Refused(Key(dispatch + "threshold") + " must not be more than " +
                       Key(dispatch + "max-threshold"));
      }
    }
    const auto datastore = call + "-datastore-throttle-";
    if (values.Number(datastore + "threshold") > 0 &&
        values.Duration(datastore + "duration").count() <= 0) {
      return Refused(Key(datastore + "duration") + " must be positive");
    }
  }
  return Done{};
}

Status CheckLists(const Values& values) {
  if (values.Number("max-concurrent-reads-for-list-users") > 0) return Done{};
  return Refused("maxConcurrentReadsForListUsers must be greater than 0");
}

// A playground behind authentication would hand out what the authentication keeps. Nothing is
// served there, so this is about the operator's mistake only; the default of a well-known chart
// asks for it always, which is why authentication alone is no reason to refuse.
Status CheckPlayground(const Values& values) {
  if (!values.On("playground-enabled") || values.On("http-enabled")) return Done{};
  return Refused("playground.enabled needs http.enabled");
}

// On the command line, a group of these is given whole or not at all.
Status CheckGroups(const SettingSources& sources) {
  const std::initializer_list<std::string_view> groups[] = {
      {"grpc-tls-enabled", "grpc-tls-cert", "grpc-tls-key"},
      {"http-tls-enabled", "http-tls-cert", "http-tls-key"},
      {"access-control-enabled", "access-control-store-id", "access-control-model-id"},
  };
  for (const auto& group : groups) {
    const auto given = std::count_if(group.begin(), group.end(),
                                     [&](auto flag) { return sources.flags.contains(flag); });
    if (given == 0 || static_cast<std::size_t>(given) == group.size()) continue;
    std::string names;
    for (const auto flag : group) names += (names.empty() ? "--" : ", --") + std::string(flag);
    return Refused("these flags belong together: " + names);
  }
  return Done{};
}

// Kubernetes gives every container variables about the services of its namespace: a service `pemba`
// makes PEMBA_SERVICE_HOST, PEMBA_SERVICE_PORT_HTTP, PEMBA_PORT, PEMBA_PORT_8080_TCP_ADDR.
bool IsServiceLink(std::string_view name) {
  if (name.ends_with("_PORT") || name.ends_with("_SERVICE_HOST")) return true;
  if (name.find("_SERVICE_PORT") != name.npos) return true;
  const auto port = name.find("_PORT_");
  return port != name.npos &&
         (name.find("_TCP", port) != name.npos || name.find("_UDP", port) != name.npos);
}

}  // namespace

Status CheckTogether(const SettingSources& sources) {
  const Values values(sources);
  PEMBA_TRY(std::ignore, CheckPools(values));
  PEMBA_TRY(std::ignore, CheckCaches(values));
  PEMBA_TRY(std::ignore, CheckThrottles(values));
  PEMBA_TRY(std::ignore, CheckLists(values));
  PEMBA_TRY(std::ignore, CheckPlayground(values));
  return CheckGroups(sources);
}

Status CheckVariables(const std::vector<std::string>& names,
                      const std::vector<std::string>& known) {
  for (const auto& name : names) {
    if (!name.starts_with("PEMBA_") || IsServiceLink(name)) continue;
    const auto is_setting = [&](const Setting& setting) {
      return EnvironmentName(setting.flag) == name;
    };
    const auto settings = Settings();
    if (std::any_of(settings.begin(), settings.end(), is_setting)) continue;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return Refused("unknown environment variable " + name);
  }
  return Done{};
}

}  // namespace pemba::server
