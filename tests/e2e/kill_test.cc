// A server that is killed while several clients write: what it acknowledged is there afterwards,
// and no write is there in part.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <gtest/gtest.h>

#include "pemba/cli/api_client.h"
#include "pemba/cli/paging.h"
#include "pemba/resource/members.h"
#include "server_process.h"

namespace pemba::e2e {
namespace {

namespace json = boost::json;
using cli::ApiClient;
using cli::StorePath;

constexpr int kRounds = 20;
constexpr int kWriters = 4;
constexpr int kTuplesPerWrite = 3;
constexpr int kWritesPerRoundMax = 200;  // Then comes the kill: the store must stay quick to read.

const json::object& Model() {
  static const json::object kModel = {
      {"schema_version", "1.1"},
      {"type_definitions",
       json::array{
           {{"type", "user"}},
           {{"type", "document"},
            {"relations", {{"viewer", {{"this", json::object()}}}}},
            {"metadata",
             {{"relations",
               {{"viewer",
                 {{"directly_related_user_types", json::array{{{"type", "user"}}}}}}}}}}}}}};
  return kModel;
}

ApiClient ClientOf(const std::string& url) {
  cli::ApiOptions options;
  options.url = url;
  return ApiClient(options);
}

json::object WriteBody(const std::string& document) {
  json::array keys;
  for (int i = 0; i < kTuplesPerWrite; ++i) {
    keys.push_back({{"user", "user:" + std::to_string(i)},
                    {"relation", "viewer"},
                    {"object", "document:" + document}});
  }
  return {{"writes", {{"tuple_keys", std::move(keys)}}}};
}

// Writes documents until a write fails, because the server is gone, and returns those acknowledged.
std::vector<std::string> WriteUntilKilled(const std::string& url, const std::string& store,
                                          const std::string& prefix, std::atomic<int>& count) {
  auto client = ClientOf(url);
  std::vector<std::string> acknowledged;
  for (int i = 0;; ++i) {
    const auto document = prefix + "-" + std::to_string(i);
    if (!client.Post(StorePath(store, "/write"), WriteBody(document)).ok()) return acknowledged;
    acknowledged.push_back(document);
    ++count;
  }
}

// How many tuples each document has.
std::map<std::string, int> ReadDocuments(const std::string& url, const std::string& store) {
  auto client = ClientOf(url);
  const auto pages = cli::ReadPages("tuples", 0, "", [&](const std::string& token) {
    json::object body{{"page_size", 100}};
    if (!token.empty()) body["continuation_token"] = token;
    return client.Post(StorePath(store, "/read"), body);
  });
  std::map<std::string, int> documents;
  EXPECT_TRUE(pages.ok()) << pages.error().message;
  if (!pages.ok()) return documents;
  for (const auto& tuple : cli::ListAt(*pages, "tuples")) {
    const auto object = resource::TextOf(tuple.at("key"), "object");
    ++documents[object.substr(object.find(':') + 1)];
  }
  return documents;
}

TEST(Kill, WhatWasAcknowledgedSurvives) {
  std::mt19937 random(std::random_device{}());
  const TemporaryDirectory directory;
  const auto data = directory.path() / "data";
  std::string store;
  {
    ServerProcess server(data);
    auto client = ClientOf(server.url());
    const auto created = client.Post("/stores", json::object{{"name", "kill-test"}});
    ASSERT_TRUE(created.ok()) << created.error().message;
    store = resource::TextOf(*created, "id");
    const auto model = client.Post(StorePath(store, "/authorization-models"), Model());
    ASSERT_TRUE(model.ok()) << model.error().message;
    server.Kill();
  }

  std::set<std::string> acknowledged;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    ServerProcess server(data);
    const auto documents = ReadDocuments(server.url(), store);
    for (const auto& document : acknowledged) {
      ASSERT_TRUE(documents.contains(document)) << document << " was acknowledged and is lost";
    }
    for (const auto& [document, tuples] : documents) {
      ASSERT_EQ(tuples, kTuplesPerWrite) << document << " is there in part";
    }

    std::vector<std::vector<std::string>> written(kWriters);
    std::atomic<int> count = 0;
    std::vector<std::thread> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back([&, writer] {
        written[writer] = WriteUntilKilled(
            server.url(), store, std::to_string(round) + "-" + std::to_string(writer), count);
      });
    }
    // By what is done and not by a clock: a kill meets writers on a fast machine and a slow one.
    const int enough = std::uniform_int_distribution<int>(0, kWritesPerRoundMax)(random);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (count < enough && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    EXPECT_GE(count, enough) << "writes are refused or stuck";
    server.Kill();
    for (auto& writer : writers) writer.join();
    for (const auto& documents_of_writer : written) {
      acknowledged.insert(documents_of_writer.begin(), documents_of_writer.end());
    }
  }

  ServerProcess server(data);
  const auto documents = ReadDocuments(server.url(), store);
  for (const auto& document : acknowledged) {
    EXPECT_TRUE(documents.contains(document)) << document;
  }
  EXPECT_EQ(server.Stop(), 0);
  std::printf("%d kills, each of %d writers, %zu writes acknowledged, %zu found\n", kRounds + 1,
              kWriters, acknowledged.size(), documents.size());
  EXPECT_GT(acknowledged.size(), 0u);
}

}  // namespace
}  // namespace pemba::e2e
