# Death at each instruction (tests/crash): `ginnel_crash` with the floors as they are installed, and `ginnel_crash_planted` with a copy of them that
# has faults in it, which it has to find. A sample of both is in the suite; all of it: ./dev check crash --full

# A sanitizer makes ten instructions of one, and proves nothing here.
if(NOT TARGET ginnel_msg OR NOT TARGET ginnel_inventory OR CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  return()
endif()

file(GLOB crash_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/crash/*.cpp")

# ginnel_crash_program(<name>): optimised as users get it, and every function of a library found before main().
function(ginnel_crash_program name)
  add_executable(${name} ${crash_sources})
  ginnel_warnings(${name})
  target_compile_options(${name} PRIVATE -O2)
  target_link_options(${name} PRIVATE LINKER:-z,now)
  target_precompile_headers(${name} PRIVATE <array> <atomic> <chrono> <expected> <filesystem> <functional> <map> <memory> <optional> <span>
    <string> <thread> <variant> <vector>)
endfunction()

ginnel_crash_program(ginnel_crash)
target_link_libraries(ginnel_crash PRIVATE ginnel_test_support ginnel::msg ginnel::inventory)

if(COMMAND ginnel_finds_planted_faults)
  ginnel_crash_program(ginnel_crash_planted)
  ginnel_finds_planted_faults(ginnel_crash_planted)
  target_link_libraries(ginnel_crash_planted PRIVATE ginnel_test_support ginnel::inventory)
endif()

add_test(NAME crash COMMAND ginnel_crash)
set_tests_properties(crash PROPERTIES TIMEOUT ${ginnel_work_timeout_s} SKIP_RETURN_CODE 77 PROCESSORS 2)
if(TARGET ginnel_crash_planted)
  add_test(NAME crash.faults COMMAND ginnel_crash_planted --faults)
  set_tests_properties(crash.faults PROPERTIES TIMEOUT ${ginnel_work_timeout_s} SKIP_RETURN_CODE 77 PROCESSORS 2)
endif()
