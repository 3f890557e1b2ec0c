// Tuple files: relationship tuples as YAML, JSON, JSON lines or CSV.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/tuple/tuple.h"

namespace pemba::cli {

enum class TupleFormat : std::uint8_t { kYaml, kJson, kJsonLines, kCsv };

// By the name's ending: .yaml .yml .json .jsonl .csv, in any case. Errors: another ending.
Result<TupleFormat> TupleFormatOf(std::string_view file_name);

// YAML and JSON: a list of tuples. JSON lines: a tuple a line. CSV: columns in any order,
//   user_type,user_id,user_relation,relation,object_type,object_id,condition_name,condition_context,
//   expires_at
// of which user_relation and the last three are optional; condition_context is JSON.
// The parts of a tuple are taken as they are; whether they fit a model is for the model to say.
// Errors (kInvalidArgument): where and why, also an empty file.
Result<std::vector<tuple::Tuple>> ParseTuples(TupleFormat format, std::string_view text);

// Text that ParseTuples reads back as the same tuples. Subjects and objects without a colon have
// no CSV form: their type column is empty, and they read back as `:id`.
std::string FormatTuples(TupleFormat format, const std::vector<tuple::Tuple>& tuples);

// {user, relation, object, condition?: {name, context?}}, as the wire has it, and expires_at? as
// RFC 3339 has it. Strict: unknown keys, missing parts and other kinds of values are errors. A
// `condition` or `expires_at` of null is none.
Result<tuple::Tuple> TupleFromJson(const boost::json::value& value);
boost::json::object TupleToJson(const tuple::Tuple& tuple);

// RFC 3339. Errors: not a time, or beyond our clock; `name` says of what.
Result<WallTime> ParseTime(std::string_view name, std::string_view text);
std::string TimeText(WallTime time);

}  // namespace pemba::cli
