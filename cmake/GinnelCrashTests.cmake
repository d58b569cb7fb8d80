# Death at each instruction (tests/crash): `ginnel_crash` with the floors as they are installed, and `ginnel_crash_planted` with a copy of them that
# has faults in it, which it has to find. A sample of both is in the suite; all of it: ./dev check crash --full

if(NOT TARGET ginnel_msg OR NOT TARGET ginnel_inventory)
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

# A copy of the floors with the faults of faults.txt: everything of msg, and of sys what has a fault.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  set(crash_faults "${PROJECT_SOURCE_DIR}/tests/crash/faults.txt")
  set(planter "${PROJECT_SOURCE_DIR}/tests/crash/plant.py")
  set(planted "${CMAKE_CURRENT_BINARY_DIR}/planted")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${crash_faults}")
  ginnel_sources(sound_sources src/msg)
  file(STRINGS "${crash_faults}" places REGEX "^(statement|expression) src/sys/")
  foreach(place IN LISTS places)
    string(REGEX REPLACE "^[a-z]+ " "${PROJECT_SOURCE_DIR}/" source "${place}")
    list(APPEND sound_sources "${source}")
  endforeach()
  list(REMOVE_DUPLICATES sound_sources)
  set(planted_sources "${sound_sources}")
  list(TRANSFORM planted_sources REPLACE "^${PROJECT_SOURCE_DIR}/" "${planted}/")
  file(GLOB_RECURSE sound_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/*.hpp" "${PROJECT_SOURCE_DIR}/src/msg/*.hpp"
    "${PROJECT_SOURCE_DIR}/src/sys/*.hpp")
  add_custom_command(OUTPUT "${planted}/planted_faults.inc" ${planted_sources}
    COMMAND Python3::Interpreter -B "${planter}" "${PROJECT_SOURCE_DIR}" "${crash_faults}" "${planted}"
    DEPENDS "${planter}" "${crash_faults}" ${sound_sources} ${sound_headers})
  add_custom_target(ginnel_plant_faults DEPENDS "${planted}/planted_faults.inc")

  ginnel_crash_program(ginnel_crash_planted)
  target_sources(ginnel_crash_planted PRIVATE ${planted_sources})
  add_dependencies(ginnel_crash_planted ginnel_plant_faults)
  target_compile_options(ginnel_crash_planted PRIVATE -w)  # what is broken on purpose looks so
  target_compile_definitions(ginnel_crash_planted PRIVATE GINNEL_PLANTED_FAULTS)
  target_include_directories(ginnel_crash_planted BEFORE PRIVATE "${planted}" "${planted}/include")
  target_link_libraries(ginnel_crash_planted PRIVATE ginnel_test_support ginnel::inventory)
endif()

# A sanitizer makes ten instructions of one, and proves nothing here.
if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  add_test(NAME crash COMMAND ginnel_crash)
  set_tests_properties(crash PROPERTIES TIMEOUT ${ginnel_work_timeout_s} SKIP_RETURN_CODE 77 PROCESSORS 2)
  if(TARGET ginnel_crash_planted)
    add_test(NAME crash.faults COMMAND ginnel_crash_planted --faults)
    set_tests_properties(crash.faults PROPERTIES TIMEOUT ${ginnel_work_timeout_s} SKIP_RETURN_CODE 77 PROCESSORS 2)
  endif()
endif()
