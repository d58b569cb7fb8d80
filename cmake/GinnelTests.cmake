# Tests: one GoogleTest program for each floor, one for the conformance suite, one for the command.
# Every test runs in a process of its own under a watchdog. A test with `Threads` in its name has the label `threaded`.

find_package(GTest REQUIRED)
include(GoogleTest)
set(ginnel_test_timeout_s 120)
# Of those that do much work and wait for nobody.
set(ginnel_work_timeout_s 600)
# What a sanitizer looks at takes its time, above all to start.
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  set(ginnel_test_timeout_s 480)
endif()

set(ginnel_precompiled ${ginnel_precompiled_std} <gtest/gtest.h>)

# What the tests share. One precompiled header serves all test programs; for that their code generation must agree.
ginnel_sources(support_sources tests/support)
if(NOT support_sources)
  file(WRITE "${PROJECT_BINARY_DIR}/no_support.cpp" "")
  set(support_sources "${PROJECT_BINARY_DIR}/no_support.cpp")
endif()
add_library(ginnel_test_support STATIC ${support_sources})
ginnel_warnings(ginnel_test_support)
# Tests are compiled more often than run; what they test is compiled as users get it.
target_compile_options(ginnel_test_support PRIVATE -O1)
target_include_directories(ginnel_test_support PUBLIC "${PROJECT_SOURCE_DIR}/tests")
set(support_floors core sys)
foreach(floor IN LISTS support_floors)
  if(TARGET ginnel_${floor})
    target_link_libraries(ginnel_test_support PUBLIC ginnel::${floor})
  endif()
endforeach()
target_link_libraries(ginnel_test_support PUBLIC GTest::gtest)
set_target_properties(ginnel_test_support PROPERTIES POSITION_INDEPENDENT_CODE OFF)
target_precompile_headers(ginnel_test_support PRIVATE ${ginnel_precompiled})

# ginnel_test_program(<name> SOURCES <file>... [LINKS <target>...])
function(ginnel_test_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  if(NOT arg_SOURCES)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  ginnel_warnings(${name})
  target_compile_options(${name} PRIVATE -O1)
  target_link_libraries(${name} PRIVATE ${arg_LINKS} ginnel_test_support GTest::gtest_main)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_precompile_headers(${name} REUSE_FROM ginnel_test_support)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ginnel_test_timeout_s} LABELS ${name})

  # The names are known only when ctest runs, so the label is given by a script that ctest includes after the discovery.
  set(labels "${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake")
  file(CONFIGURE OUTPUT "${labels}" @ONLY CONTENT [=[
set(ginnel_threaded ${@name@_TESTS})
list(FILTER ginnel_threaded INCLUDE REGEX "Threads")
if(ginnel_threaded)
  set_tests_properties(${ginnel_threaded} PROPERTIES LABELS "@name@;threaded")
endif()
]=])
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${labels}")
endfunction()

foreach(floor IN LISTS GINNEL_FLOORS)
  ginnel_test_sources(sources src/${floor})
  ginnel_test_program(ginnel_${floor}_test SOURCES ${sources} LINKS ginnel::${floor})
endforeach()

if(TARGET ginnel_inventory_test)
  ginnel_unite(ginnel_inventory_test)
endif()
if(TARGET ginnel_msg_test)
  target_include_directories(ginnel_msg_test PRIVATE "${PROJECT_SOURCE_DIR}/src/msg")  # for what tests/support makes by hand
endif()

ginnel_test_sources(sources tests/support)
ginnel_test_program(ginnel_support_test SOURCES ${sources})

file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/conformance/*.cpp")
ginnel_test_program(ginnel_conformance_test SOURCES ${sources} LINKS ${ginnel_all_floors})

ginnel_test_sources(sources cli)
if(TARGET ginnel_cli)
  ginnel_test_program(ginnel_cli_test SOURCES ${sources} LINKS ginnel_cli ${cli_links})
  if(TARGET ginnel_cli_test)
    target_include_directories(ginnel_cli_test PRIVATE "${PROJECT_SOURCE_DIR}/cli")
  endif()
endif()

# Every system call of every wrapper made to fail: the driver, and a short slice of the runs. All of them: ./dev check fault
file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/fault/*.cpp")
# AddressSanitizer's leak check and strace exclude each other.
if(sources AND NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  add_executable(ginnel_fault_driver ${sources})
  ginnel_warnings(ginnel_fault_driver)
  target_compile_options(ginnel_fault_driver PRIVATE -O1)
  target_link_libraries(ginnel_fault_driver PRIVATE ginnel_test_support)
  set_target_properties(ginnel_fault_driver PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_precompile_headers(ginnel_fault_driver REUSE_FROM ginnel_test_support)
  # Each makes some hundred processes, which take their time on a busy machine; what hangs is ended by the runner's own watchdog.
  foreach(file IN LISTS sources)
    if(file MATCHES "([a-z]+)_operations\\.cpp$")
      add_test(NAME fault.quick.${CMAKE_MATCH_1}
        COMMAND "${PROJECT_SOURCE_DIR}/tests/fault/run" "$<TARGET_FILE_DIR:ginnel_fault_driver>"
          --quick --jobs 1 --family ${CMAKE_MATCH_1})
      set_tests_properties(fault.quick.${CMAKE_MATCH_1} PROPERTIES TIMEOUT 900)
    endif()
  endforeach()
endif()

# The parsers, with any bytes. Fuzzing: ./dev check fuzz
if(TARGET ginnel_inventory)
  add_subdirectory("${PROJECT_SOURCE_DIR}/tests/fuzz" tests/fuzz)
endif()

# What may not travel between processes does not compile, and the compiler says why; the second one in ./dev check clang.
add_test(NAME compile.refusals COMMAND "${PROJECT_SOURCE_DIR}/tests/compile/run" "${CMAKE_CXX_COMPILER}")
set_tests_properties(compile.refusals PROPERTIES TIMEOUT ${ginnel_test_timeout_s})

# The protocols of messaging, in every way in which their participants can meet; all of it: ./dev check model
if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  add_test(NAME model.quick COMMAND "${PROJECT_SOURCE_DIR}/tests/model/run" --quick)
  set_tests_properties(model.quick PROPERTIES TIMEOUT ${ginnel_work_timeout_s} SKIP_RETURN_CODE 77)
endif()

# Messaging in shared memory among 32 processes that are killed again and again: --seconds N for longer than in the suite.
file(GLOB soak_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/soak/*.cpp")
add_executable(ginnel_soak ${soak_sources})
ginnel_warnings(ginnel_soak)
target_include_directories(ginnel_soak PRIVATE "${PROJECT_SOURCE_DIR}/tests")
target_link_libraries(ginnel_soak PRIVATE ginnel::msg)
add_test(NAME soak COMMAND ginnel_soak --seconds 60)
set_tests_properties(soak PROPERTIES TIMEOUT ${ginnel_work_timeout_s})

# The judge of `ginnel bench`: ./dev check harness
add_executable(ginnel_minimal "${PROJECT_SOURCE_DIR}/tests/harness/minimal.cpp")
ginnel_warnings(ginnel_minimal)

# The command is tested from outside by tests/cli.
if(TARGET ginnel AND EXISTS "${PROJECT_SOURCE_DIR}/tests/cli/CMakeLists.txt")
  add_subdirectory("${PROJECT_SOURCE_DIR}/tests/cli" tests/cli)
endif()

# The rules of the tree, and the tests of the programs that check them.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND AND PROJECT_IS_TOP_LEVEL)
  foreach(checker check_layers check_faults)
    add_test(NAME tools.${checker}
      COMMAND Python3::Interpreter -B "${PROJECT_SOURCE_DIR}/tools/${checker}.py" "${PROJECT_SOURCE_DIR}")
    set_tests_properties(tools.${checker} PROPERTIES TIMEOUT ${ginnel_test_timeout_s} LABELS tools)
  endforeach()
  foreach(test check_layers_test check_faults_test leftovers_test run_tidy_test)
    add_test(NAME tools.${test} COMMAND Python3::Interpreter -B "${PROJECT_SOURCE_DIR}/tools/${test}.py")
    set_tests_properties(tools.${test} PROPERTIES TIMEOUT ${ginnel_test_timeout_s} LABELS tools)
  endforeach()
endif()
