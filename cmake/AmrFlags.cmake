# Compiler flags for every target of the project.
add_compile_definitions(_GNU_SOURCE)
add_compile_options(
  -Wall
  -Wextra
  -Wpedantic
  -Wcast-align
  -Wformat=2
  -Wmissing-prototypes
  -Wpointer-arith
  -Wshadow
  -Wstrict-prototypes
  -Wundef
  -Wvla
  -Wwrite-strings
  -fstack-protector-strong)
if(AMR_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" AND NOT AMR_SANITIZE)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
if(AMR_SANITIZE)
  add_compile_options(-fsanitize=${AMR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${AMR_SANITIZE})
endif()
if(AMR_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(AMR_FUZZ)
  # The libraries too: without their coverage the fuzzer is blind.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
