# Writes a C file that holds a file's bytes as `const unsigned char NAME[]` and `NAME_LEN`.
# usage: cmake -D IN=file -D OUT=file.c -D NAME=NAME -D HEADER=header-that-declares-them -P embed.cmake
file(READ "${IN}" bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR length "${digits} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${OUT}" "#include \"${HEADER}\"\n\nconst unsigned char ${NAME}[] = {\n${bytes}\n};\n\
const size_t ${NAME}_LEN = ${length};\n")
