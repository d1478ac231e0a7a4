/* real.h: the engine's number type: float; double in the build for the checkers
 * (IML_REAL_DOUBLE). */
#ifndef IMLD_REAL_H
#define IMLD_REAL_H

#ifdef IML_REAL_DOUBLE
typedef double iml_real;
#else
typedef float iml_real;
#endif

#endif
