# Makes one C file of the page: every file of it twice, as it is and packed with gzip, and the table
# that api/assets.h describes. Run by the build:
#   cmake -DWEB=<this folder> -DWORK=<scratch> -DOUT=<file.c> -P embed.cmake
cmake_minimum_required(VERSION 3.25)

set(modules "${WEB}/node_modules")
if(NOT EXISTS "${modules}/htm/preact/standalone.module.js" OR
   NOT EXISTS "${modules}/uplot/dist/uPlot.iife.min.js")
    message(FATAL_ERROR "The page's packages are missing. Run scripts/setup.")
endif()

file(GLOB_RECURSE own LIST_DIRECTORIES false RELATIVE "${WEB}"
     "${WEB}/*.html" "${WEB}/*.css" "${WEB}/*.js" "${WEB}/*.json" "${WEB}/*.svg")
list(FILTER own EXCLUDE REGEX "^(node_modules/|package)")
list(SORT own)

# From others, under the names by which our modules import them.
file(MAKE_DIRECTORY "${WORK}/vendor")
file(COPY_FILE "${modules}/htm/preact/standalone.module.js" "${WORK}/vendor/preact.js")
file(COPY_FILE "${modules}/uplot/dist/uPlot.min.css" "${WORK}/vendor/uplot.css")
# Only its script for pages is minified; one more line makes it a module.
file(READ "${modules}/uplot/dist/uPlot.iife.min.js" script)
file(WRITE "${WORK}/vendor/uplot.js" "${script}\nexport default uPlot;\n")

set(bytes)
set(table)
set(number 0)

function(type_of path out)
    if(path MATCHES "\\.html$")
        set(type "text/html; charset=utf-8")
    elseif(path MATCHES "\\.css$")
        set(type "text/css; charset=utf-8")
    elseif(path MATCHES "\\.js$")
        set(type "text/javascript; charset=utf-8")
    elseif(path MATCHES "\\.json$")
        set(type "application/json; charset=utf-8")
    else()
        set(type "image/svg+xml")
    endif()
    set(${out} "${type}" PARENT_SCOPE)
endfunction()

function(array name file out)
    file(READ "${file}" hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
    set(${out} "static const unsigned char ${name}[] = {${hex}};\n" PARENT_SCOPE)
endfunction()

set(files_${WEB} ${own})
set(files_${WORK} vendor/preact.js vendor/uplot.js vendor/uplot.css)
foreach(root IN ITEMS "${WEB}" "${WORK}")
    foreach(path IN LISTS files_${root})
        execute_process(COMMAND gzip -9 -n -c "${root}/${path}" OUTPUT_FILE "${WORK}/packed.gz"
                        COMMAND_ERROR_IS_FATAL ANY)
        file(SHA256 "${root}/${path}" hash)
        string(SUBSTRING "${hash}" 0 20 hash)
        type_of("${path}" type)
        array(PLAIN_${number} "${root}/${path}" plain)
        array(PACKED_${number} "${WORK}/packed.gz" packed)
        string(APPEND bytes "${plain}${packed}")
        string(APPEND table "    {\"${path}\", \"${type}\", \"${hash}\", PLAIN_${number}, "
               "sizeof PLAIN_${number}, PACKED_${number}, sizeof PACKED_${number}},\n")
        math(EXPR number "${number} + 1")
    endforeach()
endforeach()

file(WRITE "${OUT}" "/* Made by embed.cmake from api/web. */\n#include \"api/assets.h\"\n\n${bytes}\n"
     "const struct asset ASSETS[] = {\n${table}};\n"
     "const size_t ASSET_COUNT = sizeof ASSETS / sizeof ASSETS[0];\n")
