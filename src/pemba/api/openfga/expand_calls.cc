// Expand.
#include <string>
#include <utility>
#include <vector>

#include "pemba/api/openfga/internal/question_parts.h"
#include "pemba/api/openfga/service.h"

namespace pemba::api::openfga {
namespace {

using Node = wire::UsersetTree::Node;

// Every node has the same name. As deep as the rewrite of one relation.
void SetNode(const std::string& name, engine::ExpandNode node, Node& out);

void SetNodes(const std::string& name, std::vector<engine::ExpandNode> nodes,
              wire::UsersetTree::Nodes& out) {
  for (auto& node : nodes) SetNode(name, std::move(node), *out.add_nodes());
}

void SetNode(const std::string& name, engine::ExpandNode node, Node& out) {
  out.set_name(name);
  switch (node.kind) {
    case engine::ExpandKind::kUsers: {
      auto& users = *out.mutable_leaf()->mutable_users();
      for (auto& user : node.users) users.add_users(std::move(user));
      return;
    }
    case engine::ExpandKind::kComputed:
      out.mutable_leaf()->mutable_computed()->set_userset(std::move(node.userset));
      return;
    case engine::ExpandKind::kTupleToUserset: {
      auto& leaf = *out.mutable_leaf()->mutable_tuple_to_userset();
      leaf.set_tupleset(std::move(node.userset));
      for (auto& user : node.users) leaf.add_computed()->set_userset(std::move(user));
      return;
    }
    case engine::ExpandKind::kUnion:
      return SetNodes(name, std::move(node.children), *out.mutable_union_());
    case engine::ExpandKind::kIntersection:
      return SetNodes(name, std::move(node.children), *out.mutable_intersection());
    case engine::ExpandKind::kDifference: {
      auto& difference = *out.mutable_difference();
      SetNode(name, std::move(node.children[0]), *difference.mutable_base());
      SetNode(name, std::move(node.children[1]), *difference.mutable_subtract());
      return;
    }
  }
}

}  // namespace

Status Service::Expand(RequestContext& context, const wire::ExpandRequest& request,
                       wire::ExpandResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kExpand, request.store_id()));
  PEMBA_TRY(const auto store, Open(context, request.store_id()));
  PEMBA_TRY(const auto view, Pin(context, store));
  PEMBA_TRY(const auto* model, Resolve(context, view, request.authorization_model_id()));
  const auto& key = request.tuple_key();
  if (key.object().empty() || key.relation().empty()) {
    return Error{ErrorCode::kInvalidExpandInput,
                 "Invalid input. Make sure you provide an object and a relation"};
  }
  PEMBA_TRY(const auto contextual_tuples, ContextualTuples(request.contextual_tuples().tuple_keys(),
                                                           model->plan(), ErrorCode::kValidation));
  PEMBA_TRY(std::ignore,
            model::ValidateObjectRelation(model->plan(), key.object(), key.relation()));
  PEMBA_TRY(auto tree, expander_.Expand(view.snapshot(), *model,
                                        {.object = key.object(),
                                         .relation = key.relation(),
                                         .contextual_tuples = contextual_tuples}));
  SetNode(tree.name, std::move(tree.root), *response.mutable_tree()->mutable_root());
  return Done{};
}

}  // namespace pemba::api::openfga
