#include "pemba/iam/testing/random_access.h"

#include <array>

#include "pemba/iam/internal/settled.h"
#include "pemba/iam/testing/access_oracle.h"

namespace pemba::iam::testing {
namespace {

using resource::Outcome;
using resource::Transaction;

const std::string kManager = "resourcemanager.miloapis.com/", kPemba = "iam.pemba.dev/";
const std::string kOrganization = kManager + "Organization", kProject = kManager + "Project",
                  kFolder = kPemba + "Folder", kGroup = "iam.miloapis.com/Group",
                  kShelf = "library.example.org/Shelf", kBook = "library.example.org/Book";

constexpr std::array<ProjectionKind, 3> kProjections = {
    ProjectionKind::kDirect, ProjectionKind::kRoleRelation, ProjectionKind::kRoleBinding};
const std::array<std::string, 3> kUsers = {"u0", "u1", "u2"};
const std::array<std::string, 3> kGroups = {"organization-a/g0", "organization-a/g1",
                                            "milo-system/g2"};
const std::array<std::string, 2> kOrganizations = {"a", "o1"};
const std::array<std::string, 3> kFolders = {"f0", "f1", "f2"};
const std::array<std::string, 2> kProjects = {"p0", "p1"};
const std::array<std::string, 5> kRoles = {"milo-system/r0", "milo-system/r1", "milo-system/r2",
                                           "organization-a/r3", "organization-a/r4"};
const std::array<std::string, 5> kBindings = {"organization-a/b0", "organization-a/b1",
                                              "organization-a/b2", "milo-system/b3",
                                              "milo-system/b4"};
const std::array<std::string, 4> kMemberships = {"organization-a/m0", "organization-a/m1",
                                                 "organization-a/m2", "milo-system/m3"};
constexpr std::array<std::string_view, 3> kActions = {"get", "list", "use"};

struct RandomKind {
  std::string registration, service, kind, plural;
  std::vector<std::string> parents;  // Some of these.
};
const std::array<RandomKind, 4> kKinds = {{
    {"organizations", "resourcemanager.miloapis.com", "Organization", "organizations", {}},
    {"folders", "iam.pemba.dev", "Folder", "folders", {kOrganization, kFolder}},
    {"projects", "resourcemanager.miloapis.com", "Project", "projects", {kOrganization, kFolder}},
    {"groups", "iam.miloapis.com", "Group", "groups", {kOrganization}},
}};
const std::array<std::string, 6> kPlurals = {
    kManager + "organizations",    kPemba + "folders",
    kManager + "projects",         "iam.miloapis.com/groups",
    "library.example.org/shelves", "library.example.org/books"};

// Objects that questions are about; the place is empty for all objects of the kind.
std::vector<std::pair<std::string, std::string>> AskedObjects() {
  std::vector<std::pair<std::string, std::string>> objects;
  for (const auto& name : kOrganizations) objects.emplace_back(kOrganization, name);
  for (const auto& name : kFolders) objects.emplace_back(kFolder, name);
  for (const auto& name : kProjects) objects.emplace_back(kProject, name);
  for (const auto& name : kGroups) objects.emplace_back(kGroup, name);
  objects.emplace_back(kShelf, "s0");
  for (const auto& type : {kOrganization, kFolder, kProject, kGroup, kShelf, kBook}) {
    objects.emplace_back(type, "");
  }
  return objects;
}

std::string ObjectOf(const std::string& type, const std::string& place) {
  if (place.empty()) return KindRootObject(type);
  return ObjectText(type, DeclaredWorld::NamespaceOf(place), DeclaredWorld::Name(place));
}

std::string Joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

}  // namespace

RandomAccess::RandomAccess(std::uint64_t seed) : random_(seed) {
  for (const auto kind : kProjections) {
    worlds_.push_back(std::make_unique<DeclaredWorld>(ProjectorOptions{
        .projection = {.kind = kind, .platform_namespaces = {"milo-system", "pemba-system"}}}));
  }
}

RandomAccess::RandomAccess(std::uint64_t seed, std::unique_ptr<DeclaredWorld> world)
    : random_(seed) {
  worlds_.push_back(std::move(world));
}

RandomAccess::Operation RandomAccess::Put(std::string kind, std::string place, std::string spec) {
  return [=](const DeclaredWorld& world, Transaction& transaction) {
    return world.Put(transaction, kind, place, spec);
  };
}

// What is not there cannot go: nothing happens.
RandomAccess::Operation RandomAccess::Drop(std::string kind, std::string place) {
  return [=](const DeclaredWorld& world, Transaction& transaction) -> Outcome<Done> {
    if (transaction.Find(world.Key(kind, place)) == nullptr) return Done{};
    return world.Drop(transaction, kind, place);
  };
}

std::string RandomAccess::Actions() {
  std::vector<std::string> actions = {"\"get\""};
  for (const auto action : {"\"list\"", "\"use\""}) {
    if (OneIn(2)) actions.push_back(action);
  }
  return "[" + Joined(actions) + "]";
}

std::string RandomAccess::Parents(const std::vector<std::string>& types, bool as_objects) {
  std::vector<std::string> parents;
  for (const auto& type : types) {
    if (OneIn(3)) continue;
    const auto slash = type.find('/');
    parents.push_back(as_objects ? fmt::format(R"({{"apiGroup": "{}", "kind": "{}"}})",
                                               type.substr(0, slash), type.substr(slash + 1))
                                 : "\"" + type + "\"");
  }
  return "[" + Joined(parents) + "]";
}

RandomAccess::Operation RandomAccess::ChangeKind() {
  const auto& kind = Any(kKinds);
  if (OneIn(6)) return Drop("ProtectedResource", kind.registration);
  return Put("ProtectedResource", kind.registration,
             fmt::format(R"({{"serviceRef": {{"name": "{}"}}, "kind": "{}", "singular": "{}",
                 "plural": "{}", "permissions": {}, "parentResources": {}}})",
                         kind.service, kind.kind, kind.plural, kind.plural, Actions(),
                         Parents(kind.parents, true)));
}

RandomAccess::Operation RandomAccess::ChangeService() {
  if (OneIn(5)) return Drop("Service", "library.example.org");
  std::vector<std::string> kinds = {fmt::format(
      R"({{"type": "{}", "singular": "shelf", "plural": "shelves", "permissions": {},
           "parentResources": {}}})",
      kShelf, Actions(), Parents({kProject}, false))};
  if (OneIn(2)) {
    kinds.push_back(fmt::format(
        R"({{"type": "{}", "singular": "book", "plural": "books", "permissions": {},
             "parentResources": {}}})",
        kBook, Actions(), Parents({kShelf}, false)));
  }
  return Put("Service", "library.example.org", R"({"resources": [)" + Joined(kinds) + "]}");
}

std::string RandomAccess::AnyPermission() {
  return fmt::format("{}.{}", Any(kPlurals), Any(kActions));
}

RandomAccess::Operation RandomAccess::ChangeRole() {
  const auto& role = Any(kRoles);
  if (OneIn(7)) return Drop("Role", role);
  std::vector<std::string> included, inherited;
  for (auto i = Below(5); i > 0; --i) included.push_back("\"" + AnyPermission() + "\"");
  for (const auto& other : kRoles) {
    if (!OneIn(5)) continue;
    inherited.push_back(fmt::format(R"({{"name": "{}", "namespace": "{}"}})",
                                    DeclaredWorld::Name(other), DeclaredWorld::NamespaceOf(other)));
  }
  return Put("Role", role,
             fmt::format(R"({{"launchStage": "{}", "includedPermissions": [{}],
                 "inheritedRoles": [{}]}})",
                         OneIn(8) ? "Disabled" : "Stable", Joined(included), Joined(inherited)));
}

std::string RandomAccess::AnySubject() {
  const auto& world = *worlds_.front();
  switch (Below(6)) {
    case 0:
    case 1:
      return world.User(Any(kUsers));
    case 2:
      return R"({"kind": "Group", "name": "system:authenticated"})";
    case 3:
      return fmt::format(R"({{"kind": "ServiceAccount", "name": "robot", "uid": "{}"}})",
                         world.Uid("ServiceAccount", "robot"));
    default:
      return world.Group(Any(kGroups));
  }
}

std::string RandomAccess::AnyTarget() {
  const auto& world = *worlds_.front();
  switch (Below(7)) {
    case 0: {
      const auto& kind = Any(kKinds);
      return fmt::format(R"({{"resourceKind": {{"apiGroup": "{}", "kind": "{}"}}}})", kind.service,
                         kind.kind);
    }
    case 1:
      return R"({"resourceKind": {"apiGroup": "library.example.org", "kind": "Shelf"}})";
    case 2:
      return R"({"resourceRef": {"apiGroup": "library.example.org", "kind": "Shelf",
                                 "name": "s0", "uid": "elsewhere"}})";
    case 3:
      return world.On("Folder", Any(kFolders));
    case 4:
      return world.On("Project", Any(kProjects));
    case 5: {
      const auto& group = Any(kGroups);
      return fmt::format(R"({{"resourceRef": {{"apiGroup": "iam.miloapis.com", "kind": "Group",
                              "name": "{}", "namespace": "{}", "uid": "{}"}}}})",
                         DeclaredWorld::Name(group), DeclaredWorld::NamespaceOf(group),
                         world.Uid("Group", group));
    }
    default:
      return world.On("Organization", Any(kOrganizations));
  }
}

RandomAccess::Operation RandomAccess::ChangeBinding() {
  const auto& binding = Any(kBindings);
  if (OneIn(5)) return Drop("PolicyBinding", binding);
  std::vector<std::string> subjects = {AnySubject()};
  while (OneIn(2)) subjects.push_back(AnySubject());
  const auto found =
      worlds_.front()->resources().Get(worlds_.front()->Key("PolicyBinding", binding));
  if (found.ok() && !OneIn(3)) {  // Other subjects: role and target stay.
    auto spec = (*found)->spec();
    spec["subjects"] = boost::json::parse("[" + Joined(subjects) + "]");
    return Put("PolicyBinding", binding, boost::json::serialize(spec));
  }
  const auto drop = Drop("PolicyBinding", binding);
  const auto put = Put("PolicyBinding", binding,
                       DeclaredWorld::Binding(Any(kRoles), Joined(subjects), AnyTarget()));
  return [drop, put](const DeclaredWorld& world, Transaction& transaction) -> Outcome<Done> {
    PEMBA_TRY(std::ignore, drop(world, transaction));
    return put(world, transaction);
  };
}

RandomAccess::Operation RandomAccess::ChangeMembership() {
  const auto& membership = Any(kMemberships);
  if (OneIn(3)) return Drop("GroupMembership", membership);
  const auto& group = Any(kGroups);
  std::string member;
  switch (Below(4)) {
    case 0:
      member = fmt::format(R"("userRef": {{"name": "{}"}})", Any(kUsers));
      break;
    case 1:
      member = R"("memberRef": {"kind": "ServiceAccount", "name": "robot"})";
      break;
    case 2: {
      const auto& inner = Any(kGroups);
      member = fmt::format(R"("memberRef": {{"kind": "Group", "name": "{}", "namespace": "{}"}})",
                           DeclaredWorld::Name(inner), DeclaredWorld::NamespaceOf(inner));
      break;
    }
    default:
      member = fmt::format(R"("memberRef": {{"kind": "User", "name": "{}"}})", Any(kUsers));
  }
  const auto drop = Drop("GroupMembership", membership);
  const auto put =
      Put("GroupMembership", membership,
          fmt::format(R"({{{}, "groupRef": {{"name": "{}", "namespace": "{}"}}}})", member,
                      DeclaredWorld::Name(group), DeclaredWorld::NamespaceOf(group)));
  return [drop, put](const DeclaredWorld& world, Transaction& transaction) -> Outcome<Done> {
    PEMBA_TRY(std::ignore, drop(world, transaction));
    return put(world, transaction);
  };
}

std::string RandomAccess::AnyOwner() {
  const bool in_folder = OneIn(2);
  return fmt::format(R"({{"ownerRef": {{"kind": "{}", "name": "{}"}}}})",
                     in_folder ? "Folder" : "Organization",
                     in_folder ? std::string(Any(kFolders)) : std::string(Any(kOrganizations)));
}

// Objects go, come, move, and are made again under their name.
RandomAccess::Operation RandomAccess::ChangeObject() {
  std::string kind, place, spec = "{}";
  switch (Below(6)) {
    case 0:
      kind = "User", place = Any(kUsers), spec = R"({"email": "u@example.org"})";
      break;
    case 1:
      kind = "ServiceAccount", place = "robot";
      break;
    case 2:
      kind = "Group", place = Any(kGroups);
      break;
    case 3:
      kind = "Organization", place = Any(kOrganizations), spec = R"({"type": "Standard"})";
      break;
    case 4:
      kind = "Folder", place = Any(kFolders), spec = AnyOwner();
      break;
    default:
      kind = "Project", place = Any(kProjects), spec = AnyOwner();
  }
  const auto drop = Drop(kind, place), put = Put(kind, place, spec);
  if (OneIn(6)) return drop;
  if (!OneIn(5)) return put;
  return [drop, put](const DeclaredWorld& world, Transaction& transaction) -> Outcome<Done> {
    PEMBA_TRY(std::ignore, drop(world, transaction));
    return put(world, transaction);
  };
}

RandomAccess::Operation RandomAccess::RandomOperation() {
  switch (Below(12)) {
    case 0:
      return ChangeKind();
    case 1:
      return ChangeService();
    case 2:
    case 3:
      return ChangeRole();
    case 4:
    case 5:
    case 6:
      return ChangeBinding();
    case 7:
    case 8:
      return ChangeMembership();
    default:
      return ChangeObject();
  }
}

std::string RandomAccess::Step() {
  if (OneIn(15)) {
    for (auto& world : worlds_) {
      const auto drift = world->Reopen();
      if (!drift.none()) return "a start finds drift: " + Joined(drift.examples);
    }
    return {};
  }
  std::vector<Operation> operations;
  do {
    operations.push_back(RandomOperation());
  } while (OneIn(3));
  const bool dry_run = OneIn(8);
  std::vector<std::string> outcomes;
  for (auto& world : worlds_) {
    const auto done = world->Transact(
        [&](Transaction& transaction) -> Outcome<Done> {
          for (const auto& operation : operations) {
            PEMBA_TRY(std::ignore, operation(*world, transaction));
          }
          return Done{};
        },
        dry_run);
    outcomes.push_back(done.ok() ? "" : done.error().message);
    if (outcomes.back() != outcomes.front()) {
      return "one projection refuses: " + outcomes.front() + " / " + outcomes.back();
    }
    // Nothing but a subject or owner with the form of none is refused; a store never is.
    if (!done.ok() && done.error().reason == resource::Failure::Reason::kStorage) {
      return "not written: " + done.error().message;
    }
  }
  return {};
}

namespace {

// Of the record of what is settled; empty: nothing.
std::string WrongRecord(DeclaredWorld& world) {
  if (!world.resources().Refresh().ok()) return "it cannot catch up";
  const auto record = internal::ReadSettled(world.store());
  if (!record.ok() || !*record) return "there is no record of what is settled";
  if ((*record)->tuples != internal::SumOfManaged(world.store().Pin().snapshot())) {
    return "the sum of tuples is not what was recorded";
  }
  if ((*record)->objects != world.resources().inventory().objects) {
    return "the number of objects is not what was recorded";
  }
  return {};
}

}  // namespace

std::string RandomAccess::Violation() {
  for (auto& world : worlds_) {
    if (auto wrong = WrongRecord(*world); !wrong.empty()) return wrong;
    const auto drift = world->projector().Audit(world->resources(), Projector::Repair::kReport);
    if (!drift.ok()) return drift.error().message;
    if (drift->none()) continue;
    return fmt::format("{}: {} missing, {} extra{}: {}",
                       ToText(world->projector().projection().kind), drift->missing, drift->extra,
                       drift->model_differs ? ", model" : "", Joined(drift->examples));
  }
  return WrongDecisions();
}

std::string RandomAccess::WrongDecisions() {
  const AccessOracle oracle(worlds_.front()->resources());
  std::vector<tuple::Tuple> questions;
  std::vector<bool> wanted;
  std::vector<std::string> principals(kUsers.begin(), kUsers.end());
  principals.push_back(worlds_.front()->Uid("ServiceAccount", "robot"));
  for (const auto& [type, place] : AskedObjects()) {
    for (const auto& plural : kPlurals) {
      for (const auto action : kActions) {
        const auto permission = fmt::format("{}.{}", plural, action);
        for (const auto& principal : principals) {
          questions.push_back(
              {ObjectOf(type, place), PermissionRelation(permission), UserSubject(principal), {}});
          wanted.push_back(oracle.Allows(principal, permission, type, place));
        }
      }
    }
  }
  for (auto& world : worlds_) {
    const auto answers = world->CheckAll(questions);
    for (std::size_t i = 0; i < questions.size(); ++i) {
      if ((answers[i] == provider::Decision::kAllowed) == wanted[i]) continue;
      return fmt::format("{}: {} should be {}", ToText(world->projector().projection().kind),
                         tuple::ToText(questions[i].view()), wanted[i] ? "allowed" : "denied");
    }
  }
  return {};
}

std::string RandomAccess::Rebuild() {
  for (auto& world : worlds_) {
    const auto before = world->Tuples();
    world->Lose();
    if (!world->Tuples().empty()) return "nothing is lost";
    const auto drift = world->Reopen();
    if (drift.missing != before.size() || world->Tuples() != before) {
      return "what was made again differs";
    }
  }
  return Violation();
}

}  // namespace pemba::iam::testing
