/*
 * web_access.h: handlers of the API for logging in and out, and for programs' tokens.
 *
 * See web_api.h for what a handler gets and returns, web/openapi.json for what it answers.
 */
#ifndef AMR_BRIDGE_WEB_ACCESS_H
#define AMR_BRIDGE_WEB_ACCESS_H

#include "chain-bridge/web_api.h"

int web_login(const struct web_call *call, struct err *err);
int web_logout(const struct web_call *call, struct err *err);
int web_get_session(const struct web_call *call, struct err *err);
int web_list_tokens(const struct web_call *call, struct err *err);
int web_make_token(const struct web_call *call, struct err *err);
int web_drop_token(const struct web_call *call, struct err *err);

#endif
