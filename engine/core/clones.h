/* clones.h: IML_CLONES before a function with loops over numbers compiles it for AVX2 as well;
 * which one runs is chosen when the program is loaded. Both give the same bits: nothing is
 * contracted
 * (-ffp-contract=off) and no sum is put in another order. Only gcc makes them; the sanitizers'
 * runtimes don't start with functions chosen at load time. */
#ifndef IMLD_ENGINE_CORE_CLONES_H
#define IMLD_ENGINE_CORE_CLONES_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define IML_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define IML_CLONES
#endif

#endif
