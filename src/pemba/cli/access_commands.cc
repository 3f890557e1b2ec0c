// explain access | access check | access list | access who: who may do what, and why
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "pemba/cli/command_line.h"
#include "pemba/cli/object_text.h"
#include "pemba/resource/members.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

// GROUP/KIND:NAME; the kind alone means all of its objects.
Result<json::object> ResourceOf(const std::string& text, const std::string& name_space) {
  const auto colon = text.find(':');
  const auto type = text.substr(0, colon);
  const auto slash = type.find('/');
  if (slash == type.npos || slash + 1 == type.size()) {
    return Error{
        ErrorCode::kInvalidArgument,
        "`" + text + "` is not GROUP/KIND:NAME, such as resourcemanager.miloapis.com/Project:p1"};
  }
  json::object resource{{"api_group", type.substr(0, slash)}, {"kind", type.substr(slash + 1)}};
  if (!name_space.empty()) resource["namespace"] = name_space;
  if (colon != text.npos) resource["name"] = text.substr(colon + 1);
  return resource;
}

bool FlagAt(const json::value& value, std::string_view name) {
  const auto* object = value.if_object();
  const auto* member = object == nullptr ? nullptr : object->if_contains(name);
  return member != nullptr && *member == true;
}

std::vector<std::string> TextsAt(const json::value& value, std::string_view name) {
  std::vector<std::string> texts;
  const auto* object = value.if_object();
  const auto* member = object == nullptr ? nullptr : object->if_contains(name);
  if (member == nullptr || !member->is_array()) return texts;
  for (const auto& text : member->get_array()) {
    if (text.is_string()) texts.emplace_back(text.get_string());
  }
  return texts;
}

const json::array& ListAt(const json::value& value, std::string_view name) {
  static const json::array kEmpty;
  const auto* object = value.if_object();
  const auto* member = object == nullptr ? nullptr : object->if_contains(name);
  return member != nullptr && member->is_array() ? member->get_array() : kEmpty;
}

std::string Joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : " > ") + text;
  return all;
}

struct Options {
  std::string principal, permission, resource, name_space, output = "text";
};

void AddOutput(CLI::App& command, Options& options) {
  command.add_option("-o,--output", options.output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void AddQuestion(CLI::App& command, Options& options) {
  command.add_option("principal", options.principal, "Name of a User, uid of a ServiceAccount")
      ->required();
  command.add_option("permission", options.permission, "library.example.org/books.lend")
      ->required();
  command
      .add_option("resource", options.resource,
                  "GROUP/KIND:NAME, such as resourcemanager.miloapis.com/Project:p1; without a "
                  "name: all of the kind")
      ->required();
  command.add_option("-n,--namespace", options.name_space, "Namespace of the resource");
  AddOutput(command, options);
}

Result<json::object> QuestionOf(const Options& options) {
  PEMBA_TRY(auto resource, ResourceOf(options.resource, options.name_space));
  json::object question{{"permission", options.permission}, {"resource", std::move(resource)}};
  if (!options.principal.empty()) question["principal"] = options.principal;
  return question;
}

Result<json::value> Ask(Session& session, const std::string& path, const json::object& body) {
  PEMBA_TRY(auto client, session.Connect());
  return client.Post("/iam/v1/" + path, body);
}

std::string Painted(const Session& session, bool good, const std::string& text) {
  if (session.style != JsonStyle::kColoured) return text;
  return (good ? "\x1b[32m" : "\x1b[31m") + text + "\x1b[0m";
}

void PrintGrant(Session& session, const json::value& grant) {
  session.out << "  binding  " << resource::TextOf(grant, "binding") << "\n"
              << "  subject  " << Joined(TextsAt(grant, "group_path")) << "\n"
              << "  role     " << Joined(TextsAt(grant, "role_path")) << "\n"
              << "  target   " << Joined(TextsAt(grant, "parent_path")) << "\n";
}

Result<int> Explain(Session& session, const Options& options) {
  PEMBA_TRY(const auto question, QuestionOf(options));
  PEMBA_TRY(const auto answer, Ask(session, "explain-access", question));
  if (options.output == "json") {
    session.Print(answer);
    return 0;
  }
  const auto* object = answer.if_object();
  const auto* member = object == nullptr ? nullptr : object->if_contains("decision");
  const auto decision = member == nullptr ? json::value() : *member;
  const bool allowed = FlagAt(decision, "allowed");
  session.out << Painted(session, allowed, allowed ? "allowed" : "denied") << "  "
              << resource::TextOf(decision, "reason") << "\n";
  for (const auto& grant : ListAt(answer, "grants")) PrintGrant(session, grant);
  for (const auto& miss : ListAt(answer, "near_misses")) {
    session.out << "  " << resource::TextOf(miss, "reason") << ": "
                << resource::TextOf(miss, "message") << "\n";
  }
  return 0;
}

Result<int> Check(Session& session, const Options& options) {
  PEMBA_TRY(const auto question, QuestionOf(options));
  PEMBA_TRY(const auto answer, Ask(session, "check-access", question));
  const bool allowed = FlagAt(answer, "allowed");
  if (options.output == "json") {
    session.Print(answer);
  } else {
    session.out << Painted(session, allowed, allowed ? "allowed" : "denied") << "  "
                << resource::TextOf(answer, "reason");
    if (const auto binding = resource::TextOf(answer, "binding"); !binding.empty()) {
      session.out << " by " << binding << " on " << resource::TextOf(answer, "granted_on");
    }
    session.out << "\n";
  }
  return allowed ? 0 : 1;
}

Result<int> Who(Session& session, const Options& options) {
  PEMBA_TRY(const auto question, QuestionOf(options));
  PEMBA_TRY(const auto answer, Ask(session, "list-principals", question));
  if (options.output == "json") {
    session.Print(answer);
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"KIND", "NAMESPACE", "NAME", "THROUGH"}};
  for (const auto& one : ListAt(answer, "principals")) {
    std::string via;
    for (const auto& group : TextsAt(one, "via_groups")) via += (via.empty() ? "" : ", ") + group;
    rows.push_back({resource::TextOf(one, "kind"), resource::TextOf(one, "namespace"),
                    resource::TextOf(one, "name"), via});
  }
  session.out << ColumnsText(rows,
                             session.style == JsonStyle::kColoured ? Colours::kYes : Colours::kNo);
  if (FlagAt(answer, "truncated")) session.err << "there are more\n";
  return 0;
}

Result<int> List(Session& session, const Options& options) {
  PEMBA_TRY(auto question, QuestionOf(options));
  const auto resource = question["resource"].as_object();
  question.erase("resource");
  question["api_group"] = resource.at("api_group");
  question["kind"] = resource.at("kind");
  PEMBA_TRY(const auto answer, Ask(session, "list-accessible", question));
  if (options.output == "json") {
    session.Print(answer);
    return 0;
  }
  if (FlagAt(answer, "all")) session.out << "all of the kind\n";
  for (const auto& one : ListAt(answer, "resources")) {
    const auto name_space = resource::TextOf(one, "namespace");
    session.out << (name_space.empty() ? "" : name_space + "/") << resource::TextOf(one, "name")
                << "\n";
  }
  if (FlagAt(answer, "truncated")) session.err << "there may be more\n";
  return 0;
}

using Run = Result<int> (*)(Session&, const Options&);

CLI::App& Add(CommandLine& line, CLI::App& group, const char* name, const char* description,
              const std::shared_ptr<Options>& options, Run run) {
  return line.Command(group, name, description,
                      [options, run](Session& session) { return run(session, *options); });
}

}  // namespace

void AddAccessCommands(CommandLine& line) {
  auto& explain = line.Group("explain", "Why is it so?");
  auto options = std::make_shared<Options>();
  AddQuestion(Add(line, explain, "access", "Why a principal may do something, or what is missing",
                  options, Explain),
              *options);

  auto& access = line.Group("access", "Who may do what, as declared");
  options = std::make_shared<Options>();
  AddQuestion(
      Add(line, access, "check", "May a principal do something? Exit code 1: no", options, Check),
      *options);
  options = std::make_shared<Options>();
  AddQuestion(
      Add(line, access, "list", "What of a kind may a principal do something to?", options, List),
      *options);
  options = std::make_shared<Options>();
  auto& who = Add(line, access, "who", "Who may do something to a resource?", options, Who);
  who.add_option("permission", options->permission, "library.example.org/books.lend")->required();
  who.add_option("resource", options->resource, "GROUP/KIND:NAME; without a name: all of the kind")
      ->required();
  who.add_option("-n,--namespace", options->name_space, "Namespace of the resource");
  AddOutput(who, *options);
}

}  // namespace pemba::cli
