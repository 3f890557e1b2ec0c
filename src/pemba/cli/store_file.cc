#include "pemba/cli/store_file.h"

#include "pemba/cli/tuple_file.h"
#include "pemba/tuple/context.h"
#include "pemba/yaml/yaml.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

Result<std::vector<std::string>> Texts(const yaml::Mapping& mapping, std::string_view key) {
  PEMBA_TRY(auto nodes, mapping.List(key));
  std::vector<std::string> texts;
  for (const auto& node : nodes) {
    PEMBA_TRY(auto text, yaml::TextOf(node, "an entry of `" + std::string(key) + "`"));
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<std::vector<tuple::Tuple>> Tuples(const yaml::Mapping& mapping) {
  PEMBA_TRY(auto nodes, mapping.List("tuples"));
  std::vector<tuple::Tuple> tuples;
  for (const auto& node : nodes) {
    PEMBA_TRY(auto value, yaml::ToJson(node));
    auto one = TupleFromJson(value);
    if (!one.ok()) return yaml::ErrorAt(node, one.error().message);
    tuples.push_back(*std::move(one));
  }
  return tuples;
}

Result<std::vector<std::string>> TupleFiles(const yaml::Mapping& mapping) {
  PEMBA_TRY(auto files, Texts(mapping, "tuple_files"));
  PEMBA_TRY(auto file, mapping.Text("tuple_file"));
  if (!file.empty()) files.insert(files.begin(), std::move(file));
  return files;
}

Result<json::object> Context(const yaml::Mapping& mapping) {
  PEMBA_TRY(auto context, mapping.Object("context"));
  json::value value(std::move(context));
  tuple::NumbersToDoubles(value);
  return std::move(value.get_object());
}

// The one text of `one`, or the many of `many`; exactly one of the keys must be there.
Result<std::vector<std::string>> OneOrMany(const yaml::Mapping& mapping, const std::string& one,
                                           const std::string& many, const std::string& where) {
  PEMBA_TRY(auto text, mapping.Text(one));
  PEMBA_TRY(auto texts, Texts(mapping, many));
  const auto conflict = [&](const std::string& cause) {
    return Error{ErrorCode::kInvalidArgument,
                 "validation error - StoreFormat: " + where + ": " + cause};
  };
  if (!text.empty() && !texts.empty()) {
    return conflict("cannot contain both '" + one + "' and '" + many + "'");
  }
  if (text.empty() && texts.empty()) {
    return conflict("must specify '" + one + "' or '" + many + "'");
  }
  if (!text.empty()) texts.push_back(std::move(text));
  return texts;
}

// The entries of `assertions`; Value reads one of them.
template <class T, class Value>
Result<std::vector<std::pair<std::string, T>>> Assertions(const yaml::Mapping& mapping,
                                                          Value value) {
  std::vector<std::pair<std::string, T>> assertions;
  const auto node = mapping.At("assertions");
  if (node.IsNull()) return assertions;
  if (!node.IsMap()) return yaml::ErrorAt(node, "`assertions` must be a mapping");
  for (const auto& entry : node) {
    PEMBA_TRY(auto relation, yaml::TextOf(entry.first, "a relation"));
    for (const auto& other : assertions) {
      if (other.first == relation) {
        return yaml::ErrorAt(entry.first, "duplicate key `" + relation + "` in `assertions`");
      }
    }
    PEMBA_TRY(auto expected, value(entry.second));
    assertions.emplace_back(std::move(relation), std::move(expected));
  }
  return assertions;
}

struct Expectation {
  bool allowed = false;
};

Result<CheckCase> ReadCheck(const YAML::Node& node, const std::string& where) {
  PEMBA_TRY(auto mapping,
            yaml::Mapping::Open(node, "a check",
                                {"user", "users", "object", "objects", "context", "assertions"}));
  CheckCase check;
  PEMBA_TRY(check.users, OneOrMany(mapping, "user", "users", where));
  PEMBA_TRY(check.objects, OneOrMany(mapping, "object", "objects", where));
  PEMBA_TRY(check.context, Context(mapping));
  const auto expectation = [](const YAML::Node& value) -> Result<Expectation> {
    bool allowed = false;
    if (!value.IsScalar() || !YAML::convert<bool>::decode(value, allowed)) {
      return yaml::ErrorAt(value, "an assertion of a check is `true` or `false`");
    }
    return Expectation{allowed};
  };
  PEMBA_TRY(auto assertions, Assertions<Expectation>(mapping, expectation));
  for (auto& [relation, expected] : assertions) {
    check.assertions.emplace_back(std::move(relation), expected.allowed);
  }
  return check;
}

Result<std::vector<std::string>> TextList(const YAML::Node& node) {
  std::vector<std::string> texts;
  if (node.IsNull()) return texts;
  if (!node.IsSequence()) return yaml::ErrorAt(node, "an assertion of a list is a list");
  for (const auto& item : node) {
    PEMBA_TRY(auto text, yaml::TextOf(item, "an entry of the list"));
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<ListObjectsCase> ReadListObjects(const YAML::Node& node) {
  PEMBA_TRY(auto mapping, yaml::Mapping::Open(node, "an entry of `list_objects`",
                                              {"user", "type", "context", "assertions"}));
  ListObjectsCase list;
  PEMBA_TRY(list.user, mapping.Text("user"));
  PEMBA_TRY(list.type, mapping.Text("type"));
  PEMBA_TRY(list.context, Context(mapping));
  PEMBA_TRY(list.assertions, Assertions<std::vector<std::string>>(mapping, TextList));
  return list;
}

Result<std::vector<std::string>> UserList(const YAML::Node& node) {
  PEMBA_TRY(auto mapping, yaml::Mapping::Open(node, "an assertion of `list_users`", {"users"}));
  return Texts(mapping, "users");
}

Result<ListUsersCase> ReadListUsers(const YAML::Node& node) {
  PEMBA_TRY(auto mapping, yaml::Mapping::Open(node, "an entry of `list_users`",
                                              {"object", "user_filter", "context", "assertions"}));
  ListUsersCase list;
  PEMBA_TRY(list.object, mapping.Text("object"));
  PEMBA_TRY(auto filters, mapping.List("user_filter"));
  for (const auto& filter : filters) {
    PEMBA_TRY(auto parts, yaml::Mapping::Open(filter, "a user filter", {"type", "relation"}));
    UserFilter one;
    PEMBA_TRY(one.type, parts.Text("type"));
    PEMBA_TRY(one.relation, parts.Text("relation"));
    list.filters.push_back(std::move(one));
  }
  if (list.filters.empty()) return yaml::ErrorAt(node, "`list_users` needs a `user_filter`");
  PEMBA_TRY(list.context, Context(mapping));
  PEMBA_TRY(list.assertions, Assertions<std::vector<std::string>>(mapping, UserList));
  return list;
}

Result<StoreTest> ReadTest(const YAML::Node& node) {
  PEMBA_TRY(auto mapping,
            yaml::Mapping::Open(node, "a test",
                                {"name", "description", "tuples", "tuple_file", "tuple_files",
                                 "check", "list_objects", "list_users"}));
  StoreTest test;
  PEMBA_TRY(test.name, mapping.Text("name"));
  PEMBA_TRY(test.description, mapping.Text("description"));
  PEMBA_TRY(test.tuples, Tuples(mapping));
  PEMBA_TRY(test.tuple_files, TupleFiles(mapping));
  PEMBA_TRY(auto checks, mapping.List("check"));
  for (const auto& check : checks) {
    const auto where = "test " + test.name + " check " + std::to_string(test.checks.size());
    PEMBA_TRY(auto one, ReadCheck(check, where));
    test.checks.push_back(std::move(one));
  }
  PEMBA_TRY(auto list_objects, mapping.List("list_objects"));
  for (const auto& list : list_objects) {
    PEMBA_TRY(auto one, ReadListObjects(list));
    test.list_objects.push_back(std::move(one));
  }
  PEMBA_TRY(auto list_users, mapping.List("list_users"));
  for (const auto& list : list_users) {
    PEMBA_TRY(auto one, ReadListUsers(list));
    test.list_users.push_back(std::move(one));
  }
  return test;
}

Result<StoreFile> ReadStore(const YAML::Node& node) {
  PEMBA_TRY(auto mapping, yaml::Mapping::Open(node, "a store file",
                                              {"name", "model", "model_file", "tuples",
                                               "tuple_file", "tuple_files", "tests"}));
  StoreFile file;
  PEMBA_TRY(file.name, mapping.Text("name"));
  PEMBA_TRY(file.model, mapping.Text("model"));
  PEMBA_TRY(file.model_file, mapping.Text("model_file"));
  PEMBA_TRY(file.tuples, Tuples(mapping));
  PEMBA_TRY(file.tuple_files, TupleFiles(mapping));
  PEMBA_TRY(auto tests, mapping.List("tests"));
  for (const auto& test : tests) {
    PEMBA_TRY(auto one, ReadTest(test));
    file.tests.push_back(std::move(one));
  }
  return file;
}

Error InFile(const std::string& file, Error error) {
  error.message = file + ": " + error.message;
  return error;
}

Status ReadTupleFiles(const FileScope& scope, const std::vector<std::string>& files,
                      std::vector<tuple::Tuple>& tuples) {
  for (const auto& file : files) {
    PEMBA_TRY(auto format, TupleFormatOf(file));
    PEMBA_TRY(auto text, scope.Read(file));
    auto more = ParseTuples(format, text);
    if (!more.ok()) return InFile(file, std::move(more).error());
    tuples.insert(tuples.end(), std::make_move_iterator(more->begin()),
                  std::make_move_iterator(more->end()));
  }
  return Done{};
}

void EmitTuples(YAML::Emitter& out, const std::vector<tuple::Tuple>& tuples) {
  json::array array;
  for (const auto& tuple : tuples) array.push_back(TupleToJson(tuple));
  yaml::Emit(out, array);
}

json::object ToJson(const CheckCase& check) {
  json::object object;
  const auto texts = [&](const char* one, const char* many, const std::vector<std::string>& list) {
    if (list.size() == 1) {
      object[one] = list.front();
    } else {
      object[many] = json::array(list.begin(), list.end());
    }
  };
  texts("user", "users", check.users);
  texts("object", "objects", check.objects);
  if (!check.context.empty()) object["context"] = check.context;
  auto& assertions = object["assertions"].emplace_object();
  for (const auto& [relation, expected] : check.assertions) assertions[relation] = expected;
  return object;
}

json::object ToJson(const StoreTest& test) {
  json::object object{{"name", test.name}};
  if (!test.description.empty()) object["description"] = test.description;
  if (!test.tuples.empty()) {
    auto& tuples = object["tuples"].emplace_array();
    for (const auto& tuple : test.tuples) tuples.push_back(TupleToJson(tuple));
  }
  auto& checks = object["check"].emplace_array();
  for (const auto& check : test.checks) checks.push_back(ToJson(check));
  return object;
}

}  // namespace

Result<StoreFile> ParseStoreFile(std::string_view text) {
  PEMBA_TRY(auto node, yaml::Parse(text));
  return ReadStore(node);
}

Result<LoadedStoreFile> LoadStoreFile(const std::filesystem::path& path, FileScope::Reach reach) {
  PEMBA_TRY(auto text, ReadFile(path));
  PEMBA_TRY(auto scope, FileScope::Of(path.parent_path(), reach));
  auto file = ParseStoreFile(text);
  if (!file.ok()) return InFile(path.string(), std::move(file).error());
  PEMBA_TRY(std::ignore, ReadTupleFiles(scope, file->tuple_files, file->tuples));
  for (auto& test : file->tests) {
    PEMBA_TRY(std::ignore, ReadTupleFiles(scope, test.tuple_files, test.tuples));
  }
  return LoadedStoreFile{*std::move(file), std::move(scope)};
}

std::string FormatStoreFile(const StoreFile& file) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  if (!file.name.empty()) out << YAML::Key << "name" << YAML::Value;
  if (!file.name.empty()) yaml::Emit(out, json::value(file.name));
  if (!file.model.empty()) {
    out << YAML::Key << "model" << YAML::Value << YAML::Literal << file.model;
  }
  out << YAML::Key << "tuples" << YAML::Value;
  EmitTuples(out, file.tuples);
  out << YAML::Key << "tests" << YAML::Value;
  json::array tests;
  for (const auto& test : file.tests) tests.push_back(ToJson(test));
  yaml::Emit(out, tests);
  out << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

}  // namespace pemba::cli
