# Hostile peers (tests/hostile): `ginnel_hostile` with the floors as they are installed, and `ginnel_hostile_planted` with faults in them, which it has
# to find. A short slice of the first is in the suite; longer, under the sanitizers, and the faults, which take luck and minutes: ./dev check hostile

if(NOT TARGET ginnel_msg)
  return()
endif()

file(GLOB hostile_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/hostile/*.cpp")

function(ginnel_hostile_program name)
  add_executable(${name} ${hostile_sources})
  ginnel_warnings(${name})
  target_compile_options(${name} PRIVATE -O1)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
endfunction()

ginnel_hostile_program(ginnel_hostile)
target_include_directories(ginnel_hostile PRIVATE "${PROJECT_SOURCE_DIR}/src/msg")
target_link_libraries(ginnel_hostile PRIVATE ginnel_test_support ginnel::msg)
target_precompile_headers(ginnel_hostile REUSE_FROM ginnel_test_support)
add_test(NAME hostile COMMAND ginnel_hostile --seconds 12)
set_tests_properties(hostile PROPERTIES TIMEOUT ${ginnel_work_timeout_s} PROCESSORS 2)

if(COMMAND ginnel_finds_planted_faults)
  ginnel_hostile_program(ginnel_hostile_planted)
  ginnel_finds_planted_faults(ginnel_hostile_planted)
  target_link_libraries(ginnel_hostile_planted PRIVATE ginnel_test_support)
endif()
