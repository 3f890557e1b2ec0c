#include "pemba/iam/testing/declared_world.h"

#include <algorithm>

#include "pemba/resource/members.h"

namespace pemba::iam::testing {
namespace {

namespace json = boost::json;
using resource::Failure;
using resource::Object;
using resource::ObjectKey;
using resource::ObjectPtr;
using resource::Outcome;

json::object Parse(std::string_view text) {
  return json::parse({text.data(), text.size()}).as_object();
}

}  // namespace

bool BindingJudge::IsRegistered(const Transaction& transaction, const std::string& type) {
  const auto& registry = transaction.registry();
  for (const auto* kind : {registry.FindKind(kIamGroup, "ProtectedResource"),
                           registry.FindKind(kPembaGroup, "Service")}) {
    for (const auto& object : transaction.List(*kind)) {
      for (const auto& entry : KindEntriesOf(*object)) {
        if (entry.type == type) return true;
      }
    }
  }
  return false;
}

bool BindingJudge::IsGood(const Transaction& transaction, const Object& binding) {
  const auto& registry = transaction.registry();
  const auto& spec = binding.spec();
  const auto& role = spec.at("roleRef").as_object();
  const auto has = [&](const resource::Kind* kind, const std::string& name_space,
                       const std::string& name, const std::string& uid) {
    const ObjectPtr found = transaction.Find({kind, name_space, name});
    return found != nullptr && (uid.empty() || found->uid() == uid);
  };
  const auto* roles = registry.FindKind(kIamGroup, "Role");
  if (!has(roles, resource::TextOf(role, "namespace"), resource::TextOf(role, "name"), ""))
    return false;
  for (const auto& item : spec.at("subjects").as_array()) {
    const auto& subject = item.as_object();
    const auto kind = resource::TextOf(subject, "kind"), name = resource::TextOf(subject, "name");
    if (name.starts_with("system:")) continue;
    if (!has(registry.FindKind(kIamGroup, kind), resource::TextOf(subject, "namespace"), name,
             resource::TextOf(subject, "uid"))) {
      return false;
    }
  }
  const auto& selector = spec.at("resourceSelector").as_object();
  const bool one = selector.contains("resourceRef");
  const auto& target = selector.at(one ? "resourceRef" : "resourceKind").as_object();
  const auto type = TypeId(resource::TextOf(target, "apiGroup"), resource::TextOf(target, "kind"));
  if (!IsRegistered(transaction, type)) return false;
  const auto* kind = FindKind(registry, type);
  return !one || kind == nullptr ||
         has(kind, resource::TextOf(target, "namespace"), resource::TextOf(target, "name"),
             resource::TextOf(target, "uid"));
}

Outcome<Done> BindingJudge::Conclude(Transaction& transaction) {
  const auto* kind = transaction.registry().FindKind(kIamGroup, "PolicyBinding");
  for (const auto& binding : transaction.List(*kind)) {
    const bool good = IsGood(transaction, *binding);
    auto document = binding->document;
    document["status"] = {
        {"conditions", json::array{{{"type", "Ready"},
                                    {"status", good ? "True" : "False"},
                                    {"reason", good ? "Good" : "Bad"},
                                    {"message", ""},
                                    {"lastTransitionTime", "2024-01-01T00:00:00Z"}}}}};
    PEMBA_TRY(std::ignore,
              transaction.Update(binding->key, std::move(document), resource::Part::kStatus));
  }
  return Done{};
}

DeclaredWorld::DeclaredWorld(ProjectorOptions options, Home home)
    : options_(std::move(options)), home_(std::move(home)) {
  const auto added = AddKinds(registry_);
  EXPECT_TRUE(added.ok()) << added.error().message;
  id_ = home_.store.value_or(StoreId());
  if (!home_.store) id_ = {stores_.CreateStore("access")->id.value};
  store_.emplace(*stores_.Keep(id_));
  if (store().writers() == store::Store::Writers::kOthersToo &&
      !store().Pin().ResolveModel("").ok()) {
    model::Model empty;
    empty.schema_version = "1.1";
    empty.types.emplace_back().type = "user";
    EXPECT_TRUE(store().WriteModel(empty).ok());
  }
  Reopen();
  provider_ = *provider::Embedded::Open(stores_, id_, clock_);
  for (const std::string_view name :
       {"milo-system", "pemba-system", "organization-northwind", "organization-a"}) {
    Put("Namespace", name);
  }
}

Drift DeclaredWorld::Reopen(ProjectorOptions options) {
  options_ = std::move(options);
  resources_.reset();
  projector_ = std::make_unique<Projector>(store(), registry_, options_);
  resource::ResourceStoreOptions store_options;
  store_options.admission = &judge_;
  store_options.projection = projector_.get();
  store_options.indexes = MakeIndexes(registry_);
  store_options.new_uid = [this] { return fmt::format("{}{}", home_.uid_prefix, ++next_uid_); };
  if (store().writers() == store::Store::Writers::kOthersToo) {
    store_options.listen = [this](resource::Revision after, std::function<void()> tell) {
      return stores_.Listen(id_, after, std::move(tell));
    };
  }
  auto opened = resource::ResourceStore::Open(store(), registry_, clock_, std::move(store_options));
  EXPECT_TRUE(opened.ok()) << opened.error().message;
  resources_ = *std::move(opened);
  const auto drift = projector_->Start(*resources_);
  EXPECT_TRUE(drift.ok()) << drift.error().message;
  return drift.ok() ? *drift : Drift{};
}

const resource::Kind& DeclaredWorld::kind(std::string_view name) const {
  for (const auto& kind : registry_.kinds()) {
    if (kind->name == name) return *kind;
  }
  ADD_FAILURE() << "no kind " << name;
  return *registry_.kinds().front();
}

std::string DeclaredWorld::Name(std::string_view place) {
  return std::string(place.substr(place.find('/') + 1));
}

std::string DeclaredWorld::NamespaceOf(std::string_view place) {
  const auto slash = place.find('/');
  return std::string(slash == place.npos ? "" : place.substr(0, slash));
}

ObjectKey DeclaredWorld::Key(std::string_view kind_name, std::string_view place) const {
  return {&kind(kind_name), NamespaceOf(place), Name(place)};
}

Outcome<Done> DeclaredWorld::Put(resource::Transaction& transaction, std::string_view kind_name,
                                 std::string_view place, std::string_view spec) const {
  const auto key = Key(kind_name, place);
  if (const ObjectPtr live = transaction.Find(key)) {
    auto document = live->document;
    document["spec"] = Parse(spec);
    PEMBA_TRY(std::ignore, transaction.Update(key, std::move(document)));
    return Done{};
  }
  json::object document{{"apiVersion", key.kind->api_version()},
                        {"kind", key.kind->name},
                        {"metadata", {{"name", key.name}}},
                        {"spec", Parse(spec)}};
  PEMBA_TRY(std::ignore, transaction.Create(*key.kind, key.name_space, std::move(document)));
  return Done{};
}

Outcome<Done> DeclaredWorld::Drop(resource::Transaction& transaction, std::string_view kind_name,
                                  std::string_view place) const {
  PEMBA_TRY(std::ignore, transaction.Delete(Key(kind_name, place)));
  return Done{};
}

Outcome<resource::Revision> DeclaredWorld::Transact(const Body& body, bool dry_run) {
  resource::WriteOptions options;
  options.dry_run = dry_run;
  return resources_->Transact(options, body);
}

void DeclaredWorld::Put(std::string_view kind_name, std::string_view place, std::string_view spec) {
  const auto done = Transact(
      [&](resource::Transaction& transaction) { return Put(transaction, kind_name, place, spec); });
  ASSERT_TRUE(done.ok()) << place << ": " << done.error().message;
}

void DeclaredWorld::Drop(std::string_view kind_name, std::string_view place) {
  const auto done = Transact(
      [&](resource::Transaction& transaction) { return Drop(transaction, kind_name, place); });
  ASSERT_TRUE(done.ok()) << place << ": " << done.error().message;
}

std::string DeclaredWorld::Uid(std::string_view kind_name, std::string_view place) const {
  const auto found = resources_->Get(Key(kind_name, place));
  return found.ok() ? std::string((*found)->uid()) : std::string("none");
}

std::string DeclaredWorld::Registration(const KindEntry& entry) {
  json::array parents;
  for (const auto& parent : entry.parents) {
    const auto slash = parent.find('/');
    parents.push_back({{"apiGroup", parent.substr(0, slash)}, {"kind", parent.substr(slash + 1)}});
  }
  const json::object spec{{"serviceRef", {{"name", entry.service}}},
                          {"kind", entry.kind},
                          {"singular", entry.singular},
                          {"plural", entry.plural},
                          {"permissions", json::value_from(entry.actions)},
                          {"parentResources", std::move(parents)}};
  return json::serialize(spec);
}

void DeclaredWorld::Register(std::string_view name, const KindEntry& entry) {
  Put("ProtectedResource", name, Registration(entry));
}

std::string DeclaredWorld::Binding(std::string_view role, std::string_view subjects,
                                   std::string_view target) {
  return fmt::format(
      R"({{"roleRef": {{"name": "{}", "namespace": "{}"}}, "subjects": [{}],
           "resourceSelector": {}}})",
      Name(role), NamespaceOf(role), subjects, target);
}

std::string DeclaredWorld::User(std::string_view name) const {
  return fmt::format(R"({{"kind": "User", "name": "{}", "uid": "{}"}})", name, Uid("User", name));
}

std::string DeclaredWorld::Group(std::string_view place) const {
  return fmt::format(R"({{"kind": "Group", "name": "{}", "namespace": "{}", "uid": "{}"}})",
                     Name(place), NamespaceOf(place), Uid("Group", place));
}

std::string DeclaredWorld::On(std::string_view kind_name, std::string_view name) const {
  return fmt::format(
      R"({{"resourceRef": {{"apiGroup": "{}", "kind": "{}", "name": "{}", "uid": "{}"}}}})",
      kind(kind_name).group, kind_name, name, Uid(kind_name, name));
}

std::set<std::string> DeclaredWorld::Tuples() const {
  std::set<std::string> tuples;
  const auto read = provider_->ReadTuples([&](const tuple::Tuple& tuple) -> Status {
    tuples.insert(fmt::format("{} {} {}", tuple.object, tuple.relation, tuple.subject));
    return Done{};
  });
  EXPECT_TRUE(read.ok()) << read.error().message;
  return tuples;
}

std::size_t DeclaredWorld::Models() const {
  std::size_t count = 0;
  std::string token;
  do {
    const auto page = (*store_)->ListModels(100, token);
    count += page->models.size();
    token = page->continuation_token;
  } while (!token.empty());
  return count;
}

std::vector<provider::Decision> DeclaredWorld::CheckAll(
    std::span<const tuple::Tuple> questions) const {
  std::vector<provider::Decision> decisions;
  for (const auto& answer : provider_->Check(questions, {})) {
    decisions.push_back(answer.ok() ? *answer : provider::Decision::kDenied);
    if (answer.ok()) continue;
    // A permission that the kind does not have, and a kind that is not registered.
    const auto code = answer.error().code;
    EXPECT_TRUE(code == ErrorCode::kRelationNotFound || code == ErrorCode::kTypeNotFound ||
                code == ErrorCode::kValidation || code == ErrorCode::kInvalidCheckInput)
        << answer.error().message;
  }
  return decisions;
}

provider::Decision DeclaredWorld::Check(const std::string& object, const std::string& permission,
                                        const std::string& subject) const {
  const tuple::Tuple question{object, PermissionRelation(permission), subject, {}};
  return CheckAll({&question, 1}).front();
}

void DeclaredWorld::Lose() {
  std::vector<tuple::Tuple> tuples;
  const auto read = provider_->ReadTuples([&](tuple::Tuple tuple) -> Status {
    tuples.push_back(std::move(tuple));
    return Done{};
  });
  ASSERT_TRUE(read.ok());
  std::vector<tuple::TupleView> deletes;
  for (const auto& tuple : tuples) deletes.push_back(tuple.view());
  ASSERT_TRUE(tuples.empty() || store()
                                    .WriteTuples({.deletes = deletes,
                                                  .form = store::WriteRequest::Form::kExtended,
                                                  .size = store::WriteRequest::Size::kAny})
                                    .ok());
  model::Model empty;
  empty.schema_version = "1.1";
  empty.types.emplace_back().type = "user";
  ASSERT_TRUE(store().WriteModel(empty).ok());
}

bool DeclaredWorld::Allows(const std::string& object, const std::string& permission,
                           std::string_view user) const {
  return Check(object, permission, UserSubject(user)) == provider::Decision::kAllowed;
}

}  // namespace pemba::iam::testing
