// Scenario: declared objects, what they come to, and what changes do to that, as data
// (testdata/*.yaml), to be played against anything that keeps such objects.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/model/model.h"

namespace pemba::iam::testing {

// Where a scenario is played. Places are "Kind name" or "Kind namespace/name".
class Stage {
 public:
  virtual ~Stage() = default;
  // "ok", or why not, in one word: "Conflict".
  virtual std::string Create(std::string_view place, const boost::json::object& document) = 0;
  virtual std::string Patch(std::string_view place, const boost::json::object& patch) = 0;
  virtual std::string Delete(std::string_view place) = 0;
  // Null: there is none.
  virtual boost::json::value Find(std::string_view place) = 0;

  // What the provider has, when it has caught up.
  virtual std::set<std::string> Tuples() = 0;  // `object#relation@subject`
  virtual std::size_t ModelCount() = 0;
  virtual model::Model Model() = 0;
  // "allowed" or "denied".
  virtual std::string Ask(std::string_view user, std::string_view permission,
                          std::string_view object) = 0;

  virtual void Reconcile() = 0;
  virtual void DeleteBehind(std::string_view tuple) = 0;
  // Finds what differs and puts it right; answers how much it was.
  virtual std::size_t Repair() = 0;
};

// Plays a file of testdata/. What goes wrong is a failure of the test.
void Play(std::string_view file, Stage& stage);

}  // namespace pemba::iam::testing
