#include "pemba/provider/embedded.h"

#include <mutex>
#include <optional>
#include <utility>

#include "pemba/base/arena.h"
#include "pemba/engine/lister.h"
#include "pemba/model/tuple_validation.h"
#include "pemba/provider/internal/model_swap.h"
#include "pemba/provider/internal/refusal.h"
#include "pemba/provider/internal/tuples.h"

namespace pemba::provider {
namespace {

Arena& FreshArena() {
  static thread_local Arena arena;
  arena.Reset();
  return arena;
}

class StoreModels final : public internal::ModelLog {
 public:
  explicit StoreModels(store::Store& store) : store_(store) {}
  Result<std::vector<model::Model>> Newest(std::size_t count) override {
    PEMBA_TRY(auto page, store_.ListModels(count, ""));
    return std::move(page.models);
  }
  Result<std::string> Append(const model::Model& model) override {
    PEMBA_TRY(auto id, store_.WriteModel(model));
    return std::move(id.value);
  }

 private:
  store::Store& store_;
};

// As the wire says it: `type` or `type#relation`.
std::pair<std::string_view, std::string_view> SplitKind(std::string_view kind) {
  const auto hash = kind.find('#');
  if (hash == kind.npos) return {kind, {}};
  return {kind.substr(0, hash), kind.substr(hash + 1)};
}

std::string UserText(std::string_view type, std::string_view id, std::string_view relation) {
  std::string text(type);
  text.append(":").append(id);
  if (!relation.empty()) text.append("#").append(relation);
  return text;
}

}  // namespace

class Embedded::Impl {
 public:
  Impl(store::Stores& stores, store::StoreHandle store, const Clock& clock, EmbeddedOptions options)
      : stores_(stores),
        store_(std::move(store)),
        clock_(clock),
        options_(options),
        checker_(options.check_limits, clock),
        lister_(options.check_limits, clock),
        explainer_({.check = options.check_limits}, clock) {}

  // What one call reads.
  struct Sight {
    store::View view;
    const engine::BoundModel* model;
    SteadyTime deadline;
  };
  Result<Sight> Look(const ReadOptions& options) const {
    const auto deadline = options.deadline.value_or(clock_.Steady() + options_.patience);
    auto view = options.at_least ? store_->PinAtLeast(*options.at_least, deadline)
                                 : Result<store::View>(store_->Pin());
    if (!view.ok()) return std::move(view).error();
    PEMBA_TRY(const auto resolved, view->ResolveModel(""));
    return Sight{*std::move(view), resolved.bound, deadline};
  }

  Result<Decision> CheckOne(const Sight& sight, const tuple::TupleView& question) const {
    auto valid = model::ValidateQuery(sight.model->plan(), question);
    if (!valid.ok()) return internal::WithCause(std::move(valid).error());
    return checker_.Check(sight.view.snapshot(), *sight.model,
                          {.tuple = question, .contextual_tuples = {}, .deadline = sight.deadline},
                          FreshArena());
  }

  store::Stores& stores_;
  const store::StoreHandle store_;
  const Clock& clock_;
  const EmbeddedOptions options_;
  const engine::Checker checker_;
  const engine::Lister lister_;
  const engine::Explainer explainer_;
  std::mutex models_;  // One writer of models at a time, as far as this process knows.
};

Result<std::unique_ptr<Embedded>> Embedded::Open(store::Stores& stores, const StoreId& id,
                                                 const Clock& clock, EmbeddedOptions options) {
  PEMBA_TRY(auto store, stores.Keep(id));
  return std::unique_ptr<Embedded>(
      new Embedded(std::make_unique<Impl>(stores, std::move(store), clock, options)));
}

Embedded::Embedded(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Embedded::~Embedded() = default;

Capabilities Embedded::capabilities() const {
  return {.tuples_per_write_max = impl_->options_.tuples_per_write_max,
          .idempotent_writes = true,
          .lists = true,
          .explain = true,
          .revisions = true};
}

Result<model::Model> Embedded::ReadModel() {
  PEMBA_TRY(auto page, impl_->store_->ListModels(1, ""));
  if (page.models.empty()) return model::Model{};
  return std::move(page.models.front());
}

Result<std::string> Embedded::WriteModel(const model::Model& model, std::string_view expected_id) {
  const std::lock_guard lock(impl_->models_);
  StoreModels models(*impl_->store_);
  return internal::SwapModel(models, model, expected_id);
}

Status Embedded::Apply(std::span<const tuple::Tuple> removes, std::span<const tuple::Tuple> adds) {
  const auto net = internal::NetOf(removes, adds);
  for (const auto& step :
       internal::StepsOf(net.removes, net.adds, impl_->options_.tuples_per_write_max)) {
    std::vector<tuple::TupleView> deletes;
    deletes.reserve(step.removes.size());
    for (const auto& t : step.removes) deletes.push_back(t.view());
    auto written = impl_->store_->WriteTuples({.writes = step.adds,
                                               .deletes = deletes,
                                               .on_duplicate = "replace",
                                               .on_missing = "ignore",
                                               .form = store::WriteRequest::Form::kExtended});
    if (!written.ok()) return internal::WithCause(std::move(written).error());
  }
  return Done{};
}

std::vector<Result<Decision>> Embedded::Check(std::span<const tuple::Tuple> questions,
                                              const ReadOptions& options) {
  std::vector<Result<Decision>> outcomes;
  outcomes.reserve(questions.size());
  const auto sight = impl_->Look(options);
  for (const auto& question : questions) {
    outcomes.push_back(sight.ok() ? impl_->CheckOne(*sight, question.view())
                                  : Result<Decision>(sight.error()));
  }
  return outcomes;
}

Result<Names> Embedded::ListObjects(std::string_view type, std::string_view relation,
                                    std::string_view user, const ReadOptions& options,
                                    std::size_t max) {
  PEMBA_TRY(const auto sight, impl_->Look(options));
  if (auto valid = model::ValidateSubject(sight.model->plan(), user); !valid.ok()) {
    return internal::WithCause(std::move(valid).error());
  }
  Names found;
  PEMBA_TRY(const auto summary,
            impl_->lister_.ListObjects(
                sight.view.snapshot(), *sight.model,
                {.type = type, .relation = relation, .subject = user, .deadline = sight.deadline},
                {.count_max = max}, FreshArena(), [&](auto ids) {
                  for (const auto id : ids) found.names.push_back(UserText(type, id, ""));
                  return engine::SinkWants::kMore;
                }));
  found.complete = summary.end == engine::ListEnd::kComplete;
  return found;
}

Result<Names> Embedded::ListUsers(std::string_view object, std::string_view relation,
                                  std::span<const std::string> user_types,
                                  const ReadOptions& options) {
  PEMBA_TRY(const auto sight, impl_->Look(options));
  if (auto valid = model::ValidateObjectRelation(sight.model->plan(), object, relation);
      !valid.ok()) {
    return internal::WithCause(std::move(valid).error());
  }
  Names found;
  for (const auto& kind : user_types) {
    const auto [user_type, user_relation] = SplitKind(kind);
    const auto sink = [&, type = user_type, of = user_relation](auto ids) {
      for (const auto id : ids) {
        const bool wildcard = id == engine::kWildcardId;
        found.names.push_back(UserText(type, id, wildcard ? std::string_view() : of));
      }
      return engine::SinkWants::kMore;
    };
    PEMBA_TRY(const auto summary, impl_->lister_.ListUsers(sight.view.snapshot(), *sight.model,
                                                           {.object = object,
                                                            .relation = relation,
                                                            .user_type = user_type,
                                                            .user_relation = user_relation,
                                                            .deadline = sight.deadline},
                                                           {}, FreshArena(), sink));
    found.complete = found.complete && summary.end == engine::ListEnd::kComplete;
  }
  return found;
}

Status Embedded::ReadTuples(const std::function<Status(tuple::Tuple)>& visit) {
  const auto view = impl_->store_->Pin();
  return internal::VisitTuples(view.snapshot(), impl_->clock_.Now(),
                               [&](const tuple::Tuple& t) { return visit(t); });
}

Result<engine::Explanation> Embedded::Explain(const tuple::Tuple& question,
                                              const ReadOptions& options) {
  PEMBA_TRY(const auto sight, impl_->Look(options));
  if (auto valid = model::ValidateQuery(sight.model->plan(), question.view()); !valid.ok()) {
    return internal::WithCause(std::move(valid).error());
  }
  return impl_->explainer_.Explain(
      sight.view.snapshot(), *sight.model,
      {.tuple = question.view(), .contextual_tuples = {}, .deadline = sight.deadline},
      FreshArena());
}

Health Embedded::health() const {
  return impl_->stores_.Health().ok() ? Health::kOk : Health::kDown;
}

}  // namespace pemba::provider
