# Everything here is packaged in Debian 12; scripts/install_packages names the packages.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# What ships carries its large libraries within itself: half of an empty server's start would be the
# dynamic linker, and a quarter of its memory tables and pages of shared objects that it hardly
# touches. What libcurl and libpq need as well (OpenSSL, nghttp2, zlib) stays shared: a process must
# not have two of it.
string(COMPARE EQUAL "${CMAKE_BUILD_TYPE}" "Release" pemba_release)
option(PEMBA_STATIC_LIBRARIES "Link RocksDB, gRPC, protobuf and other libraries statically" ${pemba_release})

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(fmt REQUIRED)
find_package(simdjson REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(LIBEDIT REQUIRED IMPORTED_TARGET libedit)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)

if(PEMBA_STATIC_LIBRARIES)
  foreach(library ssl crypto z)  # Under the names by which pkg_check_modules looks for them.
    find_library(pkgcfg_lib_GRPCXX_${library} ${library})
  endforeach()
  set(pemba_suffixes ${CMAKE_FIND_LIBRARY_SUFFIXES})
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a .so)
  set(Boost_USE_STATIC_LIBS ON)
  set(Protobuf_USE_STATIC_LIBS ON)
endif()
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(Protobuf REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(ABSL_TIME REQUIRED IMPORTED_TARGET absl_time)
pkg_check_modules(ROCKSDB REQUIRED IMPORTED_TARGET rocksdb)
pkg_check_modules(GRPCXX REQUIRED IMPORTED_TARGET grpc++)
if(PEMBA_STATIC_LIBRARIES)
  set(CMAKE_FIND_LIBRARY_SUFFIXES ${pemba_suffixes})
  # pkg-config names no private needs of RocksDB; they are what its package depends on.
  target_link_libraries(PkgConfig::ROCKSDB INTERFACE snappy lz4 zstd bz2 z gflags)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
