// Declared objects as people read them: tables, YAML, what differs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

namespace pemba::cli {

enum class Colours : std::uint8_t { kNo, kYes };
enum class Width : std::uint8_t { kNarrow, kWide };
enum class Namespaces : std::uint8_t { kHidden, kShown };

// A meta.k8s.io/v1 Table, in columns; conditions in colour. Empty without rows.
std::string TableText(const boost::json::object& table, Width width, Namespaces namespaces,
                      Colours colours);

// In columns that are as wide as their widest cell.
std::string ColumnsText(const std::vector<std::vector<std::string>>& rows, Colours colours);

std::string YamlText(const boost::json::object& document);

// Name, labels, conditions as a table, spec and the rest of the status.
std::string DescriptionText(const boost::json::object& object, Colours colours);

// What an object says, without what the server keeps for itself (version, uid, owners of fields).
boost::json::object Plain(const boost::json::object& object);

// Lines that go (`-`) and come (`+`) with three lines around them; empty if nothing differs.
// O(n * m) of the lines that differ.
std::string DifferenceText(const std::string& before, const std::string& after, Colours colours);

}  // namespace pemba::cli
