# Turns text files into a C++ source that defines a function which answers all of them.
#
#   cmake -D OUTPUT=x.cc -D HEADER=pemba/iam/kinds.h -D NAMESPACE=pemba::iam -D TYPE=KindText
#         -D FUNCTION=KindTexts -D "FILES=a.yaml;b.yaml" -P EmbedTexts.cmake
#
# A struct TYPE{name, text} for each, in the order of FILES.
set(source "// Made of text files; see cmake/EmbedTexts.cmake.\n#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n\n")
string(APPEND source "std::span<const ${TYPE}> ${FUNCTION}() {\n  static constexpr ${TYPE} texts[] = {\n")
foreach(file ${FILES})
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" text)
  string(APPEND source "      {\"${name}\", R\"PEMBA(${text})PEMBA\"},\n")
endforeach()
string(APPEND source "  };\n  return texts;\n}\n\n}  // namespace ${NAMESPACE}\n")
file(WRITE "${OUTPUT}" "${source}")
