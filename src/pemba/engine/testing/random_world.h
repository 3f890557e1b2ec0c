// Random small worlds: a model, its tuples, questions about them.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "pemba/engine/testing/oracle.h"
#include "pemba/model/model.h"
#include "pemba/tuple/tuple.h"

namespace pemba::engine::testing {

struct World {
  model::Model model;  // Passes server-side validation.
  // As stored: one per object, relation and subject. Some fit former models only.
  std::vector<tuple::Tuple> tuples;
  std::vector<Oracle::Question> questions;
};

// What the worlds are like: with small numbers everything meets everything.
struct WorldShape {
  int ids_per_type = 3;  // At most.
  int tuples_max = 40;
  int questions = 40;
  int rewrite_depth_max = 3;
};

// The same seed gives the same world, on every machine.
World RandomWorld(std::uint64_t seed, const WorldShape& shape = {});

// A world whose questions are of one subject, context and limit of hops (0 or a few): a batch.
World OneSubjectWorld(std::uint64_t seed);

// For people: the model, the tuples and one question.
std::string Describe(const World& world, const Oracle::Question& question);

}  // namespace pemba::engine::testing
