#include "pemba/cli/tuple_file.h"

#include <string>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "pemba/cli/csv.h"

namespace pemba::cli {
namespace {

std::string Show(const std::vector<tuple::Tuple>& tuples) {
  std::string text;
  for (const auto& tuple : tuples) text += boost::json::serialize(TupleToJson(tuple)) + "\n";
  return text;
}

struct CsvCase {
  const char* name;
  const char* text;
  std::vector<std::vector<std::string>> records;
};
TEST(Csv, FollowsRfc4180) {
  const CsvCase cases[] = {
      {"plain", "a,b\n1,2\n", {{"a", "b"}, {"1", "2"}}},
      {"no last line break", "a,b", {{"a", "b"}}},
      {"CRLF", "a,b\r\n1,2\r\n", {{"a", "b"}, {"1", "2"}}},
      {"empty fields", "a,,c\n,,\n", {{"a", "", "c"}, {"", "", ""}}},
      {"empty lines are skipped", "\na\n\n\r\nb\n", {{"a"}, {"b"}}},
      {"quotes", "\"a,b\",\"c\"\"d\"\n", {{"a,b", "c\"d"}}},
      {"line break in quotes", "\"a\nb\",c\n", {{"a\nb", "c"}}},
      {"empty quotes", "\"\"\n", {{""}}},
      {"byte order mark",
       "\xEF\xBB\xBF"
       "a\n",
       {{"a"}}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto records = ParseCsv(c.text);
    ASSERT_TRUE(records.ok()) << records.error().message;
    std::vector<std::vector<std::string>> got;
    std::string again;
    for (const auto& record : *records) {
      got.push_back(record.fields);
      again += CsvLine(record.fields);
    }
    EXPECT_EQ(got, c.records);
    const auto reread = ParseCsv(again);
    ASSERT_TRUE(reread.ok()) << reread.error().message;
    ASSERT_EQ(reread->size(), got.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ((*reread)[i].fields, got[i]);
  }
}

struct ErrorCase {
  const char* name;
  const char* text;
  const char* message;
};
TEST(Csv, RefusesWhatIsNoCsv) {
  constexpr ErrorCase kCases[] = {
      {"quote in a plain field", "a\nb\"c\n", "line 2: a quote stands in an unquoted field"},
      {"text after a closing quote", "\"a\"b\n", "line 1: text follows a closing quote"},
      {"open quote", "x\n\"a\nb\n", "line 2: a quote is not closed"},
      {"short record", "a,b\n1\n", "line 2: has 1 fields, the header has 2"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto records = ParseCsv(c.text);
    ASSERT_FALSE(records.ok());
    EXPECT_EQ(records.error().message, c.message);
  }
}

TEST(TupleFormatOf, GoesByTheEnding) {
  EXPECT_EQ(*TupleFormatOf("a.yaml"), TupleFormat::kYaml);
  EXPECT_EQ(*TupleFormatOf("a.YML"), TupleFormat::kYaml);
  EXPECT_EQ(*TupleFormatOf("a/b.json"), TupleFormat::kJson);
  EXPECT_EQ(*TupleFormatOf("a.jsonl"), TupleFormat::kJsonLines);
  EXPECT_EQ(*TupleFormatOf("a.csv"), TupleFormat::kCsv);
  EXPECT_FALSE(TupleFormatOf("a.txt").ok());
}

struct TupleCase {
  const char* name;
  TupleFormat format;
  const char* text;
  const char* want;  // A JSON line per tuple.
};
constexpr TupleCase kTuples[] = {
    {"yaml", TupleFormat::kYaml, "- user: user:anne\n  relation: viewer\n  object: doc:1\n",
     R"({"user":"user:anne","relation":"viewer","object":"doc:1"})"
     "\n"},
    {"yaml numbers in a context are doubles", TupleFormat::kYaml,
     "- {user: 'a:1', relation: r, object: 'b:2', condition: {name: cc, context: {x: 1, y: [s]}}}",
     R"({"user":"a:1","relation":"r","object":"b:2","condition":{"name":"cc","context":{"x":1E0,"y":["s"]}}})"
     "\n"},
    {"json", TupleFormat::kJson,
     R"([{"user":"user:*","relation":"r","object":"d:1","condition":null},
         {"object":"d:2","relation":"r","user":"g:1#m","condition":{"name":"cc"}}])",
     R"({"user":"user:*","relation":"r","object":"d:1"}
{"user":"g:1#m","relation":"r","object":"d:2","condition":{"name":"cc"}}
)"},
    {"json lines", TupleFormat::kJsonLines,
     "{\"user\":\"u:1\",\"relation\":\"r\",\"object\":\"d:1\"}\r\n\n"
     "{\"user\":\"u:2\",\"relation\":\"r\",\"object\":\"d:1\"}",
     R"({"user":"u:1","relation":"r","object":"d:1"}
{"user":"u:2","relation":"r","object":"d:1"}
)"},
    {"csv, columns in any order", TupleFormat::kCsv,
     "object_id,object_type,relation,user_id,user_type\n1,doc,viewer,anne,user\n",
     R"({"user":"user:anne","relation":"viewer","object":"doc:1"})"
     "\n"},
    {"csv, all columns", TupleFormat::kCsv,
     "user_type,user_id,user_relation,relation,object_type,object_id,condition_name,condition_"
     "context\n"
     "team,eng,member,viewer,doc,1,cc,\"{\"\"x\"\":1}\"\nuser,*,,viewer,doc,1,,\n"
     "user,b,,viewer,doc,1,cc,\n",
     R"({"user":"team:eng#member","relation":"viewer","object":"doc:1","condition":{"name":"cc","context":{"x":1E0}}}
{"user":"user:*","relation":"viewer","object":"doc:1"}
{"user":"user:b","relation":"viewer","object":"doc:1","condition":{"name":"cc"}}
)"},
    {"csv with expiry", TupleFormat::kCsv,
     "user_type,user_id,relation,object_type,object_id,expires_at\n"
     "user,a,viewer,doc,1,2030-01-01T01:00:00.250+01:00\nuser,b,viewer,doc,1,\n",
     R"({"user":"user:a","relation":"viewer","object":"doc:1","expires_at":"2030-01-01T00:00:00.250Z"}
{"user":"user:b","relation":"viewer","object":"doc:1"}
)"},
    {"yaml with expiry", TupleFormat::kYaml,
     "- {user: 'user:a', relation: viewer, object: 'doc:1', expires_at: 2030-01-01T00:00:00Z}",
     R"({"user":"user:a","relation":"viewer","object":"doc:1","expires_at":"2030-01-01T00:00:00Z"})"
     "\n"},
    {"csv header alone", TupleFormat::kCsv, "user_type,user_id,relation,object_type,object_id\n",
     ""},
};

TEST(ParseTuples, ReadsEveryFormatAndFormatsItBack) {
  for (const auto& c : kTuples) {
    SCOPED_TRACE(c.name);
    const auto tuples = ParseTuples(c.format, c.text);
    ASSERT_TRUE(tuples.ok()) << tuples.error().message;
    EXPECT_EQ(Show(*tuples), c.want);
    if (tuples->empty()) continue;
    for (const auto format :
         {TupleFormat::kYaml, TupleFormat::kJson, TupleFormat::kJsonLines, TupleFormat::kCsv}) {
      const auto text = FormatTuples(format, *tuples);
      const auto again = ParseTuples(format, text);
      ASSERT_TRUE(again.ok()) << again.error().message << "\n" << text;
      EXPECT_EQ(*again, *tuples) << text;
    }
  }
}

struct BadTupleCase {
  const char* name;
  TupleFormat format;
  const char* text;
  const char* message;
};
constexpr BadTupleCase kBadTuples[] = {
    {"empty file", TupleFormat::kCsv, " \n", "the file is empty"},
    {"unknown column", TupleFormat::kCsv,
     "user_type,user_id,relation,object_type,object_id,colour\n",
     "unknown column `colour` in the header"},
    {"missing column", TupleFormat::kCsv, "user_type,user_id,relation,object_type\n",
     "the header lacks the column `object_id`"},
    {"column twice", TupleFormat::kCsv, "user_type,user_type\n",
     "column `user_type` occurs twice in the header"},
    {"empty field", TupleFormat::kCsv,
     "user_type,user_id,relation,object_type,object_id\nuser,,r,d,1\n",
     "line 2: `user_id` is empty"},
    {"separator in a field", TupleFormat::kCsv,
     "user_type,user_id,relation,object_type,object_id\nuser,a:b,r,d,1\n",
     "line 2: `user_id` must not hold `:` or `#`"},
    {"context without condition", TupleFormat::kCsv,
     "user_type,user_id,relation,object_type,object_id,condition_name,condition_context\n"
     "user,a,r,d,1,,{}\n",
     "line 2: `condition_context` needs a `condition_name`"},
    {"context column without condition column", TupleFormat::kCsv,
     "user_type,user_id,relation,object_type,object_id,condition_context\n",
     "the header has `condition_context` without `condition_name`"},
    {"unknown key", TupleFormat::kYaml, "- {user: 'a:1', relation: r, object: 'b:1', colour: red}",
     "line 1, column 3: unknown key `colour` in a tuple"},
    {"missing object", TupleFormat::kJson, R"([{"user":"a:1","relation":"r"}])",
     "tuple 1: `object` is missing"},
    {"no list", TupleFormat::kJson, "{}", "a tuple file must be a list of tuples"},
    {"broken line", TupleFormat::kJsonLines, "\n{]", "line 2: malformed JSON"},
    {"expiry that is no time", TupleFormat::kJson,
     R"([{"user":"a:1","relation":"r","object":"b:1","expires_at":"tomorrow"}])",
     "tuple 1: `expires_at` must be a time like 2030-01-31T12:00:00Z"},
    {"expiry in csv that is no time", TupleFormat::kCsv,
     "user_type,user_id,relation,object_type,object_id,expires_at\nuser,a,r,d,1,soon\n",
     "line 2: `expires_at` must be a time like 2030-01-31T12:00:00Z"},
    {"context of another kind", TupleFormat::kJson,
     R"([{"user":"a:1","relation":"r","object":"b:1","condition":{"name":"cc","context":[]}}])",
     "tuple 1: `context` must be a mapping"},
};

TEST(ParseTuples, SaysWhereAndWhyAFileIsWrong) {
  for (const auto& c : kBadTuples) {
    SCOPED_TRACE(c.name);
    const auto tuples = ParseTuples(c.format, c.text);
    ASSERT_FALSE(tuples.ok());
    EXPECT_EQ(tuples.error().message.substr(0, std::string(c.message).size()), c.message);
  }
}

}  // namespace
}  // namespace pemba::cli
