# Death at each instruction (tests/crash): `ginnel_crash` with the floors as they are installed, and `ginnel_crash_planted` with a copy of them that
# has faults in it, which it has to find. Built when they are named.

if(NOT TARGET ginnel_msg OR NOT TARGET ginnel_inventory)
  return()
endif()

file(GLOB crash_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/crash/*.cpp")
list(FILTER crash_sources EXCLUDE REGEX "/(queue_[a-z]+|single_step)\\.cpp$")  # of ginnel_crash_queue

# ginnel_crash_program(<name>): optimised as users get it, and every function of a library found before main().
function(ginnel_crash_program name)
  add_executable(${name} EXCLUDE_FROM_ALL ${crash_sources})
  ginnel_warnings(${name})
  target_compile_options(${name} PRIVATE -O2)
  target_link_options(${name} PRIVATE LINKER:-z,now)
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
