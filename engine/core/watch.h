/* watch.h: plain loops under sanitizers. Each access of a product seen one by one takes fifty times
 * as long (ThreadSanitizer); told in ranges, what is read and written is watched just as well. A
 * function marked IML_UNWATCHED tells its ranges first. Without a sanitizer nothing is left of
 * either. */
#ifndef IMLD_ENGINE_CORE_WATCH_H
#define IMLD_ENGINE_CORE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_THREAD__)

#define IML_UNWATCHED __attribute__((no_sanitize("thread")))
/* libtsan's entry points for compilers; no header of gcc declares them. */
/* NOLINTBEGIN(bugprone-reserved-identifier): libtsan's names */
void __tsan_read_range(void *address, unsigned long bytes);
void __tsan_write_range(void *address, unsigned long bytes);
/* NOLINTEND(bugprone-reserved-identifier) */

#elif defined(__SANITIZE_ADDRESS__)

#include <sanitizer/asan_interface.h>
#define IML_UNWATCHED __attribute__((no_sanitize("address")))

#else

#define IML_UNWATCHED

#endif

/* `rows` rows of `bytes` bytes, one every `stride` bytes. */
static inline void iml_watch(const void *address, size_t rows, size_t bytes, size_t stride,
                             bool is_written)
{
    for (size_t i = 0; i < rows && bytes > 0; i++) {
        const char *const row = (const char *)address + i * stride;
#if defined(__SANITIZE_THREAD__)
        if (is_written)
            __tsan_write_range((void *)(uintptr_t)row, bytes);
        else
            __tsan_read_range((void *)(uintptr_t)row, bytes);
#elif defined(__SANITIZE_ADDRESS__)
        const volatile char *const poisoned =
            __asan_region_is_poisoned((void *)(uintptr_t)row, bytes);
        if (poisoned) (void)*poisoned; /* the read that is reported */
        (void)is_written;
#else
        (void)row;
        (void)is_written;
#endif
    }
}

#endif
