#include "pemba/reason/samples.h"

#include <array>

namespace pemba::reason {
namespace {

#include "samples.inc"

constexpr std::array kSamples = {
    Sample{"iam", "who may do what with which files: groups, permissions, segregation of duties",
           kIamSchema, kIamData},
};

}  // namespace

std::span<const Sample> Samples() { return kSamples; }

const Sample* FindSample(std::string_view name) {
  for (const Sample& sample : kSamples) {
    if (sample.name == name) return &sample;
  }
  return nullptr;
}

}  // namespace pemba::reason
