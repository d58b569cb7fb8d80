# One floor of the house: a library, its public headers, and its place in the exports.

# Warnings are PRIVATE: they are ours, not our users'.
function(ginnel_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    # g++ 12 takes the index of a std::variant inside a std::expected for uninitialized when it inlines, a false alarm that g++ 13 does not
    # raise; clang-19 and the sanitizers look for real ones.
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-maybe-uninitialized>
    $<$<BOOL:${GINNEL_WERROR}>:-Werror>)
endfunction()

# What nearly every file reads, read once. The second compiler does without (preset clang): there a file that leaves out an include is found.
set(ginnel_precompiled_std <algorithm> <array> <cerrno> <chrono> <cstdint> <expected> <functional> <map> <memory> <optional> <set> <span>
  <string> <utility> <variant> <vector>)
# Behind a precompiled header g++ 12 no longer holds back its false alarms from inside <string> and <string_view>. These files do without; which
# ones it is, depends on the optimisation, and so only what users get is built with it.
set(ginnel_precompiles OFF)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(ginnel_precompiles ON)
endif()
set(ginnel_not_precompiled src/sys/posix_semaphore.cpp src/sys/posix_shm.cpp)
list(TRANSFORM ginnel_not_precompiled PREPEND "${PROJECT_SOURCE_DIR}/")
set_source_files_properties(${ginnel_not_precompiled} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)

# ginnel_unite(<target>...): with GINNEL_UNITY, eight of its sources to a run of the compiler: what they all read and instantiate (the JSON, the
# formats) is made once for them. Names in unnamed namespaces then meet those of other files. The floors that a program links piece by piece
# keep an object for each source.
function(ginnel_unite)
  if(NOT GINNEL_UNITY)
    return()
  endif()
  set_target_properties(${ARGV} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  # The false alarms of above. The other presets keep this warning.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    foreach(target IN LISTS ARGV)
      target_compile_options(${target} PRIVATE -Wno-stringop-overflow)
    endforeach()
  endif()
endfunction()

# ginnel_sources(<out> <folder>): every *.cpp under the folder but the tests.
function(ginnel_sources out folder)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.cpp")
  list(FILTER found EXCLUDE REGEX "_test\\.cpp$")
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

# ginnel_test_sources(<out> <folder>): every *_test.cpp under the folder.
function(ginnel_test_sources out folder)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*_test.cpp")
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

# ginnel_floor(<name> [DEPENDS <floor>...]): the library ginnel::<name> from src/<name>, with the headers
# include/ginnel/<name>.hpp and include/ginnel/<name>/. GINNEL_FLOORS lists the floors that exist, lowest first.
function(ginnel_floor name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS")
  ginnel_sources(sources src/${name})
  if(NOT sources)
    return()
  endif()

  set(target ginnel_${name})
  add_library(${target} ${sources})
  add_library(ginnel::${name} ALIAS ${target})
  ginnel_warnings(${target})

  file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/ginnel/${name}/*.hpp")
  set(umbrella "${PROJECT_SOURCE_DIR}/include/ginnel/${name}.hpp")
  if(EXISTS "${umbrella}")
    list(APPEND headers "${umbrella}")
  endif()
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES ${headers})

  target_compile_features(${target} PUBLIC cxx_std_23)
  target_link_libraries(${target} PUBLIC Threads::Threads)
  # One RPATH for the build and for what is installed: CMake would fill up one of its own with ":" to the length of the other, and an
  # empty entry is the current folder, where anybody may have put a library.
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${name}
    POSITION_INDEPENDENT_CODE ON
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${CMAKE_INSTALL_LIBDIR}"
    BUILD_WITH_INSTALL_RPATH ON
    INSTALL_RPATH "$ORIGIN"
    VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})

  # One header serves all floors: they are compiled alike.
  if(ginnel_precompiles AND NOT name STREQUAL core)
    target_precompile_headers(${target} REUSE_FROM ginnel_core)
  elseif(ginnel_precompiles)
    target_precompile_headers(${target} PRIVATE ${ginnel_precompiled_std})
  endif()

  set(pc_requires "")
  foreach(below IN LISTS arg_DEPENDS)
    if(NOT TARGET ginnel_${below})
      message(FATAL_ERROR "floor ${name} stands on ${below}, which has no sources in src/${below}")
    endif()
    target_link_libraries(${target} PUBLIC ginnel_${below})
    list(PREPEND pc_requires ginnel-${below})
  endforeach()
  set_target_properties(${target} PROPERTIES GINNEL_PC_REQUIRES "${pc_requires}")

  set(GINNEL_FLOORS ${GINNEL_FLOORS} ${name} PARENT_SCOPE)
endfunction()
