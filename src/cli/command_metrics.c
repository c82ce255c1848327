/* metrics. */
#include "cli/commands.h"
#include "cli/text.h"

#include <stdlib.h>

enum hikae_status command_metrics(struct run *run)
{
    char *text = NULL;
    const char *file = run_output(run, "output");
    enum hikae_status status = hikae_metrics(run->hikae, file, &text, &run->error);
    if (run->out.json)
        out_text(&run->out, NULL, "metrics", text);
    else if (file == NULL && text != NULL)
        (void)out_puts(&run->out, text);
    free(text);
    return status;
}
