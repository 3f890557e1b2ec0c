// Commands about a server's data that ask no server: migrate, trim, validate-models, backup.
#pragma once

#include "pemba/cli/command_line.h"

namespace pemba::cli {

void AddDataCommands(CommandLine& line);
void AddBackupCommands(CommandLine& line);
void AddDoctor(CommandLine& line);      // Part of AddDataCommands.
void AddTrim(CommandLine& line);        // Part of AddDataCommands.
void AddNodesBench(CommandLine& line);  // `bench nodes`; after AddBenchCommands.

}  // namespace pemba::cli
