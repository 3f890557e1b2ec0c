#include "pemba/cli/typeql_target.h"

#include <cstddef>
#include <tuple>
#include <utility>

#include <boost/json/object.hpp>

#include "pemba/api/json_reader.h"
#include "pemba/api/reason/service.h"
#include "pemba/base/clock.h"
#include "pemba/cli/http_client.h"
#include "pemba/cli/json_text.h"
#include "pemba/reason/databases.h"
#include "pemba/reason/parser.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;
namespace wire = ::pemba::reason::v1;

constexpr const char* kLocalDatabase = "memory";

// The service of a server, without the server.
class LocalTarget final : public TypeqlTarget {
 public:
  static Result<std::unique_ptr<TypeqlTarget>> Make(const std::string& sample) {
    auto target = std::make_unique<LocalTarget>();
    PEMBA_TRY(target->databases_, pemba::reason::Databases::Open({.clock = &target->clock_}));
    target->service_ = std::make_unique<api::reason::Service>(
        *target->databases_, nullptr, nullptr, target->clock_,
        api::reason::ServiceOptions{.answers_max = ~0U, .cancellation = [held = target.get()] {
                                      return held->cancelled_;
                                    }});
    wire::CreateDatabaseRequest request;
    request.set_database(kLocalDatabase);
    request.set_sample(sample);
    auto context = Context();
    wire::Database made;
    PEMBA_TRY(std::ignore, target->service_->CreateDatabase(context, request, made));
    return std::unique_ptr<TypeqlTarget>(std::move(target));
  }

  Result<wire::QueryResponse> Run(const TypeqlRequest& request) override {
    wire::QueryRequest query;
    query.set_database(kLocalDatabase);
    query.set_query(request.text);
    query.set_infer(request.infer);
    query.set_explain(request.explain);
    query.set_answers_max(request.answers_max);
    cancelled_ = request.cancelled;
    auto context = Context();
    wire::QueryResponse response;
    PEMBA_TRY(std::ignore, service_->Query(context, query, response));
    return response;
  }

  Result<std::string> Schema() override {
    wire::ReadSchemaRequest request;
    request.set_database(kLocalDatabase);
    auto context = Context();
    wire::ReadSchemaResponse response;
    PEMBA_TRY(std::ignore, service_->ReadSchema(context, request, response));
    return response.schema();
  }

  std::string name() const override { return kLocalDatabase; }

 private:
  static api::openfga::RequestContext Context() {
    api::openfga::RequestContext context;
    context.caller = api::authn::Caller::Anonymous();
    return context;
  }

  SystemClock clock_;
  std::stop_token cancelled_;
  std::unique_ptr<pemba::reason::Databases> databases_;
  std::unique_ptr<api::reason::Service> service_;
};

class ServerTarget final : public TypeqlTarget {
 public:
  ServerTarget(ApiClient client, std::string database)
      : client_(std::move(client)), database_(std::move(database)) {}

  Status Create(const std::string& sample) {
    PEMBA_TRY(std::ignore, client_.Post("/reason/databases",
                                        json::object{{"database", database_}, {"sample", sample}}));
    return Done{};
  }

  Result<wire::QueryResponse> Run(const TypeqlRequest& request) override {
    PEMBA_TRY(const auto answer,
              client_.Post(Path("/query"), json::object{
                                               {"query", request.text},
                                               {"infer", request.infer},
                                               {"explain", request.explain},
                                               {"answers_max", request.answers_max},
                                           }));
    wire::QueryResponse response;
    PEMBA_TRY(std::ignore, api::ReadJson(JsonText(answer), response));
    return response;
  }

  Result<std::string> Schema() override {
    PEMBA_TRY(const auto answer, client_.Get(Path("/schema")));
    wire::ReadSchemaResponse response;
    PEMBA_TRY(std::ignore, api::ReadJson(JsonText(answer), response));
    return response.schema();
  }

  std::string name() const override { return database_; }

 private:
  std::string Path(const std::string& rest) const {
    return "/reason/databases/" + UrlEncode(database_) + rest;
  }

  ApiClient client_;
  const std::string database_;
};

enum class StepKind : std::uint8_t { kMatch, kWrite, kDefine };

StepKind KindOf(const pemba::reason::syntax::Query& query) {
  namespace syntax = pemba::reason::syntax;
  if (std::holds_alternative<syntax::Match>(query.node)) return StepKind::kMatch;
  const bool defines = std::holds_alternative<syntax::Define>(query.node) ||
                       std::holds_alternative<syntax::Undefine>(query.node);
  return defines ? StepKind::kDefine : StepKind::kWrite;
}

// Byte offsets of positions that are asked for in ascending order.
class OffsetFinder {
 public:
  explicit OffsetFinder(const std::string& text) : text_(text) {}
  std::size_t Find(pemba::reason::Position wanted) {
    while (offset_ < text_.size() && (line_ < wanted.line || column_ < wanted.column)) {
      const char c = text_[offset_++];
      if (c == '\n') {
        ++line_;
        column_ = 1;
      } else if ((static_cast<unsigned char>(text_[offset_]) & 0xC0) != 0x80) {
        ++column_;  // The next byte begins a code point.
      }
    }
    return offset_;
  }

 private:
  const std::string& text_;
  std::size_t offset_ = 0;
  std::uint32_t line_ = 1, column_ = 1;
};

}  // namespace

Result<std::unique_ptr<TypeqlTarget>> NewLocalTarget(const std::string& sample) {
  return LocalTarget::Make(sample);
}

Result<std::unique_ptr<TypeqlTarget>> NewServerTarget(ApiClient client, std::string database,
                                                      const std::string& sample) {
  auto target = std::make_unique<ServerTarget>(std::move(client), std::move(database));
  if (!sample.empty()) {
    PEMBA_TRY(std::ignore, target->Create(sample));
  }
  return std::unique_ptr<TypeqlTarget>(std::move(target));
}

Result<std::vector<std::string>> SplitTypeql(const std::string& text) {
  PEMBA_TRY(const auto queries, pemba::reason::ParseQueries(text));
  OffsetFinder offsets(text);
  std::vector<std::string> steps;
  for (std::size_t i = 0; i < queries.size();) {
    const auto kind = KindOf(queries[i]);
    std::size_t next = i + 1;
    while (kind != StepKind::kMatch && next < queries.size() && KindOf(queries[next]) == kind) {
      ++next;
    }
    const auto at = queries[i].at;
    const std::size_t begin = offsets.Find(at);
    const std::size_t end = next < queries.size() ? offsets.Find(queries[next].at) : text.size();
    // Blanks in the place of what came before keep lines and columns as they are.
    steps.push_back(std::string(at.line - 1, '\n') + std::string(at.column - 1, ' ') +
                    text.substr(begin, end - begin));
    i = next;
  }
  return steps;
}

}  // namespace pemba::cli
