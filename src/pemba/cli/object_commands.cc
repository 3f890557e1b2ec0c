// apply | get | describe | delete | diff: declared objects
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "pemba/cli/command_line.h"
#include "pemba/cli/manifest.h"
#include "pemba/cli/object_client.h"
#include "pemba/cli/object_text.h"
#include "pemba/resource/members.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kApplyType = "application/apply-patch+yaml";
constexpr const char* kManager = "pemba";

Colours ColoursOf(const Session& session) {
  return session.style == JsonStyle::kColoured ? Colours::kYes : Colours::kNo;
}

std::string MetadataOf(const json::object& object, std::string_view name) {
  const auto* metadata = object.if_contains("metadata");
  return metadata != nullptr && metadata->is_object()
             ? resource::TextOf(metadata->get_object(), name)
             : "";
}

std::string NameOf(const ObjectKind& kind, std::string_view name) {
  return kind.ShownName() + "/" + std::string(name);
}

Error At(const std::string& place, const Error& error) {
  return {error.code, place + ": " + error.message};
}

// Where in the cluster a manifest's object is.
struct Placed {
  const Manifest* manifest;
  ObjectKind kind;
  std::string name_space;
  std::string Path() const { return ObjectClient::PathOf(kind, name_space, manifest->name()); }
};

Result<Placed> Place(const ObjectClient& client, const Manifest& manifest,
                     const std::string& name_space) {
  auto kind = client.FindKind(manifest.api_version(), manifest.kind());
  if (!kind.ok()) return At(manifest.place, kind.error());
  Placed placed{&manifest, *std::move(kind), {}};
  if (placed.kind.namespaced) {
    placed.name_space = manifest.name_space().empty() ? name_space : manifest.name_space();
  }
  return placed;
}

// ---- apply ----

struct ApplyOptions {
  std::vector<std::string> files;
  std::string name_space = "default", dry_run;
  bool atomic = false;
  bool keep_order = false;
};

Result<std::vector<Manifest>> Load(const ApplyOptions& options) {
  PEMBA_TRY(auto manifests, LoadManifests(options.files, std::cin));
  if (!options.keep_order) SortForApply(manifests);
  return manifests;
}

std::string QueryOf(const ApplyOptions& options) {
  return fmt::format("?fieldManager={}&force=true&fieldValidation=Strict{}", kManager,
                     options.dry_run.empty() ? "" : "&dryRun=All");
}

void Tell(Session& session, const ApplyOptions& options, const std::string& name,
          std::string_view result) {
  session.out << name << " " << result << (options.dry_run.empty() ? "" : " (dry run)") << "\n";
}

Result<int> ApplyTogether(Session& session, ObjectClient& client, const ApplyOptions& options,
                          const std::vector<Manifest>& manifests) {
  json::array items;
  std::vector<Placed> placed;
  for (const auto& manifest : manifests) {
    PEMBA_TRY(auto one, Place(client, manifest, options.name_space));
    auto document = manifest.document;
    if (one.kind.namespaced) document["metadata"].as_object()["namespace"] = one.name_space;
    items.push_back(std::move(document));
    placed.push_back(std::move(one));
  }
  const json::object body{{"items", std::move(items)}};
  PEMBA_TRY(const auto answer, client.Call("POST", "/pemba/v1/apply" + QueryOf(options),
                                           json::serialize(body), "application/json"));
  if (!answer.ok()) {
    auto error = ObjectClient::RefusalOf(answer);
    const auto* details = answer.body.if_contains("details");
    const auto* item = details != nullptr && details->is_object()
                           ? details->get_object().if_contains("item")
                           : nullptr;
    if (item != nullptr && item->is_number()) {
      const auto at = item->to_number<std::size_t>();
      if (at < manifests.size()) error = At(manifests[at].place, error);
    }
    error.message += "\nnothing was applied";
    return error;
  }
  const auto& results = answer.body.at("items").as_array();
  for (std::size_t i = 0; i < results.size() && i < placed.size(); ++i) {
    Tell(session, options, NameOf(placed[i].kind, placed[i].manifest->name()),
         resource::TextOf(results[i].as_object(), "result"));
  }
  return 0;
}

Result<int> Apply(Session& session, const ApplyOptions& options) {
  PEMBA_TRY(const auto manifests, Load(options));
  PEMBA_TRY(auto client, ObjectClient::Connect(session.api));
  if (options.atomic) return ApplyTogether(session, client, options, manifests);
  int code = 0;
  for (const auto& manifest : manifests) {
    const auto apply = [&]() -> Status {
      PEMBA_TRY(const auto placed, Place(client, manifest, options.name_space));
      PEMBA_TRY(const auto before, client.Call("GET", placed.Path()));
      auto answer = client.Call("PATCH", placed.Path() + QueryOf(options),
                                json::serialize(manifest.document), kApplyType);
      if (!answer.ok()) return answer.error();
      if (!answer->ok()) return At(manifest.place, ObjectClient::RefusalOf(*answer));
      const bool same = before.ok() && Plain(before.body) == Plain(answer->body);
      Tell(session, options, NameOf(placed.kind, manifest.name()),
           answer->status == 201 ? "created"
           : same                ? "unchanged"
                                 : "configured");
      return Done{};
    };
    // What is wrong with one object is no reason to leave out the others.
    if (const auto done = apply(); !done.ok()) {
      if (done.error().code == ErrorCode::kUnavailable) return done.error();
      session.err << "error: " << done.error().message << "\n";
      code = 1;
    }
  }
  return code;
}

void AddApplyOptions(CLI::App& command, ApplyOptions& options) {
  command.add_option("-f,--filename", options.files, "File, directory, or - (repeatable)")
      ->required()
      ->allow_extra_args(false);
  command.add_option("-n,--namespace", options.name_space, "Of objects that name none")
      ->capture_default_str();
  command.add_flag("--keep-order", options.keep_order, "As given, not sorted by kind");
}

void AddApply(CommandLine& line) {
  auto options = std::make_shared<ApplyOptions>();
  auto& command = line.Command(line.root(), "apply", "Make objects what the files say",
                               [options](Session& session) { return Apply(session, *options); });
  AddApplyOptions(command, *options);
  command.add_flag("--atomic", options->atomic, "All objects in one transaction, or none");
  command.add_option("--dry-run", options->dry_run, "server: judge everything, change nothing")
      ->check(CLI::IsMember({"server"}));
}

// ---- diff ----

Result<int> Diff(Session& session, const ApplyOptions& options) {
  PEMBA_TRY(const auto manifests, Load(options));
  PEMBA_TRY(auto client, ObjectClient::Connect(session.api));
  int code = 0;
  for (const auto& manifest : manifests) {
    PEMBA_TRY(const auto placed, Place(client, manifest, options.name_space));
    PEMBA_TRY(const auto before, client.Call("GET", placed.Path()));
    auto after = client.Ask("PATCH", placed.Path() + QueryOf(options) + "&dryRun=All",
                            json::serialize(manifest.document), kApplyType);
    if (!after.ok()) return At(manifest.place, after.error());
    const auto text = DifferenceText(before.ok() ? YamlText(Plain(before.body)) : "",
                                     YamlText(Plain(*after)), ColoursOf(session));
    if (text.empty()) continue;
    session.out << NameOf(placed.kind, manifest.name()) << " (" << manifest.place << ")\n" << text;
    code = 1;
  }
  return code;
}

void AddDiff(CommandLine& line) {
  auto options = std::make_shared<ApplyOptions>();
  auto& command =
      line.Command(line.root(), "diff", "What apply would change; exit code 1 if there is anything",
                   [options](Session& session) { return Diff(session, *options); });
  AddApplyOptions(command, *options);
}

// ---- get, describe ----

struct GetOptions {
  std::string kind;
  std::vector<std::string> names;
  std::string name_space = "default", labels, fields, output = "table";
  bool all_namespaces = false;
};

void Print(Session& session, const GetOptions& options, const json::object& object) {
  if (options.output == "json") return session.Print(object);
  session.out << YamlText(object);
}

void PrintNames(Session& session, const ObjectKind& kind, const json::object& answer) {
  const auto* items = answer.if_contains("items");
  if (items == nullptr) {
    session.out << NameOf(kind, MetadataOf(answer, "name")) << "\n";
    return;
  }
  for (const auto& item : items->as_array()) {
    session.out << NameOf(kind, MetadataOf(item.as_object(), "name")) << "\n";
  }
}

std::string SelectorsOf(const GetOptions& options) {
  std::string query;
  for (const auto& [name, value] :
       {std::pair{"labelSelector", options.labels}, {"fieldSelector", options.fields}}) {
    if (value.empty()) continue;
    query += (query.empty() ? "?" : "&") + std::string(name) + "=" + UrlEncode(value);
  }
  return query;
}

// `role/x` is the kind and the name in one.
void SplitName(GetOptions& options) {
  const auto slash = options.kind.find('/');
  if (slash == std::string::npos) return;
  options.names.insert(options.names.begin(), options.kind.substr(slash + 1));
  options.kind.resize(slash);
}

Result<int> Get(Session& session, GetOptions options) {
  SplitName(options);
  PEMBA_TRY(auto client, ObjectClient::Connect(session.api));
  PEMBA_TRY(const auto kind, client.FindKind(options.kind));
  const auto name_space = options.all_namespaces ? std::string() : options.name_space;
  const bool table = options.output == "table" || options.output == "wide";
  auto names = options.names;
  if (names.empty()) names.emplace_back();
  for (const auto& name : names) {
    const auto path =
        ObjectClient::PathOf(kind, name_space, name) + (name.empty() ? SelectorsOf(options) : "");
    PEMBA_TRY(const auto answer,
              client.Ask("GET", path, {}, {}, table ? kTableType : std::string_view()));
    if (options.output == "name") {
      PrintNames(session, kind, answer);
    } else if (!table) {
      Print(session, options, answer);
    } else {
      const bool spread = options.all_namespaces && kind.namespaced;
      const auto text =
          TableText(answer, options.output == "wide" ? Width::kWide : Width::kNarrow,
                    spread ? Namespaces::kShown : Namespaces::kHidden, ColoursOf(session));
      if (text.empty()) {
        session.err << "there are no " << kind.plural
                    << (kind.namespaced && !name_space.empty() ? " in namespace " + name_space : "")
                    << "\n";
      }
      session.out << text;
    }
  }
  return 0;
}

Result<int> Describe(Session& session, GetOptions options) {
  SplitName(options);
  PEMBA_TRY(auto client, ObjectClient::Connect(session.api));
  PEMBA_TRY(const auto kind, client.FindKind(options.kind));
  bool first = true;
  const auto show = [&](const json::object& object) {
    session.out << (std::exchange(first, false) ? "" : "\n")
                << DescriptionText(object, ColoursOf(session));
  };
  for (const auto& name : options.names) {
    PEMBA_TRY(const auto object,
              client.Ask("GET", ObjectClient::PathOf(kind, options.name_space, name)));
    show(object);
  }
  if (!options.names.empty()) return 0;
  PEMBA_TRY(const auto list, client.Ask("GET", ObjectClient::PathOf(kind, options.name_space, "") +
                                                   SelectorsOf(options)));
  for (const auto& item : list.at("items").as_array()) show(item.as_object());
  return 0;
}

void AddGetOptions(CLI::App& command, GetOptions& options) {
  command.add_option("kind", options.kind, "roles, role, roles.iam.miloapis.com, or role/NAME")
      ->required();
  command.add_option("names", options.names, "Names; default: all");
  command.add_option("-n,--namespace", options.name_space, "Namespace")->capture_default_str();
  command.add_option("-l,--selector", options.labels, "By labels: app=web,tier!=db");
}

void AddGet(CommandLine& line) {
  auto options = std::make_shared<GetOptions>();
  auto& command = line.Command(line.root(), "get", "Print objects",
                               [options](Session& session) { return Get(session, *options); });
  AddGetOptions(command, *options);
  command.add_option("--field-selector", options->fields, "By fields: spec.email=a@b.c");
  command.add_flag("-A,--all-namespaces", options->all_namespaces, "Of all namespaces");
  command.add_option("-o,--output", options->output, "table, wide, name, yaml or json")
      ->check(CLI::IsMember({"table", "wide", "name", "yaml", "json"}))
      ->capture_default_str();
}

void AddDescribe(CommandLine& line) {
  auto options = std::make_shared<GetOptions>();
  auto& command = line.Command(line.root(), "describe", "Print all about objects",
                               [options](Session& session) { return Describe(session, *options); });
  AddGetOptions(command, *options);
}

// ---- delete ----

struct DeleteOptions {
  GetOptions what;
  ApplyOptions files;
  bool missing_is_fine = false;
};

Result<int> DeleteOne(Session& session, ObjectClient& client, const ObjectKind& kind,
                      const std::string& name_space, const std::string& name,
                      const DeleteOptions& options) {
  PEMBA_TRY(const auto answer, client.Call("DELETE", ObjectClient::PathOf(kind, name_space, name)));
  if (answer.status == 404 && options.missing_is_fine) return 0;
  if (!answer.ok()) return ObjectClient::RefusalOf(answer);
  session.out << NameOf(kind, name) << " deleted\n";
  return 0;
}

Result<int> Delete(Session& session, DeleteOptions options) {
  SplitName(options.what);
  const bool by_files = !options.files.files.empty();
  if (by_files == !options.what.kind.empty() || (!by_files && options.what.names.empty())) {
    return Error{ErrorCode::kInvalidArgument, "delete takes either KIND NAME... or -f FILE"};
  }
  PEMBA_TRY(auto client, ObjectClient::Connect(session.api));
  if (!by_files) {
    PEMBA_TRY(const auto kind, client.FindKind(options.what.kind));
    for (const auto& name : options.what.names) {
      PEMBA_TRY(std::ignore,
                DeleteOne(session, client, kind, options.what.name_space, name, options));
    }
    return 0;
  }
  PEMBA_TRY(auto manifests, Load(options.files));
  // What needs others goes before them.
  for (auto at = manifests.rbegin(); at != manifests.rend(); ++at) {
    PEMBA_TRY(const auto placed, Place(client, *at, options.what.name_space));
    const auto done = DeleteOne(session, client, placed.kind, placed.name_space,
                                std::string(at->name()), options);
    if (!done.ok()) return At(at->place, done.error());
  }
  return 0;
}

void AddDelete(CommandLine& line) {
  auto options = std::make_shared<DeleteOptions>();
  auto& command = line.Command(line.root(), "delete", "Delete objects, and what they own",
                               [options](Session& session) { return Delete(session, *options); });
  command.add_option("kind", options->what.kind, "roles, role, or role/NAME");
  command.add_option("names", options->what.names, "Names");
  command.add_option("-n,--namespace", options->what.name_space, "Namespace")
      ->capture_default_str();
  command.add_option("-f,--filename", options->files.files, "Those of a file, a directory, or -")
      ->allow_extra_args(false);
  command.add_flag("--ignore-not-found", options->missing_is_fine, "What is gone is no error");
}

}  // namespace

void AddObjectCommands(CommandLine& line) {
  AddApply(line);
  AddGet(line);
  AddDescribe(line);
  AddDiff(line);
  AddDelete(line);
}

}  // namespace pemba::cli
