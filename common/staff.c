#include "common/staff.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/options.h"
#include "common/reading.h"

#define SALT_LEN     16
#define HASH_LEN     32
#define SCRYPT_R     8
#define SCRYPT_P     1
#define LOG_N_MIN    10
#define LOG_N_MAX    17
#define LINE_MAX_LEN 255
#define FIELDS       5 /* and a role, perhaps */

struct person {
    char name[SERIAL_MAX + 1];
    unsigned log_n;
    enum staff_role role;
    uint8_t salt[SALT_LEN];
    uint8_t hash[HASH_LEN];
};

struct people {
    size_t count;
    struct person persons[STAFF_MAX];
};

struct staff {
    char *path;
    struct stat seen; /* of the content taken over; st_ino 0: none */
    struct people people;
};

struct staff *staff_new(const char *path)
{
    struct staff *staff = xcalloc(1, sizeof *staff);
    staff->path = xstrdup(path);
    return staff;
}

void staff_free(struct staff *staff)
{
    if (!staff)
        return;
    free(staff->path);
    free(staff);
}

static int derive(uint8_t ret_hash[HASH_LEN], const char *password, const uint8_t salt[SALT_LEN],
                  unsigned log_n)
{
    uint64_t n = UINT64_C(1) << log_n;
    uint64_t memory = 128 * SCRYPT_R * (n + 2 + SCRYPT_P) + (1 << 20);
    return EVP_PBE_scrypt(password, strlen(password), salt, SALT_LEN, n, SCRYPT_R, SCRYPT_P, memory,
                          ret_hash, HASH_LEN) == 1
               ? 0
               : -1;
}

const char *staff_role_text(enum staff_role role)
{
    return role == STAFF_OPERATOR ? "operator" : "viewer";
}

int staff_role_parse(enum staff_role *ret_role, const char *text, struct err *err)
{
    if (strcmp(text, "operator") != 0 && strcmp(text, "viewer") != 0)
        return err_set(err, "a role is viewer or operator");
    *ret_role = text[0] == 'o' ? STAFF_OPERATOR : STAFF_VIEWER;
    return 0;
}

/* Cuts a line at its colons; -1 where there are not as many fields. No role reads as NULL. */
static int split(char *line, char *ret_fields[FIELDS + 1])
{
    size_t count = 0;
    ret_fields[FIELDS] = NULL;
    for (char *field = line; field; count++) {
        char *colon = strchr(field, ':');
        if (count == FIELDS + 1)
            return -1;
        if (colon)
            *colon = '\0';
        ret_fields[count] = field;
        field = colon ? colon + 1 : NULL;
    }
    return count >= FIELDS ? 0 : -1;
}

static int person_parse(struct person *ret_person, char *line, struct err *err)
{
    char *fields[FIELDS + 1];
    struct person person = {0};
    uint64_t log_n = 0;
    if (split(line, fields) < 0 || strcmp(fields[1], "scrypt") != 0)
        return err_set(err, "not NAME:scrypt:LOG_N:SALT:HASH[:ROLE]");
    if (!serial_valid(fields[0]))
        return err_set(err, "bad name");
    if (parse_u64(&log_n, fields[2], LOG_N_MIN, LOG_N_MAX, err) < 0)
        return err_wrap(err, "cost");
    if (hex0x_decode(person.salt, SALT_LEN, fields[3], err) < 0)
        return err_wrap(err, "salt");
    if (hex0x_decode(person.hash, HASH_LEN, fields[4], err) < 0)
        return err_wrap(err, "hash");
    if (fields[FIELDS] && staff_role_parse(&person.role, fields[FIELDS], err) < 0)
        return -1;
    memcpy(person.name, fields[0], strlen(fields[0]) + 1);
    person.log_n = (unsigned)log_n;
    *ret_person = person;
    return 0;
}

static const struct person *find(const struct people *people, const char *name)
{
    for (size_t i = 0; i < people->count; i++)
        if (strcmp(people->persons[i].name, name) == 0)
            return &people->persons[i];
    return NULL;
}

static int line_parse(struct people *people, const char *text, size_t len, struct err *err)
{
    char line[LINE_MAX_LEN + 1];
    struct person person;
    if (len == 0 || text[0] == '#')
        return 0;
    if (len > LINE_MAX_LEN || memchr(text, 0, len))
        return err_set(err, "too long");
    memcpy(line, text, len);
    line[len] = '\0';
    if (person_parse(&person, line, err) < 0)
        return -1;
    if (find(people, person.name))
        return err_set(err, "'%s' a second time", person.name);
    if (people->count == STAFF_MAX)
        return err_set(err, "more than %d people", STAFF_MAX);
    people->persons[people->count++] = person;
    return 0;
}

static int people_parse(struct people *people, const char *text, size_t len, struct err *err)
{
    const char *end = text + len;
    for (unsigned number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline ? newline : end;
        if (line_parse(people, text, (size_t)(stop - text), err) < 0)
            return err_wrap(err, "line %u", number);
        text = newline ? newline + 1 : end;
    }
    return 0;
}

int staff_parse(struct staff *staff, const char *text, size_t len, struct err *err)
{
    struct people *people = xcalloc(1, sizeof *people);
    int result = people_parse(people, text, len, err);
    if (result == 0)
        staff->people = *people;
    free(people);
    return result;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int read_file(struct staff *staff, const struct stat *st, struct err *err)
{
    struct buf content = BUF_INIT;
    int result = -1;
    if (st->st_mode & (S_IWGRP | S_IRWXO))
        return err_set(err, "others than its owner and group can read or write it: chmod 640");
    if (file_read(&content, staff->path, STAFF_FILE_MAX, err) == 0)
        result = staff_parse(staff, (const char *)content.data, content.len, err);
    buf_free(&content);
    return result;
}

int staff_refresh(struct staff *staff, bool *ret_changed, struct err *err)
{
    struct stat st;
    *ret_changed = false;
    if (stat(staff->path, &st) < 0)
        return err_errno(err, "read the staff file %s", staff->path);
    if (same_file(&st, &staff->seen))
        return 0;
    if (read_file(staff, &st, err) < 0)
        return err_wrap(err, "read the staff file %s", staff->path);
    staff->seen = st;
    *ret_changed = true;
    return 0;
}

size_t staff_count(const struct staff *staff)
{
    return staff->people.count;
}

const char *staff_name(const struct staff *staff, size_t i)
{
    return staff->people.persons[i].name;
}

bool staff_knows(const struct staff *staff, const char *name)
{
    return find(&staff->people, name) != NULL;
}

enum staff_role staff_role(const struct staff *staff, const char *name)
{
    const struct person *person = find(&staff->people, name);
    return person ? person->role : STAFF_VIEWER;
}

bool staff_check(const struct staff *staff, const char *name, const char *password)
{
    static const struct person NOBODY = {.log_n = STAFF_LOG_N};
    uint8_t hash[HASH_LEN];
    const struct person *person = find(&staff->people, name);
    const struct person *against = person ? person : &NOBODY;
    if (strlen(password) > STAFF_PASSWORD_MAX ||
        derive(hash, password, against->salt, against->log_n) < 0)
        return false;
    bool same = CRYPTO_memcmp(hash, against->hash, HASH_LEN) == 0;
    OPENSSL_cleanse(hash, sizeof hash);
    return same && person;
}

int staff_print(struct buf *out, const char *name, const char *password, unsigned log_n,
                enum staff_role role, struct err *err)
{
    struct person person = {0};
    if (!serial_valid(name))
        return err_set(err, "a name is 1 to %d of A-Z a-z 0-9 . _ -", SERIAL_MAX);
    if (password[0] == '\0' || strlen(password) > STAFF_PASSWORD_MAX)
        return err_set(err, "a password has 1 to %d bytes", STAFF_PASSWORD_MAX);
    if (RAND_bytes(person.salt, SALT_LEN) != 1 ||
        derive(person.hash, password, person.salt, log_n) < 0)
        return err_set(err, "hash the password: OpenSSL failed");
    buf_printf(out, "%s:scrypt:%u:", name, log_n);
    hex0x_append(out, person.salt, SALT_LEN);
    buf_printf(out, ":");
    hex0x_append(out, person.hash, HASH_LEN);
    /* Left out where it is the default: what reads the file may be older. */
    buf_printf(out, "%s\n", role == STAFF_OPERATOR ? ":operator" : "");
    return 0;
}

bool staff_without(struct buf *out, const char *text, size_t len, const char *name)
{
    const char *end = text + len;
    size_t name_len = strlen(name);
    bool found = false;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t line = newline ? (size_t)(newline - text) + 1 : (size_t)(end - text);
        if (line > name_len && memcmp(text, name, name_len) == 0 && text[name_len] == ':')
            found = true;
        else
            buf_append(out, text, line);
        text += line;
    }
    return found;
}
