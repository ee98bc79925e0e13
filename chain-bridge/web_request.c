#include "chain-bridge/web_request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/options.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int web_decode(char *ret_text, size_t size, const char *from, size_t len, bool plus,
               struct err *err)
{
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)from[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_digit(from[i + 1]) : -1;
            int low = i + 2 < len ? hex_digit(from[i + 2]) : -1;
            if (high < 0 || low < 0)
                return err_set(err, "bad percent-encoding");
            c = high << 4 | low;
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == 0)
            return err_set(err, "a NUL character");
        if (used + 1 >= size)
            return err_set(err, "longer than %zu characters", size - 1);
        ret_text[used++] = (char)c;
    }
    ret_text[used] = '\0';
    return 0;
}

/* One name=value of a query; advances *at, false at the end. */
static bool next_pair(const char **at, const char **ret_name, size_t *ret_name_len,
                      const char **ret_value, size_t *ret_value_len)
{
    while (**at == '&')
        (*at)++;
    if (**at == '\0')
        return false;
    size_t len = strcspn(*at, "&");
    const char *equals = memchr(*at, '=', len);
    *ret_name = *at;
    *ret_name_len = equals ? (size_t)(equals - *at) : len;
    *ret_value = equals ? equals + 1 : *at + len;
    *ret_value_len = len - *ret_name_len - (equals ? 1 : 0);
    *at += len;
    return true;
}

int web_query(const struct web_request *request, char ret_value[WEB_VALUE_MAX], bool *ret_found,
              const char *name, struct err *err)
{
    const char *at = request->query, *found_name, *value;
    size_t name_len, value_len;
    *ret_found = false;
    ret_value[0] = '\0';
    while (next_pair(&at, &found_name, &name_len, &value, &value_len)) {
        if (name_len != strlen(name) || memcmp(found_name, name, name_len) != 0)
            continue;
        if (*ret_found)
            return err_set(err, "%s: given twice", name);
        if (web_decode(ret_value, WEB_VALUE_MAX, value, value_len, true, err) < 0)
            return err_wrap(err, "%s", name);
        *ret_found = true;
    }
    return 0;
}

int web_query_u64(const struct web_request *request, uint64_t *ret_value, const char *name,
                  uint64_t min, uint64_t max, uint64_t fallback, struct err *err)
{
    char value[WEB_VALUE_MAX];
    bool found;
    if (web_query(request, value, &found, name, err) < 0)
        return -1;
    *ret_value = fallback;
    if (found && parse_u64(ret_value, value, min, max, err) < 0)
        return err_wrap(err, "%s", name);
    return 0;
}

int web_query_choice(const struct web_request *request, size_t *ret_choice, const char *name,
                     const char *const *names, size_t count, size_t fallback, struct err *err)
{
    char value[WEB_VALUE_MAX];
    bool found;
    if (web_query(request, value, &found, name, err) < 0)
        return -1;
    *ret_choice = fallback;
    if (!found)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(value, names[i]) == 0) {
            *ret_choice = i;
            return 0;
        }
    return err_set(err, "%s: none of the values it can have", name);
}

int web_query_known(const struct web_request *request, const char *const *names, size_t count,
                    struct err *err)
{
    const char *at = request->query, *name, *value;
    size_t name_len, value_len;
    while (next_pair(&at, &name, &name_len, &value, &value_len)) {
        bool known = false;
        for (size_t i = 0; i < count; i++)
            known =
                known || (name_len == strlen(names[i]) && memcmp(name, names[i], name_len) == 0);
        if (!known)
            return err_set(err, "unknown parameter '%.*s'", name_len > 32 ? 32 : (int)name_len,
                           name);
    }
    return 0;
}

bool web_cookie(const struct web_request *request, char *ret_value, size_t size, const char *name)
{
    size_t name_len = strlen(name);
    for (const char *at = request->cookie; *at;) {
        at += strspn(at, "; ");
        size_t len = strcspn(at, ";");
        if (len > name_len && at[name_len] == '=' && memcmp(at, name, name_len) == 0) {
            if (len - name_len - 1 >= size)
                return false;
            memcpy(ret_value, at + name_len + 1, len - name_len - 1);
            ret_value[len - name_len - 1] = '\0';
            return true;
        }
        at += len;
    }
    return false;
}

bool web_etag_matches(const char *list, const char *etag)
{
    size_t etag_len = strlen(etag);
    while (*list) {
        list += strspn(list, ", \t");
        if (*list == '*')
            return true;
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        size_t len = strcspn(list, ", \t");
        if (len > 0 && len == etag_len && memcmp(list, etag, len) == 0)
            return true;
        list += len;
    }
    return false;
}

bool web_accepts_gzip(const struct web_request *request)
{
    const char *at = strcasestr(request->accept_encoding, "gzip");
    if (!at)
        return false;
    at += 4 + strspn(at + 4, " ");
    return strncmp(at, ";q=0", 4) != 0 || (at[4] == '.' && strspn(at + 5, "0,") < strlen(at + 5));
}

/* Whether a comma-separated list holds the text, without regard to case. */
static bool listed(const char *list, const char *text)
{
    size_t text_len = strlen(text);
    while (list && *list) {
        list += strspn(list, ", ");
        size_t len = strcspn(list, ", ");
        if (len > 0 && len == text_len && strncasecmp(list, text, len) == 0)
            return true;
        list += len;
    }
    return false;
}

bool web_origin_trusted(const struct web_request *request, const char *trusted)
{
    char own[WEB_HEADER_MAX + 16];
    if (request->origin[0] == '\0')
        return false;
    snprintf(own, sizeof(own), "%s://%s", request->secure ? "https" : "http", request->host);
    return strcasecmp(request->origin, own) == 0 || listed(trusted, request->origin);
}

/* A page that somebody else's name leads here (DNS rebinding) must not look like ours: loopback
 * names, the configured ones, and nothing else. */
bool web_host_trusted(const char *host, const char *own_host, const char *trusted)
{
    const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
    size_t len = end ? (size_t)(end - host) + 1 : strcspn(host, ":");
    const char *const local[] = {"localhost", "127.0.0.1", "[::1]"};
    char url[WEB_HEADER_MAX + 16];
    for (size_t i = 0; i < AMR_COUNT(local); i++)
        if (len == strlen(local[i]) && strncasecmp(host, local[i], len) == 0)
            return true;
    if (own_host && own_host[0] && len == strlen(own_host) && strncasecmp(host, own_host, len) == 0)
        return true;
    snprintf(url, sizeof(url), "https://%s", host);
    if (listed(trusted, url))
        return true;
    snprintf(url, sizeof(url), "http://%s", host);
    return listed(trusted, url);
}
