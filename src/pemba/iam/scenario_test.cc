// The library of testdata/library.yaml, played in this process.
#include "pemba/iam/testing/scenario.h"

#include "pemba/iam/testing/plane.h"
#include "pemba/provider/embedded.h"

namespace pemba::iam {
namespace {

namespace json = boost::json;

class InProcess : public testing::Plane, public testing::Stage {
 protected:
  void SetUp() override {
    ControlPlaneOptions options;
    options.projection = ProjectionKind::kDirect;
    options.platform_namespaces = {"pemba-system"};
    Plane::Open(std::move(options));
    auto provider = provider::Embedded::Open(*stores_, store().id(), clock_);
    ASSERT_TRUE(provider.ok());
    provider_ = *std::move(provider);
  }

  // Of a refusal the word; the fields are for other tests.
  template <class T>
  static std::string Word(const resource::Outcome<T>& outcome) {
    const auto text = testing::Verdict(outcome);
    return text.substr(0, text.find(':'));
  }
  std::string Create(std::string_view place, const json::object& document) override {
    return Word(Plane::Create(place, json::serialize(document)));
  }
  std::string Patch(std::string_view place, const json::object& patch) override {
    return Word(Plane::Patch(place, json::serialize(patch)));
  }
  std::string Delete(std::string_view place) override { return Word(Plane::Delete(place)); }
  json::value Find(std::string_view place) override {
    const auto found = Plane::Find(place);
    return found == nullptr ? json::value() : json::value(found->document);
  }

  std::set<std::string> Tuples() override { return Plane::Tuples(); }
  std::size_t ModelCount() override {
    const auto page = store().ListModels(1000, "");
    return page.ok() ? page->models.size() : 0;
  }
  model::Model Model() override {
    auto model = provider_->ReadModel();
    EXPECT_TRUE(model.ok());
    return *std::move(model);
  }
  std::string Ask(std::string_view user, std::string_view permission,
                  std::string_view object) override {
    tuple::Tuple question;
    question.object = object;
    question.relation = PermissionRelation(permission);
    question.subject = UserSubject(user);
    const auto answers = provider_->Check(std::span(&question, 1), {});
    if (!answers.front().ok()) return answers.front().error().message;
    return *answers.front() == engine::Decision::kAllowed ? "allowed" : "denied";
  }

  void Reconcile() override { EXPECT_TRUE(plane_->Reconcile().ok()); }
  void DeleteBehind(std::string_view text) override {
    const auto tuple = tuple::ParseTuple(text);
    ASSERT_TRUE(tuple.ok());
    EXPECT_TRUE(store().Write({.deletes = std::span(&*tuple, 1)}).ok());
  }
  std::size_t Repair() override {
    const auto drift = plane_->Audit(Projector::Repair::kFix);
    EXPECT_TRUE(drift.ok());
    return drift.ok() ? drift->missing + drift->extra : 0;
  }

  std::unique_ptr<provider::Embedded> provider_;
};

TEST_F(InProcess, ALendingLibrary) { testing::Play("library.yaml", *this); }

}  // namespace
}  // namespace pemba::iam
