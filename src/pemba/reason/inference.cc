#include "pemba/reason/inference.h"

#include "pemba/reason/internal/resolver.h"

namespace pemba::reason {

Result<ResolvedPattern> Resolve(const syntax::Patterns& patterns, const Schema& schema) {
  return internal::Resolver(schema).Run(patterns);
}

}  // namespace pemba::reason
