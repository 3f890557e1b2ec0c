#include "nodes_fixture.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "pemba/storage/postgres.h"

namespace pemba::e2e {
namespace {

using std::chrono::milliseconds;

constexpr int kWriters = 3;
constexpr int kMovers = 3;
constexpr int kReaders = 2;
constexpr int kPairs = 4;

std::size_t Append(char* data, std::size_t, std::size_t size, void* to) {
  static_cast<std::string*>(to)->append(data, size);
  return size;
}

std::size_t TakeHeader(char* data, std::size_t, std::size_t size, void* to) {
  auto& answer = *static_cast<Answer*>(to);
  const std::string line(data, size);
  const auto take = [&](std::string_view name, std::uint64_t& value) {
    if (curl_strnequal(line.c_str(), name.data(), name.size()) == 0) return;
    value = std::strtoull(line.c_str() + name.size(), nullptr, 10);
  };
  take("pemba-revision: ", answer.revision);
  take("pemba-staleness: ", answer.staleness);
  return size;
}

}  // namespace

int FromEnvironment(const char* name, int fallback) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes it.
  return text == nullptr ? fallback : std::atoi(text);
}

bool Answer::unavailable() const {
  const auto* object = body.if_object();
  return status >= 500 && object != nullptr && object->contains("code") &&
         object->at("code") == "unavailable";
}

Client::Client() : curl_(curl_easy_init()) {
  curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, 8000L);
  curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
}
Client::~Client() { curl_easy_cleanup(curl_); }

Answer Client::Post(const std::string& url, const json::object& body, std::uint64_t at_least) {
  const auto sent = json::serialize(body);
  curl_slist* headers = curl_slist_append(nullptr, "content-type: application/json");
  if (at_least > 0) {
    headers = curl_slist_append(headers,
                                ("pemba-at-least-revision: " + std::to_string(at_least)).c_str());
  }
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, sent.c_str());
  std::string received;
  auto answer = Perform(url, received);
  curl_slist_free_all(headers);
  json::error_code error;
  answer.body = json::parse(received, error);
  return answer;
}

Answer Client::Get(const std::string& url) {
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, nullptr);
  curl_easy_setopt(curl_, CURLOPT_HTTPGET, 1L);
  std::string received;
  auto answer = Perform(url, received);
  json::error_code error;
  answer.body = json::parse(received, error);
  return answer;
}

Answer Client::Send(const char* method, const std::string& url, const std::string& body,
                    const char* type) {
  curl_slist* headers = curl_slist_append(nullptr, (std::string("content-type: ") + type).c_str());
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers);
  if (body.empty()) {
    curl_easy_setopt(curl_, CURLOPT_HTTPGET, 1L);
  } else {
    curl_easy_setopt(curl_, CURLOPT_COPYPOSTFIELDS, body.c_str());
  }
  curl_easy_setopt(curl_, CURLOPT_CUSTOMREQUEST, method);
  std::string received;
  auto answer = Perform(url, received);
  curl_easy_setopt(curl_, CURLOPT_CUSTOMREQUEST, nullptr);
  curl_slist_free_all(headers);
  json::error_code error;
  answer.body = json::parse(received, error);
  return answer;
}

std::string Client::Text(const std::string& url) {
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, nullptr);
  curl_easy_setopt(curl_, CURLOPT_HTTPGET, 1L);
  std::string received;
  (void)Perform(url, received);
  return received;
}

Answer Client::Perform(const std::string& url, std::string& received) {
  Answer answer;
  curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, &Append);
  curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &received);
  curl_easy_setopt(curl_, CURLOPT_HEADERFUNCTION, &TakeHeader);
  curl_easy_setopt(curl_, CURLOPT_HEADERDATA, &answer);
  if (curl_easy_perform(curl_) == CURLE_OK) {
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &answer.status);
  }
  return answer;
}

void History::Acknowledge(const std::string& object, std::uint64_t revision) {
  const std::lock_guard lock(mutex_);
  if (!object.empty()) acknowledged_.push_back(object);
  ++writes_;
  if (!revisions_.insert(revision).second) {
    Violation("two writes have revision " + std::to_string(revision));
  }
}

void History::See(int pair, std::uint64_t revision, bool left, bool right) {
  const std::lock_guard lock(mutex_);
  ++checks_;
  if (left == right) {
    Violation("pair " + std::to_string(pair) + " at revision " + std::to_string(revision) +
              (left ? ": both" : ": none"));
  }
  const auto [seen, fresh] = seen_.try_emplace({pair, revision}, left);
  if (!fresh && seen->second != left) {
    Violation("revision " + std::to_string(revision) + " shows two states of pair " +
              std::to_string(pair));
  }
}

void History::Expect(bool holds, const std::string& what) {
  const std::lock_guard lock(mutex_);
  ++checks_;
  if (!holds) Violation(what);
}

json::object Key(const std::string& user, const std::string& object) {
  return {{"user", user}, {"relation", "viewer"}, {"object", object}};
}

json::object Writes(const json::object& key) { return {{"tuple_keys", json::array{key}}}; }

std::string Side(int pair, bool left) {
  return "document:pair-" + std::to_string(pair) + (left ? "-left" : "-right");
}

void NodesTest::SetUp() {
  if (const auto why = PostgresServer::WhyNotHere()) GTEST_SKIP() << *why;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  auto started = PostgresServer::Start();
  ASSERT_TRUE(started.ok()) << started.error().message;
  database_ = *std::move(started);
  name_ = database_->CreateDatabase();
  uri_ = database_->Uri(name_) + "?sslmode=disable";  // Parameters may follow.
  storage::PostgresOptions options;
  options.primary.uri = uri_;
  ASSERT_TRUE(storage::MigratePostgres(options, storage::Migrate::kYes).ok());
}

void NodesTest::StartNode(int node) {
  std::vector<std::string> flags = {
      "--datastore-engine", "postgres",
      "--datastore-uri",    uri_ + "&application_name=node" + std::to_string(node),
      "--log-level",        "warn"};
  if (!secondary_uri_.empty()) {
    flags.insert(flags.end(), {"--datastore-secondary-uri", secondary_uri_});
  }
  flags.insert(flags.end(), more_flags_.begin(), more_flags_.end());
  auto process =
      std::make_unique<ServerProcess>(directory_.path() / ("node" + std::to_string(node)), flags);
  const std::lock_guard lock(urls_mutex_);
  urls_[node] = process->url();
  nodes_[node] = std::move(process);
}

std::string NodesTest::ServerUrl(int node) {
  const std::lock_guard lock(urls_mutex_);
  return urls_[node];
}

std::string NodesTest::Url(int node, const std::string& call) {
  return ServerUrl(node) + "/stores/" + store_ + "/" + call;
}

void NodesTest::CreateStore() {
  Client client;
  const auto created = client.Post(ServerUrl(0) + "/stores", {{"name", "nodes"}});
  ASSERT_TRUE(created.ok());
  store_ = created.body.at("id").as_string();
  const json::object this_relation = {{"viewer", {{"this", json::object()}}}};
  const json::object users = {
      {"relations",
       {{"viewer", {{"directly_related_user_types", json::array{{{"type", "user"}}}}}}}}};
  const auto model = client.Post(
      Url(0, "authorization-models"),
      {{"schema_version", "1.1"},
       {"type_definitions",
        json::array{{{"type", "user"}},
                    {{"type", "document"}, {"relations", this_relation}, {"metadata", users}}}}});
  ASSERT_TRUE(model.ok()) << json::serialize(model.body);
  for (int pair = 0; pair < kPairs; ++pair) {
    const auto written =
        client.Post(Url(0, "write"), {{"writes", Writes(Key("user:x", Side(pair, true)))}});
    ASSERT_TRUE(written.ok()) << json::serialize(written.body);
  }
}

void NodesTest::StartClients(unsigned seed) {
  stop_ = false;
  for (int i = 0; i < kWriters; ++i) clients_.emplace_back([=, this] { Write(i, seed + 10 + i); });
  for (int i = 0; i < kMovers; ++i) clients_.emplace_back([=, this] { Move(seed + 20 + i); });
  for (int i = 0; i < kReaders; ++i) clients_.emplace_back([=, this] { Read(seed + 30 + i); });
}

void NodesTest::StopClients() {
  stop_ = true;
  for (auto& client : clients_) client.join();
  clients_.clear();
}

void NodesTest::Write(int writer, unsigned seed) {
  Client client;
  std::mt19937 random(seed);
  std::uint64_t session = 0;
  for (int i = 0; !stop_; ++i) {
    const auto object = "document:" + std::to_string(writer) + "-" + std::to_string(i);
    const auto written = client.Post(Url(static_cast<int>(random() % kNodes), "write"),
                                     {{"writes", Writes(Key("user:x", object))}});
    if (!written.ok()) {
      history_.Unknown();
      std::this_thread::sleep_for(milliseconds(20));
      continue;
    }
    history_.Acknowledge(object, written.revision);
    history_.Expect(written.revision > session, "a write went back");
    session = std::max(session, written.revision);
    const bool by_token = random() % 2 == 0;
    json::object question{{"tuple_key", Key("user:x", object)}};
    if (!by_token) question["consistency"] = "HIGHER_CONSISTENCY";
    const auto found = client.Post(Url(static_cast<int>(random() % kNodes), "check"), question,
                                   by_token ? session : 0);
    if (!found.ok()) continue;
    history_.Expect(found.allowed(), object + " was acknowledged at " +
                                         std::to_string(written.revision) + " and is not seen at " +
                                         std::to_string(found.revision));
    history_.Expect(found.revision >= session, "an answer is older than the session");
    session = std::max(session, found.revision);
  }
}

void NodesTest::Move(unsigned seed) {
  Client client;
  std::mt19937 random(seed);
  while (!stop_) {
    const int pair = static_cast<int>(random() % kPairs);
    const bool from_left = random() % 2 == 0;
    const auto moved = client.Post(Url(static_cast<int>(random() % kNodes), "write"),
                                   {{"deletes", Writes(Key("user:x", Side(pair, from_left)))},
                                    {"writes", Writes(Key("user:x", Side(pair, !from_left)))}});
    if (moved.ok()) {
      history_.Acknowledge("", moved.revision);
      history_.See(pair, moved.revision, !from_left, from_left);
    } else if (moved.status != 400 && moved.status != 409) {
      history_.Unknown();
      std::this_thread::sleep_for(milliseconds(20));
    }
  }
}

void NodesTest::Read(unsigned seed) {
  Client client;
  std::mt19937 random(seed);
  std::uint64_t session = 0;
  while (!stop_) {
    const int pair = static_cast<int>(random() % kPairs);
    json::array checks;
    for (const bool left : {true, false}) {
      checks.push_back({{"correlation_id", left ? "left" : "right"},
                        {"tuple_key", Key("user:x", Side(pair, left))}});
    }
    const bool carries = random() % 2 == 0;
    const auto seen = client.Post(Url(static_cast<int>(random() % kNodes), "batch-check"),
                                  {{"checks", checks}}, carries ? session : 0);
    if (!seen.ok()) {
      std::this_thread::sleep_for(milliseconds(5));
      continue;
    }
    const auto side = [&](const char* name) {
      return seen.body.at("result").at(name).at("allowed").as_bool();
    };
    history_.See(pair, seen.revision, side("left"), side("right"));
    if (carries) history_.Expect(seen.revision >= session, "a session went back");
    session = std::max(session, seen.revision);
  }
}

void NodesTest::KillNode(int node) {
  nodes_[node]->Kill();
  std::this_thread::sleep_for(milliseconds(200));
  StartNode(node);
}

void NodesTest::PauseNode(int node, milliseconds a_while) {
  kill(nodes_[node]->pid(), SIGSTOP);
  std::this_thread::sleep_for(a_while);
  kill(nodes_[node]->pid(), SIGCONT);
}

std::vector<int> NodesTest::BackendsOf(int node) {
  std::istringstream pids(
      database_->Sql(name_, "SELECT pid FROM pg_stat_activity WHERE application_name = 'node" +
                                std::to_string(node) + "'"));
  std::vector<int> backends;
  for (int pid = 0; pids >> pid;) backends.push_back(pid);
  return backends;
}

void NodesTest::ExpectEverythingEverywhere() {
  Client client;
  const auto acknowledged = history_.acknowledged();
  for (int node = 0; node < kNodes; ++node) {
    for (std::size_t begin = 0; begin < acknowledged.size(); begin += 50) {
      json::array checks;
      for (auto i = begin; i < std::min(begin + 50, acknowledged.size()); ++i) {
        checks.push_back(
            {{"correlation_id", std::to_string(i)}, {"tuple_key", Key("user:x", acknowledged[i])}});
      }
      const auto found = client.Post(Url(node, "batch-check"),
                                     {{"checks", checks}, {"consistency", "HIGHER_CONSISTENCY"}});
      ASSERT_TRUE(found.ok()) << json::serialize(found.body);
      for (const auto& [id, result] : found.body.at("result").as_object()) {
        history_.Expect(
            result.at("allowed").as_bool(),
            acknowledged[std::stoul(id)] + " is lost on server " + std::to_string(node));
      }
    }
  }
}

void NodesTest::Conclude() {
  int faults = 0;
  for (const auto& [what, count] : faults_) {
    std::printf("%4d times %s\n", count, what.c_str());
    faults += count;
  }
  std::printf(
      "%d faults, %d acknowledged writes, %d of unknown outcome, %d checks, %zu violations\n",
      faults, history_.writes(), history_.unknown(), history_.checks(),
      history_.violations().size());
  for (const auto& violation : history_.violations()) ADD_FAILURE() << violation;
  EXPECT_GT(faults, 3);
  EXPECT_GT(history_.writes(), 100);
}

}  // namespace pemba::e2e
