/* gemm_variant_blas.c: engine/core/gemm_blas.c under names of its own. */
#define iml_gemm_nn blas_gemm_nn
#define iml_gemm_nt blas_gemm_nt
#define iml_gemm_tn blas_gemm_tn
#define iml_gemm_prepare blas_gemm_prepare
#define iml_cpu_kernel blas_cpu_kernel

#include "engine/core/gemm_blas.c" /* NOLINT(bugprone-suspicious-include): a second copy is the point */
