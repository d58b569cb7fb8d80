# cmake --install: libraries, headers, the CMake package, the pkg-config files and the command.
# Nothing that is installed names the prefix, so an installed tree may be moved.

include(CMakePackageConfigHelpers)
set(ginnel_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/ginnel")
set(ginnel_pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH GINNEL_PC_TO_PREFIX "/prefix/${ginnel_pc_dir}" "/prefix")

# ginnel_pc(<name> <description> <libs> <requires>)
function(ginnel_pc PC_NAME PC_DESCRIPTION PC_LIBS PC_REQUIRES)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/ginnel.pc.in" "${PROJECT_BINARY_DIR}/${PC_NAME}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${PC_NAME}.pc" DESTINATION "${ginnel_pc_dir}")
endfunction()

set(all_pc "")
foreach(floor IN LISTS GINNEL_FLOORS)
  install(TARGETS ginnel_${floor} EXPORT ginnelTargets FILE_SET HEADERS)
  get_target_property(pc_requires ginnel_${floor} GINNEL_PC_REQUIRES)
  list(JOIN pc_requires " " pc_requires)
  ginnel_pc(ginnel-${floor} "ginnel, floor ${floor}" "-L\${libdir} -lginnel_${floor} ${CMAKE_THREAD_LIBS_INIT}"
    "${pc_requires}")
  list(PREPEND all_pc ginnel-${floor})
endforeach()

if(GINNEL_FLOORS)
  list(JOIN all_pc " " all_pc)
  ginnel_pc(ginnel "${PROJECT_DESCRIPTION}" "" "${all_pc}")

  install(EXPORT ginnelTargets NAMESPACE ginnel:: DESTINATION "${ginnel_package_dir}")
  configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/ginnelConfig.cmake.in"
    "${PROJECT_BINARY_DIR}/ginnelConfig.cmake" INSTALL_DESTINATION "${ginnel_package_dir}")
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/ginnelConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
  install(FILES "${PROJECT_BINARY_DIR}/ginnelConfig.cmake" "${PROJECT_BINARY_DIR}/ginnelConfigVersion.cmake"
    DESTINATION "${ginnel_package_dir}")
endif()

if(TARGET ginnel)
  install(TARGETS ginnel)
endif()
