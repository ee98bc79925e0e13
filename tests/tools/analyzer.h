/*
 * analyzer.h: what clang's analyzer cannot see from a call alone, put before each file it reads.
 *
 * err_set, err_errno and err_wrap always return -1; without knowing that, it follows paths on which
 * a failed call was taken for a success, and reports garbage values there.
 */
#ifndef AMR_TESTS_TOOLS_ANALYZER_H
#define AMR_TESTS_TOOLS_ANALYZER_H

#include "common/err.h"

#define err_set(...)   (err_set(__VA_ARGS__), -1)
#define err_errno(...) (err_errno(__VA_ARGS__), -1)
#define err_wrap(...)  (err_wrap(__VA_ARGS__), -1)

#endif
