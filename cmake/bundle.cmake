# Target bundle: crmpi-bundle and crmpi-bundle.tar.xz in the build folder; see cmake/bundle.sh.
add_custom_target(bundle
  COMMAND ${PROJECT_SOURCE_DIR}/cmake/bundle.sh ${PROJECT_BINARY_DIR} ${PROJECT_BINARY_DIR}/crmpi-bundle
  USES_TERMINAL VERBATIM)
get_property(targets DIRECTORY ${PROJECT_SOURCE_DIR} PROPERTY BUILDSYSTEM_TARGETS)
foreach(target IN LISTS targets)
  if(target STREQUAL crmpi OR target MATCHES "^crmpi_cuda" OR target MATCHES "^test_(device|comm_comm_device)" OR target MATCHES "^bench_")
    add_dependencies(bundle ${target})
  endif()
endforeach()
