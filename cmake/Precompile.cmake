# For a build from nothing, as CI makes: what nearly every file includes is parsed once, a quarter of
# the compiler's time. Not for every day: it hides a missing #include, and ccache cannot see through it.
#
#   cmake --preset dev -D PEMBA_PRECOMPILE=ON, or PRECOMPILE_HEADERS=ON in the environment
file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cc "")

# A target whose headers others of the same kind use.
function(pemba_precompiled_headers name)
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_precompile_headers(${name} PRIVATE
    <algorithm> <array> <atomic> <chrono> <cstdint> <functional> <map> <memory> <mutex> <optional> <span>
    <string> <string_view> <unordered_map> <utility> <variant> <vector>)
  target_link_libraries(${name} PRIVATE pemba_options)
endfunction()

pemba_precompiled_headers(pemba_precompiled)
pemba_precompiled_headers(pemba_precompiled_tests)
target_precompile_headers(pemba_precompiled_tests PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
target_link_libraries(pemba_precompiled_tests PRIVATE GTest::gmock)
if(PEMBA_SANITIZE)
  target_compile_options(pemba_precompiled_tests PRIVATE -O0)  # As pemba_test does.
endif()

# Every target of the directory and those below it that is ours.
function(pemba_precompile directory)
  get_property(targets DIRECTORY ${directory} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target ${targets})
    get_target_property(type ${target} TYPE)
    if(type MATCHES "STATIC_LIBRARY|OBJECT_LIBRARY|EXECUTABLE")
      if(target MATCHES "_test$")
        target_precompile_headers(${target} REUSE_FROM pemba_precompiled_tests)
      else()
        target_precompile_headers(${target} REUSE_FROM pemba_precompiled)
      endif()
    endif()
  endforeach()
  get_property(below DIRECTORY ${directory} PROPERTY SUBDIRECTORIES)
  foreach(one ${below})
    pemba_precompile(${one})
  endforeach()
endfunction()

get_property(below DIRECTORY ${CMAKE_SOURCE_DIR} PROPERTY SUBDIRECTORIES)
list(FILTER below EXCLUDE REGEX "/proto$")
foreach(directory ${below})
  pemba_precompile(${directory})
endforeach()
