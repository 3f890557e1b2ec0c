// Shell: runs a command and keeps what it prints.
#pragma once

#include <filesystem>
#include <string>

namespace pemba::e2e {

struct Ran {
  int code;
  std::string out;  // With what went to standard error.
};

// A command in a directory; `pemba` in it is the program, ended after a minute.
Ran Shell(const std::filesystem::path& directory, const std::string& command);

}  // namespace pemba::e2e
