/* report. */
#include "cli/commands.h"
#include "cli/text.h"

#include <stdlib.h>

enum hikae_status command_report(struct run *run)
{
    struct hikae_report_result result = {0};
    char causes[TEXT_SMALL], size[TEXT_SMALL];
    const struct hikae_report_options options = {.day = run_option(run, "date"),
                                                 .language = run_has(run, "both")   ? "both"
                                                             : run->lang == LANG_JA ? "ja"
                                                                                    : "en",
                                                 .file = run_output(run, "out")};
    enum hikae_status status = hikae_report(run->hikae, &options, &result, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_text(&run->out, NULL, "file", options.file);
        out_number(&run->out, NULL, "bytes", result.size);
        out_number(&run->out, NULL, "causes", result.causes);
        out_text(&run->out, NULL, "html", options.file == NULL ? result.html : NULL);
    } else if (options.file == NULL) {
        (void)out_bytes(&run->out, result.html, result.size);
    } else {
        run_say(run, MSG_REPORT, options.file, text_size(result.size, size), text_count(result.causes, causes));
    }
    hikae_report_result_free(&result);
    return status;
}
