/*
 * attr.h: compiler attributes used on prototypes.
 *
 * Conventions of every header in this project:
 *   - arguments: context, out-parameters (named ret_x), inputs, a length right after its array,
 *     callback, cookie, struct err last;
 *   - out-parameters are untouched on failure;
 *   - int functions return 0 for success and -1 for failure unless the header says otherwise;
 *   - x_free(NULL) does nothing.
 */
#ifndef AMR_COMMON_ATTR_H
#define AMR_COMMON_ATTR_H

#define AMR_NODISCARD                       __attribute__((warn_unused_result))
#define AMR_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
/** Put before the one symbol a shared object exports. */
#define AMR_EXPORT __attribute__((visibility("default")))

#define AMR_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
