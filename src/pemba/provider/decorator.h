// Decorator: a provider that does as another one does; for those that change a part of it.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/provider/provider.h"

namespace pemba::provider {

class Decorator : public Provider {
 public:
  explicit Decorator(Provider& base) : base_(base) {}  // Borrowed.

  Capabilities capabilities() const override { return base_.capabilities(); }
  Result<model::Model> ReadModel() override { return base_.ReadModel(); }
  Result<std::string> WriteModel(const model::Model& model, std::string_view expected) override {
    return base_.WriteModel(model, expected);
  }
  Status Apply(std::span<const tuple::Tuple> removes, std::span<const tuple::Tuple> adds) override {
    return base_.Apply(removes, adds);
  }
  std::vector<Result<Decision>> Check(std::span<const tuple::Tuple> questions,
                                      const ReadOptions& options) override {
    return base_.Check(questions, options);
  }
  Result<Names> ListObjects(std::string_view type, std::string_view relation, std::string_view user,
                            const ReadOptions& options, std::size_t max) override {
    return base_.ListObjects(type, relation, user, options, max);
  }
  Result<Names> ListUsers(std::string_view object, std::string_view relation,
                          std::span<const std::string> user_types,
                          const ReadOptions& options) override {
    return base_.ListUsers(object, relation, user_types, options);
  }
  Status ReadTuples(const std::function<Status(tuple::Tuple)>& visit) override {
    return base_.ReadTuples(visit);
  }
  Result<engine::Explanation> Explain(const tuple::Tuple& question,
                                      const ReadOptions& options) override {
    return base_.Explain(question, options);
  }
  Health health() const override { return base_.health(); }

 protected:
  Provider& base() const { return base_; }

 private:
  Provider& base_;
};

}  // namespace pemba::provider
