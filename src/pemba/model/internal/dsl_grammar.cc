#include "pemba/model/internal/dsl_grammar.h"

#include <utility>

namespace pemba::model::internal {
namespace {

using T = TokenType;

// Where any number of spaces is fine, the grammar says so: white space is a token.
Element Space() { return Tok(T::kWhitespace); }
Element MaybeSpace() { return Opt(Tok(T::kWhitespace)); }
Element Break() { return Tok(T::kNewline); }
Element MaybeBreak() { return Opt(Tok(T::kNewline)); }
// Comments are blanked before the text is split, so none is left to be matched here. They are part
// of the grammar because error texts name what could have stood at a place.
Element MaybeCommentsAbove() { return Opt(Seq({Break(), Ref(kComments)})); }

constexpr TokenSet kNameTokens =
    Of(T::kIdentifier, T::kModel, T::kSchema, T::kType, T::kRelation, T::kModule, T::kExtend);
constexpr TokenSet kEverything = ((TokenSet{1} << kTokenTypes) - 1) & ~Of(T::kEnd);
constexpr TokenSet kExpressionTokens =
    Of(T::kIdentifier, T::kEquals, T::kNotEquals, T::kIn, T::kLess, T::kLessEquals,
       T::kGreaterEquals, T::kGreater, T::kLogicalAnd, T::kLogicalOr, T::kLeftBracket,
       T::kRightBracket, T::kLeftBrace, T::kLeftParen, T::kRightParen, T::kDot, T::kMinus,
       T::kExclamation, T::kQuestion, T::kPlus, T::kStar, T::kSlash, T::kPercent, T::kTrue,
       T::kFalse, T::kNull, T::kWhitespace, T::kComment, T::kFloat, T::kInt, T::kUint, T::kString,
       T::kBytes, T::kNewline, T::kColon, T::kComma, T::kHash, T::kSchemaVersion, T::kAnd, T::kOr,
       T::kButNot, T::kFrom, T::kModule, T::kModel, T::kSchema, T::kExtend, T::kType, T::kCondition,
       T::kRelations, T::kRelation, T::kDefine, T::kWith, T::kExtendedIdentifier);

Element Comment() { return Seq({Tok(T::kHash), Star(AnyOf(kEverything & ~Of(T::kNewline)))}); }

// `or a or b`, `and a and b`, `but not a`.
Element Tail() {
  const auto operand = [](T op) {
    return Seq({Space(), Tok(op), Space(), OneOf({Ref(kGrouping), Ref(kUndirectGroup)})});
  };
  return OneOf({Plus(operand(T::kOr)), Plus(operand(T::kAnd)), operand(T::kButNot)});
}

Element Group(DslRule content) {
  return Seq({Tok(T::kLeftParen), Star(Space()), Ref(content), Star(Space()), Tok(T::kRightParen)});
}

std::vector<Element> Rules() {
  std::vector<std::pair<DslRule, Element>> rules = {
      {kFile,
       Seq({MaybeSpace(), MaybeBreak(), OneOf({Ref(kModelHead), Ref(kModuleHead)}), MaybeBreak(),
            Ref(kTypes), MaybeBreak(), Ref(kConditions), MaybeBreak(), Tok(T::kEnd)})},
      {kModelHead, Seq({Opt(Seq({Ref(kComments), Break()})), Tok(T::kModel), Break(),
                        Tok(T::kSchema), Space(), Tok(T::kSchemaVersion), MaybeSpace()})},
      {kModuleHead, Seq({Opt(Seq({Ref(kComments), Break()})), Tok(T::kModule), Space(), Ref(kIdent),
                         MaybeSpace()})},
      {kTypes, Star(Ref(kTypeDefinition))},
      {kTypeDefinition,
       Seq({MaybeCommentsAbove(), Break(), Opt(Seq({Tok(T::kExtend), Space()})), Tok(T::kType),
            Space(), Ref(kName),
            Opt(Seq({Break(), Tok(T::kRelations), Plus(Ref(kRelationDeclaration))}))})},
      {kRelationDeclaration,
       Seq({MaybeCommentsAbove(), Break(), Tok(T::kDefine), Space(), Ref(kRelationName),
            MaybeSpace(), Tok(T::kColon), MaybeSpace(), Ref(kRelationDefinition)})},
      {kRelationName, Ref(kName)},
      {kRelationDefinition,
       Seq({OneOf({Ref(kDirect), Ref(kGrouping), Ref(kGroup)}), Opt(Ref(kTail))})},
      {kUndirectDefinition, Seq({OneOf({Ref(kGrouping), Ref(kUndirectGroup)}), Opt(Ref(kTail))})},
      {kTail, Tail()},
      {kGrouping, Ref(kRewrite)},
      {kGroup, Group(kRelationDefinition)},
      {kUndirectGroup, Group(kUndirectDefinition)},
      {kDirect, Seq({Tok(T::kLeftBracket), MaybeSpace(), Ref(kRestriction), MaybeSpace(),
                     Star(Seq({Tok(T::kComma), MaybeSpace(), Ref(kRestriction), MaybeSpace()})),
                     Tok(T::kRightBracket)})},
      {kRewrite, Seq({Ref(kName), Opt(Seq({Space(), Tok(T::kFrom), Space(), Ref(kName)}))})},
      {kRestriction,
       Seq({MaybeBreak(),
            OneOf({Ref(kRestrictionBase), Seq({Ref(kRestrictionBase), Space(), Tok(T::kWith),
                                               Space(), Ref(kConditionName)})}),
            MaybeBreak()})},
      {kRestrictionBase, Seq({Ref(kName), Opt(OneOf({Seq({Tok(T::kColon), Tok(T::kStar)}),
                                                     Seq({Tok(T::kHash), Ref(kName)})}))})},
      {kConditions, Star(Ref(kConditionDefinition))},
      {kConditionDefinition,
       Seq({MaybeCommentsAbove(),
            Break(),
            Tok(T::kCondition),
            Space(),
            Ref(kConditionName),
            MaybeSpace(),
            Tok(T::kLeftParen),
            MaybeSpace(),
            Ref(kParameter),
            MaybeSpace(),
            Star(Seq({Tok(T::kComma), MaybeSpace(), Ref(kParameter), MaybeSpace()})),
            MaybeBreak(),
            Tok(T::kRightParen),
            MaybeSpace(),
            Tok(T::kLeftBrace),
            MaybeBreak(),
            MaybeSpace(),
            Ref(kExpression),
            MaybeBreak(),
            Tok(T::kRightBrace)})},
      {kConditionName, Tok(T::kIdentifier)},
      {kParameter, Seq({MaybeBreak(), Ref(kParameterName), MaybeSpace(), Tok(T::kColon),
                        MaybeSpace(), Ref(kParameterType)})},
      {kParameterName, Tok(T::kIdentifier)},
      {kParameterType, OneOf({Tok(T::kScalarType), Seq({Tok(T::kContainer), Tok(T::kLess),
                                                        Tok(T::kScalarType), Tok(T::kGreater)})})},
      {kExpression, Star(AnyOf(kExpressionTokens))},
      {kComments, Seq({Comment(), Star(Seq({Break(), Comment()}))})},
      {kIdent, AnyOf(kNameTokens)},
      {kName, OneOf({Ref(kIdent), Tok(T::kExtendedIdentifier)})},
  };
  std::vector<Element> out(rules.size());
  for (auto& [rule, element] : rules) out[static_cast<std::size_t>(rule)] = std::move(element);
  return out;
}

}  // namespace

const Grammar& DslGrammar() {
  static const Grammar grammar(Rules());
  return grammar;
}

}  // namespace pemba::model::internal
