# Always errors: what is a bug in every build. The rest is -Werror in CI only.
add_compile_options(
  -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers
  -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wimplicit-fallthrough
  -Werror=missing-prototypes -Werror=strict-prototypes -Werror=implicit-function-declaration
  -Werror=return-type -Werror=format=2 -Werror=shadow -Werror=incompatible-pointer-types
  -Werror=int-conversion -Wno-format-nonliteral
  -fno-common -fstack-protector-strong -fno-omit-frame-pointer)
include(CheckCCompilerFlag)
check_c_compiler_flag(-Wformat-truncation HAVE_FORMAT_TRUNCATION) # gcc only
if(HAVE_FORMAT_TRUNCATION)
  add_compile_options(-Wno-format-truncation) # texts cut to their field are meant to be
endif()
add_compile_definitions(_GNU_SOURCE CALLGATE_VERSION="${PROJECT_VERSION}")
include_directories(${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)

if(CALLGATE_WERROR)
  add_compile_options(-Werror)
endif()
if(CALLGATE_SANITIZE)
  add_compile_options(-fsanitize=${CALLGATE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CALLGATE_SANITIZE})
endif()
if(CALLGATE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link) # without it, libFuzzer sees nothing of what its target calls
endif()
if(CALLGATE_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" OR CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
