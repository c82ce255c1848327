/* locks. */
#include "cli/commands.h"
#include "cli/text.h"

enum hikae_status command_locks(struct run *run)
{
    bool dry_run = run_has(run, DRY_RUN);
    struct hikae_extend_result result;
    char extended[TEXT_SMALL], checked[TEXT_SMALL];
    enum hikae_status status =
        hikae_extend_locks(run->hikae, run->arg_count > 0 ? run->args[0] : NULL, dry_run, &result, &run->error);
    if (status > HIKAE_WARNINGS)
        return status;
    if (run->out.json) {
        out_number(&run->out, NULL, "targets", result.targets);
        out_number(&run->out, NULL, "checked", result.checked);
        out_number(&run->out, NULL, "extended", result.extended);
        out_number(&run->out, NULL, "missing", result.missing);
        out_bool(&run->out, NULL, "dry_run", dry_run);
        return status;
    }
    if (result.targets == 0)
        run_say(run, MSG_LOCKS_NONE, NULL);
    else
        run_say(run, dry_run ? MSG_LOCKS_PLAN : MSG_LOCKS_DONE, text_count(result.extended, extended),
                text_count(result.checked, checked));
    return status;
}
