# One target per room, sources listed by hand.
#
#   pemba_library(engine SRCS checker.cc DEPS pemba::model LIBS PkgConfig::RE2)
#   pemba_test(engine NAME checker SRCS checker_test.cc DEPS pemba::engine)  -> test `engine.checker`
#   pemba_bench(engine SRCS checker_bench.cc)
#   pemba_fuzzer(model NAME dsl SRCS dsl_parser_fuzz.cc CORPUS testdata/dsl)

option(PEMBA_FUZZ "Build fuzzers with libFuzzer (clang); otherwise they replay their corpus as tests" OFF)
option(PEMBA_PRECOMPILE "Parse common headers once (cmake/Precompile.cmake)" $ENV{PRECOMPILE_HEADERS})
set(PEMBA_SANITIZE "" CACHE STRING "address,undefined or thread; empty for none")
set(PEMBA_SANITIZE_NOT "" CACHE STRING "Of these, checks to do without")

add_library(pemba_options INTERFACE)
target_include_directories(pemba_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(pemba_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-psabi -Werror)
target_link_libraries(pemba_options INTERFACE Threads::Threads)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false positives of these two in its own headers at -O2.
  target_compile_options(pemba_options INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
  if(PEMBA_PRECOMPILE)  # Headers parsed beforehand count as ours: a third one, in std::string.
    target_compile_options(pemba_options INTERFACE -Wno-array-bounds)
  endif()
endif()
if(PEMBA_PRECOMPILE)
  add_compile_options(-pthread)  # Some libraries ask for it: all of ours have to be alike.
endif()
if(PEMBA_SANITIZE)
  # A -fsanitize flag must reach every object of the program, so it is global.
  add_compile_options(-fsanitize=${PEMBA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PEMBA_SANITIZE})
  if(PEMBA_SANITIZE_NOT)
    add_compile_options(-fno-sanitize=${PEMBA_SANITIZE_NOT})
  endif()
endif()
if(PEMBA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()

# A room's library. Header-only rooms have no SRCS. DEPS are rooms, LIBS third-party targets.
function(pemba_library name)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS;LIBS" ${ARGN})
  if(ARG_SRCS)
    add_library(pemba_${name} STATIC ${ARG_SRCS})
    target_link_libraries(pemba_${name} PUBLIC pemba_options ${ARG_DEPS} ${ARG_LIBS})
  else()
    add_library(pemba_${name} INTERFACE)
    target_link_libraries(pemba_${name} INTERFACE pemba_options ${ARG_DEPS} ${ARG_LIBS})
  endif()
  add_library(pemba::${name} ALIAS pemba_${name})
endfunction()

# What the other builds of .ci/run make: no more than the tests that they run.
add_custom_target(sanitized_tests)         # label `sanitize`: every test but those with NO_SANITIZER
add_custom_target(sanitized_thread_tests)  # label `threads`: tests with THREADS
add_custom_target(release_tests)           # label `release`: the rooms that decide
# ROOM_sanitized_tests, ROOM_sanitized_thread_tests: the same of one room.
set(PEMBA_RELEASE_ROOMS condition graph engine)

function(pemba_group group room target)
  if(NOT TARGET ${room}_${group})
    add_custom_target(${room}_${group})
    add_dependencies(${group} ${room}_${group})
  endif()
  add_dependencies(${room}_${group} ${target})
endfunction()

# A GoogleTest program, one ctest entry `room.NAME`. TIMEOUT is in seconds.
# LABELS: `long` leaves the test to .ci/run. ONCE: only in the ordinary build, since what it shows
# does not depend on how it is compiled; so are long ones.
function(pemba_test room)
  cmake_parse_arguments(ARG "NO_SANITIZER;THREADS;ONCE" "NAME;TIMEOUT" "SRCS;DEPS;LIBS;LABELS;ARGS" ${ARGN})
  set(target ${room}_${ARG_NAME}_test)
  add_executable(${target} ${ARG_SRCS})
  target_link_libraries(${target} PRIVATE pemba_options ${ARG_DEPS} ${ARG_LIBS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${target} PRIVATE PEMBA_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${room}.${ARG_NAME} COMMAND ${target} ${ARG_ARGS} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(PEMBA_SANITIZE)
    # What is watched is the library: the test itself, most of it expansions of EXPECT, compiles half
    # again as fast without the optimiser.
    target_compile_options(${target} PRIVATE -O0)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 6")  # Instrumented code is that much slower at worst.
  endif()
  if("long" IN_LIST ARG_LABELS)
    set(ARG_ONCE TRUE)
  endif()
  if(NOT ARG_NO_SANITIZER AND NOT ARG_ONCE)
    list(APPEND ARG_LABELS sanitize)
    pemba_group(sanitized_tests ${room} ${target})
  endif()
  if(room IN_LIST PEMBA_RELEASE_ROOMS AND NOT ARG_ONCE)
    list(APPEND ARG_LABELS release)
    add_dependencies(release_tests ${target})
  endif()
  if(ARG_THREADS)
    list(APPEND ARG_LABELS threads)
    pemba_group(sanitized_thread_tests ${room} ${target})
  endif()
  set_tests_properties(${room}.${ARG_NAME} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${room};${ARG_LABELS}"
    SKIP_REGULAR_EXPRESSION "^SKIP: ")
endfunction()

function(pemba_bench room)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS;LIBS" ${ARGN})
  add_executable(${room}_${ARG_NAME}_bench ${ARG_SRCS})
  target_link_libraries(${room}_${ARG_NAME}_bench PRIVATE pemba_options ${ARG_DEPS} ${ARG_LIBS}
    benchmark::benchmark benchmark::benchmark_main)
endfunction()

# A fuzz target. With PEMBA_FUZZ it is a libFuzzer program; otherwise a test that replays CORPUS.
function(pemba_fuzzer room)
  cmake_parse_arguments(ARG "" "NAME;CORPUS" "SRCS;DEPS;LIBS" ${ARGN})
  set(target ${room}_${ARG_NAME}_fuzz)
  if(PEMBA_FUZZ)
    add_executable(${target} ${ARG_SRCS})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${target} ${ARG_SRCS} ${CMAKE_SOURCE_DIR}/tests/fuzz_replay.cc)
  endif()
  target_link_libraries(${target} PRIVATE pemba_options ${ARG_DEPS} ${ARG_LIBS})
  add_test(NAME ${room}.fuzz_${ARG_NAME} COMMAND ${target} ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_CORPUS})
  set_tests_properties(${room}.fuzz_${ARG_NAME} PROPERTIES TIMEOUT 120 LABELS "${room};fuzz")
endfunction()
