# The command and the examples. Everything of the command but main.cpp is an object library, so that its tests can link it.

set(ginnel_all_floors ${GINNEL_FLOORS})
list(TRANSFORM ginnel_all_floors PREPEND ginnel::)

ginnel_sources(cli_sources cli)
if(GINNEL_CLI AND cli_sources)
  find_package(fmt REQUIRED)
  find_package(nlohmann_json REQUIRED)
  find_package(CLI11 REQUIRED)

  set(cli_main "${PROJECT_SOURCE_DIR}/cli/main.cpp")
  list(REMOVE_ITEM cli_sources "${cli_main}")
  set(cli_links ${ginnel_all_floors} fmt::fmt nlohmann_json::nlohmann_json CLI11::CLI11)

  add_executable(ginnel "${cli_main}")
  set(cli_targets ginnel)
  if(cli_sources)
    add_library(ginnel_cli OBJECT ${cli_sources})
    target_link_libraries(ginnel PRIVATE ginnel_cli)
    list(APPEND cli_targets ginnel_cli)
  endif()
  foreach(target IN LISTS cli_targets)
    ginnel_warnings(${target})
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/cli")
    target_compile_definitions(${target} PRIVATE GINNEL_VERSION="${PROJECT_VERSION}")
    target_link_libraries(${target} PRIVATE ${cli_links})
  endforeach()
  set_target_properties(ginnel PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin"
    INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
endif()

if(PROJECT_IS_TOP_LEVEL)
  foreach(kind IN ITEMS examples bench)
    file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${kind}/*.cpp")
    foreach(source IN LISTS sources)
      get_filename_component(name "${source}" NAME_WE)
      set(target ginnel_${kind}_${name})
      add_executable(${target} "${source}")
      ginnel_warnings(${target})
      target_link_libraries(${target} PRIVATE ${ginnel_all_floors})
      set_target_properties(${target} PROPERTIES
        OUTPUT_NAME ${name}
        RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${kind}")
    endforeach()
  endforeach()
endif()
