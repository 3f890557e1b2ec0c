// Published bugs of requests: what may not be written, what may not be confused, what may not get
// as far as evaluation. Over both transports and on both datastores.
#include <functional>
#include <string>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "advisories/served_store.h"

namespace pemba::advisories {
namespace {

namespace json = boost::json;

constexpr const char* kTypes = R"(type group
  relations
    define member: [user]
type document
  relations
    define parent: [document]
    define viewer: [user, user:* with small, group#member, user with named] or viewer from parent
    define noted: [user with noted]
condition small(x: int) {
  x < 10
}
condition noted(note: string) {
  note != ""
}
condition named(names: list<string>) {
  names.size() == 2
}
)";

class Requests : public Served {
 protected:
  ServedStore store_{GetParam(), kTypes};
};
PEMBA_SERVED_EVERYWHERE(Requests);

// CVE-2025-64751: the condition of a tuple is the one of the restriction, both ways.
TEST_P(Requests, AWildcardNeedsTheConditionOfItsRestriction) {
  EXPECT_FALSE(store_.Write({"document:1#viewer@user:*"}).ok);
  auto wrong = TupleKey("document:1#viewer@group:a#member");
  wrong["condition"] = json::object{{"name", "small"}};
  EXPECT_FALSE(store_.Call("Write", {{"writes", {{"tuple_keys", json::array{wrong}}}}}).ok);
  EXPECT_EQ(store_.Check("document:1#viewer@user:anne", {{"context", {{"x", 1}}}}), "denied");
}

// CVE-2025-48371: a contextual tuple of a kind that could not be stored is refused like a stored
// one.
TEST_P(Requests, AContextualTupleMustFitAsAStoredOneMust) {
  for (const char* text : {"document:1#viewer@user:*", "document:1#viewer@group:a",
                           "document:1#viewer@document:1#viewer", "document:1#parent@document:*",
                           "group:a#member@group:b#member", "document:1#noted@user:anne"}) {
    EXPECT_FALSE(store_.Write({text}).ok) << text;
    const auto answer =
        store_.Check("document:1#viewer@user:anne", {{"contextual_tuples", TupleKeys({text})}});
    EXPECT_TRUE(answer.starts_with("error: ")) << text << ": " << answer;
  }
}

// CVE-2022-39341, CVE-2022-39352: a wildcard is no parent; neither the model nor a tuple may say
// so.
TEST_P(Requests, AWildcardIsNoParent) {
  EXPECT_FALSE(store_.Write({"document:1#parent@document:*"}).ok);
  const auto model = store_.WriteModel(R"(type document
  relations
    define parent: [document, document:*]
    define viewer: [user] or viewer from parent
)");
  EXPECT_FALSE(model.ok);
}

// CVE-2022-39342: what stands right of `from` is assigned directly and nothing else.
TEST_P(Requests, ARewrittenRelationIsNoTupleset) {
  for (const char* parent : {"[document] or other", "other", "[document] but not other",
                             "[document] and other", "other from other", "[document#viewer]"}) {
    const auto model =
        store_.WriteModel("type document\n  relations\n    define other: [document]\n" +
                          std::string("    define parent: ") + parent +
                          "\n    define viewer: [user] or viewer from parent\n");
    EXPECT_FALSE(model.ok) << parent;
  }
}

// CVE-2026-55170, I8: identifiers are compared byte by byte: case, accents, normalisation forms,
// trailing signs and code points that collations ignore make different ids.
TEST_P(Requests, IdsThatLookAlikeStayDistinct) {
  const std::vector<std::string> ids{
      "cafe",      "Cafe",       "CAFE",        "caf\u00e9",  "cafe\u0301", "caf\u00e8",
      "cafe.",     "cafe\u00a0", "cafe\u200b",  "\ufeffcafe", "cafe_",      "cafe\u00ad",
      "\uff43afe", "c\u0430fe",  "stra\u00dfe", "strasse",    "\u0131d",    "id",
      "Id",        "\u0130d",    "\u212a",      "K",          "k",          "\u00c5",
      "\u212b",    "A\u030a",    "1",           "01",         "1.0",        "+1",
      "\u0661",    "%31",        "\U0001F600"};
  std::vector<std::string> tuples;
  for (const auto& id : ids) {
    tuples.push_back("document:" + id + "#viewer@user:" + id);
  }
  ASSERT_TRUE(store_.Write(tuples).ok);
  for (const auto& object : ids) {
    const auto read = store_.Call(
        "Read", {{"tuple_key", {{"object", "document:" + object}, {"relation", "viewer"}}}});
    ASSERT_TRUE(read.ok) << read.message;
    ASSERT_EQ(read.response.at("tuples").as_array().size(), 1U) << object;
    EXPECT_EQ(read.response.at("tuples").at(0).at("key").at("user").as_string(), "user:" + object);
    json::array checks;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      checks.push_back({{"correlation_id", "c" + std::to_string(i)},
                        {"tuple_key", TupleKey("document:" + object + "#viewer@user:" + ids[i])}});
    }
    const auto batch = store_.Call("BatchCheck", {{"checks", checks}});
    ASSERT_TRUE(batch.ok) << batch.message;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto& result = batch.response.at("result").at("c" + std::to_string(i));
      EXPECT_EQ(result.at("allowed").as_bool(), ids[i] == object) << object << " and " << ids[i];
    }
  }
}

// CVE-2026-48096: ids that hold the delimiters of every text form are no other tuples.
TEST_P(Requests, DelimitersInIdsMakeNoOtherTuples) {
  ASSERT_TRUE(store_
                  .WriteModel(R"(type group
  relations
    define member: [user]
    define viewer: [user]
type `group|a`
  relations
    define member: [user]
type document
  relations
    define viewer: [user, group#member, `group|a`#member]
    define `viewer|a`: [user]
)")
                  .ok);
  // Each pair could be one text, were parts joined by a delimiter.
  const std::vector<std::vector<std::string>> pairs{
      {"document:1", "viewer", "user:a/b", "document:1/viewer", "viewer", "user:a"},
      {"document:1|viewer", "viewer", "user:a", "document:1", "viewer|a", "user:a"},
      {"document:1@user", "viewer", "user:a", "document:1", "viewer", "user:user@a"},
      {"document:1,2", "viewer", "user:a", "document:1", "viewer", "user:2,a"},
      {"document:1;", "viewer", "user:a", "document:1", "viewer", "user:;a"},
      {"document:1'--", "viewer", "user:a", "document:1", "viewer", "user:'--a"},
      {"document:1", "viewer", "group:a|b#member", "document:1", "viewer", "group|a:b#member"},
      {"document:1\\", "viewer", "user:a", "document:1", "viewer", "user:\\a"},
      {"document:1\"", "viewer", "user:a", "document:1", "viewer", "user:\"a"},
      {"document:1%", "viewer", "user:a", "document:1", "viewer", "user:%a"},
      {"document:1_", "viewer", "user:a", "document:1", "viewer", "user:_a"},
      {"document:1&x=2", "viewer", "user:a", "document:1", "viewer", "user:&x=2"},
      {"document:1?", "viewer", "user:a", "document:1", "viewer", "user:?a"},
      {"document:1$", "viewer", "user:a", "document:1", "viewer", "user:$a"},
      {"document:1=", "viewer", "user:a", "document:1", "viewer", "user:=a"},
      {"document:{1}", "viewer", "user:a", "document:1", "viewer", "user:{a}"},
      {"document:1+2", "viewer", "user:a", "document:1", "viewer", "user:1+2"},
  };
  for (const auto& pair : pairs) {
    SCOPED_TRACE(pair[0] + " " + pair[2]);
    const auto key = [&](std::size_t first) -> json::object {
      return {{"object", pair[first]}, {"relation", pair[first + 1]}, {"user", pair[first + 2]}};
    };
    const auto allowed = [&](std::size_t first) {
      const auto answer = store_.Call("Check", {{"tuple_key", key(first)}});
      EXPECT_TRUE(answer.ok) << answer.message;
      return answer.ok && answer.response.at("allowed").as_bool();
    };
    for (const std::size_t one : {std::size_t{0}, std::size_t{3}}) {
      const json::object keys{{"tuple_keys", json::array{key(one)}}};
      const auto written = store_.Call("Write", {{"writes", keys}});
      ASSERT_TRUE(written.ok) << written.message;
      EXPECT_TRUE(allowed(one));
      EXPECT_FALSE(allowed(3 - one));
      EXPECT_TRUE(store_.Call("Write", {{"deletes", keys}}).ok);
      EXPECT_FALSE(allowed(one));
    }
  }
}

// CVE-2026-34972, CVE-2026-46668: items of one batch that differ in their contexts only are
// answered each by its own.
TEST_P(Requests, ABatchTellsContextsApart) {
  auto key = TupleKey("document:1#viewer@user:anne");
  key["condition"] = json::object{{"name", "named"}};
  ASSERT_TRUE(store_.Call("Write", {{"writes", {{"tuple_keys", json::array{key}}}}}).ok);
  const std::vector<std::pair<json::value, bool>> lists{{json::array{"a,b"}, false},
                                                        {json::array{"a", "b"}, true},
                                                        {json::array{"a", "b", ""}, false},
                                                        {json::array{"\"a\",\"b\""}, false},
                                                        {json::array{"a]", "[b"}, true},
                                                        {json::array{"a][b"}, false},
                                                        {json::array{}, false},
                                                        {json::array{"", ""}, true}};
  json::array checks;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    checks.push_back({{"correlation_id", "c" + std::to_string(i)},
                      {"tuple_key", TupleKey("document:1#viewer@user:anne")},
                      {"context", {{"names", lists[i].first}}}});
  }
  const auto answer = store_.Call("BatchCheck", {{"checks", checks}});
  ASSERT_TRUE(answer.ok) << answer.message;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const auto& result = answer.response.at("result").at("c" + std::to_string(i));
    EXPECT_EQ(result.at("allowed").as_bool(), lists[i].second) << json::serialize(lists[i].first);
  }
}

// Every text in `value` in turn, keys of `context` too, with `sign` in its middle.
void ForEachSpoiled(json::value& value, const std::string& path, const std::string& sign,
                    const std::function<void(const std::string&)>& visit) {
  const auto spoil = [&](std::string_view text) {
    return std::string(text.substr(0, text.size() / 2)) + sign +
           std::string(text.substr(text.size() / 2));
  };
  if (auto* text = value.if_string()) {
    const std::string kept(text->data(), text->size());
    value = spoil(kept);
    visit(path);
    value = kept;
  } else if (auto* list = value.if_array()) {
    for (auto& item : *list) ForEachSpoiled(item, path + "[]", sign, visit);
  } else if (auto* object = value.if_object()) {
    for (auto& member : *object) {
      ForEachSpoiled(member.value(), path + "." + std::string(member.key()), sign, visit);
    }
    if (!path.ends_with(".context")) return;
    const json::object kept = *object;
    for (const auto& member : kept) {
      auto changed = kept;
      changed.erase(member.key());
      changed[spoil(std::string(member.key()))] = member.value();
      value = changed;
      visit(path + " (key)");
      value = kept;
    }
  }
}

// Texts that the contract does not look at: names to be deleted or read, which nothing can have
// that was written, and contexts that are only kept, which a Check refuses.
bool IsOnlyCompared(const std::string& path) {
  return path.starts_with("Write.deletes") || path.starts_with("Read.tuple_key") ||
         path == "ReadChanges.type" || path.starts_with("WriteAssertions.assertions[].context");
}

// CVE-2026-41131: a control character in any text of a request is refused before anything is
// evaluated or written; where names are only compared it matches nothing.
TEST_P(Requests, ControlCharactersAreRefusedInEveryField) {
  ASSERT_TRUE(store_.Write({"document:1#viewer@user:anne", "document:2#viewer@user:anne"}).ok);
  const auto models = store_.Call("ReadAuthorizationModels", {});
  const auto model =
      std::string(models.response.at("authorization_models").at(0).at("id").as_string());
  auto noted = TupleKey("document:3#noted@user:anne");
  noted["condition"] =
      json::object{{"name", "noted"}, {"context", json::object{{"note", "a long note"}}}};
  const json::object contextual{{"tuple_keys", json::array{noted}}};
  const json::object context{{"names", json::array{"aa", "bb"}}};
  const std::pair<const char*, json::object> requests[] = {
      {"Check",
       {{"store_id", store_.id()},
        {"authorization_model_id", model},
        {"tuple_key", TupleKey("document:1#viewer@user:anne")},
        {"contextual_tuples", contextual},
        {"context", context}}},
      {"Write",
       {{"store_id", store_.id()},
        {"authorization_model_id", model},
        {"writes", {{"tuple_keys", json::array{noted}}, {"on_duplicate", "ignore"}}},
        {"deletes",
         {{"tuple_keys", json::array{TupleKey("document:2#viewer@user:bob")}},
          {"on_missing", "ignore"}}}}},
      {"Read", {{"store_id", store_.id()}, {"tuple_key", TupleKey("document:1#viewer@user:anne")}}},
      {"ReadChanges", {{"store_id", store_.id()}, {"type", "document"}}},
      {"WriteAssertions",
       {{"store_id", store_.id()},
        {"authorization_model_id", model},
        {"assertions", json::array{{{"tuple_key", TupleKey("document:1#viewer@user:anne")},
                                    {"expectation", true},
                                    {"contextual_tuples", json::array{noted}},
                                    {"context", context}}}}}},
      {"ReadAuthorizationModel", {{"store_id", store_.id()}, {"id", model}}},
      {"GetStore", {{"store_id", store_.id()}}},
  };
  for (const auto& [rpc, request] : requests) {
    const auto plain = store_.Call(rpc, request);
    ASSERT_TRUE(plain.ok) << rpc << ": " << plain.message;
    for (const std::string& sign :
         {std::string(1, '\0'), std::string("\x01"), std::string("\n"), std::string("\x1b"),
          std::string("\x7f"), std::string("\u0085")}) {
      json::value spoiled = request;
      ForEachSpoiled(spoiled, rpc, sign, [&, name = rpc](const std::string& path) {
        const auto answer = store_.Call(name, spoiled.as_object());
        SCOPED_TRACE(path + " with " + json::serialize(json::string(sign)));
        EXPECT_TRUE(!answer.ok || IsOnlyCompared(path));
        if (!answer.ok) return;
        for (const char* found : {"tuples", "changes"}) {
          const auto* response = answer.response.if_object();  // Null: an empty body.
          const auto* list = response == nullptr ? nullptr : response->if_contains(found);
          EXPECT_TRUE(list == nullptr || list->as_array().empty());
        }
      });
    }
  }
  for (const char* kept : {"document:1#viewer@user:anne", "document:2#viewer@user:anne"}) {
    EXPECT_EQ(store_.Check(kept), "allowed");
  }
  // Items of a batch fail one by one.
  json::array checks;
  for (const char* user : {"user:an\x01ne", "user:an\u0085ne"}) {
    checks.push_back(
        {{"correlation_id", "c" + std::to_string(checks.size())},
         {"tuple_key", {{"object", "document:1"}, {"relation", "viewer"}, {"user", user}}}});
  }
  const auto batch = store_.Call("BatchCheck", {{"checks", checks}});
  ASSERT_TRUE(batch.ok) << batch.message;
  for (std::size_t i = 0; i < checks.size(); ++i) {
    EXPECT_TRUE(
        batch.response.at("result").at("c" + std::to_string(i)).as_object().contains("error"));
  }
}

// CVE-2025-64529, spicedb #2526: a write that is acknowledged can be read in full; one beyond a
// limit is refused and leaves nothing.
TEST_P(Requests, AcknowledgedImpliesReadable) {
  for (const std::size_t count : {std::size_t{1}, std::size_t{99}, std::size_t{100},
                                  std::size_t{101}, std::size_t{1000}, std::size_t{8000}}) {
    const auto object = "document:n" + std::to_string(count);
    std::vector<std::string> tuples;
    for (std::size_t i = 0; i < count; ++i) {
      tuples.push_back(object + "#viewer@user:" + std::to_string(i));
    }
    const auto written = store_.Write(tuples);
    EXPECT_EQ(written.ok, count <= 100) << count;
    std::size_t seen = 0;
    std::string token;
    do {
      const auto page = store_.Call(
          "Read",
          {{"tuple_key", {{"object", object}}}, {"page_size", 100}, {"continuation_token", token}});
      ASSERT_TRUE(page.ok) << page.message;
      seen += page.response.at("tuples").as_array().size();
      token = std::string(page.response.at("continuation_token").as_string());
    } while (!token.empty());
    EXPECT_EQ(seen, written.ok ? count : 0U);
    EXPECT_EQ(store_.Check(tuples.back()), written.ok ? "allowed" : "denied");
  }
}

// CVE-2025-64529: the same for the size of a condition's context.
TEST_P(Requests, AContextIsKeptWholeOrRefused) {
  for (const std::size_t size : {32'000U, 32'768U, 33'000U, 200'000U, 700'000U}) {
    const auto text = "document:n" + std::to_string(size) + "#noted@user:anne";
    auto key = TupleKey(text);
    key["condition"] = json::object{{"name", "noted"},
                                    {"context", json::object{{"note", std::string(size, 'x')}}}};
    const auto written = store_.Call("Write", {{"writes", {{"tuple_keys", json::array{key}}}}});
    EXPECT_EQ(written.ok, size == 32'000U) << size;
    EXPECT_EQ(store_.Check(text), written.ok ? "allowed" : "denied");
    const auto read = store_.Call("Read", {{"tuple_key", TupleKey(text)}});
    ASSERT_TRUE(read.ok) << read.message;
    ASSERT_EQ(read.response.at("tuples").as_array().size(), written.ok ? 1U : 0U);
    if (!written.ok) continue;
    const auto& stored = read.response.at("tuples").at(0).at("key").at("condition").at("context");
    EXPECT_EQ(stored.at("note").as_string().size(), size);
  }
}

}  // namespace
}  // namespace pemba::advisories
