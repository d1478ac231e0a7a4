/* access.c: who calls, and from where; see access.h. */
#include "api/access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/server.h"
#include "base/clock.h"

enum { KEPT_MS = 60000, GROUPS_MAX = 256 };

void imld_users_init(struct imld_users *users, const char *admin_group)
{
    *users = (struct imld_users){.admin_group = admin_group};
    (void)pthread_mutex_init(&users->mutex, NULL);
}

void imld_users_clear(struct imld_users *users)
{
    (void)pthread_mutex_destroy(&users->mutex);
}

/* The group's number; false: there is none of that name. A group's entry holds its members' names,
 * so the buffer grows with them. */
static bool find_group(const char *name, gid_t *gid)
{
    bool is_found = false;
    int result = ERANGE;
    for (size_t bytes = 4096; result == ERANGE && bytes <= 1U << 20; bytes *= 4) {
        struct group entry, *found = NULL;
        char *buffer = malloc(bytes);
        if (!buffer) return false;
        result = getgrnam_r(name, &entry, buffer, bytes, &found);
        is_found = result == 0 && found;
        if (is_found) *gid = entry.gr_gid;
        free(buffer);
    }
    return is_found;
}

static bool is_member(const char *user, gid_t primary, const char *group)
{
    gid_t wanted = 0, groups[GROUPS_MAX];
    int count = GROUPS_MAX;
    if (!group || !find_group(group, &wanted)) return false;
    if (getgrouplist(user, primary, groups, &count) < 0) count = GROUPS_MAX; /* the first of them */
    for (int i = 0; i < count; i++) {
        if (groups[i] == wanted) return true;
    }
    return false;
}

static void look_up(uid_t uid, const char *admin_group, struct imld_caller *caller)
{
    char buffer[4096];
    struct passwd entry, *found = NULL;
    caller->is_admin = uid == 0 || uid == geteuid();
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found &&
        strlen(entry.pw_name) < sizeof caller->user) {
        (void)snprintf(caller->user, sizeof caller->user, "%s", entry.pw_name);
        if (!caller->is_admin)
            caller->is_admin = is_member(entry.pw_name, entry.pw_gid, admin_group);
    } else {
        (void)snprintf(caller->user, sizeof caller->user, "uid-%lu", (unsigned long)uid);
    }
}

void imld_users_find(struct imld_users *users, uid_t uid, struct imld_caller *caller)
{
    const int64_t now = imld_ticks_ms();
    const size_t place = uid % IMLD_USERS_KEPT;
    (void)pthread_mutex_lock(&users->mutex);
    const bool is_kept = users->kept[place].looked_up_ms != 0 && users->kept[place].uid == uid &&
                         now - users->kept[place].looked_up_ms < KEPT_MS;
    if (is_kept) *caller = users->kept[place].caller;
    (void)pthread_mutex_unlock(&users->mutex);
    if (is_kept) return;
    look_up(uid, users->admin_group, caller); /* no lock held: it may ask a directory service */
    (void)pthread_mutex_lock(&users->mutex);
    users->kept[place].uid = uid;
    users->kept[place].looked_up_ms = now ? now : 1;
    users->kept[place].caller = *caller;
    (void)pthread_mutex_unlock(&users->mutex);
}

/* Length of a Host value's name without its port. */
static size_t host_length(const char *host)
{
    if (*host == '[') {
        const char *end = strchr(host, ']');
        return end ? (size_t)(end - host) + 1 : strlen(host);
    }
    return strcspn(host, ":");
}

static bool is_port(const char *text)
{
    if (*text == '\0') return true;
    if (*text != ':' || !text[1]) return false;
    return text[1 + strspn(text + 1, "0123456789")] == '\0';
}

/* DNS rebinding: a web page's name can be pointed at loopback, but then the Host is that name. */
static bool is_allowed_host(const struct imld_api *api, const char *host)
{
    static const char *const own[] = {"localhost", "127.0.0.1", "[::1]"};
    const size_t length = host_length(host);
    if (!is_port(host + length)) return false;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strlen(own[i]) == length && strncasecmp(own[i], host, length) == 0) return true;
    }
    for (size_t i = 0; i < api->allowed_host_count; i++) {
        const char *allowed = api->allowed_hosts[i];
        if (strlen(allowed) == length && strncasecmp(allowed, host, length) == 0) return true;
    }
    return false;
}

/* The page's own: scheme and exactly the Host that was asked. https: a proxy may have taken TLS
 * off. */
static bool is_own_origin(const struct imld_request *request)
{
    const char *origin = request->headers[IMLD_HEADER_ORIGIN];
    const char *host = request->headers[IMLD_HEADER_HOST];
    if (!host || request->header_counts[IMLD_HEADER_ORIGIN] != 1) return false;
    if (!is_allowed_host(request->api, host)) return false;
    const size_t scheme = strncasecmp(origin, "http://", 7) == 0    ? 7
                          : strncasecmp(origin, "https://", 8) == 0 ? 8
                                                                    : 0;
    return scheme > 0 && strcasecmp(origin + scheme, host) == 0;
}

unsigned imld_access_check(struct imld_request *request, struct imld_problems *problems)
{
    struct imld_api *api = request->api;
    const char *host = request->headers[IMLD_HEADER_HOST];
    if (request->listening->kind != IMLD_LISTEN_UNIX && host && !is_allowed_host(api, host)) {
        imld_problems_add(problems, "", "this daemon does not serve the host of the Host header");
        return 421;
    }
    if (request->header_counts[IMLD_HEADER_ORIGIN] > 0 && !is_own_origin(request)) {
        imld_problems_add(problems, "", "the request comes from a page of another origin");
        return 403;
    }
    const char *site = request->headers[IMLD_HEADER_SEC_FETCH_SITE];
    if (site && strcasecmp(site, "cross-site") == 0) {
        imld_problems_add(problems, "", "the request comes from a page of another site");
        return 403;
    }
    const bool is_unix = request->listening->kind == IMLD_LISTEN_UNIX;
    const uid_t uid = is_unix && request->record ? request->record->uid : geteuid();
    imld_users_find(&api->users, uid, &request->caller);
    return 0;
}
