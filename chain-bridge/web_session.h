/*
 * web_session.h: who is logged in to the dashboard, and how often somebody may guess.
 *
 * Sessions live in memory only: a restart logs everybody out. The cookie holds 32 random bytes; the
 * table keeps their hash, so that nothing in memory or a dump can be used as a cookie. A session
 * ends 30 minutes after its last request and 12 hours after its start. The CSRF token is another
 * 32 random bytes. Of failed logins, LOGIN_FAILURES_MAX within LOGIN_WINDOW_S shut out an account
 * and an address each until the window is over; who knows the password waits at most as long.
 * Bounded tables; the oldest entry gives way. Thread-safe.
 */
#ifndef AMR_BRIDGE_WEB_SESSION_H
#define AMR_BRIDGE_WEB_SESSION_H

#include <stdbool.h>

#include "common/clock.h"
#include "common/reading.h"
#include "common/staff.h"

enum {
    SESSION_ID_TEXT = 2 * 32 + 1,
    SESSION_IDLE_S = 1800,
    SESSION_LIFE_S = 12 * 3600,
    SESSIONS_MAX = 1024,
    LOGIN_FAILURES_MAX = 10,
    LOGIN_WINDOW_S = 60
};

struct web_sessions;

struct web_session {
    char name[SERIAL_MAX + 1];
    enum staff_role role;
    char csrf[SESSION_ID_TEXT]; /* "" for tokens: they need none */
    uint64_t expires_s;         /* unix */
};

struct web_sessions *web_sessions_new(const struct clock *clock) AMR_NODISCARD;
void web_sessions_free(struct web_sessions *sessions);

/** Opens one; ret_id is for the cookie. */
int web_session_open(struct web_sessions *sessions, char ret_id[SESSION_ID_TEXT],
                     struct web_session *ret_session, const char *name, enum staff_role role,
                     struct err *err) AMR_NODISCARD;
/** false: none (any more). Counts as a request. */
bool web_session_find(struct web_sessions *sessions, struct web_session *ret_session,
                      const char *id);
void web_session_close(struct web_sessions *sessions, const char *id);
/** Ends all sessions for which keep says no: people who are gone or have another role. */
void web_sessions_keep(struct web_sessions *sessions,
                       bool (*keep)(void *cookie, const char *name, enum staff_role role),
                       void *cookie);
/** Compares secrets in constant time. */
bool web_secret_equal(const char *a, const char *b);

/** Seconds until a login for this account from this address may be tried; 0: now. */
unsigned web_login_wait(struct web_sessions *sessions, const char *name, const char *address);
void web_login_failed(struct web_sessions *sessions, const char *name, const char *address);
void web_login_passed(struct web_sessions *sessions, const char *name);

#endif
