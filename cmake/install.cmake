# cmake --install: program, shared library, headers, pkg-config file, CMake package.
