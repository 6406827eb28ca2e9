# crm_add_cusim_plugin(): the CUDA module built for the CPU, ${PROJECT_BINARY_DIR}/cusim/crmpi_cuda.so, by the C++ compiler
# and the toolkit's headers alone; nothing is built where those are missing. Properties of the .cu files stay in the folder
# tests/cusim, so that the same sources may be a target of nvcc elsewhere.
option(CRM_TSAN "Watch kernels and host code with ThreadSanitizer" OFF)

function(crm_find_cuda_include)
  find_program(CRM_CUSIM_NVCC nvcc PATHS /usr/local/cuda/bin)
  get_filename_component(toolkit "${CRM_CUSIM_NVCC}" REALPATH)
  get_filename_component(toolkit "${toolkit}/../.." ABSOLUTE)
  find_path(CRM_CUDA_INCLUDE cuda_runtime.h
            HINTS ${toolkit}/include ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda/include PATH_SUFFIXES include
            DOC "Folder of the CUDA toolkit's headers")
endfunction()

function(crm_add_cusim_plugin)
  crm_find_cuda_include()
  if(NOT CRM_CUDA_INCLUDE)
    message(STATUS "tests/cusim is left out: cuda_runtime.h was not found (name its folder with -DCRM_CUDA_INCLUDE=DIR)")
    return()
  endif()
  add_subdirectory(${PROJECT_SOURCE_DIR}/tests/cusim ${PROJECT_BINARY_DIR}/cusim)
endfunction()

# Flags of C++ files: kernels and host code, or of the shim itself, which ThreadSanitizer must not watch.
function(crm_cusim_flags target part)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-std=c++17 -g -mfma -ffp-contract=off
                         -fno-strict-aliasing -Wall -Wextra -Werror>)
  if(CRM_SANITIZE)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-O1 -fsanitize=address,undefined
                           -fno-sanitize-recover=undefined -fno-omit-frame-pointer>)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  elseif(CRM_TSAN)
    if(part STREQUAL kernels)
      target_compile_options(${target} PRIVATE -O1 -fsanitize=thread)
      target_link_options(${target} PRIVATE -fsanitize=thread)
    else()
      target_compile_options(${target} PRIVATE -O1)
      target_compile_definitions(${target} PRIVATE CUSIM_TSAN)
    endif()
  endif()
  target_compile_definitions(${target} PRIVATE CRM_CUSIM)
  target_include_directories(${target} PRIVATE ${CRM_CUSIM_DIR} ${CRM_ROOT}/src/compute/device/cuda
                             ${CRM_ROOT}/src/compute/device ${CRM_ROOT}/include)
  target_include_directories(${target} SYSTEM PRIVATE ${CRM_CUDA_INCLUDE})
endfunction()
