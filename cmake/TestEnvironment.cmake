# Read by ctest before any test of ours: no test sees settings of the developer's own. Servers would take them, or refuse to
# start for one that they do not know. What tests themselves read from outside is called TEST_... for that reason.
execute_process(COMMAND env OUTPUT_VARIABLE variables)
string(REGEX MATCHALL "(^|\n)(PEMBA|OPENFGA|FGA)_[A-Za-z0-9_]*=" names "${variables}")
foreach(name ${names})
  string(REGEX REPLACE "[\n=]" "" name "${name}")
  unset(ENV{${name}})
endforeach()
