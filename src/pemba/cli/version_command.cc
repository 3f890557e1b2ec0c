// version
#include "pemba/cli/command_line.h"

namespace pemba::cli {

void AddVersionCommand(CommandLine& line) {
  line.Command(line.root(), "version", "Print the version of this program",
               [](Session& session) -> Result<int> {
                 session.out << "pemba " << PEMBA_VERSION << "\n";
                 return 0;
               });
}

}  // namespace pemba::cli
