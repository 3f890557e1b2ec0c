# Text files as string constants of the program.
#
#   pemba_embed_text(samples.inc kIamSchema=samples/iam/schema.tql kIamData=samples/iam/data.tql)
#
# makes `samples.inc` in the binary directory of the caller, with one
# `constexpr std::string_view NAME = ...` for each pair; paths are relative to the source tree.
# Changing a text makes the file anew.
function(pemba_embed_text output)
  set(content "// Made of text files by cmake/EmbedText.cmake.\n")
  foreach(pair ${ARGN})
    string(REGEX MATCH "^([A-Za-z_]+)=(.+)$" _ ${pair})
    set(name ${CMAKE_MATCH_1})
    set(file ${CMAKE_SOURCE_DIR}/${CMAKE_MATCH_2})
    file(READ ${file} text)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    string(APPEND content "constexpr std::string_view ${name} = R\"pemba_text(${text})pemba_text\";\n")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${output} CONTENT "@content@" @ONLY)
endfunction()
