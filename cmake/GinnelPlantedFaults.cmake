# The floors with faults in them, of tests/crash/faults.txt and tests/hostile/faults.txt, for the programs that have to find them: a copy of everything of
# msg, and of sys what has a fault. Which fault is active, says the program that links it.

find_package(Python3 COMPONENTS Interpreter)
if(NOT Python3_FOUND OR NOT TARGET ginnel_msg)
  return()
endif()

set(fault_lists "${PROJECT_SOURCE_DIR}/tests/crash/faults.txt" "${PROJECT_SOURCE_DIR}/tests/hostile/faults.txt")
set(planter "${PROJECT_SOURCE_DIR}/tests/crash/plant.py")
set(planted "${CMAKE_CURRENT_BINARY_DIR}/planted")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${fault_lists})
ginnel_sources(sound_sources src/msg)
foreach(list IN LISTS fault_lists)
  file(STRINGS "${list}" places REGEX "^(statement|expression) src/sys/")
  foreach(place IN LISTS places)
    string(REGEX REPLACE "^[a-z]+ " "${PROJECT_SOURCE_DIR}/" source "${place}")
    list(APPEND sound_sources "${source}")
  endforeach()
endforeach()
list(REMOVE_DUPLICATES sound_sources)
set(planted_sources "${sound_sources}")
list(TRANSFORM planted_sources REPLACE "^${PROJECT_SOURCE_DIR}/" "${planted}/")
file(GLOB_RECURSE sound_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/*.hpp" "${PROJECT_SOURCE_DIR}/src/msg/*.hpp"
  "${PROJECT_SOURCE_DIR}/src/sys/*.hpp")
set(fault_tables "${planted}/crash_faults.inc" "${planted}/hostile_faults.inc")
add_custom_command(OUTPUT ${fault_tables} ${planted_sources}
  COMMAND Python3::Interpreter -B "${planter}" "${PROJECT_SOURCE_DIR}" "${planted}" ${fault_lists}
  DEPENDS "${planter}" ${fault_lists} ${sound_sources} ${sound_headers})
add_custom_target(ginnel_plant_faults DEPENDS ${fault_tables})

add_library(ginnel_planted OBJECT ${planted_sources})
add_dependencies(ginnel_planted ginnel_plant_faults)
target_compile_options(ginnel_planted PRIVATE -O2 -w)  # what is broken on purpose looks so
target_include_directories(ginnel_planted BEFORE PUBLIC "${planted}" "${planted}/include" "${planted}/src/msg")
target_link_libraries(ginnel_planted PUBLIC ginnel::sys ginnel::core)
target_precompile_headers(ginnel_planted PRIVATE <array> <atomic> <chrono> <expected> <filesystem> <functional> <map> <memory> <optional> <span>
  <string> <thread> <variant> <vector>)

# ginnel_finds_planted_faults(<program>)
function(ginnel_finds_planted_faults program)
  add_dependencies(${program} ginnel_plant_faults)
  target_compile_options(${program} PRIVATE -w)
  target_compile_definitions(${program} PRIVATE GINNEL_PLANTED_FAULTS)
  target_include_directories(${program} BEFORE PRIVATE "${planted}" "${planted}/include" "${planted}/src/msg")
  target_link_libraries(${program} PRIVATE ginnel_planted)
endfunction()
