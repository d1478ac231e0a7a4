/* gemm_variant_dnnl.c: engine/core/gemm_dnnl.c under names of its own. */
#define iml_gemm_nn dnnl_gemm_nn
#define iml_gemm_nt dnnl_gemm_nt
#define iml_gemm_tn dnnl_gemm_tn
#define iml_gemm_prepare dnnl_gemm_prepare
#define iml_cpu_kernel dnnl_cpu_kernel

#include "engine/core/gemm_dnnl.c" /* NOLINT(bugprone-suspicious-include): a second copy is the point */
