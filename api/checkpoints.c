/* checkpoints.c: GET /v1/jobs/{id}/checkpoints[/{name}]: list; download with Range (RFC 9110
 * 14). */
#include "storage/checkpoints.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/json_text.h"
#include "api/lookup.h"
#include "api/resources.h"
#include "api/server.h"

/* ---- list ---- */

static bool add_checkpoint(void *context, const struct imld_checkpoint *checkpoint)
{
    struct imld_text *text = context;
    if (text->length > 0 && text->bytes[text->length - 1] == '}') imld_text_add(text, ",");
    imld_text_add(text, "{\"name\":");
    imld_json_string(text, checkpoint->name);
    imld_json_key(text, "step");
    imld_json_integer(text, checkpoint->step);
    imld_json_key(text, "bytes");
    imld_json_integer(text, checkpoint->bytes);
    imld_json_key(text, "sha256");
    imld_json_string(text, checkpoint->sha256);
    imld_json_key(text, "created");
    imld_json_time(text, checkpoint->created_ms);
    imld_text_add(text, "}");
    return true;
}

struct imld_answer imld_checkpoints_read_all(struct imld_api *api, struct imld_request *request)
{
    (void)api;
    struct imld_answer answer;
    struct imld_reader *reader = NULL;
    struct imld_job job;
    struct imld_text text = {0};
    struct iml_error error = {0};
    if (!imld_lookup_job(request, &reader, &job, &answer)) return answer;
    imld_text_add(&text, "{\"checkpoints\":[");
    const enum iml_code code =
        imld_checkpoints_list(reader, job.number, add_checkpoint, &text, &error);
    imld_text_add(&text, "]}");
    answer = code == IML_OK ? imld_answer_json(200, &text) : imld_answer_error(&error);
    imld_text_clear(&text);
    imld_job_clear(&job);
    imld_reader_give(reader);
    return answer;
}

/* ---- download ---- */

enum range { RANGE_NONE, RANGE_PART, RANGE_OUTSIDE };

/* Digits that end at one of `ends` or at the text's end; false: none, or too many. */
static bool read_position(const char **text, const char *ends, uint64_t *position)
{
    if (**text < '0' || **text > '9') return false;
    char *end = NULL;
    errno = 0;
    *position = strtoull(*text, &end, 10);
    *text = end;
    return !errno && strchr(ends, *end);
}

/* One range: bytes=a-b, a-, -n. Several, or one in another form: the whole file is served, as the
 * RFC allows. */
static enum range read_range(const char *header, uint64_t size, uint64_t *first, uint64_t *length)
{
    uint64_t begin = 0, last = size - 1;
    if (!header || strncmp(header, "bytes=", 6) != 0) return RANGE_NONE;
    const char *text = header + 6;
    if (*text == '-') {
        uint64_t suffix = 0;
        text++;
        if (!read_position(&text, "", &suffix)) return RANGE_NONE;
        if (suffix == 0 || size == 0) return RANGE_OUTSIDE;
        begin = suffix < size ? size - suffix : 0;
    } else {
        if (!read_position(&text, "-", &begin) || *text != '-') return RANGE_NONE;
        text++;
        if (*text && (!read_position(&text, "", &last) || last < begin)) return RANGE_NONE;
        if (begin >= size) return RANGE_OUTSIDE;
        if (last >= size) last = size - 1;
    }
    *first = begin;
    *length = last - begin + 1;
    return RANGE_PART;
}

/* Takes the descriptor. */
static struct imld_answer answer_file(const struct imld_request *request, int fd,
                                      const struct imld_checkpoint *checkpoint)
{
    char etag[70];
    (void)snprintf(etag, sizeof etag, "\"%s\"", checkpoint->sha256);
    const char *known = request->headers[IMLD_HEADER_IF_NONE_MATCH];
    const char *match = request->headers[IMLD_HEADER_IF_MATCH];
    const char *if_range = request->headers[IMLD_HEADER_IF_RANGE];
    const uint64_t size = (uint64_t)checkpoint->bytes;
    uint64_t first = 0, length = size;
    struct imld_answer answer = {.fd = -1};
    enum range range = RANGE_NONE;
    if (!if_range || strcmp(if_range, etag) == 0)
        range = read_range(request->headers[IMLD_HEADER_RANGE], size, &first, &length);
    if (match && strcmp(match, "*") != 0 && !strstr(match, etag)) {
        answer = imld_answer_problem(412, "the checkpoint is another one than If-Match names");
    } else if (known && (strcmp(known, "*") == 0 || strstr(known, etag))) {
        answer = imld_answer_empty(304);
    } else if (range == RANGE_OUTSIDE) {
        answer = imld_answer_problem(416, "the file has %" PRIu64 " bytes", size);
        imld_answer_header(&answer, "Content-Range", "bytes */%" PRIu64, size);
    } else {
        answer = imld_answer_empty(range == RANGE_PART ? 206 : 200);
        answer.content_type = "application/octet-stream";
        answer.fd = fd;
        answer.file_offset = first;
        answer.file_bytes = length;
        fd = -1;
        if (range == RANGE_PART)
            imld_answer_header(&answer, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                               first, first + length - 1, size);
        imld_answer_header(&answer, "Content-Disposition",
                           "attachment; filename=\"%s-%s.safetensors\"", request->parameters[0],
                           checkpoint->name);
    }
    if (fd >= 0) (void)close(fd);
    imld_answer_header(&answer, "ETag", "%s", etag);
    imld_answer_header(&answer, "Accept-Ranges", "bytes");
    return answer;
}

struct imld_answer imld_checkpoints_download(struct imld_api *api, struct imld_request *request)
{
    (void)api;
    struct imld_answer answer;
    struct imld_reader *reader = NULL;
    struct imld_job job;
    struct imld_checkpoint checkpoint = {0};
    struct iml_error error = {0};
    int fd = -1;
    if (!imld_lookup_job(request, &reader, &job, &answer)) return answer;
    const enum iml_code code =
        imld_checkpoint_open(reader, job.number, request->parameters[1], &checkpoint, &fd, &error);
    if (code == IML_OK)
        answer = answer_file(request, fd, &checkpoint);
    else if (code == IML_ERROR_NOT_FOUND)
        answer = imld_answer_problem(404, "job %s has no checkpoint %s", request->parameters[0],
                                     request->parameters[1]);
    else
        answer = imld_answer_error(&error);
    imld_job_clear(&job);
    imld_reader_give(reader);
    return answer;
}
