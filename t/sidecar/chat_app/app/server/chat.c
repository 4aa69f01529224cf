/* SPDX-License-Identifier: MIT
 *
 * A chat: the C API's sessions, users, channels and events in one file.  Rooms are private channels
 * of the session, people are users; nothing that is said is kept.  Names and texts come from
 * anybody, so each is checked before it is used.
 */
#include <socketstream.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAME_CHARS_MAX 32 /* of a person or a room */
#define NAME_BYTES (NAME_CHARS_MAX * 4 + 1)
#define TEXT_CHARS_MAX 2000
#define ROOM_PREFIX "room:"
#define CHANNEL_BYTES (sizeof ROOM_PREFIX + NAME_BYTES)

/* --- what clients send ----------------------------------------------------------------------- */

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The string at `index` without the spaces around it; false when there is none that is 1 to
 * `chars_max` characters long. */
static bool take(json_t *params, size_t index, size_t chars_max, const char **text, size_t *len) {
    const json_t *value = json_array_get(params, index);
    const char *from = json_string_value(value);
    size_t chars = 0;
    if (from == NULL) {
        return false;
    }
    const char *to = from + json_string_length(value);
    while (from < to && is_space(*from)) {
        from++;
    }
    while (from < to && is_space(to[-1])) {
        to--;
    }
    for (const char *p = from; p < to; p++) {
        chars += ((unsigned char)*p & 0xc0) != 0x80; /* bytes that begin a character */
    }
    *text = from;
    *len = (size_t)(to - from);
    return chars >= 1 && chars <= chars_max;
}

/* A name in one line, copied; else the caller is told what is wrong with it. */
static bool take_name(ss_req *req, json_t *params, size_t index, const char *what,
                      char name[NAME_BYTES]) {
    const char *text;
    size_t len;
    bool good = take(params, index, NAME_CHARS_MAX, &text, &len);
    for (size_t i = 0; good && i < len; i++) {
        good = (unsigned char)text[i] >= ' ' && text[i] != 0x7f;
    }
    if (!good) {
        ss_error(req, SS_ERROR_INVALID_PARAMS, "A %s has 1 to %d characters, all in one line", what,
                 NAME_CHARS_MAX);
        return false;
    }
    memcpy(name, text, len);
    name[len] = '\0';
    return true;
}

/* What is said; a new reference, or NULL when the caller has been told. */
static json_t *take_text(ss_req *req, json_t *params, size_t index) {
    const char *text;
    size_t len;
    if (!take(params, index, TEXT_CHARS_MAX, &text, &len)) {
        ss_error(req, SS_ERROR_INVALID_PARAMS, "A message has 1 to %d characters", TEXT_CHARS_MAX);
        return NULL;
    }
    return json_stringn(text, len);
}

static void channel_of(char channel[CHANNEL_BYTES], const char *room) {
    snprintf(channel, CHANNEL_BYTES, ROOM_PREFIX "%s", room);
}

/* How every call ends that waits for Redis. */
static void finish(ss_req *req, int code, void *arg) {
    (void)arg;
    if (code == 0) {
        ss_reply(req, json_true());
    } else {
        ss_error(req, code, NULL);
    }
}

/* --- people ---------------------------------------------------------------------------------- */

/* chat.signIn(name) */
static void sign_in(ss_req *req, json_t *params) {
    char name[NAME_BYTES];
    if (take_name(req, params, 0, "name", name)) {
        ss_set_user_id(req, name, finish, NULL);
    }
}

/* chat.signOut(): leaves the rooms, too. */
static void sign_out(ss_req *req, json_t *params) {
    (void)params;
    ss_logout(req, finish, NULL);
}

/* chat.me(): the name, or null. */
static void me(ss_req *req, json_t *params) {
    const char *user = ss_user_id(req);
    (void)params;
    ss_reply(req, *user == '\0' ? json_null() : json_string(user));
}

static void answer_online(ss_req *req, json_t *users, void *arg) {
    (void)arg;
    if (users == NULL) {
        ss_error(req, SS_ERROR_UNAVAILABLE, NULL);
    } else {
        ss_reply(req, json_incref(users));
    }
}

/* chat.online(): the names of all who are. */
static void online(ss_req *req, json_t *params) {
    (void)params;
    ss_users_online(req, answer_online, NULL);
}

/* --- rooms ----------------------------------------------------------------------------------- */

/* chat.join(room) */
static void join(ss_req *req, json_t *params) {
    char room[NAME_BYTES];
    char channel[CHANNEL_BYTES];
    if (take_name(req, params, 0, "room's name", room)) {
        const char *names[] = {channel};
        channel_of(channel, room);
        ss_channel_subscribe(req, names, 1, finish, NULL);
    }
}

/* chat.leave(room) */
static void leave(ss_req *req, json_t *params) {
    char room[NAME_BYTES];
    char channel[CHANNEL_BYTES];
    if (take_name(req, params, 0, "room's name", room)) {
        const char *names[] = {channel};
        channel_of(channel, room);
        ss_channel_unsubscribe(req, names, 1, finish, NULL);
    }
}

/* chat.rooms(): the names of those one is in. */
static void rooms(ss_req *req, json_t *params) {
    json_t *channels = ss_channel_list(req);
    json_t *names = json_array();
    size_t prefix = strlen(ROOM_PREFIX);
    size_t i;
    const json_t *channel;
    (void)params;
    json_array_foreach(channels, i, channel) {
        const char *name = json_string_value(channel);
        if (strncmp(name, ROOM_PREFIX, prefix) == 0) {
            json_array_append_new(names, json_string(name + prefix));
        }
    }
    json_decref(channels);
    ss_reply(req, names);
}

/* --- what is said ---------------------------------------------------------------------------- */

/* chat.say(room, text): the event `message` for everybody in the room. */
static void say(ss_req *req, json_t *params) {
    char room[NAME_BYTES];
    char channel[CHANNEL_BYTES];
    json_t *text;
    if (!take_name(req, params, 0, "room's name", room) ||
        (text = take_text(req, params, 1)) == NULL) {
        return;
    }
    channel_of(channel, room);
    json_t *message =
        json_pack("{s:s, s:s, s:o}", "room", room, "from", ss_user_id(req), "text", text);
    ss_publish_channel(req, channel, "message", message, finish, NULL);
}

/* chat.tell(user, text): the event `whisper` for one person, wherever they are signed in. */
static void tell(ss_req *req, json_t *params) {
    char user[NAME_BYTES];
    json_t *text;
    if (!take_name(req, params, 0, "name", user) || (text = take_text(req, params, 1)) == NULL) {
        return;
    }
    json_t *whisper = json_pack("{s:s, s:o}", "from", ss_user_id(req), "text", text);
    ss_publish_user(req, user, "whisper", whisper, finish, NULL);
}

SS_ACTIONS = {
    {"signIn", sign_in, 0},
    {"signOut", sign_out, 0},
    {"me", me, 0},
    {"online", online, 0},
    {"join", join, 0},
    {"leave", leave, 0},
    {"rooms", rooms, 0},
    {"say", say, SS_AUTHENTICATED},
    {"tell", tell, SS_AUTHENTICATED},
};
