// Writes until it is killed, and says on standard output what it is about to write and what was
// acknowledged. The other half of crash_test.cc.
//
//   crash_writer DATA_DIRECTORY|postgres://... ROUND STORES THREADS_PER_STORE
//
// Operation n of thread t in round r on store s writes `document:r-t-n#viewer@user:anne`, and in
// the same request, by n modulo 6:
//
//   1  writes another viewer, bob
//   2  makes carl the only viewer of the document before
//   3  deletes, by filter, all viewers of the document before
//   4  deletes anne from the document before
//   5  writes another viewer, eve, who expires soon
//
// Lines, each one write(2):
//
//   S s t n            sent
//   A s t n revision   acknowledged
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "pemba/model/dsl.h"
#include "pemba/storage/embedded.h"
#include "pemba/storage/postgres.h"
#include "pemba/store/stores.h"

namespace {

using pemba::store::Store;

void Say(const std::string& line) {
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    std::_Exit(3);
  }
}

[[noreturn]] void Fail(const pemba::Error& error) {
  std::fprintf(stderr, "crash_writer: %s\n", error.message.c_str());
  std::_Exit(2);
}

using pemba::tuple::Tuple;

pemba::Result<pemba::store::Revision> WriteOne(Store& store, long n, const std::string& object,
                                               const std::string& before) {
  std::vector<Tuple> writes{{object, "viewer", "user:anne", std::nullopt}};
  const Tuple carl{before, "viewer", "user:carl", std::nullopt};
  const pemba::tuple::TupleView anne{before, "viewer", "user:anne"};
  const pemba::store::Replacement replacement{before, "viewer", {&carl, 1}};
  const std::string id = before.substr(before.find(':') + 1);
  const pemba::store::FilteredDelete filtered{{.object_type = "document", .object_id = id}, 0};

  pemba::store::WriteRequest request;
  request.form = pemba::store::WriteRequest::Form::kExtended;
  switch (n % 6) {
    case 1:
      writes.push_back({object, "viewer", "user:bob", std::nullopt});
      break;
    case 2:
      request.replacements = {&replacement, 1};
      break;
    case 3:
      request.filtered_deletes = {&filtered, 1};
      break;
    case 4:
      request.deletes = {&anne, 1};
      break;
    case 5:
      writes.push_back({object, "viewer", "user:eve", std::nullopt,
                        pemba::SystemClock().Now() + std::chrono::milliseconds(200)});
      break;
    default:
      break;
  }
  request.writes = writes;
  const auto written = store.WriteTuples(request);
  if (!written.ok()) return written.error();
  return written->revision;
}

void WriteForEver(Store& store, const std::string& store_name, const std::string& round,
                  const std::string& thread) {
  const auto object = [&](long n) {
    return "document:" + round + "-" + thread + "-" + std::to_string(n);
  };
  for (long n = 0;; ++n) {
    const std::string operation = store_name + " " + thread + " " + std::to_string(n);
    Say("S " + operation + "\n");
    const auto revision = WriteOne(store, n, object(n), object(n - 1));
    if (!revision.ok()) Fail(revision.error());
    Say("A " + operation + " " + std::to_string(*revision) + "\n");
  }
}

pemba::Result<std::unique_ptr<pemba::storage::Datastore>> Open(const std::string& where) {
  if (!where.starts_with("postgres:")) {
    return pemba::storage::OpenEmbeddedDatastore({.directory = where});
  }
  pemba::storage::PostgresOptions options;
  options.primary.uri = where;
  return pemba::storage::OpenPostgresDatastore(options);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 1;
  const std::string directory = argv[1];
  const int store_count = std::atoi(argv[3]);
  const int threads_per_store = std::atoi(argv[4]);
  auto datastore = Open(directory);
  if (!datastore.ok()) Fail(datastore.error());
  const pemba::SystemClock clock;
  pemba::store::StoresOptions options;
  if (!directory.starts_with("postgres:")) options.checkpoint_directory = directory + "/graph";
  options.expiry_interval = std::chrono::milliseconds(20);
  options.store.changes_per_checkpoint = 500;  // So that some are killed while they are saved.
  pemba::store::Stores stores(**datastore, clock, options);

  std::vector<pemba::store::StoreHandle> handles;
  std::vector<std::thread> threads;
  for (int s = 0; s < store_count; ++s) {
    auto handle = stores.Open({"01J0000000000000000000000" + std::to_string(s)});
    if (!handle.ok()) Fail(handle.error());
    if (!(*handle)->Pin().ResolveModel("").ok()) {
      const auto model = pemba::model::ModelFromDsl(
          "model\n  schema 1.1\n\ntype user\n\ntype document\n  relations\n"
          "    define viewer: [user]\n");
      const auto id = (*handle)->WriteModel(*model);
      if (!id.ok()) Fail(id.error());
    }
    handles.push_back(*std::move(handle));
  }
  for (int s = 0; s < store_count; ++s) {
    for (int t = 0; t < threads_per_store; ++t) {
      threads.emplace_back([&, s, t] {
        WriteForEver(*handles[static_cast<std::size_t>(s)], std::to_string(s), argv[2],
                     std::to_string(t));
      });
    }
  }
  for (auto& thread : threads) thread.join();
}
