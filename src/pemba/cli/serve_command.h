// `pemba serve`: runs a server until it is told to stop.
#pragma once

#include "pemba/base/result.h"
#include "pemba/server/settings.h"

namespace CLI {
class App;
}

namespace pemba::cli {

// Adds the subcommand (also under the name `run`) with one flag per setting. When it is parsed, the
// server runs until SIGTERM or SIGINT; `exit_code` is then 0, or 1 if it could not start.
//
// Prints one line per listener on standard output once it is bound, for scripts:
//   admin listening on 127.0.0.1:42313   (if it is on)
//   grpc listening on 127.0.0.1:41235
//   http listening on 127.0.0.1:43121
void AddServeCommand(CLI::App& app, int& exit_code);

// Flags, the environment of the process, and the configuration file. Errors: those of the file.
Result<server::SettingSources> SettingSourcesOf(const server::SettingValues& flags);

}  // namespace pemba::cli
