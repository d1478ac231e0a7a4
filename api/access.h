/* access.h: who calls, and from where (DESIGN §8): the peer of a unix socket by its uid, a --dev
 * listener's callers as the daemon's own user; Host, Origin and Sec-Fetch-Site. */
#ifndef IMLD_API_ACCESS_H
#define IMLD_API_ACCESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec/problems.h"

struct imld_request;

struct imld_caller {
    char user[64];
    bool is_admin;
};

/* Names of uids, kept for a minute: a look-up may ask a directory service. One mutex. */
enum { IMLD_USERS_KEPT = 64 };
struct imld_users {
    pthread_mutex_t mutex;
    const char *admin_group; /* borrowed */
    struct {
        uid_t uid;
        int64_t looked_up_ms; /* 0: an empty place */
        struct imld_caller caller;
    } kept[IMLD_USERS_KEPT];
};
void imld_users_init(struct imld_users *users, const char *admin_group);
void imld_users_clear(struct imld_users *users);

/* "uid-1234" where the uid has no name. Admins: the daemon's own uid, root, members of
 * admin_group. */
void imld_users_find(struct imld_users *users, uid_t uid, struct imld_caller *caller);

/* 0: may go on, and request->caller is known; else the status, with a problem: 421 foreign Host on
 * TCP, 403 foreign Origin or cross-site, on every listener and for every method. */
unsigned imld_access_check(struct imld_request *request, struct imld_problems *problems);

#endif
