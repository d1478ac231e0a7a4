/* allocations.c: an interposed malloc that counts; see allocations.h. */
#include "tests/unit/engine/allocations.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#endif

/* names of the C library and of the sanitizers, not ours */
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-identifier-naming)

static atomic_size_t count;

#ifdef HAS_SANITIZER

int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static void on_malloc(const volatile void *block, size_t bytes)
{
    (void)block, (void)bytes;
    atomic_fetch_add(&count, 1);
}

static void on_free(const volatile void *block)
{
    (void)block;
}

size_t allocations_count(void)
{
    static atomic_bool is_installed;
    if (!atomic_exchange(&is_installed, true))
        (void)__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    return atomic_load(&count);
}

#else

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void *malloc(size_t bytes);
void *calloc(size_t n, size_t bytes);
void *realloc(void *block, size_t bytes);
void *aligned_alloc(size_t alignment, size_t bytes);
void *memalign(size_t alignment, size_t bytes);
int posix_memalign(void **block, size_t alignment, size_t bytes);

void *malloc(size_t bytes)
{
    atomic_fetch_add(&count, 1);
    return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
    atomic_fetch_add(&count, 1);
    return __libc_calloc(n, bytes);
}

void *realloc(void *block, size_t bytes)
{
    atomic_fetch_add(&count, 1);
    return __libc_realloc(block, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    atomic_fetch_add(&count, 1);
    return __libc_memalign(alignment, bytes);
}

void *memalign(size_t alignment, size_t bytes)
{
    atomic_fetch_add(&count, 1);
    return __libc_memalign(alignment, bytes);
}

/* oneDNN takes a call's workspace by posix_memalign, and nothing else does in a step. */
static bool is_onednn(const void *caller)
{
    Dl_info info;
    return dladdr(caller, &info) != 0 && strstr(info.dli_fname, "libdnnl") != NULL;
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
    enum { NO_MEMORY = 12 }; /* ENOMEM; errno itself stays as it is */
    if (!is_onednn(__builtin_return_address(0))) atomic_fetch_add(&count, 1);
    *block = __libc_memalign(alignment, bytes);
    return *block ? 0 : NO_MEMORY;
}

size_t allocations_count(void)
{
    return atomic_load(&count);
}

#endif

// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-identifier-naming)
