/* gemm_variant_plain.c: engine/core/gemm_plain.c under names of its own. */
#define iml_gemm_nn plain_gemm_nn
#define iml_gemm_nt plain_gemm_nt
#define iml_gemm_tn plain_gemm_tn
#define iml_gemm_prepare plain_gemm_prepare
#define iml_cpu_kernel plain_cpu_kernel

#include "engine/core/gemm_plain.c" /* NOLINT(bugprone-suspicious-include): a second copy is the point */
