// Objects in few bytes come back as they were, and are found by what they are under.
#include "pemba/resource/internal/packed.h"

#include <random>
#include <set>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

#include "pemba/resource/internal/index_table.h"
#include "pemba/resource/internal/object_records.h"
#include "pemba/resource/testing/world.h"

namespace pemba::resource::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace json = boost::json;

class PackedTest : public testing::World {
 protected:
  Object ObjectFrom(json::object document, std::string name = "a", std::string name_space = "n") {
    return {{&kind("Note"), std::move(name_space), std::move(name)}, std::move(document), 7};
  }
  void ExpectSame(const Object& object) {
    const auto packed = Packed::Pack(object, object.revision, dictionary_);
    EXPECT_EQ(packed->key(), object.key);
    EXPECT_EQ(packed->revision(), object.revision);
    const auto unpacked = packed->Unpack(dictionary_);
    EXPECT_EQ(unpacked->key, object.key);
    EXPECT_EQ(unpacked->revision, object.revision);
    // The text tells more than equality: order, and kinds of numbers.
    EXPECT_EQ(json::serialize(unpacked->document), json::serialize(object.document));
  }
  Dictionary dictionary_;
};

constexpr const char* kDocuments[] = {
    R"({})",
    R"({"null":null,"flags":[true,false],"empty":["",[],{}]})",
    R"({"numbers":[0,-1,63,64,-64,-65,9223372036854775807,-9223372036854775808,18446744073709551615]})",
    R"({"doubles":[0.5,-1E300,1E-300]})",
    R"({"own":["a","n","example.com/v1","Note","7"],"almost":["A","example.com/v2","07"]})",
    R"({"uids":["6f0c2a9e-51d7-4c3b-9a7e-2d1f8e5b7a10","6F0C2A9E-51D7-4C3B-9A7E-2D1F8E5B7A10",
        "6f0c2a9e-51d7-4c3b-9a7e-2d1f8e5b7a1","6f0c2a9e+51d7-4c3b-9a7e-2d1f8e5b7a10",
        "00000000-0000-0000-0000-000000000000"]})",
    R"({"times":["2026-11-22T04:05:06Z","1970-01-01T00:00:00Z","0000-02-29T23:59:59Z",
        "9999-12-31T23:59:59Z","2026-02-30T00:00:00Z","2026-11-22T24:00:00Z",
        "2026-11-22t04:05:06Z","2026-11-22T04:05:60Z","2026-11-22T04:05:06.5Z"]})",
    R"({"again":["again","again","again","again","again","again","again"]})",
    R"({"a field of a name that is long indeed: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)"
    R"(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)"
    R"(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":"\u0000\ud83d\ude00"})",
};

TEST_F(PackedTest, ComesBackAsItWas) {
  for (const char* const text : kDocuments) {
    SCOPED_TRACE(text);
    const auto object = ObjectFrom(testing::Parse(text));
    for (int i = 0; i < 3; ++i) ExpectSame(object);  // The dictionary has learned.
  }
  ExpectSame(ObjectFrom({{"same", "x"}, {"none", ""}}, "x", ""));
}

TEST_F(PackedTest, HasTheRevisionThatItIsPackedUnder) {
  for (const char* const text :
       {R"({"metadata":{"name":"a"},"spec":{"metadata":{"x":1}}})",
        R"({"metadata":{"resourceVersion":"7","name":"a"}})",
        R"({"metadata":{"resourceVersion":"6","name":"a"},"spec":{"resourceVersion":"7"}})"}) {
    SCOPED_TRACE(text);
    const auto object = ObjectFrom(testing::Parse(text));
    const auto unpacked = Packed::Pack(object, 12, dictionary_)->Unpack(dictionary_);
    EXPECT_EQ(unpacked->revision, 12u);
    EXPECT_EQ(json::serialize(unpacked->document),
              json::serialize(WithRevision(object, 12)->document));
  }
}

json::value RandomValue(std::mt19937_64& random, int depth) {
  static const char* const texts[] = {
      "", "a", "n", "True", "False", "ab", "c7", "Ready", "2026-11-22T04:05:06Z"};
  switch (random() % (depth > 3 ? 5 : 7)) {
    case 0:
      return nullptr;
    case 1:
      return random() % 2 == 0;
    case 2:
      return static_cast<std::int64_t>(random()) >> (random() % 64);
    case 3:
      return json::string(texts[random() % std::size(texts)]);
    case 4:
      return json::string(random() % 300, static_cast<char>('a' + random() % 26));
    case 5: {
      json::array array;
      for (auto count = random() % 5; count > 0; --count) {
        array.push_back(RandomValue(random, depth + 1));
      }
      return array;
    }
    default: {
      json::object object;
      for (auto count = random() % 6; count > 0; --count) {
        object[std::string(1 + random() % 3, static_cast<char>('a' + random() % 26))] =
            RandomValue(random, depth + 1);
      }
      return object;
    }
  }
}

TEST_F(PackedTest, RandomDocumentsComeBack) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    std::mt19937_64 random(seed);
    ExpectSame(ObjectFrom({{"v", RandomValue(random, 0)}}));
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST(Dictionary, NamesAtOnceAndValuesWhenTheyComeAgain) {
  Dictionary dictionary;
  EXPECT_EQ(dictionary.OfName("spec"), 0u);
  EXPECT_EQ(dictionary.OfName("spec"), 0u);
  EXPECT_EQ(dictionary.OfValue("Ready"), Dictionary::kNone);
  for (int i = 0; i < 10; ++i) (void)dictionary.OfValue("Ready");
  EXPECT_EQ(dictionary.OfValue("Ready"), 1u);
  EXPECT_EQ(dictionary.Text(1), "Ready");
  EXPECT_EQ(dictionary.OfName(std::string(Dictionary::kTextBytesMax + 1, 'x')), Dictionary::kNone);
  for (std::uint32_t i = 2; i < Dictionary::kTextsMax; ++i) {
    ASSERT_EQ(dictionary.OfName(std::to_string(i)), i);
  }
  EXPECT_EQ(dictionary.OfName("one too many"), Dictionary::kNone);
  EXPECT_EQ(dictionary.OfName("spec"), 0u);
}

// Against a set of (key, name).
TEST_F(PackedTest, AnIndexHasWhatWasAddedAndNotRemoved) {
  std::vector<PackedPtr> objects;
  for (int i = 0; i < 600; ++i) {  // Many for one key, and few again.
    objects.push_back(Packed::Pack(ObjectFrom({}, "o" + std::to_string(i)), 7, dictionary_));
  }
  IndexTable table;
  std::set<std::pair<std::string, std::string>> wanted;
  std::mt19937_64 random(1);
  for (int step = 0; step < 20'000; ++step) {
    const auto& object = objects[random() % objects.size()];
    const std::string key(1, static_cast<char>('a' + random() % 5));
    const std::pair entry(key, std::string(object->name()));
    const bool growing = step < 8000;
    if (random() % 8 < (growing ? 7u : 1u)) {
      table.Add(key, object.get());
      wanted.insert(entry);
    } else {
      table.Remove(key, object.get());
      wanted.erase(entry);
    }
    if (step % 7 != 0) continue;
    std::vector<std::string> names;
    for (const auto* const each : table.Find(key)) names.emplace_back(each->name());
    std::vector<std::string> want;
    for (const auto& [at, name] : wanted) {
      if (at == key) want.push_back(name);
    }
    ASSERT_EQ(names, want) << step;
  }
}

}  // namespace
}  // namespace pemba::resource::internal
