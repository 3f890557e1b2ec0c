#include "pemba/rpc/router.h"

#include "pemba/base/assert.h"
#include "pemba/rpc/internal/percent.h"

namespace pemba::rpc {
namespace {

// Cuts the first segment off `rest`, which starts with '/'.
std::string_view TakeSegment(std::string_view& rest) {
  rest.remove_prefix(1);
  const auto segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(segment.size());
  return segment;
}

bool IsParameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

bool IsRest(std::string_view segment) {
  return IsParameter(segment) && segment.size() > 5 &&
         segment.substr(segment.size() - 4, 3) == "...";
}

}  // namespace

std::string_view PathParameters::Find(std::string_view name) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (entries_[i].name == name) return entries_[i].value;
  }
  return {};
}

// A segment of the pattern trie.
struct Router::Node {
  struct Leaf {
    std::string method;
    std::size_t route;
    std::vector<std::string> names;  // Of the parameters, in the order of the path.
  };

  StringMap<std::unique_ptr<Node>> literals;
  std::unique_ptr<Node> parameter;
  std::vector<Leaf> leaves;       // Patterns that end here.
  std::vector<Leaf> rest_leaves;  // Patterns that take everything below here.
};

// One walk down the trie, with backtracking from literals to parameters.
struct Router::Search {
  std::string_view method;
  std::array<std::string_view, PathParameters::kCountMax> values;
  std::size_t count = 0;
  const Node::Leaf* found = nullptr;
  bool path_known = false;

  bool Take(const std::vector<Node::Leaf>& leaves) {
    if (leaves.empty()) return false;
    path_known = true;
    for (const auto& leaf : leaves) {
      if (leaf.method == method) return (found = &leaf) != nullptr;
    }
    if (method != "HEAD") return false;
    for (const auto& leaf : leaves) {
      if (leaf.method == "GET") return (found = &leaf) != nullptr;
    }
    return false;
  }

  bool Visit(const Node& node, std::string_view rest) {
    if (rest.empty()) return Take(node.leaves);
    const auto whole = rest.substr(1);
    const auto segment = TakeSegment(rest);
    if (const auto child = node.literals.find(segment); child != node.literals.end()) {
      if (Visit(*child->second, rest)) return true;
    }
    if (segment.empty() || count == values.size()) return false;
    if (node.parameter != nullptr) {
      values[count++] = segment;
      if (Visit(*node.parameter, rest)) return true;
      --count;
    }
    if (node.rest_leaves.empty()) return false;
    values[count++] = whole;
    if (Take(node.rest_leaves)) return true;
    --count;
    return false;
  }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

void Router::Intercept(Interceptor interceptor) {
  PEMBA_CHECK(routes_.empty());
  interceptor_ = std::move(interceptor);
}

void Router::Add(Route route) {
  const auto index = routes_.size();
  if (interceptor_) route.handler = interceptor_(route);
  if (!route.grpc_method.empty()) {
    PEMBA_CHECK(grpc_.emplace(route.grpc_method, index).second);
  }
  if (!route.http_method.empty()) {
    PEMBA_CHECK(route.http_pattern.starts_with('/'));
    Node::Leaf leaf{route.http_method, index, {}};
    Node* node = root_.get();
    auto* leaves = &node->leaves;
    for (std::string_view rest = route.http_pattern; !rest.empty();) {
      const auto segment = TakeSegment(rest);
      if (IsRest(segment)) {
        PEMBA_CHECK(rest.empty());
        leaf.names.emplace_back(segment.substr(1, segment.size() - 5));
        leaves = &node->rest_leaves;
        break;
      }
      if (IsParameter(segment)) leaf.names.emplace_back(segment.substr(1, segment.size() - 2));
      auto& child = IsParameter(segment) ? node->parameter : node->literals[std::string(segment)];
      if (child == nullptr) child = std::make_unique<Node>();
      node = child.get();
      leaves = &node->leaves;
    }
    PEMBA_CHECK(leaf.names.size() <= PathParameters::kCountMax);
    for (const auto& other : *leaves) PEMBA_CHECK(other.method != leaf.method);
    leaves->push_back(std::move(leaf));
  }
  routes_.push_back(std::move(route));
}

void Router::SetFallbacks(Fallbacks fallbacks) { fallbacks_ = std::move(fallbacks); }

const Route* Router::FindGrpc(std::string_view full_method) const {
  const auto found = grpc_.find(full_method);
  return found == grpc_.end() ? nullptr : &routes_[found->second];
}

HttpMatch Router::FindHttp(std::string_view method, std::string_view path, const Route*& route,
                           PathParameters& parameters) const {
  if (!path.starts_with('/')) return HttpMatch::kUnknownPath;
  Search search{.method = method, .values = {}};
  if (!search.Visit(*root_, path)) {
    return search.path_known ? HttpMatch::kWrongMethod : HttpMatch::kUnknownPath;
  }
  route = &routes_[search.found->route];
  parameters.count_ = search.count;
  parameters.decoded_.clear();
  parameters.decoded_.reserve(path.size());
  for (std::size_t i = 0; i < search.count; ++i) {
    const auto at = parameters.decoded_.size();
    auto value = search.values[i];
    if (value.find('%') != value.npos) {
      internal::PercentDecode(value, parameters.decoded_);
      value = std::string_view(parameters.decoded_).substr(at);
    }
    parameters.entries_[i] = {search.found->names[i], value};
  }
  return HttpMatch::kFound;
}

}  // namespace pemba::rpc
