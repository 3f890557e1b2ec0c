// Writes until it is killed, and says on standard output what it is about to write and what was
// acknowledged. The other half of crash_test.cc.
//
//   crash_writer DATA_DIRECTORY|postgres://... ROUND STORES THREADS_PER_STORE
//
// Operation n of thread t in round r on store s writes `document:r-t-n#viewer@user:anne`; every
// fifth one deletes, in the same request, what its predecessor wrote. Lines, each one write(2):
//
//   S s t n            sent
//   A s t n revision   acknowledged
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

void WriteForEver(Store& store, const std::string& store_name, const std::string& round,
                  const std::string& thread) {
  const auto object = [&](long n) {
    return "document:" + round + "-" + thread + "-" + std::to_string(n);
  };
  for (long n = 0;; ++n) {
    const std::string operation = store_name + " " + thread + " " + std::to_string(n);
    Say("S " + operation + "\n");
    const pemba::tuple::Tuple write{object(n), "viewer", "user:anne", std::nullopt};
    const std::string before = object(n - 1);
    std::vector<pemba::tuple::TupleView> deletes;
    if (n % 5 == 4) deletes.push_back({before, "viewer", "user:anne"});
    const auto revision = store.Write({.writes = {&write, 1}, .deletes = deletes});
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
