// A server of declared access that is to be killed: settled_crash_test.cc.
//
//   iam_settled_victim DIRECTORY SETUP ROUND
//
// Opens the control plane there, as SETUP says (settled_victim.h), and changes what is declared, on
// and on. A line for each step: before it begins, once it has started, and for each change that was
// acknowledged.
#include "pemba/iam/testing/settled_victim.h"

#include <cstdio>
#include <cstdlib>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "pemba/iam/names.h"

namespace pemba::iam::testing {
namespace {

namespace json = boost::json;
using resource::Outcome;
using resource::Transaction;

void Say(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

class Victim {
 public:
  Victim(const std::string& directory, const std::string& setup)
      : world_(directory), plane_(world_.OpenPlane(setup)) {}

  // Whatever was done before may have been done by one that was killed.
  void Change(int round, int step) {
    const auto name = fmt::format("r{}-{}", round, step);
    if (step == 0) return Apply("kinds", [&](Transaction& t) { return AddLibrary(t); });
    switch (step % 4) {
      case 1:
        return Apply("organization", [&](Transaction& t) -> Outcome<Done> {
          PEMBA_TRY(std::ignore, Add(t, "Organization", "", name, R"({"type":"Standard"})"));
          PEMBA_TRY(std::ignore, Add(t, "User", "", "u-" + name,
                                     fmt::format(R"({{"email":"{}@example.org"}})", name)));
          return Done{};
        });
      case 2:
        last_ = fmt::format("r{}-{}", round, step - 1);
        return Apply("member", [&](Transaction& t) {
          return Add(t, "OrganizationMembership", "organization-" + last_, "m",
                     fmt::format(R"({{"organizationRef":{{"name":"{0}"}},"userRef":{{"name":
                                 "u-{0}"}},"roles":[{{"name":"reader","namespace":"milo-system"}}]}})",
                                 last_));
        });
      case 3:
        return Apply("role", [&](Transaction& t) { return AddRole(t, step); });
      default:
        return Apply("removal", [&](Transaction& t) -> Outcome<Done> {
          if (step % 8 == 4) return Done{};
          PEMBA_TRY(std::ignore, t.Delete({&world_.kind("Organization"), "", last_}));
          return Done{};
        });
    }
  }

 private:
  void Apply(const char* what, const resource::ResourceStore::Body& body) {
    resource::WriteOptions options;
    options.caller.name = "root";
    options.caller.groups = {std::string(kMasters)};
    const auto done = plane_->resources().Transact(options, body);
    if (done.ok()) return;
    std::fprintf(stderr, "%s: %s\n", what, done.error().message.c_str());
    std::exit(1);
  }

  Outcome<Done> Add(Transaction& transaction, std::string_view kind, const std::string& name_space,
                    const std::string& name, const std::string& spec) const {
    const resource::ObjectKey key{&world_.kind(kind), name_space, name};
    json::object document{{"metadata", {{"name", name}}}, {"spec", json::parse(spec)}};
    if (transaction.Find(key) != nullptr) {
      PEMBA_TRY(std::ignore, transaction.Update(key, std::move(document)));
    } else {
      PEMBA_TRY(std::ignore, transaction.Create(*key.kind, name_space, std::move(document)));
    }
    return Done{};
  }

  Outcome<Done> AddLibrary(Transaction& transaction) const {
    PEMBA_TRY(std::ignore,
              Add(transaction, "ProtectedResource", "", "organizations",
                  R"({"serviceRef":{"name":"resourcemanager.miloapis.com"},"kind":"Organization",
                      "singular":"organization","plural":"organizations",
                      "permissions":["get","list","update"]})"));
    return AddRole(transaction, 0);
  }

  Outcome<Done> AddRole(Transaction& transaction, int step) const {
    return Add(transaction, "Role", "milo-system", "reader",
               fmt::format(R"({{"launchStage":"Stable","includedPermissions":[
                           "resourcemanager.miloapis.com/organizations.{}"]}})",
                           step % 8 == 3 ? "get" : "list"));
  }

  VictimsWorld world_;
  std::unique_ptr<ControlPlane> plane_;
  std::string last_;
};

}  // namespace
}  // namespace pemba::iam::testing

int main(int argc, char** argv) {
  using pemba::iam::testing::Say;
  if (argc != 4) return 2;
  Say("begins");
  pemba::iam::testing::Victim victim(argv[1], argv[2]);
  Say("started");
  for (int step = 0;; ++step) {
    victim.Change(std::atoi(argv[3]), step);
    Say("changed");
  }
}
