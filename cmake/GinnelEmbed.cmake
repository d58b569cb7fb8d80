# Text files that become part of a program.

# ginnel_embed(<out variable> <name> <namespace> <KEY=file>...): a source <name>.cpp that defines, for each pair, a `const std::string_view KEY` in
# the namespace. A file has at most 65,536 bytes and does not contain the end mark.
function(ginnel_embed out name namespace)
  set(embedded_text "")
  foreach(pair IN LISTS ARGN)
    string(REGEX MATCH "^([A-Za-z_]+)=(.+)$" matched "${pair}")
    set(key "${CMAKE_MATCH_1}")
    set(file "${CMAKE_MATCH_2}")
    file(READ "${file}" content)
    string(APPEND embedded_text "extern const std::string_view ${key};\nconst std::string_view ${key} = R\"_embedded_(${content})_embedded_\";\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  endforeach()
  set(source "${PROJECT_BINARY_DIR}/embedded/${name}.cpp")
  file(CONFIGURE OUTPUT "${source}" @ONLY CONTENT
    "#include <string_view>\n\nnamespace ${namespace} {\n\n@embedded_text@\n}  // namespace ${namespace}\n")
  set(${out} "${source}" PARENT_SCOPE)
endfunction()
