#include "chain-bridge/fault.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* How a child ends that goes through the point "here" with the file holding `armed`. */
static int pass_armed_with(const char *armed)
{
    char path[] = "/tmp/amr-fault-XXXXXX";
    int status = 0, fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(dprintf(fd, "%s", armed) < 0, 0);
    close(fd);
    pid_t child = fork();
    if (child == 0) {
        setenv("AMR_FAULT_FILE", path, 1);
        fault_point("here");
        _exit(access(path, F_OK) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    unlink(path);
    return status;
}

static void an_armed_point_kills(void **state)
{
    (void)state;
#ifdef NDEBUG
    assert_int_equal(pass_armed_with("here"), 0);
#else
    int status = pass_armed_with("here");
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
#endif
}

static void another_point_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(pass_armed_with("there"), 0);
    assert_int_equal(pass_armed_with("here and there"), 0);
}

static void without_a_file_nothing_happens(void **state)
{
    (void)state;
    unsetenv("AMR_FAULT_FILE");
    fault_point("here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_armed_point_kills),
        cmocka_unit_test(another_point_does_nothing),
        cmocka_unit_test(without_a_file_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
