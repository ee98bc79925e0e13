#include "chain-bridge/web_session.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/keccak.h"

enum { GUESSES_MAX = 2048, GUESS_KEY = 80 };

struct entry {
    bool used;
    struct eth_hash id; /* hash of the cookie's text */
    struct web_session session;
    uint64_t started_mono_ms;
    uint64_t seen_mono_ms;
};

struct guesses {
    char key[GUESS_KEY]; /* "" free */
    uint64_t since_mono_ms;
    unsigned failures;
};

struct web_sessions {
    const struct clock *clock;
    pthread_mutex_t lock;
    struct entry entries[SESSIONS_MAX];
    struct guesses guesses[GUESSES_MAX];
};

struct web_sessions *web_sessions_new(const struct clock *clock)
{
    struct web_sessions *sessions = xcalloc(1, sizeof(*sessions));
    sessions->clock = clock;
    pthread_mutex_init(&sessions->lock, NULL);
    return sessions;
}

void web_sessions_free(struct web_sessions *sessions)
{
    if (!sessions)
        return;
    pthread_mutex_destroy(&sessions->lock);
    OPENSSL_cleanse(sessions->entries, sizeof(sessions->entries));
    free(sessions);
}

static int random_text(char ret_text[SESSION_ID_TEXT], struct err *err)
{
    uint8_t bytes[32];
    char text[HEX0X_SIZE(sizeof(bytes))];
    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return err_set(err, "no random bytes");
    memcpy(ret_text, hex0x_encode(text, bytes, sizeof(bytes)) + 2, SESSION_ID_TEXT);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    OPENSSL_cleanse(text, sizeof(text));
    return 0;
}

static bool over(const struct entry *entry, uint64_t now)
{
    return now - entry->seen_mono_ms >= SESSION_IDLE_S * UINT64_C(1000) ||
           now - entry->started_mono_ms >= SESSION_LIFE_S * UINT64_C(1000);
}

/* A free entry, or one that is over, or the one that was not used for the longest time. */
static struct entry *make_room(struct web_sessions *sessions, uint64_t now)
{
    struct entry *oldest = &sessions->entries[0];
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct entry *entry = &sessions->entries[i];
        if (!entry->used || over(entry, now))
            return entry;
        if (entry->seen_mono_ms < oldest->seen_mono_ms)
            oldest = entry;
    }
    return oldest;
}

static uint64_t expiry(const struct web_sessions *sessions, const struct entry *entry, uint64_t now)
{
    uint64_t left = SESSION_LIFE_S - (now - entry->started_mono_ms) / 1000;
    return clock_unix_s(sessions->clock) + (left < SESSION_IDLE_S ? left : SESSION_IDLE_S);
}

int web_session_open(struct web_sessions *sessions, char ret_id[SESSION_ID_TEXT],
                     struct web_session *ret_session, const char *name, enum staff_role role,
                     struct err *err)
{
    struct entry made = {.used = true, .session.role = role};
    uint64_t now = clock_mono_ms(sessions->clock);
    if (random_text(ret_id, err) < 0 || random_text(made.session.csrf, err) < 0)
        return -1;
    keccak256(&made.id, ret_id, SESSION_ID_TEXT - 1);
    snprintf(made.session.name, sizeof(made.session.name), "%s", name);
    made.started_mono_ms = made.seen_mono_ms = now;
    made.session.expires_s = expiry(sessions, &made, now);
    pthread_mutex_lock(&sessions->lock);
    *make_room(sessions, now) = made;
    pthread_mutex_unlock(&sessions->lock);
    *ret_session = made.session;
    return 0;
}

/* Under the lock. The hash of a guess tells nothing about how near it came. */
static struct entry *find(struct web_sessions *sessions, const char *id, uint64_t now)
{
    struct eth_hash hash;
    if (strlen(id) != SESSION_ID_TEXT - 1)
        return NULL;
    keccak256(&hash, id, SESSION_ID_TEXT - 1);
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct entry *entry = &sessions->entries[i];
        if (entry->used && CRYPTO_memcmp(entry->id.b, hash.b, sizeof(hash.b)) == 0)
            return over(entry, now) ? NULL : entry;
    }
    return NULL;
}

bool web_session_find(struct web_sessions *sessions, struct web_session *ret_session,
                      const char *id)
{
    uint64_t now = clock_mono_ms(sessions->clock);
    pthread_mutex_lock(&sessions->lock);
    struct entry *entry = find(sessions, id, now);
    if (entry) {
        entry->seen_mono_ms = now;
        entry->session.expires_s = expiry(sessions, entry, now);
        *ret_session = entry->session;
    }
    pthread_mutex_unlock(&sessions->lock);
    return entry != NULL;
}

void web_session_close(struct web_sessions *sessions, const char *id)
{
    pthread_mutex_lock(&sessions->lock);
    struct entry *entry = find(sessions, id, clock_mono_ms(sessions->clock));
    if (entry)
        OPENSSL_cleanse(entry, sizeof(*entry));
    pthread_mutex_unlock(&sessions->lock);
}

void web_sessions_keep(struct web_sessions *sessions,
                       bool (*keep)(void *cookie, const char *name, enum staff_role role),
                       void *cookie)
{
    pthread_mutex_lock(&sessions->lock);
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct entry *entry = &sessions->entries[i];
        if (entry->used && !keep(cookie, entry->session.name, entry->session.role))
            OPENSSL_cleanse(entry, sizeof(*entry));
    }
    pthread_mutex_unlock(&sessions->lock);
}

bool web_secret_equal(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && CRYPTO_memcmp(a, b, strlen(a)) == 0;
}

/* --- guesses --------------------------------------------------------------------------------- */

static void make_key(char key[GUESS_KEY], char kind, const char *text)
{
    snprintf(key, GUESS_KEY, "%c%.70s", kind, text);
}

static struct guesses *find_guesses(struct web_sessions *sessions, const char *key, uint64_t now)
{
    for (size_t i = 0; i < GUESSES_MAX; i++) {
        struct guesses *guesses = &sessions->guesses[i];
        if (strcmp(guesses->key, key) != 0)
            continue;
        return now - guesses->since_mono_ms < LOGIN_WINDOW_S * UINT64_C(1000) ? guesses : NULL;
    }
    return NULL;
}

static unsigned wait_of(struct web_sessions *sessions, char kind, const char *text, uint64_t now)
{
    char key[GUESS_KEY];
    make_key(key, kind, text);
    const struct guesses *guesses = find_guesses(sessions, key, now);
    if (!guesses || guesses->failures < LOGIN_FAILURES_MAX)
        return 0;
    return (unsigned)(LOGIN_WINDOW_S - (now - guesses->since_mono_ms) / 1000);
}

static void count_failure(struct web_sessions *sessions, char kind, const char *text, uint64_t now)
{
    char key[GUESS_KEY];
    make_key(key, kind, text);
    struct guesses *guesses = find_guesses(sessions, key, now);
    if (guesses) {
        guesses->failures++;
        return;
    }
    struct guesses *oldest = &sessions->guesses[0];
    for (size_t i = 0; i < GUESSES_MAX; i++) {
        guesses = &sessions->guesses[i];
        if (guesses->key[0] == '\0' || strcmp(guesses->key, key) == 0) {
            oldest = guesses;
            break;
        }
        if (guesses->since_mono_ms < oldest->since_mono_ms)
            oldest = guesses;
    }
    *oldest = (struct guesses){.since_mono_ms = now, .failures = 1};
    memcpy(oldest->key, key, sizeof(key));
}

unsigned web_login_wait(struct web_sessions *sessions, const char *name, const char *address)
{
    uint64_t now = clock_mono_ms(sessions->clock);
    pthread_mutex_lock(&sessions->lock);
    unsigned by_name = wait_of(sessions, 'n', name, now);
    unsigned by_address = wait_of(sessions, 'a', address, now);
    pthread_mutex_unlock(&sessions->lock);
    return by_name > by_address ? by_name : by_address;
}

void web_login_failed(struct web_sessions *sessions, const char *name, const char *address)
{
    uint64_t now = clock_mono_ms(sessions->clock);
    pthread_mutex_lock(&sessions->lock);
    count_failure(sessions, 'n', name, now);
    count_failure(sessions, 'a', address, now);
    pthread_mutex_unlock(&sessions->lock);
}

void web_login_passed(struct web_sessions *sessions, const char *name)
{
    char key[GUESS_KEY];
    uint64_t now = clock_mono_ms(sessions->clock);
    make_key(key, 'n', name);
    pthread_mutex_lock(&sessions->lock);
    struct guesses *guesses = find_guesses(sessions, key, now);
    if (guesses)
        guesses->failures = 0;
    pthread_mutex_unlock(&sessions->lock);
}
