// The worlds over the wire: the answers of a server are those of the engine in process.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <gtest/gtest.h>

#include "pemba/cli/api_client.h"
#include "pemba/cli/model_source.h"
#include "pemba/cli/paging.h"
#include "pemba/cli/store_tester.h"
#include "pemba/cli/test_report.h"
#include "pemba/cli/tuple_sender.h"
#include "pemba/model/json.h"
#include "pemba/resource/members.h"
#include "server_process.h"

namespace pemba::e2e {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kContextualTuplesMax = 100;  // The wire contract's limit.

enum class TuplesTravel { kStored, kContextual };

// A store of the server for every test.
class ServerTargets final : public cli::TestTargets {
 public:
  ServerTargets(cli::ApiOptions api, model::Model model, TuplesTravel travel)
      : api_(std::move(api)), model_(std::move(model)), travel_(travel) {}

  Result<std::unique_ptr<cli::TestTarget>> Make(const std::vector<tuple::Tuple>& tuples) override {
    cli::ApiClient client(api_);
    PEMBA_TRY(auto store, client.Post("/stores", json::object{{"name", "worlds"}}));
    cli::TupleJob job;
    job.store_id = resource::TextOf(store, "id");
    PEMBA_TRY(auto written, client.Post(cli::StorePath(job.store_id, "/authorization-models"),
                                        model::ModelToJsonValue(model_)));
    job.model_id = resource::TextOf(written, "authorization_model_id");
    const auto remote = cli::RemoteTargets({api_, job.store_id, job.model_id});
    if (travel_ == TuplesTravel::kContextual) return remote->Make(tuples);
    job.tuples_per_write = kContextualTuplesMax;
    const auto report = cli::SendTuples(api_, job, tuples);
    if (!report.failed.empty()) {
      return Error{ErrorCode::kValidation, report.failed.front().reason};
    }
    return remote->Make({});
  }

 private:
  cli::ApiOptions api_;
  model::Model model_;
  TuplesTravel travel_;
};

std::vector<fs::path> Worlds() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(PEMBA_SOURCE_DIR "/tests/worlds/checks")) {
    if (entry.path().string().ends_with(".fga.yaml")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool FitsInARequest(const cli::StoreFile& file) {
  return std::all_of(file.tests.begin(), file.tests.end(), [&](const cli::StoreTest& test) {
    return file.tuples.size() + test.tuples.size() <= kContextualTuplesMax;
  });
}

void RunAll(TuplesTravel travel) {
  const TemporaryDirectory directory;
  ServerProcess server(directory.path() / "data");
  cli::ApiOptions api;
  api.url = server.url();
  cli::TestCounts counts;
  for (const auto& path : Worlds()) {
    SCOPED_TRACE(path);
    const auto loaded = cli::LoadStoreFile(path, cli::FileScope::Reach::kInside);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    if (travel == TuplesTravel::kContextual && !FitsInARequest(loaded->file)) continue;
    auto model = cli::LoadStoreModel(*loaded);
    ASSERT_TRUE(model.ok()) << model.error().message;
    ASSERT_TRUE(model->has_value());
    ServerTargets targets(api, *std::move(*model), travel);
    const auto results = cli::RunStoreTests(loaded->file, targets);
    ASSERT_TRUE(results.ok()) << results.error().message;
    cli::TestCounts here;
    for (const auto& test : *results) {
      here.Add(test);
      counts.Add(test);
    }
    EXPECT_TRUE(here.AllPass()) << cli::ReportText({{path.string(), *results}});
  }
  EXPECT_GT(counts.checks.total, 700u);
  EXPECT_EQ(server.Stop(), 0);
}

TEST(WorldsOverTheWire, WithStoredTuples) { RunAll(TuplesTravel::kStored); }
TEST(WorldsOverTheWire, WithContextualTuples) { RunAll(TuplesTravel::kContextual); }

}  // namespace
}  // namespace pemba::e2e
