// `pemba serve`: runs a server until it is told to stop.
#pragma once

namespace CLI {
class App;
}

namespace pemba::cli {

// Adds the subcommand (also under the name `run`) with one flag per setting. When it is parsed, the
// server runs until SIGTERM or SIGINT; `exit_code` is then 0, or 1 if it could not start.
//
// Prints one line per listener on standard output once it is bound, for scripts:
//   grpc listening on 127.0.0.1:41235
//   http listening on 127.0.0.1:43121
void AddServeCommand(CLI::App& app, int& exit_code);

}  // namespace pemba::cli
