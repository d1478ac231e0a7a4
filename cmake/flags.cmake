# Compiler flags of every build, and the warning list of the project's presets.
# -ffp-contract=off and no fast-math: the same source must give the same bits (docs/style.md).
# -fno-math-errno changes no bit: without it gcc calls sqrt one by one, in case it had to set errno.
add_compile_definitions(_GNU_SOURCE)
add_compile_options(-ffp-contract=off -fno-math-errno)
include_directories(${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)

if(IMLD_WARNINGS)
  add_compile_options(
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wdouble-promotion -Wcast-qual
    -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wredundant-decls -Wundef -Wvla -Walloca -Wformat=2 -Wwrite-strings -Wswitch-enum
    -Wimplicit-fallthrough -Wnull-dereference -Wdate-time -Wunused-macros
    -Wframe-larger-than=16384)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    add_compile_options(
      -Wcast-align=strict -Wformat-signedness -Wlogical-op -Wduplicated-cond -Wduplicated-branches
      -Wstringop-truncation -Wformat-truncation=2 -Warith-conversion)
  elseif(CMAKE_C_COMPILER_ID MATCHES "Clang")
    add_compile_options(
      -Wcast-align -Wmissing-variable-declarations -Wassign-enum -Wconditional-uninitialized
      -Wunreachable-code-aggressive -Wbitwise-instead-of-logical -Wcomma -Wextra-semi-stmt)
  endif()
endif()
