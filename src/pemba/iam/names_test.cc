#include "pemba/iam/names.h"

#include <set>

#include <gmock/gmock.h>

#include "pemba/tuple/tuple.h"

namespace pemba::iam {
namespace {

TEST(Names, APermissionIsTheHashOfItsText) {
  struct Case {
    std::string_view text, relation;
  };
  constexpr Case kCases[] = {
      {"", "811c9dc5"},
      {"a", "e40c292c"},
      {"foobar", "bf9cf968"},
      {"iam.miloapis.com/roles.create", "30c723ff"},
      {"library.example.org/books.create", "6abd1b69"},
      {"library.example.org/books.delete", "943fe89e"},
      {"library.example.org/books.get", "ddffb4db"},
      {"library.example.org/books.lend", "a9ee38fc"},
      {"library.example.org/books.list", "eb0fdd25"},
      {"library.example.org/books.update", "09ee3ff8"},
      {"library.example.org/shelves.create", "be7d3593"},
      {"library.example.org/shelves.delete", "49509a60"},
      {"library.example.org/shelves.get", "fcc2cccd"},
      {"library.example.org/shelves.list", "9e7bf34b"},
      {"library.example.org/shelves.update", "d861f962"},
      {"resourcemanager.miloapis.com/organizations.delete", "5ce3fa45"},
      {"resourcemanager.miloapis.com/organizations.get", "57999056"},
      {"resourcemanager.miloapis.com/organizations.list", "e7bf1236"},
      {"resourcemanager.miloapis.com/organizations.update", "ea555953"},
      {"resourcemanager.miloapis.com/projects.create", "43ee59c4"},
      {"resourcemanager.miloapis.com/projects.delete", "656b803b"},
      {"resourcemanager.miloapis.com/projects.get", "289b8f3c"},
      {"resourcemanager.miloapis.com/projects.list", "1db912a8"},
      {"resourcemanager.miloapis.com/projects.update", "62995741"},
  };
  for (const auto& c : kCases) EXPECT_EQ(PermissionRelation(c.text), c.relation) << c.text;
}

TEST(Names, ARoleIsTheHashOfItsNamespaceAndName) {
  EXPECT_EQ(RoleRelation("pemba-system", "librarian"), "role_d55f4eca39ded2b1");
  EXPECT_NE(RoleRelation("pemba-system", "librarian"), RoleRelation("other", "librarian"));
}

TEST(Names, Subjects) {
  EXPECT_EQ(UserSubject("mira"), "iam.miloapis.com/InternalUser:mira");
  EXPECT_EQ(ServiceAccountSubject("0b-1"), "iam.miloapis.com/InternalUser:0b-1");
  EXPECT_EQ(GroupSubject("6f0c"), "iam.miloapis.com/InternalUserGroup:6f0c#member");
  EXPECT_EQ(SystemGroupSubject("system:authenticated"),
            "iam.miloapis.com/InternalUserGroup:system_authenticated#member");
  EXPECT_EQ(SystemGroupObject("system:authenticated"),
            "iam.miloapis.com/InternalUserGroup:system_authenticated");
}

TEST(Names, Objects) {
  struct Case {
    const char* name;
    std::string_view name_space, id, want;
  };
  constexpr Case kCases[] = {
      {"of cluster scope", "", "s-1", "library.example.org/Shelf:s-1"},
      {"in a namespace", "north", "s-1", "library.example.org/Shelf:north/s-1"},
      {"dots, and an address", "", "a.b@c.d", "library.example.org/Shelf:a.b@c.d"},
      {"a slash is no namespace", "", "north/s-1", "library.example.org/Shelf:north%2Fs-1"},
      {"nor does it end one", "north", "a/b", "library.example.org/Shelf:north/a%2Fb"},
      {"what a tuple cannot hold", "", "a:b#c d*", "library.example.org/Shelf:a%3Ab%23c%20d%2A"},
      {"the escape itself", "", "a%2Fb~", "library.example.org/Shelf:a%252Fb%7E"},
      {"letters beyond ASCII", "", "büro", "library.example.org/Shelf:büro"},
  };
  std::set<std::string> seen;
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto object = ObjectText("library.example.org/Shelf", c.name_space, c.id);
    EXPECT_EQ(object, c.want);
    EXPECT_TRUE(tuple::IsObject(object));
    EXPECT_TRUE(seen.insert(object).second);
  }
  EXPECT_EQ(KindRootObject("library.example.org/Shelf"),
            "iam.miloapis.com/Root:library.example.org/Shelf");
}

TEST(Names, AnObjectHasAnIdHoweverLongItsName) {
  const std::string type = "s.example.org/" + std::string(kTypeBytesMax - 14, 'K');
  ASSERT_EQ(type.size(), kTypeBytesMax);
  std::set<std::string> seen;
  for (const std::string_view name_space : {"", "a", "b"}) {
    for (const std::size_t length : {1, 60, 64, 65, 66, 200, 253}) {
      for (const char letter : {'x', 'y'}) {
        const auto object = ObjectText(type, name_space, std::string(length, letter));
        EXPECT_LE(object.size(), kObjectBytesMax);
        EXPECT_TRUE(tuple::IsObject(object)) << object;
        EXPECT_TRUE(seen.insert(object).second) << object;
      }
    }
  }
}

TEST(Names, AKindWithoutGroupIsTheCoreServices) {
  EXPECT_EQ(TypeId("", "Secret"), "core.miloapis.com/Secret");
  EXPECT_EQ(TypeId("library.example.org", "Book"), "library.example.org/Book");
}

TEST(Names, APermissionIsAllOfTheText) {
  const auto parsed = ParsePermission("library.example.org/books.lend");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, (Permission{"library.example.org", "books", "lend"}));
  EXPECT_EQ(ToText(*parsed), "library.example.org/books.lend");
  EXPECT_TRUE(ParsePermission("iam/access.check").ok());
  EXPECT_TRUE(ParsePermission("iam.datumapis.com/users.setUserProviderId").ok());
  for (const std::string_view malformed :
       {"", "books.lend", "library.example.org/books", "library.example.org/.lend",
        "library.example.org/books.", "/books.lend", "library.example.org.books.lend",
        "x library.example.org/books.lend", "library.example.org/books.lend ",
        "library.example.org/books.lend/x", "library.example.org/books.lend.x",
        "library..org/books.lend", "-a.org/books.lend", "a.org-/books.lend",
        "library.example.org/books.*", "library.example.org/bo oks.lend",
        "library.example.org/books.lend\n", "a/b/books.lend"}) {
    EXPECT_FALSE(ParsePermission(malformed).ok()) << malformed;
  }
}

TEST(Names, ARoleNameIsAllOfTheText) {
  const auto parsed = ParseRoleResourceName("services/library.example.org/roles/librarian");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, (RoleResourceName{"services", "library.example.org", "librarian"}));
  EXPECT_TRUE(ParseRoleResourceName("organizations/acme/roles/reader").ok());
  EXPECT_TRUE(ParseRoleResourceName("projects/p1/roles/compute.viewer").ok());
  for (const std::string_view malformed :
       {"", "services/a/roles", "services/a/roles/", "services//roles/b", "folders/a/roles/b",
        "services/a/role/b", "services/a/roles/b/c", "x/services/a/roles/b", "services/a/roles/b ",
        "/services/a/roles/b"}) {
    EXPECT_FALSE(ParseRoleResourceName(malformed).ok()) << malformed;
  }
}

}  // namespace
}  // namespace pemba::iam
