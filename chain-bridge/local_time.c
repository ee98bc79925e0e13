#include "chain-bridge/local_time.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ZONES "/usr/share/zoneinfo"

/* The C library takes a name that it does not know for UTC, and a path for a file. */
static int check_name(const char *name, struct err *err)
{
    char path[PATH_MAX];
    struct stat info;
    const char *folder = getenv("TZDIR");
    if (*name == '\0' || *name == '/' || strstr(name, "..") != NULL || strlen(name) > 64)
        return err_set(err, "'%.70s' is no name of a time zone (such as Europe/Berlin)", name);
    snprintf(path, sizeof(path), "%.3000s/%s", folder != NULL ? folder : ZONES, name);
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return err_set(err, "there is no time zone '%s' on this machine (in %.3000s)", name,
                       folder != NULL ? folder : ZONES);
    return 0;
}

int local_time_zone(const char *name, struct err *err)
{
    if (name != NULL && check_name(name, err) != 0)
        return -1;
    if (name != NULL && setenv("TZ", name, 1) != 0)
        return err_errno(err, "time zone");
    tzset();
    return 0;
}

static struct tm broken_down(int64_t time_s)
{
    struct tm tm = {0};
    time_t time = (time_t)time_s;
    localtime_r(&time, &tm);
    return tm;
}

/* The first moment of a date; days and months beyond their range are carried over. */
static int64_t first_of_date(int year, int month, int day)
{
    struct tm noon = {
        .tm_year = year, .tm_mon = month, .tm_mday = day, .tm_hour = 12, .tm_isdst = -1};
    time_t middle = mktime(&noon);
    struct tm midnight = {
        .tm_year = noon.tm_year, .tm_mon = noon.tm_mon, .tm_mday = noon.tm_mday, .tm_isdst = -1};
    time_t begin = mktime(&midnight);
    /* Where the clock jumps over midnight, mktime may answer with an hour of the day before. */
    while (begin < middle && broken_down(begin).tm_mday != noon.tm_mday)
        begin += 900 - begin % 900;
    /* And where it falls back over midnight, the first of the two. */
    while (broken_down(begin - 900).tm_mday == noon.tm_mday)
        begin -= 900;
    return begin;
}

int64_t local_day(int64_t time_s, int count)
{
    struct tm tm = broken_down(time_s);
    return first_of_date(tm.tm_year, tm.tm_mon, tm.tm_mday + count);
}

int64_t local_month(int64_t time_s, int count)
{
    struct tm tm = broken_down(time_s);
    return first_of_date(tm.tm_year, tm.tm_mon + count, 1);
}

int local_date_parse(int64_t *ret_time_s, const char *text, struct err *err)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%d", &tm);
    if (end == NULL || *end != '\0' || tm.tm_year < 70 || tm.tm_year > 205)
        return err_set(err, "date '%.40s' (write 2026-03-29)", text);
    *ret_time_s = first_of_date(tm.tm_year, tm.tm_mon, tm.tm_mday);
    struct tm there = broken_down(*ret_time_s);
    if (there.tm_mday != tm.tm_mday || there.tm_mon != tm.tm_mon)
        return err_set(err, "there is no date '%.40s'", text);
    return 0;
}

char *local_date_text(char text[LOCAL_TIME_TEXT], int64_t time_s)
{
    struct tm tm = broken_down(time_s);
    strftime(text, LOCAL_TIME_TEXT, "%Y-%m-%d", &tm);
    return text;
}

char *local_month_text(char text[LOCAL_TIME_TEXT], int64_t time_s)
{
    struct tm tm = broken_down(time_s);
    strftime(text, LOCAL_TIME_TEXT, "%Y-%m", &tm);
    return text;
}

char *local_time_text(char text[LOCAL_TIME_TEXT], int64_t time_s)
{
    struct tm tm = broken_down(time_s);
    long minutes = tm.tm_gmtoff / 60;
    size_t len = strftime(text, LOCAL_TIME_TEXT, "%Y-%m-%d %H:%M", &tm);
    snprintf(text + len, LOCAL_TIME_TEXT - len, " %c%02ld:%02ld", minutes < 0 ? '-' : '+',
             labs(minutes) / 60 % 100, labs(minutes) % 60);
    return text;
}
