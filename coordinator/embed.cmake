# SPDX-License-Identifier: Apache-2.0
# cmake -DOUT=new_files.c -DARRAY=new_files -DFOLDER=... "-DFILES=a|b" -P embed.cmake: the files as C texts, for
# coordinator/embedded.h
string(REPLACE "|" ";" FILES "${FILES}")
set(rows "")
foreach(file ${FILES})
  file(READ "${FOLDER}/${file}" hex HEX)
  string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${hex}")
  string(REGEX REPLACE "((\\\\x..)(\\\\x..)*)" "\"\\1\"" bytes "${bytes}")
  string(APPEND rows "    {\"${file}\", ${bytes}},\n")
endforeach()
file(WRITE "${OUT}" "#include \"coordinator/embedded.h\"\n\nconst embedded_file_t ${ARRAY}[] = {\n${rows}    {0, 0}};\n")
