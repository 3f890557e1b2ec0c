// The kinds of identities and access, as they ship: CustomResourceDefinitions of kinds/*.yaml,
// compiled into the program. Their schemas are the reference of every field (`kubectl explain`).
//
//   iam.miloapis.com              who there is, what there is to do, who may do it
//   resourcemanager.miloapis.com  what belongs to whom
//   identity.miloapis.com         what identities are proven with
//   iam.pemba.dev                 what is ours: Service, Folder
#pragma once

#include <span>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/resource/kind.h"

namespace pemba::iam {

struct KindText {
  std::string_view file;  // "policybinding.yaml"
  std::string_view yaml;
};
// In order of file.
std::span<const KindText> KindTexts();

// All of them, and the core group's Namespace if it is not there yet.
// Errors (kInvalidArgument): the registry has a kind of the same name and group.
Status AddKinds(resource::Registry& registry);
// The last alone.
Status AddNamespaces(resource::Registry& registry);

}  // namespace pemba::iam
