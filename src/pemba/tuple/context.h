// Condition contexts: free-form objects as the wire carries them (google.protobuf.Struct).
//
// Inside Pemba a context is a boost::json::object whose numbers are all doubles, because a Struct
// knows no other. Its canonical text (keys sorted) is what is stored and compared.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "pemba/base/result.h"

namespace pemba::tuple {

inline constexpr std::size_t kContextDepthMax = 100;  // Of nested lists and objects.

// Turns every integer in `value` into a double. O(size).
void NumbersToDoubles(boost::json::value& value);

// Keys sorted by bytes at every level, no white space. Injective: two contexts have the same text
// if and only if they are equal. Recursion is bounded by kContextDepthMax.
std::string CanonicalText(const boost::json::object& context);

// Reads a JSON object. Errors: kValidation for malformed text, another kind of value, duplicate
// keys or nesting beyond kContextDepthMax. The empty text is the empty context.
Result<boost::json::object> ParseContext(std::string_view text);

// The bytes that the context takes as a serialized google.protobuf.Struct: limits of the wire
// contract are counted in these.
std::size_t StructWireBytes(const boost::json::object& context);

// The first key or string value in the context, at any depth, that holds a control character.
struct ForbiddenText {
  enum class Where { kNone, kKey, kValue } where = Where::kNone;
  std::string_view text;  // Points into the context.
};
ForbiddenText FindControlCharacter(const boost::json::object& context);

}  // namespace pemba::tuple
