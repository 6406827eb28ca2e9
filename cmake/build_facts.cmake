# What run.json says of the build: commit, build type and flags, as a C source that is made anew at each build and changes
# only when they do. Without git, or outside of a checkout, the commit is "".
# As a script: cmake -DOUT=... -DSOURCE=... -DTYPE=... -DFLAGS=... -P build_facts.cmake
if(CMAKE_SCRIPT_MODE_FILE)
  set(commit "")
  find_package(Git QUIET)
  if(GIT_FOUND AND EXISTS ${SOURCE}/.git)
    execute_process(COMMAND ${GIT_EXECUTABLE} --no-optional-locks describe --always --dirty --abbrev=12 --exclude=*
                    WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE
                    ERROR_QUIET RESULT_VARIABLE failed)
    if(failed OR NOT commit MATCHES "^[0-9a-f]+(-dirty)?$")
      set(commit "")
    endif()
  endif()
  foreach(text TYPE FLAGS)
    string(REPLACE "\\" "\\\\" ${text} "${${text}}")
    string(REPLACE "\"" "\\\"" ${text} "${${text}}")
  endforeach()
  string(CONCAT code "/* Made by cmake/build_facts.cmake. */\n"
         "extern const char crm_build_commit[], crm_build_type[], crm_build_flags[];\n"
         "const char crm_build_commit[] = \"${commit}\";\n"
         "const char crm_build_type[] = \"${TYPE}\";\n"
         "const char crm_build_flags[] = \"${FLAGS}\";\n")
  set(there "")
  if(EXISTS ${OUT})
    file(READ ${OUT} there)
  endif()
  if(NOT there STREQUAL code)
    file(WRITE ${OUT} "${code}")
  endif()
  return()
endif()

function(crm_add_build_facts)
  set(out ${PROJECT_BINARY_DIR}/generated/build_facts.c)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  set(flags "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${type}}")
  foreach(flag IN LISTS CRM_FLAGS)
    if(NOT flag MATCHES "^-W")
      string(APPEND flags " ${flag}")
    endif()
  endforeach()
  string(STRIP "${flags}" flags)
  add_custom_target(crm_build_facts
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DSOURCE=${PROJECT_SOURCE_DIR} -DTYPE=${CMAKE_BUILD_TYPE} "-DFLAGS=${flags}"
            -P ${PROJECT_SOURCE_DIR}/cmake/build_facts.cmake
    BYPRODUCTS ${out} VERBATIM)
  target_sources(crm_record PRIVATE ${out})
  add_dependencies(crm_record crm_build_facts)
endfunction()
