# crmpi_cuda.so: the module for NVIDIA GPUs, which the program loads when it runs.  Built beside the program where a CUDA
# toolkit of version 12 or later is found; nvcc compiles the .cu files by commands of its own, so that a machine without it
# configures the rest unchanged.  CUDA's run-time library is linked statically; all other libraries are found at run time.
set(CRM_CUDA auto CACHE STRING "Build crmpi_cuda.so: auto (where a toolkit is found), on (fail without), off")
set_property(CACHE CRM_CUDA PROPERTY STRINGS auto on off)
set(CRM_CUDA_ARCHS "80 90" CACHE STRING "Compute capabilities to build machine code for; the last one also as PTX")
set(CRM_CUDA_DIR ${PROJECT_SOURCE_DIR}/src/compute/device/cuda)
set(CRM_CUDA_LEAST 12)
string(REPLACE ";" " " CRM_CUDA_ARCHS "${CRM_CUDA_ARCHS}") # both ways of writing a list

# CRM_NVCC, CRM_CUDA_INCLUDE, CRM_CUDART_STATIC and CRM_CUDA_VERSION, or CRM_CUDA_MISSING with the reason.
function(crm_find_cuda)
  set(hints ENV CUDA_HOME ENV CUDA_PATH)
  find_program(CRM_NVCC nvcc HINTS ${hints} PATHS /usr/local/cuda PATH_SUFFIXES bin)
  if(NOT CRM_NVCC)
    set(CRM_CUDA_MISSING "nvcc was not found" PARENT_SCOPE)
    return()
  endif()
  execute_process(COMMAND ${CRM_NVCC} --version OUTPUT_VARIABLE text ERROR_QUIET)
  string(REGEX MATCH "release ([0-9]+\\.[0-9]+)" text "${text}")
  set(version ${CMAKE_MATCH_1})
  file(REAL_PATH ${CRM_NVCC} nvcc)
  get_filename_component(root ${nvcc} DIRECTORY)
  get_filename_component(root ${root} DIRECTORY)
  find_path(CRM_CUDA_INCLUDE cublasLt.h HINTS ${root} ${hints} PATH_SUFFIXES include targets/x86_64-linux/include)
  find_library(CRM_CUDART_STATIC libcudart_static.a HINTS ${root} ${hints} PATH_SUFFIXES lib64 lib targets/x86_64-linux/lib)
  if(NOT version OR version VERSION_LESS ${CRM_CUDA_LEAST})
    set(CRM_CUDA_MISSING "${CRM_NVCC} is of CUDA ${version}, ${CRM_CUDA_LEAST} or later is needed" PARENT_SCOPE)
  elseif(NOT CRM_CUDA_INCLUDE)
    set(CRM_CUDA_MISSING "cublasLt.h was not found beside ${CRM_NVCC}" PARENT_SCOPE)
  elseif(NOT CRM_CUDART_STATIC)
    set(CRM_CUDA_MISSING "libcudart_static.a was not found beside ${CRM_NVCC}" PARENT_SCOPE)
  endif()
  set(CRM_CUDA_VERSION ${version} PARENT_SCOPE)
endfunction()

# Machine code for each capability, PTX of the last for GPUs to come.
function(crm_cuda_targets out)
  separate_arguments(archs UNIX_COMMAND "${CRM_CUDA_ARCHS}")
  foreach(arch IN LISTS archs)
    list(APPEND flags -gencode arch=compute_${arch},code=sm_${arch})
  endforeach()
  list(GET archs -1 newest)
  list(APPEND flags -gencode arch=compute_${newest},code=compute_${newest})
  set(${out} ${flags} PARENT_SCOPE)
endfunction()

# objects: those that nvcc makes of the .cu files.  No contraction: where two operations may become one, the source says fmaf.
# nvcc's stubs of kernels hold constants in local statics, whose guards alone would need libstdc++.
function(crm_cuda_compile out)
  file(GLOB sources CONFIGURE_DEPENDS ${CRM_CUDA_DIR}/*.cu)
  crm_cuda_targets(targets)
  set(flags -std=c++17 -O3 -lineinfo -fmad=false -ftz=true -prec-div=true -prec-sqrt=true ${targets}
            -Xcompiler -fPIC,-fvisibility=hidden,-ffp-contract=off,-fno-exceptions,-fno-rtti,-fno-threadsafe-statics,-Wall,-Wextra)
  if(CRM_WERROR)
    list(APPEND flags -Werror all-warnings -Xcompiler -Werror)
  endif()
  foreach(src IN LISTS sources)
    get_filename_component(stem ${src} NAME_WE)
    set(object ${PROJECT_BINARY_DIR}/cuda/${stem}.o)
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${CRM_NVCC} ${flags} -D_DEFAULT_SOURCE -I${PROJECT_SOURCE_DIR}/include -I${CRM_CUDA_DIR}
              -I${PROJECT_SOURCE_DIR}/src/compute/device -MD -MF ${object}.d -MT ${object} -c ${src} -o ${object}
      DEPENDS ${src}
      DEPFILE ${object}.d
      COMMENT "Building CUDA object cuda/${stem}.o"
      VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(${out} ${objects} PARENT_SCOPE)
endfunction()

# Modules without a device, which tests/device/test_device_open.c loads.
function(crm_add_fake_plugin)
  foreach(name fake_plugin fake_other)
    add_library(${name} MODULE ${PROJECT_SOURCE_DIR}/tests/device/${name}.c)
    crm_set_flags(${name})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src/compute/device)
    set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_dependencies(test_device_device_open ${name})
  endforeach()
endfunction()

function(crm_add_cuda_module)
  if(CRM_CUDA STREQUAL "off" OR (CRM_CUDA STREQUAL "auto" AND (CRM_SANITIZE OR NOT CMAKE_BUILD_TYPE STREQUAL "Release")))
    return()
  endif()
  crm_find_cuda()
  if(CRM_CUDA_MISSING AND CRM_CUDA STREQUAL "on")
    message(FATAL_ERROR "CRM_CUDA=on, but ${CRM_CUDA_MISSING}; install a CUDA toolkit or say -DCRM_CUDA=off")
  elseif(CRM_CUDA_MISSING)
    message(STATUS "crmpi_cuda.so is not built: ${CRM_CUDA_MISSING}")
    return()
  endif()
  message(STATUS "crmpi_cuda.so: CUDA ${CRM_CUDA_VERSION}, compute capabilities ${CRM_CUDA_ARCHS}")
  crm_cuda_compile(objects)
  file(GLOB sources CONFIGURE_DEPENDS ${CRM_CUDA_DIR}/*.c)
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/cuda)
  add_library(crmpi_cuda MODULE ${sources} ${objects})
  set_source_files_properties(${objects} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  crm_set_flags(crmpi_cuda)
  string(REGEX REPLACE "([0-9]+)" "sm_\\1" built "${CRM_CUDA_ARCHS}")
  target_compile_definitions(crmpi_cuda PRIVATE CRM_CUDA_BUILT="${built}")
  target_compile_options(crmpi_cuda PRIVATE -fvisibility=hidden)
  target_include_directories(crmpi_cuda PRIVATE ${CRM_CUDA_DIR} ${PROJECT_SOURCE_DIR}/src/compute/device)
  target_include_directories(crmpi_cuda SYSTEM PRIVATE ${CRM_CUDA_INCLUDE})
  target_link_libraries(crmpi_cuda PRIVATE ${CRM_CUDART_STATIC} Threads::Threads ${CMAKE_DL_LIBS} rt m)
  target_link_options(crmpi_cuda PRIVATE -Wl,--no-undefined -Wl,--exclude-libs,ALL)
  set_target_properties(crmpi_cuda PROPERTIES PREFIX "" LINKER_LANGUAGE C LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
endfunction()
