#include "cli/help.h"

#include "cli/columns.h"
#include "cli/parse.h"
#include "cli/text.h"

#include "base/mem.h"
#include "base/phrase.h"

#include <string.h>

enum { WIDTH_DEFAULT = 80, WIDTH_MOST = 100, OPTION_COLUMN = 26, NAME_COLUMN = 23 };

/* Help on its way out: the text, and the first failure. */
struct page {
    struct run *run;
    size_t width;
    enum hikae_status status;
};

static void put(struct page *page, const char *text)
{
    (void)out_puts(&page->run->out, text);
}

/* The frame of the help, and what every command shares, in both languages. */
static const char *pick(const struct page *page, const char *english, const char *japanese)
{
    return page->run->lang == LANG_JA ? japanese : english;
}

static void put_spaces(struct page *page, size_t count)
{
    while (count-- > 0)
        put(page, " ");
}

/* Lines broken at the page's width; `column` is where the text begins, `indent` where its other lines do. */
static void put_wrapped(struct page *page, const char *text, size_t column, size_t indent)
{
    for (;;) {
        size_t size = text_break(text, page->width > column ? page->width - column : 1);
        /* A setting that is longer than a line is read, and copied, in one piece. */
        if (text[size] != '\0' && size > 0 && ((text[size] | text[size - 1]) & 0x80) == 0)
            size += strcspn(text + size, " ");
        (void)out_bytes(&page->run->out, text, size);
        text += size + strspn(text + size, " ");
        if (*text == '\0')
            break;
        put(page, "\n");
        put_spaces(page, indent);
        column = indent;
    }
    put(page, "\n");
}

static void put_heading(struct page *page, const char *text)
{
    bool coloured = page->run->out.coloured;
    put(page, coloured ? colour_start(COLOUR_BOLD) : "");
    put(page, text);
    put(page, coloured ? COLOUR_STOP : "");
    put(page, "\n");
}

static void put_row(struct page *page, const char *left, const char *right, size_t column)
{
    size_t width = text_width(left) + 2;
    put(page, "  ");
    put(page, left);
    if (width + 2 > column) {
        put(page, "\n");
        width = 0;
    }
    put_spaces(page, column - width);
    put_wrapped(page, right, column, column);
}

static void put_options(struct page *page, const struct option_def *list)
{
    for (; list != NULL && list->name != NULL; list++) {
        bool valued = list->kind != VALUE_NONE;
        char letter[8] = "    ";
        if (list->letter != 0)
            (void)snprintf(letter, sizeof letter, "-%c, ", list->letter);
        char CLEANUP_FREE *left = mem_printf("%s--%s%s%s%s", letter, list->name, valued ? " " : "",
                                             valued ? list->value : "", list->many ? " …" : "");
        if (left == NULL)
            page->run->out.no_memory = true;
        else
            put_row(page, left, pick(page, list->help, phrase_help_ja(list->help)), OPTION_COLUMN);
    }
}

static void put_usage(struct page *page, const struct command *command)
{
    struct buf CLEANUP(buf_free) line = {0};
    struct error err = {0};
    if (synopsis_write(command, &line, &err) != 0 || buf_u8(&line, 0, &err) != 0) {
        page->run->out.no_memory = true;
        return;
    }
    const char *usage = pick(page, "Usage: hikae ", "使い方: hikae ");
    put(page, usage);
    put(page, command->name);
    const char *rest = (const char *)line.data;
    size_t column = text_width(usage) + strlen(command->name);
    if (rest[0] == ' ') {
        put(page, " ");
        put_wrapped(page, rest + 1, column + 1, 11);
    } else {
        put(page, "\n");
    }
}

static void put_examples(struct page *page, const struct command *command)
{
    put(page, "\n");
    put_heading(page, pick(page, "Examples:", "例:"));
    for (size_t i = 0; i < sizeof command->examples / sizeof command->examples[0]; i++) {
        const struct example *example = &command->examples[i];
        if (example->command == NULL)
            continue;
        put(page, "  $ ");
        put(page, example->command);
        put(page, "\n");
        if (example->about == NULL)
            continue;
        put(page, "      ");
        put_wrapped(page, pick(page, example->about, phrase_help_ja(example->about)), 6, 6);
    }
}

static void put_exits(struct page *page, const struct command *command)
{
    put(page, "\n");
    put_heading(page, pick(page, "Exit codes that matter here:", "主な終了コード:"));
    put_row(page, "0", pick(page, "done", "完了"), 6);
    for (size_t i = 0; i < sizeof command->exits / sizeof command->exits[0]; i++) {
        char code[8];
        if (command->exits[i].code == 0)
            continue;
        (void)snprintf(code, sizeof code, "%d", command->exits[i].code);
        put_row(page, code, pick(page, command->exits[i].about, phrase_help_ja(command->exits[i].about)), 6);
    }
}

/* "drill list" is of the family "drill". */
static bool is_of_family(const struct command *command, const char *family)
{
    size_t size = strlen(family);
    return strncmp(command->name, family, size) == 0 && command->name[size] == ' ';
}

static void show_rows(struct page *page, enum command_group group, const char *family)
{
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        const struct command *command = *c;
        bool wanted = family != NULL ? is_of_family(command, family) : command->group == group;
        if (wanted && (command->flags & COMMAND_HIDDEN) == 0)
            put_row(page, command->name, command->summary[page->run->lang], NAME_COLUMN);
    }
}

static void show_command(struct page *page, const struct command *command)
{
    put_usage(page, command);
    put(page, "\n");
    put_wrapped(page, command->summary[page->run->lang], 0, 0);
    put(page, "\n");
    put_wrapped(page, pick(page, command->description, phrase_help_ja(command->description)), 0, 0);
    if (command->options != NULL || (command->flags & COMMAND_DRY) != 0) {
        put(page, "\n");
        put_heading(page, pick(page, "Options:", "オプション:"));
        put_options(page, command->options);
        if ((command->flags & COMMAND_DRY) != 0)
            put_options(page, dry_run_option);
    }
    put_examples(page, command);
    put_exits(page, command);
    if (command_is_family(command->name)) {
        put(page, "\n");
        put_heading(page, pick(page, "Commands of its family:", "関連するコマンド:"));
        show_rows(page, GROUP_COUNT, command->name);
    }
    put(page, pick(page, "\nOptions of all commands: see hikae help.\n",
                   "\n全コマンド共通のオプション: hikae help を見てください。\n"));
}

static void show_all(struct page *page)
{
    put(page, pick(page,
                   "hikae backs up many customers' data, encrypted, to several targets, and brings it back.\n\n"
                   "Usage: hikae [OPTIONS] COMMAND [ARGUMENTS]\n",
                   "hikae は多数の顧客のデータを暗号化して複数の保存先にバックアップし、元に戻します。\n\n"
                   "使い方: hikae [オプション] コマンド [引数]\n"));
    for (int group = 0; group < GROUP_COUNT; group++) {
        put(page, "\n");
        put_heading(page, command_group_names[group][page->run->lang]);
        show_rows(page, (enum command_group)group, NULL);
    }
    put(page, "\n");
    put_heading(page, pick(page, "Options of all commands", "全コマンド共通のオプション"));
    put_options(page, global_options);
    put(page,
        pick(page, "\nhikae help COMMAND explains one, with examples. To begin: hikae init, tenant add, backup.\n",
             "\n各コマンドの説明と例: hikae help コマンド。はじめに: hikae init、tenant add、backup。\n"));
}

/* In English whatever the language, as all of --json. */
static void json_help(struct run *run, const struct command *only, const char *family)
{
    json_t *array = out_array(&run->out, NULL, "commands");
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        bool wanted = only != NULL ? only == *c : family == NULL || is_of_family(*c, family);
        if (((*c)->flags & COMMAND_HIDDEN) != 0 || !wanted)
            continue;
        json_t *item = out_item(&run->out, array);
        if (item == NULL)
            return;
        out_text(&run->out, item, "name", (*c)->name);
        out_text(&run->out, item, "summary", (*c)->summary[LANG_EN]);
        out_text(&run->out, item, "arguments", (*c)->arguments);
        out_text(&run->out, item, "description", (*c)->description);
        json_t *options = out_array(&run->out, item, "options");
        for (const struct option_def *def = (*c)->options; def != NULL && def->name != NULL; def++)
            out_item_text(&run->out, options, def->name);
        if (((*c)->flags & COMMAND_DRY) != 0)
            out_item_text(&run->out, options, dry_run_option->name);
    }
}

static struct page page_start(struct run *run)
{
    size_t width = run->out.width > 0 ? run->out.width : WIDTH_DEFAULT;
    if (width < 40)
        width = 40;
    return (struct page){.run = run, .width = width > WIDTH_MOST ? WIDTH_MOST : width};
}

static void put_family_end(struct page *page, const char *family)
{
    put(page, pick(page, "\nhikae help ", "\n各コマンドの説明と例: hikae help "));
    put(page, family);
    put(page, pick(page, " COMMAND explains one.\n", " コマンド。\n"));
}

static enum hikae_status show(struct run *run, const struct command *command, const char *family)
{
    struct page page = page_start(run);
    if (run->out.json) {
        json_help(run, command, family);
    } else if (command != NULL) {
        show_command(&page, command);
    } else if (family != NULL) {
        show_rows(&page, GROUP_COUNT, family);
        put_family_end(&page, family);
    } else {
        show_all(&page);
    }
    return HIKAE_OK;
}

enum hikae_status help_run(struct run *run)
{
    if (run->arg_count == 0)
        return show(run, NULL, NULL);
    char CLEANUP_FREE *name =
        mem_printf("%s%s%s", run->args[0], run->arg_count > 1 ? " " : "", run->arg_count > 1 ? run->args[1] : "");
    if (name == NULL)
        return run_no_memory(run);
    const struct command *command = command_find(name);
    if (command != NULL)
        return show(run, command, NULL);
    if (run->arg_count == 1 && command_is_family(name))
        return show(run, NULL, name);
    const char *near = suggest_command(name);
    (void)run_usage(run, "there is no command \"%s\"", name);
    return near != NULL ? run_hint(run, "did you mean \"hikae help %s\"?", near)
                        : run_hint(run, "hikae help lists the commands");
}

enum hikae_status help_asked(struct run *run)
{
    if (run->command != NULL)
        return show(run, run->command, NULL);
    return show(run, NULL, run->arg_count > 0 ? run->args[0] : NULL);
}
