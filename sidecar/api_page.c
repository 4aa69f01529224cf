/* SPDX-License-Identifier: MIT
 *
 * The page at the API's root: see api_root.h.  It loads nothing, and its policy allows nothing but
 * the one style sheet within it.
 */
#include "api_root.h"

/* t/sidecar/api_root.test.mjs says the digest when the style has changed. */
const char ss_api_page_policy[] =
    "default-src 'none'; style-src 'sha256-BWlY0hYPflDkXgUbp95ERIAfMffW3Qg8EZESqAtSidA='; base-uri "
    "'none'; form-action 'none'; "
    "frame-ancestors 'none'";

static const char style[] =
    ":root{color-scheme:light dark;--line:#8884;--soft:#8881;--dim:#666;--mark:#0a7d5a}"
    "@media(prefers-color-scheme:dark){:root{--dim:#aaa;--mark:#3ecf9f}}"
    "body{margin:0 auto;max-width:60rem;padding:2rem 1.25rem 4rem;"
    "font:16px/1.5 system-ui,sans-serif}"
    "h1{margin:0;font-size:1.75rem}"
    "h2{margin:2rem 0 .5rem;font-size:1rem;color:var(--dim);font-weight:600}"
    "p{margin:.25rem 0}"
    "a{color:inherit}"
    "code,pre{font:13px/1.5 ui-monospace,monospace}"
    "ul{list-style:none;margin:0;padding:0;border:1px solid var(--line);border-radius:8px}"
    "li{padding:.75rem 1rem}"
    "li+li{border-top:1px solid var(--line)}"
    "li>b{font:600 15px/1.5 ui-monospace,monospace}"
    "li>i{margin-left:.75rem;padding:.1rem .5rem;border:1px solid var(--mark);border-radius:99px;"
    "color:var(--mark);font:600 12px system-ui,sans-serif}"
    "pre{margin:.5rem 0 0;padding:.5rem .75rem;overflow-x:auto;background:var(--soft);"
    "border-radius:6px}";

/* Text between tags, and within quoted attributes. */
static void write_text(ss_buf_t *b, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            ss_buf_literal(b, "&amp;");
            break;
        case '<':
            ss_buf_literal(b, "&lt;");
            break;
        case '>':
            ss_buf_literal(b, "&gt;");
            break;
        case '"':
            ss_buf_literal(b, "&quot;");
            break;
        case '\'':
            ss_buf_literal(b, "&#39;");
            break;
        default:
            ss_buf_append(b, text, 1);
        }
    }
}

/* `before`, text, `after`. */
static void write_between(ss_buf_t *b, const char *before, const char *text, const char *after) {
    ss_buf_append(b, before, strlen(before));
    write_text(b, text);
    ss_buf_append(b, after, strlen(after));
}

typedef struct {
    ss_buf_t *b;
    const char *base;
    bool open;                          /* a list is */
    char module[SS_RPC_METHOD_MAX + 1]; /* whose; "": of what is below no name */
} list_t;

/* What is below one name of app/server stands together, as the names are sorted. */
static void begin_module(list_t *l, const char *path) {
    const char *slash = strchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (l->open && strlen(l->module) == len && memcmp(l->module, path, len) == 0) {
        return;
    }
    if (l->open) {
        ss_buf_literal(l->b, "</ul>\n");
    }
    memcpy(l->module, path, len);
    l->module[len] = '\0';
    l->open = true;
    if (len != 0) {
        write_between(l->b, "<h2>", l->module, "</h2>\n");
    }
    ss_buf_literal(l->b, "<ul>\n");
}

static void write_action(const ss_api_shown_t *shown, void *arg) {
    list_t *l = arg;
    /* A shell would put a variable's value there. */
    const char *quote = strchr(shown->path, '$') == NULL ? "" : "'";
    begin_module(l, shown->path);
    write_between(l->b, "<li><b>/", shown->path, "</b>");
    if (shown->guarded) {
        ss_buf_literal(l->b, "<i>signed-in users</i>");
    }
    write_between(l->b, "<pre>curl ", shown->guarded ? "-u NAME " : "", "");
    write_between(l->b, "-H &#39;Content-Type: application/json&#39; -d &#39;[]&#39; ", quote, "");
    write_between(l->b, "", l->base, "/");
    write_between(l->b, "", shown->path, "");
    write_between(l->b, "", quote, "</pre></li>\n");
}

static void write_head(ss_buf_t *b, const ss_api_about_t *about) {
    write_between(b, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>",
                  about->name, " API</title>\n");
    ss_buf_literal(b, "<meta name=\"viewport\" content=\"width=device-width\">\n<style>");
    ss_buf_append(b, style, sizeof style - 1);
    write_between(b, "</style>\n<h1>", about->name, " API</h1>\n");
    write_between(b, "<p>Version ", about->version, "");
    write_between(b, *about->description == '\0' ? "" : ": ", about->description, "</p>\n");
}

void ss_api_page_write(ss_buf_t *b, const ss_sidecar_t *sidecar, const ss_api_about_t *about,
                       const char *base) {
    list_t l = {.b = b, .base = base};
    write_head(b, about);
    write_between(b,
                  "<p>GET with <code>?value</code> or <code>?name=value&amp;…</code>, or POST a "
                  "JSON array of arguments. Answers are JSON. The same for programs: <a href=\"",
                  base, "/openapi.json\">OpenAPI 3.1</a>.</p>\n");
    ss_api_each_action(&sidecar->registry, write_action, &l);
    if (l.open) {
        ss_buf_literal(b, "</ul>\n");
    } else {
        ss_buf_literal(b, "<p>There are no actions yet.</p>\n");
    }
    ss_buf_literal(b, "</html>\n");
}
