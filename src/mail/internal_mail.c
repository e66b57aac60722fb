// internal_mail: the trace header of mail that the mail system itself writes.
#include "mail/internal_mail.h"
#include "mail/mail_date.h"
#include <stdio.h>

bool internal_mail_received(struct cleanup_client *c, const struct mail_config *cfg,
                            const char *id, struct error *err)
{
    char date[MAIL_DATE_SIZE], text[1024];

    mail_date_format(date, moment_now().sec);
    int len = snprintf(text, sizeof(text), "Received: by %s (%s)\n\tid %s; %s\n",
                       cfg->myhostname, cfg->mail_name, id, date);

    if (len < 0 || (size_t)len >= sizeof(text))
        return error_perm(err, "5.3.0", "myhostname is too long for a header");
    return cleanup_content(c, str_n(text, (size_t)len), err);
}
