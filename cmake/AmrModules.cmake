# A folder's modules: each NAME is NAME.h, NAME.c and, where it exists, NAME_test.c.
#
#   amr_manual(PROGRAM SECTION)
#     its manual page, as it prints it itself; installed
#   amr_library(TARGET MODULES a b c LINK x y)
#     static library of the modules; registers each test twice, plain and under valgrind
#   amr_fuzz_target(NAME SOURCES x_fuzz.c CORPUS dir LINK x)
#     a libFuzzer target; without AMR_FUZZ a program that replays its corpus as a plain test

find_program(VALGRIND valgrind)
if(VALGRIND
   AND CMAKE_BUILD_TYPE STREQUAL "Debug"
   AND NOT AMR_SANITIZE
   AND NOT AMR_COVERAGE)
  set(AMR_VALGRIND ON)
else()
  set(AMR_VALGRIND OFF)
endif()
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)

function(amr_manual program section)
  set(page ${CMAKE_BINARY_DIR}/man/${program}.${section})
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/man)
  add_custom_command(
    OUTPUT ${page}
    COMMAND ${program} --man > ${page}
    DEPENDS ${program}
    VERBATIM)
  add_custom_target(${program}-manual ALL DEPENDS ${page})
  string(REGEX REPLACE "^amr-?" "" component ${program})
  install(FILES ${page} DESTINATION share/man/man${section} COMPONENT ${component})
endfunction()

function(amr_unit_test name source)
  string(REPLACE "_" "-" test_name ${name})
  if(TARGET ${test_name}-test) # two folders may have a module of one name
    get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
    set(test_name ${folder}-${test_name})
  endif()
  add_executable(${test_name}-test ${source})
  target_link_libraries(${test_name}-test PRIVATE ${ARGN} PkgConfig::CMOCKA)
  set_target_properties(${test_name}-test PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                                     ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${test_name} COMMAND ${test_name}-test)
  set_tests_properties(${test_name} PROPERTIES LABELS unit TIMEOUT 120)
  set_tests_properties(${test_name} PROPERTIES ENVIRONMENT "AMR_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
  if(AMR_VALGRIND)
    add_test(NAME ${test_name}-valgrind
             COMMAND ${VALGRIND} -q --leak-check=full --errors-for-leak-kinds=definite
                     --error-exitcode=99 $<TARGET_FILE:${test_name}-test>)
    set_tests_properties(
      ${test_name}-valgrind PROPERTIES LABELS valgrind TIMEOUT 600
                                       ENVIRONMENT "AMR_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
  endif()
endfunction()

function(amr_library target)
  cmake_parse_arguments(ARG "" "" "MODULES;LINK" ${ARGN})
  list(TRANSFORM ARG_MODULES APPEND .c OUTPUT_VARIABLE sources)
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_definitions(${target} PRIVATE AMR_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${target} PUBLIC ${ARG_LINK})
  if(NOT CMOCKA_FOUND)
    return()
  endif()
  foreach(module IN LISTS ARG_MODULES)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${module}_test.c)
      amr_unit_test(${module} ${module}_test.c ${target})
    endif()
  endforeach()
endfunction()

function(amr_fuzz_target name)
  cmake_parse_arguments(ARG "" "CORPUS" "SOURCES;LINK" ${ARGN})
  if(AMR_FUZZ)
    add_executable(${name} ${ARG_SOURCES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${ARG_SOURCES} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
    add_test(NAME ${name}-corpus COMMAND ${name} ${ARG_CORPUS})
    set_tests_properties(${name}-corpus PROPERTIES LABELS unit)
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
endfunction()
