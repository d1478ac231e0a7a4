# The checks in double (docs/decisions/0104). In the build for the checkers the engine is double
# itself. Otherwise what of it has iml_real in it is compiled a second time, and becomes one object
# of libiml, whose names, but for iml_checks_*, nobody else sees.
set(checks verify/checks.c verify/differences.c)
if(IMLD_DOUBLE)
  target_sources(iml PRIVATE ${checks})
  return()
endif()
get_target_property(sources iml SOURCES)
list(FILTER sources INCLUDE REGEX "/engine/(core|net|curvature|solver|knowledge|verify)/")
list(FILTER sources EXCLUDE REGEX "/(core/(arena|lapack|team|gemm_[a-z]+)|net/convolution_[a-z]+)\\.c$")
list(APPEND sources net/convolution_columns.c net/convolution_multiply.c net/convolution_none.c
  net/convolution_plain.c net/convolution_transform.c net/convolution_winograd.c) # oneDNN has no double
if(IMLD_PLAIN_GEMM)
  list(APPEND sources core/gemm_plain.c)
else()
  list(APPEND sources core/gemm_blas.c)
endif()
add_library(iml_double OBJECT ${sources} ${checks})
target_compile_definitions(iml_double PRIVATE IML_REAL_DOUBLE)
target_include_directories(iml_double PRIVATE
  $<TARGET_PROPERTY:PkgConfig::OPENBLAS,INTERFACE_INCLUDE_DIRECTORIES>)
# GNU's, also where clang brings its own: lld knows no --force-group-allocation
find_program(IMLD_GNU_LD NAMES ld.bfd ld REQUIRED)
find_program(IMLD_GNU_OBJCOPY NAMES objcopy REQUIRED)
mark_as_advanced(IMLD_GNU_LD IMLD_GNU_OBJCOPY)
set(double ${CMAKE_CURRENT_BINARY_DIR}/iml_double.o)
add_custom_command(OUTPUT ${double}
  # without groups: the linker would take one of two with the same name, float's or double's
  COMMAND ${IMLD_GNU_LD} -r --force-group-allocation -o ${double} $<TARGET_OBJECTS:iml_double>
  COMMAND ${IMLD_GNU_OBJCOPY} --wildcard --keep-global-symbol=iml_checks_* ${double}
  DEPENDS iml_double $<TARGET_OBJECTS:iml_double>
  COMMENT "The engine in double, as one object" COMMAND_EXPAND_LISTS VERBATIM)
set_source_files_properties(${double} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
target_sources(iml PRIVATE ${double})
