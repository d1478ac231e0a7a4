/* reader.c: a file's bytes through read(2) or zlib's inflate; see reader.h.
 *
 * inflate itself rather than gzread: gzread passes a file that is no gzip through as it is, and
 * tells of a cut file only when it is closed. */
#include "engine/data/reader.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/io.h"

enum { BUFFER_BYTES = 64 * 1024, DEFLATE_RATIO_MAX = 1032 /* zlib's own bound of 1032:1 */ };

struct iml_reader {
    int fd;
    bool is_gzip, is_stream_end;
    uint64_t file_bytes;
    uint64_t position; /* in the unpacked content */
    z_stream stream;
    char shown[IML_PATH_SHOWN];
    unsigned char buffer[BUFFER_BYTES]; /* packed bytes */
};

static bool has_ending(const char *text, const char *ending)
{
    const size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

enum iml_code iml_reader_open(const struct iml_folder *folder, const char *file,
                              struct iml_reader **reader, struct iml_error *error)
{
    *reader = NULL;
    struct iml_reader *self = calloc(1, sizeof *self);
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a file's buffer");
    enum iml_code code = iml_folder_open_file(folder, file, &self->fd, error);
    iml_folder_show(folder, file, self->shown);
    struct stat status;
    if (code == IML_OK && self->fd < 0) {
        code = iml_error_set(error, IML_ERROR_DATA, "the file is missing");
        iml_error_where(error, "%s", self->shown);
    }
    if (code == IML_OK && fstat(self->fd, &status) != 0)
        code = imld_io_error(error, "look at the file", self->shown);
    if (code == IML_OK && has_ending(file, ".gz")) {
        self->is_gzip = inflateInit2(&self->stream, 15 + 16) == Z_OK; /* 16: gzip alone */
        if (!self->is_gzip)
            code = iml_error_set(error, IML_ERROR_MEMORY, "zlib can't allocate its window");
    }
    if (code != IML_OK) {
        iml_reader_close(self);
        return code;
    }
    self->file_bytes = (uint64_t)status.st_size;
    *reader = self;
    return IML_OK;
}

void iml_reader_close(struct iml_reader *reader)
{
    if (!reader) return;
    if (reader->is_gzip) inflateEnd(&reader->stream);
    if (reader->fd >= 0) close(reader->fd);
    free(reader);
}

uint64_t iml_reader_bound(const struct iml_reader *reader)
{
    if (!reader->is_gzip) return reader->file_bytes;
    return reader->file_bytes > UINT64_MAX / DEFLATE_RATIO_MAX
               ? UINT64_MAX
               : reader->file_bytes * DEFLATE_RATIO_MAX;
}

bool iml_reader_bound_is_exact(const struct iml_reader *reader)
{
    return !reader->is_gzip;
}

void iml_reader_where(const struct iml_reader *reader, uint64_t byte, struct iml_error *error)
{
    iml_error_where(error, "%s, byte %llu", reader->shown, (unsigned long long)byte);
}

/* At most count bytes as they lie in the file; 0: its end. */
static enum iml_code read_raw(struct iml_reader *self, unsigned char *out, size_t count,
                              size_t *got, struct iml_error *error)
{
    ssize_t n = -1;
    do n = read(self->fd, out, count);
    while (n < 0 && errno == EINTR);
    *got = n < 0 ? 0 : (size_t)n;
    return n < 0 ? imld_io_error(error, "read the file", self->shown) : IML_OK;
}

static enum iml_code gzip_error(struct iml_reader *self, const char *what, struct iml_error *error)
{
    const enum iml_code code = iml_error_set(error, IML_ERROR_DATA, "%s", what);
    iml_error_where(error, "%s, packed byte %llu", self->shown,
                    (unsigned long long)self->stream.total_in);
    iml_error_mend(error, "fetch the file again");
    return code;
}

/* Fills the packed buffer if it is empty; *is_empty: the file has ended. */
static enum iml_code refill(struct iml_reader *self, bool *is_empty, struct iml_error *error)
{
    *is_empty = false;
    if (self->stream.avail_in > 0) return IML_OK;
    size_t got = 0;
    const enum iml_code code = read_raw(self, self->buffer, BUFFER_BYTES, &got, error);
    self->stream.next_in = self->buffer;
    self->stream.avail_in = (uInt)got;
    *is_empty = got == 0;
    return code;
}

/* At most count unpacked bytes; 0: the end. Members one after the other are one content (RFC 1952).
 */
static enum iml_code read_gzip(struct iml_reader *self, unsigned char *out, size_t count,
                               size_t *got, struct iml_error *error)
{
    *got = 0;
    self->stream.next_out = out;
    self->stream.avail_out = count > BUFFER_BYTES ? BUFFER_BYTES : (uInt)count;
    const uInt wanted = self->stream.avail_out;
    while (self->stream.avail_out == wanted) {
        bool is_empty = false;
        const enum iml_code code = refill(self, &is_empty, error);
        if (code != IML_OK) return code;
        if (is_empty && self->is_stream_end) return IML_OK;
        if (is_empty) return gzip_error(self, "the gzip stream is cut off", error);
        if (self->is_stream_end && inflateReset(&self->stream) != Z_OK)
            return gzip_error(self, "the gzip stream can't be read on", error);
        const int status = inflate(&self->stream, Z_NO_FLUSH);
        self->is_stream_end = status == Z_STREAM_END;
        if (status == Z_MEM_ERROR)
            return iml_error_set(error, IML_ERROR_MEMORY, "zlib can't allocate its window");
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
            return gzip_error(self, "the gzip stream is broken (bad header, data or checksum)",
                              error);
        }
    }
    *got = wanted - self->stream.avail_out;
    return IML_OK;
}

static enum iml_code read_some(struct iml_reader *self, unsigned char *out, size_t count,
                               size_t *got, struct iml_error *error)
{
    return self->is_gzip ? read_gzip(self, out, count, got, error)
                         : read_raw(self, out, count, got, error);
}

enum iml_code iml_reader_read(struct iml_reader *reader, void *out, size_t count, const char *what,
                              struct iml_error *error)
{
    unsigned char *bytes = out;
    for (size_t done = 0, got = 0; done < count; done += got) {
        enum iml_code code = read_some(reader, bytes + done, count - done, &got, error);
        if (code != IML_OK) return code;
        if (got == 0) {
            code = iml_error_set(error, IML_ERROR_DATA,
                                 "the file ends where %zu more bytes of %s were expected",
                                 count - done, what);
            iml_reader_where(reader, reader->position, error);
            return code;
        }
        reader->position += got;
    }
    return IML_OK;
}

enum iml_code iml_reader_skip(struct iml_reader *reader, uint64_t count, const char *what,
                              struct iml_error *error)
{
    unsigned char scratch[4096];
    /* a plain file is not read where its bytes are not wanted; past its end the loop makes the
     * error */
    if (!reader->is_gzip && reader->position <= reader->file_bytes &&
        count <= reader->file_bytes - reader->position &&
        lseek(reader->fd, (off_t)count, SEEK_CUR) >= 0) {
        reader->position += count;
        return IML_OK;
    }
    while (count > 0) {
        const size_t n = count < sizeof scratch ? (size_t)count : sizeof scratch;
        const enum iml_code code = iml_reader_read(reader, scratch, n, what, error);
        if (code != IML_OK) return code;
        count -= n;
    }
    return IML_OK;
}

enum iml_code iml_reader_end(struct iml_reader *reader, struct iml_error *error)
{
    unsigned char byte = 0;
    size_t got = 0;
    enum iml_code code = read_some(reader, &byte, 1, &got, error);
    if (code != IML_OK || got == 0) return code;
    code = iml_error_set(error, IML_ERROR_DATA, "bytes follow after the end that the header gives");
    iml_reader_where(reader, reader->position, error);
    return code;
}
