// The text patterns of the wire's field rules, matched by hand.
//
// Lengths count code points. `\s` is ASCII only: tab, LF, FF, CR and space.
#pragma once

#include <string_view>

namespace pemba::api {

struct Pattern {
  std::string_view text;  // The regular expression, as error texts print it.
  bool (*matches)(std::string_view text);
};

extern const Pattern kUlidPattern;           // A store or model id.
extern const Pattern kTypePattern;           // A type name.
extern const Pattern kRelationPattern;       // A relation, condition, module or parameter name.
extern const Pattern kObjectPattern;         // An object, and the name of a tuple's condition.
extern const Pattern kUserPattern;           // A user to ask about.
extern const Pattern kReadUserPattern;       // A user to read tuples of: has a colon.
extern const Pattern kObjectIdPattern;       // Not anchored at its start: looks at the end only.
extern const Pattern kStoreNamePattern;      //
extern const Pattern kTokenPattern;          // A continuation token, or nothing.
extern const Pattern kChangesTypePattern;    // A type to read changes of: may hold '@'.
extern const Pattern kSourceFilePattern;     // A module's file.
extern const Pattern kCorrelationIdPattern;  // Of a batch item.
extern const Pattern kSubjectIdPattern;      // AuthZEN: the id of a subject.
extern const Pattern kResourceIdPattern;     // AuthZEN: the id of a resource.

}  // namespace pemba::api
