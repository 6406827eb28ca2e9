# cmake --install: program, shared library of all modules, headers, pkg-config file, CMake package, docs, configs, jobs.
include(CMakePackageConfigHelpers)

function(crm_add_shared_library)
  list(TRANSFORM CRM_BUILT REPLACE "(.+)" "$<TARGET_OBJECTS:crm_\\1>" OUTPUT_VARIABLE objects)
  add_library(crmpi_shared SHARED ${objects})
  set_target_properties(crmpi_shared PROPERTIES OUTPUT_NAME crmpi EXPORT_NAME crmpi LINKER_LANGUAGE C
                        VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  target_include_directories(crmpi_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  foreach(name IN LISTS CRM_BUILT)
    target_link_libraries(crmpi_shared PRIVATE ${CRM_FOREIGN_${name}})
  endforeach()
endfunction()

crm_add_shared_library()
set(CRM_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/crmpi)
set(CRM_SHARE_DIR ${CMAKE_INSTALL_DATADIR}/crmpi)

# The prefix is found from where the file lies, so that --prefix needs no new configure.
file(RELATIVE_PATH CRM_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/crmpi.pc.in crmpi.pc @ONLY)
configure_package_config_file(cmake/crmpiConfig.cmake.in crmpiConfig.cmake INSTALL_DESTINATION ${CRM_CMAKE_DIR})
write_basic_package_version_file(crmpiConfigVersion.cmake COMPATIBILITY SameMinorVersion)

if(TARGET crmpi)
  install(TARGETS crmpi RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET crmpi_cuda)
  install(TARGETS crmpi_cuda LIBRARY DESTINATION lib/crmpi)
endif()
install(TARGETS crmpi_shared EXPORT crmpiTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT crmpiTargets NAMESPACE crmpi:: DESTINATION ${CRM_CMAKE_DIR})
install(FILES ${PROJECT_BINARY_DIR}/crmpiConfig.cmake ${PROJECT_BINARY_DIR}/crmpiConfigVersion.cmake
        DESTINATION ${CRM_CMAKE_DIR})
install(FILES ${PROJECT_BINARY_DIR}/crmpi.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(DIRECTORY include/crmpi DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE README.md CHANGES.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
install(DIRECTORY configs jobs DESTINATION ${CRM_SHARE_DIR} USE_SOURCE_PERMISSIONS)
