// mail_date: dates as mail headers of our own show them.
#pragma once
#include "util/base.h"

#define MAIL_DATE_SIZE 64
// "Mon, 02 Nov 2026 16:24:48 +0000 (UTC)", in local time.
void mail_date_format(char text[MAIL_DATE_SIZE], int64_t seconds);
