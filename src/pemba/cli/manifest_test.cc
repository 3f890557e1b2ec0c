#include "pemba/cli/manifest.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "pemba/base/testing/temporary_directory.h"

namespace pemba::cli {
namespace {

// "Role north/reader roles.yaml:1, ..."
std::string Told(const std::vector<Manifest>& manifests) {
  std::string text;
  for (const auto& one : manifests) {
    text += std::string(text.empty() ? "" : ", ") + std::string(one.kind()) + " ";
    if (!one.name_space().empty()) text += std::string(one.name_space()) + "/";
    text += std::string(one.name()) + " " + one.place;
  }
  return text;
}

struct ReadCase {
  const char* name;
  const char* text;
  const char* want;  // Or the error.
};

TEST(Manifests, AreReadWithTheirPlaces) {
  constexpr ReadCase kCases[] = {
      {"several documents",
       "# people\napiVersion: v1\nkind: A\nmetadata: {name: a}\n---\n---\napiVersion: v1\nkind: B\n"
       "metadata: {name: b, namespace: n}\n",
       "A a f.yaml:2, B n/b f.yaml:7"},
      {"JSON", R"({"apiVersion":"v1","kind":"A","metadata":{"name":"a"}})", "A a f.yaml:1"},
      {"a list is its items",
       "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n",
       "A a f.yaml:1"},
      {"nothing", "# nothing\n", ""},
      {"no name", "apiVersion: v1\nkind: A\n", "f.yaml:1: `metadata.name` is missing"},
      {"no kind", "\napiVersion: v1\n", "f.yaml:2: `kind` is missing"},
      {"no version", "kind: A\n", "f.yaml:1: `apiVersion` is missing"},
      {"no object", "- a\n", "f.yaml:1: a document must be an object"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto got = ReadManifests(c.text, "f.yaml");
    EXPECT_EQ(got.ok() ? Told(*got) : got.error().message, c.want);
  }
  const auto broken = ReadManifests("kind: A\n  x: [", "f.yaml");
  ASSERT_FALSE(broken.ok());
  EXPECT_TRUE(broken.error().message.starts_with("f.yaml: line 2, column "))
      << broken.error().message;
}

TEST(Manifests, AreLoadedFromFilesDirectoriesAndStandardInput) {
  const TemporaryDirectory directory;
  const auto one = [](const char* name) {
    return std::string("{apiVersion: v1, kind: A, metadata: {name: ") + name + "}}\n";
  };
  std::filesystem::create_directory(directory.path() / "more");
  std::ofstream(directory.path() / "b.yaml") << one("b");
  std::ofstream(directory.path() / "a.yml") << one("a");
  std::ofstream(directory.path() / "notes.txt") << "not a manifest";
  std::ofstream(directory.path() / "more" / "c.json") << one("c");
  std::istringstream in(one("in"));
  const auto got = LoadManifests({directory.path().string(), "-"}, in);
  ASSERT_TRUE(got.ok()) << got.error().message;
  std::string names;
  for (const auto& manifest : *got) names += std::string(manifest.name()) + " ";
  EXPECT_EQ(names, "a b c in ");
  EXPECT_EQ(got->back().place, "standard input:1");

  std::istringstream empty;
  EXPECT_EQ(LoadManifests({"/nonexistent"}, empty).error().message,
            "/nonexistent: there is no such file");
  EXPECT_FALSE(LoadManifests({"-"}, empty).ok());
}

TEST(Manifests, AreSortedByWhatTheyNeed) {
  std::vector<Manifest> manifests;
  for (const auto& [kind, name_space] : {std::pair{"PolicyBinding", "organization-a"},
                                         {"Role", "organization-a"},
                                         {"Widget", "w"},
                                         {"Organization", ""},
                                         {"User", ""},
                                         {"Role", "system"},
                                         {"Namespace", ""}}) {
    boost::json::object metadata{{"name", "x"}};
    if (*name_space != '\0') metadata["namespace"] = name_space;
    manifests.push_back({{{"kind", kind}, {"metadata", std::move(metadata)}}, "f"});
  }
  SortForApply(manifests);
  std::string kinds;
  for (const auto& manifest : manifests) kinds += std::string(manifest.kind()) + " ";
  EXPECT_EQ(kinds, "Namespace User Role Organization Role Widget PolicyBinding ");
}

}  // namespace
}  // namespace pemba::cli
